"""The release gate: says ready where everything holds, and refuses where anything does not."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from functions.people.app import handler as people
from functions.release_gate.app import respond
from handshake.core.synthetic import MEMBER
from handshake.dynamo.client import RETRY_BUDGET_S, Dynamo
from handshake.release.release_gate import NotReadyError, Release, ensure_ready
from handshake.release.schema import SCHEMA, migration_key
from handshake.requests.expire_overdue import expire_overdue
from handshake.trust.secret import TrustSecret
from tests.support import engines
from tests.support.logs import lines_of, standard_output
from tests.support.secrets_manager import SECRET, SecretsManager
from tests.support.service import HANDLERS, ISSUER_ARN, SIGNER_ARN, InProcess

Event = Mapping[str, Any]
NAMES = ("workflow", "decision_room", "grants", "policy_apply", "policy", "agents", "metrics")
CHECKSUM = "a" * 64


@dataclass
class Versions:
    """The handlers of this process; ``changed`` may make one answer otherwise."""

    service: InProcess
    changed: Callable[[Event, dict[str, Any]], dict[str, Any]] = lambda _, answer: answer

    def invoke(self, function: str, event: Event) -> Mapping[str, Any]:
        """See release_gate.Versions."""
        handler = {**dict(zip(NAMES, HANDLERS, strict=True)), "people": people}[function]
        return self.changed(event, handler.using(self.service.runtime)(event, None))


@pytest.fixture
def service(dynamodb_local: Any) -> InProcess:
    """The service on fresh tables, deployed and migrated."""
    client, tables = dynamodb_local
    for name, schema in SCHEMA.items():
        if schema.stream:
            engines.start_stream(client, tables, name)
        if schema.ttl:
            client.update_time_to_live(
                TableName=getattr(tables, name), TimeToLiveSpecification={"Enabled": True, "AttributeName": schema.ttl}
            )
    item = {**migration_key("0001_one"), "checksum": CHECKSUM, "applied_at": 1}
    client.put_item(
        TableName=tables.runtime_kv,
        Item={name: {"N": "1"} if value == 1 else {"S": value} for name, value in item.items()},
    )
    return InProcess(client, tables, settings={"stack": "handshake"})


@pytest.fixture
def release(service: InProcess) -> Release:
    """A release that is ready."""
    secret = SecretsManager(AWSCURRENT=service.trust_key.decode())
    return Release(
        service.context,
        service.dynamodb,
        TrustSecret(secret, SECRET),
        Versions(service),
        {"0001_one": CHECKSUM},
        ISSUER_ARN,
        "handshake",
    )


def _events(service: InProcess) -> list[str]:
    return [item["pk"]["S"] for item in service.dynamodb.scan(TableName=service.tables.metrics)["Items"]]


def _problem(release: Release) -> str:
    with pytest.raises(NotReadyError) as refused:
        ensure_ready(release)
    return str(refused.value)


def test_a_release_that_holds_is_ready_and_leaves_nothing_in_metrics(release: Release, service: InProcess) -> None:
    with standard_output() as output:
        checked = ensure_ready(release)

    assert len(checked) == 7
    lines = lines_of(output)
    assert {line["message"] for line in lines} == {"synthetic"}
    assert len(lines) == 16
    assert not any("_aws" in line for line in lines)
    kept = _events(service)
    assert kept
    assert all(key.startswith("SYNTHETIC#") for key in kept)


def test_a_stack_that_people_sign_in_to_is_ready_once_their_door_refuses_who_has_no_token(
    release: Release, service: InProcess
) -> None:
    serving = replace(release, serves_people=True)

    assert len(ensure_ready(serving)) == 8

    def lets_everybody_in(event: Event, answer: dict[str, Any]) -> dict[str, Any]:
        return {"statusCode": 200, "body": "{}"} if event["resource"] == "/api/me" else answer

    problem = _problem(replace(serving, versions=Versions(service, lets_everybody_in)))
    assert problem == "GET /api/me answered 200 instead of 401 security_token_invalid"


def test_runs_at_the_same_time_or_one_after_another_do_not_meet(release: Release) -> None:
    for _ in range(8):  # more than an agent may escalate in ten minutes
        assert ensure_ready(release)


def test_a_release_is_ready_however_long_it_takes_to_describe_its_tables(
    release: Release, service: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    slow = Dynamo(service.dynamodb, clock=lambda: clock[0])
    describe = service.dynamodb.describe_table

    def described(**options: Any) -> Any:
        clock[0] += RETRY_BUDGET_S
        return describe(**options)

    monkeypatch.setattr(service.dynamodb, "describe_table", described)

    assert len(ensure_ready(replace(release, context=release.context._replace(dynamo=slow)))) == 7


def test_a_table_that_lacks_something_is_named(release: Release, service: InProcess) -> None:
    off = {"Enabled": False, "AttributeName": "ttl"}
    service.dynamodb.update_time_to_live(TableName=service.tables.replay_guards, TimeToLiveSpecification=off)

    assert _problem(release) == "table replay_guards: its TTL attribute is none, not ttl"


def test_a_table_that_is_missing_is_named(release: Release) -> None:
    context = release.context._replace(tables=replace(release.context.tables, policy="nowhere"))

    assert _problem(replace(release, context=context)) == "table policy: it is not there"


@pytest.mark.parametrize(
    ("migrations", "why"),
    [({"0001_one": "b" * 64}, "changed after"), ({"0001_one": CHECKSUM, "0002_two": CHECKSUM}, "0002_two was not")],
)
def test_a_migration_that_was_not_applied_is_named(release: Release, migrations: dict[str, str], why: str) -> None:
    assert why in _problem(replace(release, migrations=migrations))


def test_a_missing_secret_is_told_before_any_caller_is(release: Release) -> None:
    without = replace(release, secret=TrustSecret(SecretsManager(), SECRET))

    assert "security_internal_trust_config_missing" in _problem(without)


def test_an_issuer_who_is_not_believed_stops_the_release(release: Release) -> None:
    assert "401" in _problem(replace(release, issuer="arn:aws:iam::000000000000:role/nobody"))


def _steps() -> Iterator[tuple[str, int]]:
    for route, times in (
        ("POST /workflow/requests", 1),
        ("GET /workflow/decision-room/{requestId}", 1),
        ("POST /workflow/decision-room/action", 2),
        ("POST /workflow/authorize-execution", 2),
        ("POST /workflow/grants", 2),
        ("GET /.well-known/jwks.json", 1),
        ("POST /policy/apply", 3),
        ("GET /policy/config", 1),
        ("GET /agents/{agentId}", 2),
        ("GET /metrics/summary", 1),
    ):
        yield from ((route, turn) for turn in range(times))


@pytest.mark.parametrize(("route", "turn"), list(_steps()))
def test_a_version_that_answers_any_one_call_otherwise_is_not_ready(
    release: Release, service: InProcess, route: str, turn: int
) -> None:
    """Give what must be refused is let through, what must succeed fails."""
    seen = 0

    def changed(event: Event, answer: dict[str, Any]) -> dict[str, Any]:
        nonlocal seen
        if f"{event['httpMethod']} {event['resource']}" != route:
            return answer
        seen += 1
        wrong = 503 if answer["statusCode"] == 200 else 200
        return answer if seen - 1 != turn else answer | {"statusCode": wrong}

    assert f"{route} answered" in _problem(replace(release, versions=Versions(service, changed)))


def test_its_calls_come_with_the_path_parameters_that_api_gateway_would_send(
    release: Release, service: InProcess
) -> None:
    """The read that must be refused names the request that waits, and a path without parameters has none."""
    calls: list[Event] = []

    def kept(event: Event, answer: dict[str, Any]) -> dict[str, Any]:
        calls.append(event)
        return answer

    ensure_ready(replace(release, versions=Versions(service, kept)))

    waiting = json.loads(calls[0]["body"])["requestId"]
    assert {call["resource"]: call["pathParameters"] for call in calls} == {
        "/workflow/requests": None,
        "/workflow/decision-room/{requestId}": {"requestId": waiting},
        "/workflow/decision-room/action": None,
        "/workflow/authorize-execution": None,
        "/workflow/grants": None,
        "/.well-known/jwks.json": None,
        "/policy/apply": None,
        "/policy/config": None,
        "/agents/{agentId}": {"agentId": waiting},
        "/metrics/summary": None,
    }


def test_a_policy_that_is_not_read_back_stops_the_release(release: Release, service: InProcess) -> None:
    def forgets(event: Event, answer: dict[str, Any]) -> dict[str, Any]:
        return answer | {"body": "{}"} if event["resource"] == "/policy/config" else answer

    assert "is not the one that is read" in _problem(replace(release, versions=Versions(service, forgets)))


def test_an_escalation_that_the_gate_left_behind_expires_without_being_counted(
    release: Release, service: InProcess
) -> None:
    def dies(event: Event, answer: dict[str, Any]) -> dict[str, Any]:
        if event["resource"] == "/workflow/requests":
            raise KeyboardInterrupt
        return answer

    with pytest.raises(KeyboardInterrupt):
        ensure_ready(replace(release, versions=Versions(service, dies)))
    now = release.context.now_ms()

    done = expire_overdue(release.context._replace(now_ms=lambda: now + 600_000))

    assert done.expired == 1
    assert all(key.startswith("SYNTHETIC#") for key in _events(service))


@pytest.mark.parametrize(
    "marked",
    [
        {MEMBER: True, "requestContext": {"apiId": "api", "identity": {"userArn": SIGNER_ARN}}},
        {MEMBER: "true"},
        {"headers": {MEMBER: ["true"]}, "multiValueHeaders": {MEMBER: ["true"]}},
        {"multiValueQueryStringParameters": {MEMBER: ["true"]}},
        {"body": json.dumps({MEMBER: True})},
        {"stageVariables": {MEMBER: True}},
    ],
    ids=["named by the gateway", "not true", "header", "query", "body", "stage variable"],
)
def test_no_call_through_the_gateway_is_left_out_of_metrics(service: InProcess, marked: dict[str, Any]) -> None:
    event = {
        "httpMethod": "GET",
        "resource": "/workflow/requests/{requestId}",
        "pathParameters": {"requestId": "x"},
        "multiValueHeaders": {},
        "requestContext": {"identity": {"userArn": SIGNER_ARN}},
        **marked,
    }
    with standard_output() as output:
        HANDLERS[0].using(service.runtime)(event, None)

    [line] = lines_of(output)
    assert line["message"] == "handled"
    assert [key.split("#")[0] for key in _events(service)] == ["EVENT"]


@pytest.mark.parametrize("tenant", ["acme", None])
def test_a_synthetic_call_cannot_act_for_a_real_tenant(service: InProcess, tenant: str | None) -> None:
    envelope = {"principalId": "ana", "subjectType": "human"} | ({"tenantId": tenant} if tenant else {})
    event = {
        MEMBER: True,
        "httpMethod": "GET",
        "resource": "/workflow/requests/{requestId}",
        "pathParameters": {"requestId": "x"},
        "multiValueHeaders": {"x-identity-envelope": [json.dumps(envelope)]},
        "requestContext": {"identity": {"userArn": SIGNER_ARN}},
    }
    answer = HANDLERS[0].using(service.runtime)(event, None)

    assert json.loads(answer["body"])["reasonCode"] == "security_read_tenant_mismatch"


@dataclass
class CodeDeploy:
    """Remembers what it is told, unless it is deaf."""

    deaf: bool = False
    told: dict[str, str] | None = None

    def put_lifecycle_event_hook_execution_status(self, **status: str) -> None:
        if self.deaf:
            raise ConnectionError
        self.told = status


HOOK = {"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "h-1"}


@pytest.mark.parametrize(("problem", "status"), [("", "Succeeded"), ("a table is missing", "Failed")])
def test_codedeploy_is_told_what_was_found(problem: str, status: str) -> None:
    codedeploy = CodeDeploy()

    answer = respond(HOOK, check=lambda: (["one"], problem), codedeploy=codedeploy)

    assert codedeploy.told == {"deploymentId": "d-1", "lifecycleEventHookExecutionId": "h-1", "status": status}
    assert answer["ready"] is (problem == "")


def test_where_codedeploy_cannot_be_told_the_hook_fails() -> None:
    with pytest.raises(ConnectionError):
        respond(HOOK, check=lambda: (["one"], ""), codedeploy=CodeDeploy(deaf=True))


def test_invoked_directly_it_answers_and_tells_nobody() -> None:
    codedeploy = CodeDeploy()

    assert respond({}, check=lambda: (["one"], ""), codedeploy=codedeploy)["checked"] == ["one"]
    assert codedeploy.told is None


def test_a_synthetic_call_that_is_refused_is_left_out_of_metrics_too(release: Release, service: InProcess) -> None:
    with pytest.raises(NotReadyError):
        ensure_ready(replace(release, issuer="arn:aws:iam::000000000000:role/nobody"))

    assert all(key.startswith("SYNTHETIC#") for key in _events(service))
