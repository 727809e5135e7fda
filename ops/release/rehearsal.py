"""Rehearse a release with production's parameters: deploy, gate, call, release unsafely, release well."""

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from ops.local.deployment import Deployment, new_session
from ops.local.edge_client import Client
from ops.local.edge_rules import OPEN
from ops.local.settings import ISSUER_ARN, ROOT, ROOT_KEY
from ops.local.signing_edge import SigningEdge, Upstream
from ops.local.stack import LocalStack
from ops.local.translation import overrides
from ops.migrations.runner import apply_pending, migrations_in
from ops.openapi.document import routes
from ops.release.live_checks import check_data, check_routes
from ops.release.production_settings import resources, settings
from ops.release.rehearsal_log import Log, RehearsalFailedError, require
from ops.release.unsupported_resources import PRODUCTION, without_unsupported
from ops.reliability.evidence import verify_all
from ops.verdict import Verdict

_DEADLINE_S: Final = 240  # of the last release; the template's own is 300
_UNAPPLIED: Final = "was not applied"
_NO_ISSUER: Final = "EnvelopeIssuers is empty"
_ANSWERING: Final = ("workflow", "decision_room", "policy_apply", "policy", "agents", "metrics")


@dataclass(frozen=True)
class Stage:
    """The stack that a release is rehearsed on, and its caller: an envelope issuer's signing edge."""

    stack: LocalStack
    client: Client

    @cached_property
    def found(self) -> Deployment:
        """Reach the stack as an operator's commands do."""
        session = new_session(*ROOT_KEY, region=self.stack.region)
        return Deployment(session, self.stack.endpoint_url, dict(self.stack.outputs))


@dataclass(frozen=True)
class Data:
    """The decisions of the first release, and where they are stored."""

    allowed: Mapping[str, Any]
    escalated: Mapping[str, Any]
    tables: Mapping[str, str]
    secret_version: str


def play(log: Log) -> None:
    """Take every step, logging each. Raises RehearsalFailedError, or whatever stopped a step."""
    with _stage(log) as stage:
        _open(log, stage)
        data = _call(log, stage)
        _release_unsafely(log, stage)
        _release_again(log, stage)
        _find(log, stage, data)


@contextmanager
def _stage(log: Log) -> Iterator[Stage]:
    with (
        LocalStack(
            environment=PRODUCTION,
            parameters=overrides(ROOT, PRODUCTION),
            trust_secret="",
            migrated=False,
            prepare=without_unsupported,
            step=log.step,
        ) as stack,
        SigningEdge(0) as edge,
    ):
        edge.start(Upstream(stack.api_url, credentials=stack.issuer, region=stack.region), access=OPEN)
        yield Stage(stack, Client(edge.url))


def _open(log: Log, stage: Stage) -> None:
    """Do what docs/deploy.md asks after a first deployment, before anybody may call."""
    with log.step("hold what is deployed against production's template") as saw:
        saw(*resources(stage.stack))
        saw(*settings(stage.stack))
    with log.step("ask the release gate before the migrations") as saw:
        saw(f"refused: {_refusal(stage, _UNAPPLIED)}")
    with log.step("apply migrations") as saw:
        saw(*(one.name for one in apply_pending(stage.found.context(), operator="rehearsal")))
    with log.step("preflight the live schema") as saw:
        verdict = Verdict()
        check_data(verdict, stage.found, migrations_in())
        saw(*_checked(verdict))
    with log.step("ask the release gate") as saw:
        saw(*_ready(stage))


def _call(log: Log, stage: Stage) -> Data:
    with log.step("call every route unsigned, and some signed") as saw:
        verdict = Verdict()
        check_routes(verdict, stage.found, [name for table in routes().values() for name in table])
        saw(*_checked(verdict))
        allowed, escalated = _payment(10), _payment(150)
        saw(
            _answered(stage, allowed, decision="allow", reason="policy_allow"),
            _answered(stage, escalated, decision="escalate", reason="hitl_boundary_escalated"),
        )
        return Data(
            _state(stage, allowed["requestId"]),
            _state(stage, escalated["requestId"]),
            stage.stack.tables,
            _secret_version(stage),
        )


def _release_unsafely(log: Log, stage: Stage) -> None:
    with log.step("release what is unsafe: nobody may assert identities") as saw:
        stage.stack.deploy(EnvelopeIssuers="")
        saw(f"refused: {_refusal(stage, _NO_ISSUER)}")
        # Nothing shifts traffic here, so callers have it at once.
        answer = stage.client.call("GET", "/workflow/decision-room")
        require(answer.status == 401, f"an envelope that nobody may assert answers {answer.reason}")
        saw(f"what it would have told callers: {answer.reason}")


def _release_again(log: Log, stage: Stage) -> None:
    with log.step("release again, mended and with another deadline") as saw:
        before = _version(stage, "workflow")
        stage.stack.deploy(EnvelopeIssuers=ISSUER_ARN, EscalationTtlSeconds=_DEADLINE_S)
        after = _version(stage, "workflow")
        require(after != before, f"the deadline is another, and version {before} still has the traffic")
        saw(f"workflow went from version {before} to {after}")
    with log.step("ask the release gate again") as saw:
        saw(*_ready(stage))


def _find(log: Log, stage: Stage, data: Data) -> None:
    with log.step("find what the first release decided") as saw:
        require(stage.stack.tables == data.tables, "the tables are others than before")
        require(_secret_version(stage) == data.secret_version, "the trust secret has another value than before")
        for state in (data.allowed, data.escalated):
            require(_state(stage, state["requestId"]) == state, f"{state['requestId']} is not what it was")
        action = {"requestId": data.escalated["requestId"], "action": "approve"}
        person = {"principalId": data.escalated["principalId"], "subjectType": "human"}
        headers = {"x-identity-envelope": json.dumps(person)}
        answer = stage.client.call("POST", "/workflow/decision-room/action", body=action, headers=headers)
        require(answer.reason == "hitl_approved", f"approving what had waited answers {answer.reason}")
        pages = [page for _, page in verify_all(stage.found.context())]
        broken = [finding for page in pages for finding in page.findings]
        require(not broken, "; ".join(f"{finding.subject} {finding.name}: {finding.problem}" for finding in broken))
        saw(
            "tables and trust secret are the same, and so are the decisions",
            "what had waited was approved",
            f"evidence of {sum(page.checked for page in pages)} requests, events and policies holds",
        )


def _ready(stage: Stage) -> list[str]:
    answer = stage.found.invoke("ReleaseGateFunction", {})
    require(answer["ready"], f"the release gate refuses: {answer['problem']}")
    _ensure_current(stage)
    checked: list[str] = answer["checked"]
    return checked


def _refusal(stage: Stage, expected: str) -> str:
    answer = stage.found.invoke("ReleaseGateFunction", {})
    require(not answer["ready"], f"the release gate lets a release through although {expected}")
    problem: str = answer["problem"]
    require(expected in problem, f"the release gate refuses for another reason: {problem}")
    return problem


def _ensure_current(stage: Stage) -> None:
    """Require that the versions with traffic have the functions' settings: no parameter left one behind."""
    client = stage.stack.client("lambda")
    for function in _ANSWERING:
        name = stage.stack.functions[function]
        latest, live = (
            client.get_function_configuration(FunctionName=name, Qualifier=one)["Environment"]
            for one in ("$LATEST", "live")
        )
        require(latest == live, f"the version of {function} that has the traffic is set otherwise than the release")


def _checked(verdict: Verdict) -> list[str]:
    if verdict.findings:
        raise RehearsalFailedError("; ".join(one.problem for one in verdict.findings))
    return verdict.checked


def _version(stage: Stage, function: str) -> str:
    alias = stage.stack.client("lambda").get_alias(FunctionName=stage.stack.functions[function], Name="live")
    return str(alias["FunctionVersion"])


def _secret_version(stage: Stage) -> str:
    client = stage.stack.client("secretsmanager")
    return str(client.get_secret_value(SecretId=stage.stack.trust_secret_arn)["VersionId"])


def _payment(amount: int) -> dict[str, Any]:
    name = f"rehearsal-{uuid.uuid4().hex[:12]}"
    return {
        "requestId": name,
        "principalId": name,
        "agentId": name,
        "tenantId": "rehearsal",
        "actionType": "payment",
        "payloadRef": "rehearsal",
        "timestamp": time.time_ns() // 1_000_000,
        "context": {"amount": amount, "category": "ops"},
    }


def _answered(stage: Stage, request: Mapping[str, Any], *, decision: str, reason: str) -> str:
    answer = stage.client.call("POST", "/workflow/requests", body=request)
    found = (answer.body.get("decision"), answer.reason)
    require(
        found == (decision, reason), f"a payment of {request['context']['amount']} answers {' '.join(map(str, found))}"
    )
    return f"a payment of {request['context']['amount']}: {decision}, {reason}"


def _state(stage: Stage, request_id: str) -> dict[str, Any]:
    answer = stage.client.call("GET", f"/workflow/requests/{request_id}")
    require(answer.status == 200, f"reading {request_id} answers {answer.reason}")
    # When to ask again is of the moment, and no part of what is kept.
    return {name: value for name, value in answer.body.items() if name != "pollAfterMs"}
