"""`ops evidence verify`: whoever writes the tables past the service is seen. Each case went unseen once."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from handshake.core.jsonio import GENESIS, canonical
from handshake.dynamo.marshalling import Item, marshal, unmarshal
from handshake.requests.evidence_items import evidence_from, evidence_item
from handshake.requests.expire_overdue import expire_overdue
from handshake.requests.submission import parse_recorded
from handshake.requests.submit import submit as submit_request
from handshake.requests.table import PENDING_ATTRIBUTES
from ops.commands.app import app
from tests.conftest import Engine
from tests.support.operated import operated
from tests.support.service import (
    InProcess,
    act,
    apply_policy,
    decided,
    escalated,
    human,
    now_ms,
    own,
    post,
    rules,
    submission,
    submit,
)

Request = dict[str, Any]


@pytest.fixture
def service(dynamodb_local: Engine, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    """The service on a store of its own, where the operator's commands find it."""
    return operated(InProcess(*dynamodb_local), monkeypatch)


def _verify(*words: str) -> Result:
    return CliRunner().invoke(app, ["evidence", "verify", *words])


def _problems(*words: str) -> list[str]:
    """Verify, and give the problems; exit code and output must agree on whether there are any."""
    verified = _verify("--json", *words)
    problems = [finding["problem"] for finding in json.loads(verified.stdout)["broken"]]
    assert verified.exit_code == int(bool(problems))
    return problems


def _item(service: InProcess, request: Request, sort_key: str = "STATE") -> Item:
    key = {"pk": {"S": f"REQ#{request['requestId']}"}, "sk": {"S": sort_key}}
    return unmarshal(service.dynamodb.get_item(TableName=service.tables.workflow, Key=key)["Item"])


def _put(service: InProcess, item: Item) -> None:
    present = {name: value for name, value in item.items() if value is not None}
    service.dynamodb.put_item(TableName=service.tables.workflow, Item=marshal(present))


def _set(service: InProcess, request: Request, **attributes: Any) -> None:
    _put(service, _item(service, request) | attributes)


def _delete(service: InProcess, request: Request, *sort_keys: str) -> None:
    for sort_key in sort_keys:
        key = {"pk": {"S": f"REQ#{request['requestId']}"}, "sk": {"S": sort_key}}
        service.dynamodb.delete_item(TableName=service.tables.workflow, Key=key)


def test_what_the_service_wrote_holds(service: InProcess) -> None:
    apply_policy(service, {"scope": "global", "rules": rules(max_transaction=100)})
    apply_policy(service, {"scope": "global", "rules": rules(max_transaction=90)})
    apply_policy(service, {"scope": "global", "policyVersion": "v1"})
    overdue = escalated(service)
    expire_overdue(replace(service, now_ms=lambda: now_ms() + 10**6).context)
    approved, rejected, pending = (escalated(service, tenantId=None) for _ in range(3))
    act(service, approved, key="once")
    act(service, approved, key="once")
    act(service, rejected, "deny")
    act(service, pending, envelope=human("stranger"))
    for decision in ("allow", "deny"):
        decided(service, decision)
    post(service, "/workflow/requests", submission("data_access", context={"sensitivity": "ambiguous"}))

    verified = _verify("--json")

    assert verified.exit_code == 0
    checked = {"requests": 7, "events": 7 + 3 + 2, "policies": 1, "agents": 0, "people": 0}
    assert json.loads(verified.stdout) == {"checked": checked, "broken": []}
    assert "7 requests, 12 events, 1 policies, 0 agents, 0 people checked, 0 broken" in _verify().output
    assert _problems(overdue["requestId"]) == []


@pytest.mark.parametrize(
    "forged",
    [
        {"facts": canonical({"amount": 1_000_000, "category": "ops"})},
        {"payload_ref": "invoice:mallory"},
        {"principal_id": "mallory"},
        {"agent_id": "mallory's agent"},
        {"tenant_id": "mallory's tenant"},
        {"action_type": "other"},
        {"timestamp_ms": 1},
        {"outcome": "deny"},
        {"tier": 0},
        {"reason": "hitl_approved"},
        {"state": "escalated_approved_terminal"},
        {"spend_amount": Decimal(0)},
        {"spend_limit": Decimal(10**9)},
        {"decided_at": 1},
        {"created_at": 1},
        {"synthetic": True},
        {"recorded_lane": "1970-01-01#0"},
        {"pending_tenant": "tenant", "pending_deadline": 1},
    ],
    ids=lambda forged: next(iter(forged)),
)
def test_an_edited_attribute_of_an_allowed_payment_is_seen(service: InProcess, forged: Mapping[str, Any]) -> None:
    request = decided(service, "allow")
    _set(service, request, **forged)

    problems = _problems()

    assert problems
    assert _problems(request["requestId"]) == problems


@pytest.mark.parametrize(
    "forged",
    [
        {"expires_at": 10**14},
        {"expires_at": 10**14, "pending_deadline": 10**14},
        {"pending_deadline": 10**14},
        {"pending_principal": "mallory"},
        {"pending_tenant": "elsewhere"},
        {"pending_lane": None},
        {"trigger": None},
    ],
    ids="+".join,
)
def test_an_edited_deadline_cause_or_place_in_a_queue_is_seen(service: InProcess, forged: Mapping[str, Any]) -> None:
    request = escalated(service)
    _set(service, request, **forged)

    [problem] = _problems()

    assert next(iter(forged)) in problem


def test_an_allowed_payment_that_was_made_another_everywhere_in_its_record_is_seen(service: InProcess) -> None:
    """authorize-execution answers yes to it: it asks the record that decides, and no evidence."""
    request = decided(service, "allow")
    forged = {**request, "principalId": "mallory", "context": {"amount": 1_000_000, "category": "ops"}}
    forged |= {"agentId": "mallory's agent", "payloadRef": "to:mallory"}
    _set(
        service,
        request,
        principal_id=forged["principalId"],
        agent_id=forged["agentId"],
        payload_ref=forged["payloadRef"],
        facts=canonical({"amount": 1_000_000, "category": "ops"}),
    )
    artifact = submit(service, forged).body
    authorized = post(service, "/workflow/authorize-execution", {"request": forged, "artifact": artifact})
    assert authorized.status == 200

    [problem] = _problems()

    assert all(name in problem for name in ("agent_id", "facts", "payload_ref", "principal_id"))


def _reopen(service: InProcess, request: Request, pending: Item) -> None:
    _put(service, _item(service, request) | {name: pending.get(name) for name in _CLOSED_ATTRIBUTES})


_CLOSED_ATTRIBUTES = ("state", "outcome", "reason", "decided_at", *PENDING_ATTRIBUTES)


def test_a_rejected_request_set_back_to_pending_and_approved_is_seen(service: InProcess) -> None:
    request = escalated(service)
    pending = _item(service, request)
    act(service, request, "reject")
    _reopen(service, request, pending)
    assert "not what its evidence says" in _problems()[0]
    assert act(service, request).status == 200

    assert _problems() == ["event 6 cannot be: the request was escalated_rejected_terminal"]


def test_a_rejection_that_was_cut_off_with_its_evidence_and_turned_into_an_approval_is_seen(service: InProcess) -> None:
    request = escalated(service)
    pending = _item(service, request)
    act(service, request, "reject")
    _delete(service, request, "EVT#000003")
    _put(service, pending)
    assert act(service, request).status == 200

    assert _problems(request["requestId"]) == []  # it agrees with itself, but somebody rejected it
    [problem] = _problems()
    assert problem == f"it counts other evidence of {request['requestId']} than is there"


def test_a_deadline_moved_for_an_approval_and_put_back_after_it_is_seen(service: InProcess) -> None:
    request = escalated(service)
    deadline = _item(service, request)["expires_at"]
    _set(service, request, expires_at=10**14)
    later = replace(service, now_ms=lambda: int(deadline) + 1)
    assert act(later, request).status == 200
    _set(service, request, expires_at=deadline)

    assert _problems() == ["it became escalated_approved_terminal on the wrong side of its deadline"]


def test_evidence_without_its_request_is_seen(service: InProcess) -> None:
    request = decided(service, "allow")
    _delete(service, request, "STATE")

    assert _problems() == ["there is evidence of it and no request"]


def test_a_request_without_its_evidence_is_seen(service: InProcess) -> None:
    request = decided(service, "allow")
    _delete(service, request, "EVT#000001")

    assert "the request remembers 2 events" in _problems()[0]


def test_a_request_that_was_deleted_whole_is_seen_by_the_event_that_counts_it(service: InProcess) -> None:
    request = decided(service, "allow")
    _delete(service, request, "EVT#000001", "STATE")

    verified = _verify()

    assert verified.exit_code == 1
    assert f"it counts evidence of {request['requestId']} that is not there" in verified.output


def test_a_chain_written_anew_to_frame_another_person_is_seen(service: InProcess) -> None:
    request = escalated(service)
    act(service, request)
    head = _item(service, request, "EVT#000003")
    lineage, audit = evidence_from(head)
    framed = replace(audit, detail={**audit.detail, "actor": "bob"})
    _put(service, evidence_item([lineage, framed]))
    _set(service, request, chain_head=framed.digest, approved_by="bob")

    problems = _problems()

    assert problems == [
        "LISTED#principal lists it as what it is not",
        f"it counts other evidence of {request['requestId']} than is there",
    ]


def test_a_request_that_was_made_up_is_seen(service: InProcess) -> None:
    request = decided(service, "allow")
    made_up = {**request, "requestId": "made-up"}
    first, second = evidence_from(_item(service, request, "EVT#000001"))
    lineage = replace(first, request_id="made-up", event_id="made-up:1", previous=GENESIS)
    audit = replace(second, request_id="made-up", event_id="made-up:2", previous=lineage.digest)
    _put(service, evidence_item([lineage, audit]))
    state = _item(service, request) | {"pk": "REQ#made-up", "request_id": "made-up", "chain_head": audit.digest}
    _put(service, state)

    [problem] = _problems()

    assert problem.startswith("its metrics event")
    assert _problems(made_up["requestId"]) == [problem]


@pytest.mark.parametrize("change", ["drop", "edit"])
def test_a_metrics_event_that_was_dropped_or_edited_is_seen(service: InProcess, change: str) -> None:
    decided(service, "deny")
    [event] = service.dynamodb.scan(TableName=service.tables.metrics)["Items"]
    key = {name: event[name] for name in ("pk", "sk")}
    if change == "drop":
        service.dynamodb.delete_item(TableName=service.tables.metrics, Key=key)
    else:
        service.dynamodb.put_item(TableName=service.tables.metrics, Item=event | {"decision": {"S": "allow"}})

    [problem] = _problems()

    assert event["sk"]["S"] in problem


def _refused(service: InProcess) -> Request:
    request = escalated(service)
    act(service, request, envelope=human("mallory"))
    act(service, request, envelope=own(request, subjectType="agent"))
    return request


def test_a_refused_action_that_was_dropped_and_counted_out_is_seen(service: InProcess) -> None:
    request = _refused(service)
    [refusal] = [item for item in _partition(service, request) if '"mallory"' in item.get("detail", "")]
    [event] = evidence_from(refusal)
    [counter] = [
        item for item in _partition(service, request) if item.get("principal_id") == "mallory" and "kept" in item
    ]
    _delete(service, request, refusal["sk"], counter["sk"])
    state = _item(service, request)
    _set(service, request, refusals=1, refusal_tally=state["refusal_tally"] - event.tally)

    [problem] = _problems()

    assert problem == f"it counts evidence of {request['requestId']} that is not there"


def _partition(service: InProcess, request: Request) -> list[Item]:
    items = service.dynamodb.scan(TableName=service.tables.workflow)["Items"]
    return [item for item in map(unmarshal, items) if item["pk"] == f"REQ#{request['requestId']}"]


def _policy(service: InProcess, sort_key: str) -> Item:
    key = {"pk": {"S": "SCOPE#global"}, "sk": {"S": sort_key}}
    return unmarshal(service.dynamodb.get_item(TableName=service.tables.policy, Key=key)["Item"])


def _put_policy(service: InProcess, *items: Item) -> None:
    for item in items:
        service.dynamodb.put_item(TableName=service.tables.policy, Item=marshal(item))


LAX = canonical([{"id": "rule-max_transaction", "key": "max_transaction", "value": 10**6}])


@pytest.mark.parametrize(
    ("forge", "says"),
    [
        (
            lambda service: _put_policy(service, _policy(service, "ACTIVE") | {"rules": LAX}),
            "what is in force is not the versions of it as they were applied",
        ),
        (
            lambda service: _put_policy(
                service, *(_policy(service, name) | {"rules": LAX} for name in ("ACTIVE", "VERSION#00000002"))
            ),
            "version 2 has other rules than were applied",
        ),
        (
            lambda service: _put_policy(service, _policy(service, "VERSION#00000001") | {"sk": "ACTIVE"}),
            "version 1 is its newest, and 4 items are its history",
        ),
        (
            lambda service: _put_policy(service, _policy(service, "AUDIT#00000002") | {"principal_id": "bob"}),
            "version 2 was applied by another audit event than is there",
        ),
        (
            lambda service: _put_policy(service, _policy(service, "VERSION#00000001") | {"rules": LAX}),
            "version 1 has other rules than were applied",
        ),
    ],
    ids=["active", "active and version", "version before", "who", "history"],
)
def test_a_policy_that_was_exchanged_is_seen(
    service: InProcess, forge: Callable[[InProcess], object], says: str
) -> None:
    for limit in (100, 90):
        apply_policy(service, {"scope": "global", "rules": rules(max_transaction=limit)})
    forge(service)

    assert says in _problems()


def test_a_policy_taken_back_with_its_history_is_seen_by_what_it_decided(service: InProcess) -> None:
    for limit in (100, 90):
        apply_policy(service, {"scope": "global", "rules": rules(max_transaction=limit)})
    decided(service, "allow")
    for kind in ("VERSION", "AUDIT"):
        key = {"pk": {"S": "SCOPE#global"}, "sk": {"S": f"{kind}#00000002"}}
        service.dynamodb.delete_item(TableName=service.tables.policy, Key=key)
    _put_policy(service, _policy(service, "VERSION#00000001") | {"sk": "ACTIVE"})

    assert _problems() == ["VERSION#00000002 of SCOPE#global decided it and is not there"]


@pytest.mark.parametrize("name", ["[/]", "[bold]x[/bold]", "a\u202eb", "x" * 256])
def test_whatever_an_id_holds_is_printed_as_text(service: InProcess, name: str) -> None:
    request = submission(requestId=name)
    # As an earlier release stored it: one of these is no id that may be submitted.
    submit_request(service.context, parse_recorded(request), escalation_ttl_ms=300_000)
    _delete(service, request, "EVT#000001")

    verified = _verify()

    assert verified.exit_code == 1
    shown = name.encode("unicode_escape").decode()
    assert f"broken request {shown}: the request remembers 2 events" in verified.output


ODD = [{"B": b"x"}, {"SS": ["x"]}, {"NS": ["1"]}, {"BS": [b"x"]}, {"NULL": True}, {"L": [{"M": {}}]}, {"S": ""}]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: next(iter(odd)))
def test_no_kind_of_value_ends_a_verification(service: InProcess, odd: Mapping[str, Any]) -> None:
    """Whoever writes the tables could otherwise hide everything behind one item that cannot be read."""
    apply_policy(service, {"scope": "global", "rules": rules(max_transaction=100)})
    request = _refused(service)
    targets = [(service.tables.workflow, item) for item in _wire(service, service.tables.workflow, request)]
    targets += [(service.tables.metrics, item) for item in _wire(service, service.tables.metrics)]
    targets += [(service.tables.policy, item) for item in _wire(service, service.tables.policy)]
    for table, item in targets:
        own = sorted(name for name in item if not name.startswith(_KEYED) and item[name] != odd)
        for name in (*own[:1], *own[-1:], "forged"):
            service.dynamodb.put_item(TableName=table, Item=item | {name: odd})
            assert _problems(), (item, name)
        service.dynamodb.put_item(TableName=table, Item=item)

    assert _problems() == []


# Of these, the store takes text or numbers only.
_KEYED = ("pk", "sk", "pending_", "recorded_", "created_at", "history_")


def _wire(service: InProcess, table: str, request: Request | None = None) -> list[Any]:
    items: list[Any] = service.dynamodb.scan(TableName=table)["Items"]
    return [item for item in items if request is None or item["pk"]["S"] == f"REQ#{request['requestId']}"]


def test_an_unknown_request_is_a_finding(service: InProcess) -> None:  # noqa: ARG001 - an empty store
    assert _problems("no-such") == ["there is no such request"]
