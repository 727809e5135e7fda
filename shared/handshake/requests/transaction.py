"""Writes a request: its record with evidence and event, refused actions, and shares of limits."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from handshake.agents.table import AgentTransaction
from handshake.core.agents import Agent
from handshake.core.jsonio import canonical
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item, Put, Update
from handshake.dynamo.transaction import Step, unread
from handshake.metrics.event_table import EventTransaction
from handshake.policy.budgets import Reservation, window_end_s
from handshake.policy.rule_keys import Spend
from handshake.replay_guards.table import LONGEST_DEADLINE_MS, GuardTransaction
from handshake.requests.action_items import ACTION_ATTRIBUTES, action_item, action_key
from handshake.requests.decision import ESCALATION_WINDOW_MS, Escalations, within_window
from handshake.requests.ending import ending_of
from handshake.requests.evidence import MAX_REFUSALS, MAX_REFUSALS_OF_PRINCIPAL
from handshake.requests.evidence_items import evidence_item, evidence_sort_key
from handshake.requests.listed_items import closed_items, escalated_items
from handshake.requests.record import RequestRecord, State
from handshake.requests.recording import Origin, Recorded, RecordedRefusal, actor_named
from handshake.requests.submission import Submission
from handshake.requests.table import (
    PENDING_ATTRIBUTES,
    SWEPT_ATTRIBUTES,
    assured_attributes,
    budget_key,
    claim_attributes,
    escalations_from,
    escalations_key,
    lapse_attributes,
    record_from,
    refusals_key,
    report_attributes,
    spend_key,
    spent,
    state_item,
    state_key,
    taken,
)

# From a window's end: what was submitted in it may be closed a deadline later, and lapse a while after that.
_COUNTER_KEPT_S: Final = (LONGEST_DEADLINE_MS + 2 * 24 * 60 * 60 * 1000) // 1000
# From the day's start: a request of its last minute may be submitted five minutes late, and approved a deadline later.
_SPEND_KEPT_S: Final = (LONGEST_DEADLINE_MS + 2 * 24 * 60 * 60 * 1000) // 1000


def origin(context: Context) -> Origin:
    """Name the call of ``context`` as evidence does."""
    return Origin(context.correlation_id, context.signer, context.gateway_request_id, context.synthetic)


class RequestTransaction(EventTransaction, GuardTransaction, AgentTransaction):
    """Writes of the workflow table, with the events, the guard and the checks that belong to them."""

    def create_request(self, recorded: Recorded) -> Step[RequestRecord | None]:
        """Store a new request, if its requestId is free; where it is not, what it holds is found."""
        put = Put(self._context.tables.workflow, state_item(recorded.record), condition="attribute_not_exists(pk)")
        step = self._add(put, record_from)
        if recorded.record.submission.action:
            self._add(Put(self._context.tables.workflow, action_item(recorded.record)), unread)
        if recorded.record.expires_at_ms is not None:
            for listed in escalated_items(recorded.record):
                self._add(Put(self._context.tables.workflow, listed), unread)
        self._append(recorded)
        return step

    def close_request(self, recorded: Recorded, *, seen: RequestRecord) -> Step[RequestRecord | None]:
        """Move the pending request that was ``seen`` to its terminal state; what it lost to is found.

        It holds only while the request is pending, nobody has appended to its evidence since, and its deadline lies
        ahead (behind, to expire it): of any number of writers that saw the same, exactly one wins.
        """
        record = recorded.record
        approved = {
            "execute_by": record.execute_by_ms,
            "approved_by": record.approved_by,
            **assured_attributes(record),
            **lapse_attributes(record),
        }
        left = ", ".join(name for name in PENDING_ATTRIBUTES if name not in approved)
        also = "".join(f", {name} = :{name}" for name, value in approved.items() if value is not None)
        update = Update(
            self._context.tables.workflow,
            state_key(record.submission.request_id),
            "SET #state = :state, outcome = :outcome, reason = :reason, decided_at = :now,"
            f" chain_length = :length, chain_head = :head{also} REMOVE {left}",
            values={
                **{f":{name}": value for name, value in approved.items()},
                ":state": record.state.value,
                ":outcome": record.outcome,
                ":reason": record.reason.value,
                ":now": record.decided_at_ms,
                ":length": record.chain.length,
                ":head": record.chain.head,
                ":pending": State.PENDING.value,
                ":seen": seen.chain.length,
            },
            names={"#state": "state"},
            condition="#state = :pending AND chain_length = :seen"
            f" AND expires_at {'<=' if record.state is State.EXPIRED else '>'} :now",
        )
        step = self._add(update, record_from)
        self._append(recorded)
        ending = ending_of(record.state, recorded.evidence[-1].detail)
        for listed in closed_items(record, ending, closing=evidence_sort_key(recorded.evidence[0])):
            self._add(Put(self._context.tables.workflow, listed), unread)
        self._settle(seen.reservations, authorized=record.state.authorizes)
        return step

    def reserve(self, reservation: Reservation) -> Step[Decimal]:
        """Take a share of a budget, if there is room for it; what was taken already is found where there is not."""
        condition = "taken <= :room"
        if reservation.fits_alone:
            condition = f"attribute_not_exists(taken) OR {condition}"
        return self._take(reservation, reservation.amount, condition=condition, room=reservation.room)

    def give_back_shares(self, record: RequestRecord) -> None:
        """Give back what ``record``, which authorizes and lapsed, has taken of budgets.

        Once: it goes with the write that notes the lapse, under that one's condition.
        """
        for reservation in record.reservations:
            self._take(reservation, -reservation.amount)

    def _settle(self, reservations: Sequence[Reservation], *, authorized: bool) -> None:
        """Give back what was held, where the request ends without an effect; else take what was not, past the limit."""
        for reservation in reservations:
            if reservation.held != authorized:
                amount = reservation.amount
                self._take(reservation, amount if authorized else -amount)

    def _take(
        self, reservation: Reservation, amount: Decimal, *, condition: str = "", room: Decimal | None = None
    ) -> Step[Decimal]:
        counter = reservation.counter
        update = Update(
            self._context.tables.workflow,
            budget_key(counter),
            f"SET #ttl = :ttl{', #names = :names' if reservation.names else ''} ADD taken :amount",
            values={
                ":amount": amount,
                ":room": room,
                ":names": canonical(dict(reservation.names)) if reservation.names else None,
                ":ttl": window_end_s(counter.window) + _COUNTER_KEPT_S,
            },
            names={"#ttl": "ttl", **({"#names": "names"} if reservation.names else {})},
            condition=condition,
        )
        return self._add(update, taken)

    def extend_request(self, recorded: Recorded, *, seen: RequestRecord) -> Step[RequestRecord | None]:
        """Move the deadline of the pending request that was ``seen``, where it waits; what it lost to is found.

        It holds while the request is pending, its deadline lies ahead and nobody has appended to its evidence since.
        """
        record = recorded.record
        update = Update(
            self._context.tables.workflow,
            state_key(record.request_id),
            "SET expires_at = :deadline, pending_deadline = :deadline, first_expires_at = :first,"
            " extensions = :extensions, chain_length = :length, chain_head = :head",
            values={
                ":deadline": record.expires_at_ms,
                ":first": record.first_expires_at_ms,
                ":extensions": record.extensions,
                ":length": record.chain.length,
                ":head": record.chain.head,
                ":pending": State.PENDING.value,
                ":seen": seen.chain.length,
                ":now": recorded.now_ms,
            },
            names={"#state": "state"},
            condition="#state = :pending AND chain_length = :seen AND expires_at > :now",
        )
        step = self._add(update, record_from)
        self._append(recorded)
        return step

    def revoke_request(self, recorded: Recorded, *, seen: RequestRecord) -> Step[RequestRecord | None]:
        """Take back what the request that was ``seen`` authorizes; what it lost to is found.

        It holds while nobody has appended to its evidence since, as whoever claims or revokes it does.
        """
        record = recorded.record
        update = Update(
            self._context.tables.workflow,
            state_key(record.request_id),
            "SET revoked_at = :now, chain_length = :length, chain_head = :head",
            values={
                ":now": record.revoked_at_ms,
                ":length": record.chain.length,
                ":head": record.chain.head,
                ":state": seen.state.value,
                ":seen": seen.chain.length,
            },
            names={"#state": "state"},
            condition="#state = :state AND chain_length = :seen AND attribute_not_exists(revoked_at)",
        )
        step = self._add(update, record_from)
        self._append(recorded)
        return step

    def lapse_request(self, recorded: Recorded, *, seen: RequestRecord) -> Step[RequestRecord | None]:
        """Keep that the request that was ``seen`` was never claimed; what it lost to is found."""
        lapsed = {"lapsed_at": recorded.record.lapsed_at_ms}
        return self._move(recorded, seen, lapsed, unless="claimed_at", remove=f" REMOVE {SWEPT_ATTRIBUTES}")

    def give_back(self, agent: Agent, day: str, spend: Spend) -> Step[Decimal]:
        """Give back what was spent on a UTC ``day``, where that much is counted still."""
        update = Update(
            self._context.tables.workflow,
            spend_key(agent, day),
            "ADD spent :less",
            values={":less": -spend.amount, ":amount": spend.amount},
            condition="spent >= :amount",
        )
        return self._add(update, spent)

    def erase_arguments(self, recorded: Recorded, *, seen: RequestRecord) -> None:
        """Erase the arguments of the request that was ``seen``, if nobody has appended to its evidence since.

        The item of its action keeps its place, empty, so that nobody who erases may delete items of a request.
        """
        erased = {"arguments_erased_at": recorded.record.arguments_erased_at_ms}
        self._move(recorded, seen, erased, unless="arguments_erased_at")
        empty = Update(
            self._context.tables.workflow,
            action_key(recorded.record.request_id),
            f"REMOVE {ACTION_ATTRIBUTES}",
            values={},
            condition="attribute_exists(canonical)",
        )
        self._add(empty, unread)

    def claim_grant(self, recorded: Recorded, *, seen: RequestRecord) -> Step[RequestRecord | None]:
        """Claim the grant of the request that was ``seen``; what it lost to is found.

        It holds while nobody has appended to its evidence since, as whoever claims or revokes it does.
        """
        return self._move(recorded, seen, claim_attributes(recorded.record), unless="claimed_at")

    def report_outcome(self, recorded: Recorded, *, seen: RequestRecord) -> Step[RequestRecord | None]:
        """Keep what was reported of the grant of the request that was ``seen``; what it lost to is found.

        The request leaves the index of what nobody has reported.
        """
        remove = f" REMOVE {SWEPT_ATTRIBUTES}"
        return self._move(recorded, seen, report_attributes(recorded.record), unless="reported_at", remove=remove)

    def _move(
        self, recorded: Recorded, seen: RequestRecord, attributes: Item, *, unless: str, remove: str = ""
    ) -> Step[RequestRecord | None]:
        """Set ``attributes`` of the request that was ``seen``, while its chain is as it was and ``unless`` unset."""
        chain = recorded.record.chain
        moved = {**attributes, "chain_length": chain.length, "chain_head": chain.head}
        given = {name: value for name, value in moved.items() if value is not None}
        update = Update(
            self._context.tables.workflow,
            state_key(recorded.record.request_id),
            f"SET {', '.join(f'{name} = :{name}' for name in given)}{remove}",
            values={**{f":{name}": value for name, value in given.items()}, ":seen": seen.chain.length},
            condition=f"chain_length = :seen AND attribute_not_exists({unless})",
        )
        step = self._add(update, record_from)
        self._append(recorded)
        return step

    def append_refusal(self, refused: RecordedRefusal) -> None:
        """Put a refused action in evidence and count it, while there is room: for its principal, and at all.

        Both limits are conditions, so they hold however many actions are refused at once.
        """
        table, evidence = self._context.tables.workflow, refused.evidence
        item = evidence_item([evidence])
        self._add(Put(table, item, condition="attribute_not_exists(pk)"), unread)
        tally = Update(
            table,
            state_key(evidence.request_id),
            "ADD refusals :one, refusal_tally :tally",
            values={":one": 1, ":tally": evidence.tally, ":max": MAX_REFUSALS},
            condition="attribute_exists(pk) AND (attribute_not_exists(refusals) OR refusals < :max)",
        )
        self._add(tally, unread)
        self._count(refused, "kept", at_most=MAX_REFUSALS_OF_PRINCIPAL, evidence=item["sk"])

    def count_refusal(self, refused: RecordedRefusal) -> None:
        """Count a refused action that evidence has no more room for: with its principal, and at the request."""
        update = Update(
            self._context.tables.workflow,
            state_key(refused.evidence.request_id),
            "ADD refusals_counted :one",
            values={":one": 1},
            condition="attribute_exists(pk)",
        )
        self._add(update, unread)
        self._count(refused, "beyond")

    def _count(
        self, refused: RecordedRefusal, counter: str, *, at_most: int | None = None, evidence: str | None = None
    ) -> None:
        """Count a refused action in its principal's ``counter``, and append its event."""
        event = refused.evidence
        actor, tenant = actor_named(event.detail)
        condition = "" if at_most is None else "attribute_not_exists(#counter) OR #counter < :max"
        update = Update(
            self._context.tables.workflow,
            refusals_key(event.request_id, actor, tenant),
            "SET principal_id = :actor, tenant_id = :tenant, first_at = if_not_exists(first_at, :now), last_at = :now"
            " ADD #counter :one",
            values={":actor": actor, ":tenant": tenant, ":now": event.timestamp_ms, ":one": 1, ":max": at_most},
            names={"#counter": counter},
            condition=condition,
        )
        self._add(update, unread)
        synthetic = refused.record.synthetic
        self.append_event(refused.event, now_ms=event.timestamp_ms, synthetic=synthetic, evidence=evidence)

    def add_spend(self, agent: Agent, day: str, spend: Spend) -> Step[Decimal]:
        """Spend on a UTC ``day``, if the total stays within the limit with it; else the total is found."""
        condition = "spent <= :room"
        if spend.amount <= spend.daily_limit:  # it fits an empty day
            condition = f"attribute_not_exists(spent) OR {condition}"
        update = Update(
            self._context.tables.workflow,
            spend_key(agent, day),
            "SET #ttl = :ttl ADD spent :amount",
            values={
                ":amount": spend.amount,
                ":room": spend.daily_limit - spend.amount,
                ":ttl": int(datetime.fromisoformat(f"{day}T00:00Z").timestamp()) + _SPEND_KEPT_S,
            },
            names={"#ttl": "ttl"},
            condition=condition,
        )
        return self._add(update, spent)

    def add_escalation(self, submission: Submission, *, seen: Escalations, now_ms: int) -> Step[Escalations]:
        """Add an escalation at ``now_ms`` to the window, if nobody added one since it was ``seen``."""
        update = Update(
            self._context.tables.workflow,
            escalations_key(submission.principal_id, submission.agent),
            "SET times = :times, version = :next, #ttl = :ttl",
            values={
                ":times": [*within_window(seen.times_ms, now_ms=now_ms), now_ms],
                ":next": seen.version + 1,
                **({":seen": seen.version} if seen.version else {}),
                ":ttl": (now_ms + ESCALATION_WINDOW_MS + LONGEST_DEADLINE_MS) // 1000 + 1,
            },
            names={"#ttl": "ttl"},
            condition="version = :seen" if seen.version else "attribute_not_exists(version)",
        )
        return self._add(update, escalations_from)

    def _append(self, recorded: Recorded) -> None:
        """Append the chained evidence of one moment, never over another, and its event.

        One item holds all evidence: a transaction is paid for by the item, and two events fit the kilobyte that one
        pays for.
        """
        item = evidence_item(recorded.evidence)
        self._add(Put(self._context.tables.workflow, item, condition="attribute_not_exists(pk)"), unread)
        self.append_event(
            recorded.event,
            now_ms=recorded.now_ms,
            synthetic=recorded.record.synthetic,
            witness=recorded.witness,
            evidence=item["sk"],
        )
