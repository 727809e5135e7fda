"""Take the tour that `make run` ends with: one action of each kind, and why it was decided so."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from handshake.trust.token import Binding, mint_token
from ops.local.edge_client import Answer, Client, bytes_of
from ops.local.settings import STACK_NAME

_EVENTS_MADE: Final = 5  # by the stops below: three decisions, an approval, a refused replay
_PROJECTION_TIMEOUT_S: Final = 15
_STYLES: Final = {
    "allow": "green",
    "approved": "green",
    "ok": "green",
    "deny": "red",
    "refused": "red",
    "escalate": "yellow",
}


@dataclass(frozen=True, slots=True)
class Stop:
    """One call and its answer. ``as_expected`` is false where the API did not answer as the tour says."""

    sent: str
    decision: str
    reason: str
    why: str
    as_expected: bool


def take_tour(client: Client, *, trust_secret: str, operator: str) -> Iterator[Stop]:
    """Yield each stop as it is made. ``operator`` is the edge's principal. Raises UnreachableError."""
    run = uuid.uuid4().hex[:8]
    agent = f"tour-agent-{run}"

    def payment(name: str, **context: Any) -> dict[str, Any]:
        return {
            "requestId": f"tour-{run}-{name}",
            "principalId": operator,
            "agentId": agent,
            "actionType": "payment",
            "payloadRef": f"invoice:{name}",
            "timestamp": int(time.time() * 1000),
            "context": context,
        }

    def submit(request: dict[str, Any]) -> Answer:
        return client.call("POST", "/workflow/requests", body=request)

    yield _stop(
        "an agent pays 40 for ops",
        submit(payment("small", amount=40, category="ops")),
        expect="policy_allow",
        why="within every limit of the policy",
    )
    yield _stop(
        "it pays 40 for jewellery",
        submit(payment("jewellery", amount=40, category="jewellery")),
        expect="policy_category_not_allowed",
        why="not a category the policy allows",
    )
    large = payment("large", amount=150, category="ops")
    escalated = submit(large)
    yield _stop(
        "it pays 150 for ops",
        escalated,
        expect="hitl_boundary_escalated",
        why="over 100, so a human decides",
    )
    room = client.call("GET", f"/workflow/decision-room/{large['requestId']}")
    yield Stop(
        "the operator opens the decision room",
        str(room.body.get("riskTier", "-")),
        str(room.body.get("reasonFamily", room.reason)),
        "what is asked, by whom, how risky",
        room.status == 200,
    )
    approved = client.call(
        "POST",
        "/workflow/decision-room/action",
        body={
            "requestId": large["requestId"],
            "hitlRequestId": escalated.body.get("hitlRequestId"),
            "action": "approve",
            "reason": "invoice checked on the tour",
        },
    )
    yield _stop("the operator approves", approved, expect="hitl_approved", why="a human, for whom it was asked")
    yield _stop(
        "before paying, the agent asks again",
        client.call(
            "POST",
            "/workflow/authorize-execution",
            body={"request": large, "artifact": approved.body.get("artifact")},
        ),
        expect="security_artifact_authorized",
        why="it is what was approved",
    )
    rules = {
        "scope": "agent",
        "scopeId": agent,
        "rules": [{"id": "tour-limit", "key": "max_transaction", "value": 60}],
    }
    token = mint_token(
        trust_secret.encode(),
        now_s=int(time.time()),
        jti=uuid.uuid4().hex,
        principal_id=operator,
        binding=Binding.to(bytes_of(rules), STACK_NAME),
    )
    for sent, expect, why in (
        ("the operator limits that agent to 60", "", "a trust token, good for one change"),
        ("the same token again", "security_replay_detected", "a token is used once"),
    ):
        answer = client.call("POST", "/policy/apply", body=rules, headers={"x-internal-trust-context": token})
        yield _stop(sent, answer, expect=expect, why=why)
    yield _metrics(client)


def new_table() -> Table:
    """Make the table that stops are added to."""
    return Table("what was sent, and why", "decision", "reason", box=SIMPLE_HEAD)


def add_stop(table: Table, stop: Stop) -> None:
    """Add a row for ``stop``, in red where it was not answered as expected."""
    table.add_row(
        Text.assemble(stop.sent, "\n", (f"  {stop.why}", "dim")),
        Text(stop.decision, style=_STYLES.get(stop.decision, "")),
        stop.reason,
        style="" if stop.as_expected else "bold red",
    )


def _stop(sent: str, answer: Answer, *, expect: str, why: str) -> Stop:
    """``expect`` is a reason code; "" for an answer without one that says ok."""
    ok = answer.status == 200 and answer.body.get("status") == "ok"
    reason = str(answer.body.get("policyVersion") or answer.body.get("reasonCode") or "") if ok else answer.reason
    decision = answer.body.get("decision") or ("ok" if ok else "refused")
    return Stop(sent, str(decision), reason, why, answer.reason == expect or (ok and not expect))


def _metrics(client: Client) -> Stop:
    """Wait for the stream's projector: the decisions above are in the summary a moment later."""
    deadline = time.monotonic() + _PROJECTION_TIMEOUT_S
    while True:
        summary = client.call("GET", "/metrics/summary")
        seen = int(summary.body.get("totalEvents", 0))
        if seen >= _EVENTS_MADE or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    denials = summary.body.get("denialEvents", 0)
    return Stop(
        "the metrics of the last day",
        "-",
        f"{seen} events, {denials} denied",
        f"uair {summary.body.get('uair', 0):.2f}, gar {summary.body.get('gar', 0):.2f}",
        seen >= _EVENTS_MADE,
    )
