"""Read the room of a request: what a person sees before deciding, and what puts it in proportion.

One read; of an escalation then two queries of the index, of what its agent and its operation escalated before, and one
more read of all that these and the request name.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from handshake.agents.standing import UNRECORDED, AgentStanding
from handshake.agents.table import agent_keys, standing_from
from handshake.core.jsonio import plain
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item, Key
from handshake.policy.budgets import Reservation, Taken, counters_of, left_of
from handshake.requests import history
from handshake.requests import table as requests
from handshake.requests.access import ensure_possible, may_read, readable
from handshake.requests.action_items import action_key, canonical_of
from handshake.requests.evidence_items import evidence_from, first_evidence_key
from handshake.requests.record import RequestRecord
from handshake.trust.identity import Envelope

if TYPE_CHECKING:
    from handshake.requests.answers import BudgetLeft, PastEscalation, Room, RoomAgent

# What one call reads.
_BATCH: Final = 100


class RoomSeen(NamedTuple):
    """A request and what stands in its room at ``now_ms``.

    ``canonical`` is the text that its digest is of, None once that was erased; ``of_agent`` and ``of_operation`` are
    other escalations, newest first, that the reader may read.
    """

    record: RequestRecord
    canonical: str | None
    now_ms: int
    policy_versions: Mapping[str, Any] | None = None
    agent: AgentStanding = UNRECORDED
    taken: Taken | None = None
    of_agent: Sequence[RequestRecord] = ()
    of_operation: Sequence[RequestRecord] = ()

    def view(self) -> "Room":
        """Show it; what is not there is left out."""
        room = self.record.room_view(self.canonical)
        if self.policy_versions is not None:
            room["policyVersions"] = dict(self.policy_versions)
        if self.taken:
            room["budgetLeft"] = [_budget_left(reservation, self.taken) for reservation in self.record.reservations]
        if agent := self._agent():
            room["agent"] = agent
        if self.record.hitl_request_id:
            room["agentEscalations"] = [_past(other, self.now_ms) for other in self.of_agent]
            if self.record.submission.action:
                room["sameOperation"] = [_past(other, self.now_ms) for other in self.of_operation]
        return room

    def _agent(self) -> "RoomAgent | None":
        record = self.agent.record_at(self.now_ms)
        if record is None:
            return None
        view: RoomAgent = {
            "agentId": record.agent_id,
            "state": record.state_at(self.now_ms),
            "reason": record.reason,
            "changedAt": record.changed_at_ms,
            "changedBy": record.changed_by,
        }
        if record.tenant_id is not None:
            view["tenantId"] = record.tenant_id
        if record.owner is not None:
            view["owner"] = record.owner
        if record.until_ms is not None:
            view["until"] = record.until_ms
        return view


def read_room(context: Context, request_id: str, envelope: Envelope) -> RoomSeen:
    """Give the room of a request, if ``envelope`` may read it.

    Raises HandshakeError: hitl_request_not_found, security_read_scope_denied, security_read_tenant_mismatch.
    """
    ensure_possible(request_id)
    table, now_ms = context.tables.workflow, context.now_ms()
    keys = requests.state_key(request_id), action_key(request_id), first_evidence_key(request_id)
    state, action, decided = context.dynamo.batch_get([(table, key) for key in keys])
    record = readable(requests.record_from(state), request_id, envelope)
    seen = RoomSeen(record.as_of(now_ms), canonical_of(record, action), now_ms, _policy_versions(decided))
    return _among_others(context, seen, envelope) if record.hitl_request_id else seen


def _policy_versions(decided: Item | None) -> Mapping[str, Any] | None:
    """Give the versions of policies that a decision's evidence names; None where an earlier release named none."""
    lineage = next(evidence_from(decided), None) if decided else None
    versions: Mapping[str, Any] | None = lineage.detail.get("policyVersions") if lineage else None
    return versions


def _among_others(context: Context, seen: RoomSeen, envelope: Envelope) -> RoomSeen:
    """Add what the room of an escalation shows beside it."""
    dynamo, table, record = context.dynamo, context.tables.workflow, seen.record
    submission = record.submission
    agents: list[Key] = history.of_agent(dynamo, table, submission.agent, besides=record.request_id)
    same: list[Key] = []
    if action := submission.action:
        before = record.created_at_ms
        same = history.of_operation(dynamo, table, submission.tenant_id, action.operation, before_ms=before)
    counters = [counter for reservation in record.reservations for counter in counters_of(reservation)]
    others = {key["pk"]: key for key in (*agents, *same)}
    wanted = [(context.tables.policy, key) for key in agent_keys(submission.agent)]
    records = len(wanted)
    wanted += [(table, key) for key in others.values()]
    wanted += [(table, requests.budget_key(counter)) for counter in counters]
    items = [
        item for start in range(0, len(wanted), _BATCH) for item in dynamo.batch_get(wanted[start : start + _BATCH])
    ]
    listed = items[records : records + len(others)]
    found = {pk: other for pk, item in zip(others, listed, strict=True) if (other := requests.record_from(item))}
    taken = map(requests.taken, items[records + len(others) :])

    def shown(keys: Sequence[Key]) -> list[RequestRecord]:
        known = [found[key["pk"]] for key in keys if key["pk"] in found]
        return [other for other in known if may_read(envelope, other.submission)]

    return seen._replace(
        agent=standing_from(items[:records]),
        taken=dict(zip(counters, taken, strict=True)),
        of_agent=shown(agents),
        of_operation=shown(same),
    )


def _past(record: RequestRecord, now_ms: int) -> "PastEscalation":
    """Show an escalation in a line, as it stands at ``now_ms``."""
    shown, submission = record.as_of(now_ms), record.submission
    view: PastEscalation = {
        "requestId": record.request_id,
        "agentId": submission.agent_id,
        "principalId": submission.principal_id,
        "actionType": submission.action_type,
        "payloadRef": submission.payload_ref,
        "riskTier": record.risk_tier,
        "state": shown.state,
        "requestedAt": record.created_at_ms,
    }
    if shown.state.terminal:
        view["decidedAt"] = shown.decided_at_ms
    if submission.action:
        view["operation"] = submission.action.operation
    if submission.facts.get("amount") is not None:
        view["amount"] = submission.facts["amount"]
    if submission.facts.get("category") is not None:
        view["category"] = submission.facts["category"]
    return view


def _budget_left(reservation: Reservation, taken: Taken) -> "BudgetLeft":
    return {
        "scope": reservation.scope,
        "id": reservation.budget,
        "window": reservation.counter.window,
        "left": plain(left_of(reservation, taken)),
        "max": plain(reservation.limit * reservation.shards),
        "share": plain(reservation.amount),
        "held": reservation.held,
    }
