"""Build submissions, rules and records for tests, stored or not, and the contract's windows the plain way."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

from hypothesis import strategies as st

from handshake.agents.standing import UNRECORDED
from handshake.core.reasons import ReasonCode
from handshake.dynamo.client import Dynamo
from handshake.dynamo.context import Context
from handshake.dynamo.tables import Tables
from handshake.dynamo.transaction import Step
from handshake.policy.rules import PolicyInForce
from handshake.requests.decision import Decision, decide
from handshake.requests.record import RequestRecord, State
from handshake.requests.recording import record_close, record_decision
from handshake.requests.submission import Submission, parse_recorded
from handshake.requests.transaction import RequestTransaction, origin
from handshake.trust.identity import Envelope, parse_envelope
from tests.support.metrics_events import NOW_MS

CATEGORIES: Final = ("ops", "infra", "food", "travel")
DAY_MINUTES: Final = 24 * 60
TTL_MS: Final = 300_000

ANY_JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
# Cents, so that a float's shortest text is the exact amount.
MONEY: Final = st.integers(0, 250_000).map(lambda cents: cents / 100) | st.integers(0, 2500)
MINUTES: Final = st.integers(0, DAY_MINUTES - 1)
HOURS: Final = st.tuples(MINUTES, MINUTES).map(lambda ends: hours(*ends))
CATEGORY_SETS: Final = st.lists(st.sampled_from(CATEGORIES), min_size=1, unique=True)

_VALUES: Final[Mapping[str, st.SearchStrategy[Any]]] = {
    "max_transaction": MONEY,
    "maxTransaction": MONEY,
    "Max_Payment": MONEY,
    "daily_spend_limit": MONEY,
    "dailySpendLimit": MONEY,
    "allowed_hours": HOURS,
    "Allowed_Categories": CATEGORY_SETS | CATEGORY_SETS.map(" , ".join),
}


def hours(start: int, end: int) -> str:
    """Give ``HH:MM-HH:MM`` of two minutes of the day."""
    return "-".join(f"{minute // 60:02d}:{minute % 60:02d}" for minute in (start, end))


def minutes_of(window: str) -> set[int]:
    """Give every minute of the day that ``HH:MM-HH:MM`` names, walked from its start to its end."""
    start, end = (int(text[:2]) * 60 + int(text[3:]) for text in window.split("-"))
    minutes = {start}
    while start != end:
        start = (start + 1) % DAY_MINUTES
        minutes.add(start)
    return minutes


@st.composite
def rules(draw: st.DrawFn, *, max_size: int = 5) -> list[dict[str, Any]]:
    """Give well-formed rules with ids of their own."""
    keys = draw(st.lists(st.sampled_from(sorted(_VALUES)), max_size=max_size))
    return [{"id": f"rule-{index}", "key": key, "value": draw(_VALUES[key])} for index, key in enumerate(keys)]


def a_rule() -> st.SearchStrategy[dict[str, Any]]:
    """Give one more rule."""
    return rules(max_size=1).filter(bool).map(lambda found: found[0] | {"id": "one-more"})


def caller_limits() -> st.SearchStrategy[dict[str, Any]]:
    """Limits that a caller sets itself, in its context."""
    return st.fixed_dictionaries(
        {},
        optional={
            "maxTransaction": MONEY,
            "dailySpendLimit": MONEY,
            "allowedHours": HOURS,
            "allowedCategories": CATEGORY_SETS,
        },
    )


def a_body(action_type: str = "payment", /, **changes: Any) -> dict[str, Any]:
    """Build the body of a submission, the same every time but for ``changes``; other bodies in tests are made of it."""
    context = {"payment": {"amount": 10, "category": "ops"}, "data_access": {"sensitivity": "low"}}
    body = {
        "requestId": "req-1",
        "principalId": "alice",
        "agentId": "agent-1",
        "tenantId": "tenant-a",
        "actionType": action_type,
        "payloadRef": "tool:do",
        "timestamp": NOW_MS,
        "context": context.get(action_type, {}),
    }
    return body | changes


def an_action(**changes: Any) -> dict[str, Any]:
    """Build the action of a body; a change of None leaves its member out."""
    action = {
        "operation": "pay.transfer",
        "tool": "bank/transfers",
        "toolVersion": "2.1",
        "resource": "account:7",
        "arguments": {"payee": "ACME Ltd", "currency": "EUR", "lines": [{"sku": "a-1", "price": 19.99}]},
    }
    return {name: value for name, value in (action | changes).items() if value is not None}


def a_submission(action_type: str = "payment", /, **changes: Any) -> Submission:
    """Give the submission that such a body makes."""
    return parse_recorded(a_body(action_type, **changes))


def a_record(decision: Decision | None = None, *, submission: Submission | None = None) -> RequestRecord:
    """Give a record: of an escalated payment, unless ``decision`` says otherwise."""
    submission = submission or a_submission(context={"amount": 150, "category": "ops"})
    decision = decision or escalation(submission)
    return RequestRecord.decided(submission, decision, now_ms=NOW_MS, escalation_ttl_ms=TTL_MS)


def escalation(submission: Submission) -> Decision:
    """Return what default policy decides of a payment over its limit."""
    decision = decide(submission, policy=PolicyInForce(), spent=Decimal(0))
    assert decision.outcome == "escalate"
    return decision


def an_envelope(principal_id: str = "alice", **changes: Any) -> Envelope:
    """Give the envelope of a person of ``tenant-a``, but for ``changes`` (by their names on the wire)."""
    fields = {"principalId": principal_id, "subjectType": "human", "tenantId": "tenant-a"} | changes
    return parse_envelope(json.dumps({name: value for name, value in fields.items() if value is not None}))


def unhurried(client: Any) -> Dynamo:
    """Give a store that gives up on no write because the machine was slow: time stands still."""
    return Dynamo(client, clock=lambda: 0.0)


def context_on(engine: tuple[Any, Tables]) -> Context:
    """Give the context of an invocation at NOW_MS that gives up on no write because the machine was slow."""
    client, tables = engine
    return Context(unhurried(client), tables, lambda: NOW_MS, lambda: str(uuid4()), "call-1")


def created(context: Context, record: RequestRecord) -> RequestRecord:
    """Store ``record`` as its submission does, and give it as it is stored: with its chain."""
    recorded = record_decision(record, PolicyInForce(), UNRECORDED, origin(context))
    tx = RequestTransaction(context)
    tx.create_request(recorded)
    assert tx.commit()
    return recorded.record


def closing(
    context: Context, seen: RequestRecord, state: State, reason: ReasonCode, *, now_ms: int = NOW_MS
) -> tuple[RequestTransaction, Step[RequestRecord | None]]:
    """Give the transaction that closes the request that was ``seen``, not committed, and its step."""
    closed = seen.resolved(state, reason, now_ms=now_ms)
    recorded = record_close(seen, closed, {"actor": "alice"}, origin(context))
    tx = RequestTransaction(context)
    return tx, tx.close_request(recorded, seen=seen)
