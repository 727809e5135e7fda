"""Take the tour that `make run` ends with: what an agent is let do, who approves, how it is done once, who stops it."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

from rich.box import SIMPLE_HEAD
from rich.table import Column, Table
from rich.text import Text

from handshake.trust.token import Binding, mint_token
from handshake_rail import GrantError, MemoryReplays, action_digest, models, verify_grant
from ops.local.edge_client import Answer, Client, bytes_of
from ops.local.settings import STACK_NAME

_EVENTS_MADE: Final = 6  # by the stops below: four decisions, an approval, a refused replay
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
    """One call and its answer. ``as_expected`` is false where it was not answered as the tour says."""

    sent: str
    decision: str
    reason: str
    why: str
    as_expected: bool


@dataclass(frozen=True, slots=True)
class _Agent:
    """An agent of this tour alone, which acts for the operator."""

    client: Client
    operator: str
    run: str

    @property
    def id(self) -> str:
        return f"tour-agent-{self.run}"

    def payment(self, name: str, *, amount: int, category: str = "ops") -> dict[str, Any]:
        return {
            "requestId": f"tour-{self.run}-{name}",
            "principalId": self.operator,
            "agentId": self.id,
            "actionType": "payment",
            "payloadRef": f"invoice:{name}",
            "timestamp": int(time.time() * 1000),
            "context": {"amount": amount, "category": category},
            "action": {"operation": "bank.transfer", "arguments": {"payee": "Acme Ltd"}},
        }

    def submit(self, request: dict[str, Any]) -> Answer:
        return self.client.call("POST", "/workflow/requests", body=request)

    def claim(self, request: dict[str, Any]) -> Answer:
        """Claim the grant of ``request``, as it is spelled here. The digest is of the client's own making."""
        body = {"requestId": request["requestId"], "actionDigest": action_digest(cast("models.Submission", request))}
        return self._own("/workflow/grants", body)

    def report(self, grant_id: str) -> Answer:
        return self._own(f"/workflow/grants/{grant_id}/outcome", {"status": "succeeded"})

    def _own(self, path: str, body: dict[str, Any]) -> Answer:
        envelope = {"principalId": self.id, "subjectType": "agent"}
        return self.client.call("POST", path, body=body, headers={"x-identity-envelope": bytes_of(envelope).decode()})


def take_tour(client: Client, *, trust_secret: str, operator: str) -> Iterator[Stop]:
    """Yield each stop as it is made. ``operator`` is the edge's principal. Raises UnreachableError."""
    agent = _Agent(client, operator, uuid.uuid4().hex[:8])
    yield _stop(
        "an agent pays 40 for ops",
        agent.submit(agent.payment("small", amount=40)),
        expect="policy_allow",
        why="within every limit of the policy",
    )
    yield _stop(
        "it pays 40 for jewellery",
        agent.submit(agent.payment("jewellery", amount=40, category="jewellery")),
        expect="policy_category_not_allowed",
        why="not a category the policy allows",
    )
    large = agent.payment("large", amount=150)
    yield from _approved(agent, large)
    yield from _executed_once(agent, large)
    yield from _limited(agent, trust_secret)
    yield from _stopped(agent)
    yield _metrics(client)


def _approved(agent: _Agent, request: dict[str, Any]) -> Iterator[Stop]:
    escalated = agent.submit(request)
    yield _stop(
        "it pays Acme 150 for ops", escalated, expect="hitl_boundary_escalated", why="over 100, so a human decides"
    )
    room = agent.client.call("GET", f"/workflow/decision-room/{request['requestId']}")
    yield Stop(
        "the operator opens the decision room",
        str(room.body.get("riskTier", "-")),
        str(room.body.get("reasonFamily", room.reason)),
        "what is asked, to the letter, by whom, how risky",
        room.status == 200 and '"payee":"Acme Ltd"' in str(room.body.get("canonicalAction")),
    )
    action = {
        "requestId": request["requestId"],
        "hitlRequestId": escalated.body.get("hitlRequestId"),
        "action": "approve",
        "reason": "invoice checked on the tour",
    }
    yield _stop(
        "the operator approves",
        agent.client.call("POST", "/workflow/decision-room/action", body=action),
        expect="hitl_approved",
        why="a human, for whom it was asked",
    )


def _executed_once(agent: _Agent, request: dict[str, Any]) -> Iterator[Stop]:
    exchanged = request | {"action": {"operation": "bank.transfer", "arguments": {"payee": "Somebody else"}}}
    yield _stop(
        "the agent claims it for another payee",
        agent.claim(exchanged),
        expect="security_decision_context_mismatch",
        why="the digest is not that of what was approved",
    )
    claimed = agent.claim(request)
    yield _stop(
        "it claims what was approved",
        claimed,
        shows="grantId",
        why="a signed grant, good for a minute",
    )
    keys = cast("models.KeySet", agent.client.call("GET", "/.well-known/jwks.json").body)
    replays = MemoryReplays()
    for sent, shown, expect, why in (
        ("the bank is shown it for another payee", exchanged, "other_action", "it digests what it would execute"),
        ("the bank is shown it for Acme", request, "", "the service's signature, this very payment"),
    ):
        fault = _fault(str(claimed.body.get("grant")), shown, keys, replays)
        yield Stop(sent, "refused" if fault else "ok", fault or "verified", why, fault == expect)
    yield _stop(
        "the bank has paid, the agent reports it",
        agent.report(str(claimed.body.get("grantId"))),
        shows="outcome",
        why="kept once, in evidence",
    )
    yield _stop(
        "the agent claims it again",
        agent.claim(request),
        expect="security_grant_consumed",
        why="approved once, executed once",
    )


def _limited(agent: _Agent, trust_secret: str) -> Iterator[Stop]:
    rules = {
        "scope": "agent",
        "scopeId": agent.id,
        "rules": [{"id": "tour-limit", "key": "max_transaction", "value": 60}],
    }
    token = mint_token(
        trust_secret.encode(),
        now_s=int(time.time()),
        jti=uuid.uuid4().hex,
        principal_id=agent.operator,
        binding=Binding.to(bytes_of(rules), STACK_NAME),
    )
    for sent, expect, why in (
        ("the operator limits that agent to 60", "", "a trust token, good for one change"),
        ("the same token again", "security_replay_detected", "a token is used once"),
    ):
        answer = agent.client.call("POST", "/policy/apply", body=rules, headers={"x-internal-trust-context": token})
        yield _stop(sent, answer, expect=expect, shows="policyVersion", why=why)


def _stopped(agent: _Agent) -> Iterator[Stop]:
    stop = {"state": "stopped", "reason": "the tour ends"}
    yield _stop(
        "the operator stops that agent",
        agent.client.call("PUT", f"/agents/{agent.id}", body=stop),
        shows="state",
        why="from this answer on",
    )
    yield _stop(
        "it pays 40 for ops once more",
        agent.submit(agent.payment("late", amount=40)),
        expect="security_agent_stopped",
        why="policy allows it, the operator does not",
    )


def new_table() -> Table:
    """Make the table that stops are added to."""
    return Table("what was sent, and why", "decision", Column("reason", no_wrap=True), box=SIMPLE_HEAD)


def add_stop(table: Table, stop: Stop) -> None:
    """Add a row for ``stop``, in red where it was not answered as expected."""
    table.add_row(
        Text.assemble(stop.sent, "\n", (f"  {stop.why}", "dim")),
        Text(stop.decision, style=_STYLES.get(stop.decision, "")),
        stop.reason,
        style="" if stop.as_expected else "bold red",
    )


def _fault(grant: str, request: dict[str, Any], keys: models.KeySet, replays: MemoryReplays) -> str:
    """Give what an executor refuses ``grant`` for, offline, when asked to do ``request``; "" where it accepts it."""
    try:
        verify_grant(grant, cast("models.Submission", request), keys, replays=replays)
    except GrantError as refused:
        return refused.fault
    return ""


def _stop(sent: str, answer: Answer, *, why: str, expect: str = "", shows: str = "reasonCode") -> Stop:
    """``expect`` is a reason code; "" for an answer of success, of whose members ``shows`` names the one shown."""
    succeeded = answer.status == 200 and shows in answer.body
    reason = str(answer.body[shows]) if succeeded else answer.reason
    decision = answer.body.get("decision") or ("ok" if succeeded else "refused")
    return Stop(sent, str(decision), reason, why, answer.reason == expect if expect else succeeded)


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
