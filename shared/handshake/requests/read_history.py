"""Read the history of decisions: closed escalations, who decided what and why, newest first."""

from typing import TYPE_CHECKING, Final, NamedTuple

from handshake.core.paging import cursor_after
from handshake.dynamo.context import Context
from handshake.requests import history
from handshake.requests.access import may_read
from handshake.requests.ending import Ending, ending_of
from handshake.requests.evidence_items import evidence_from
from handshake.requests.history_query import HistoryQuery
from handshake.requests.record import RequestRecord
from handshake.requests.table import record_from
from handshake.trust.identity import Envelope

if TYPE_CHECKING:
    from handshake.requests.answers import Ended, PastDecision

# Requests of one read: each with the evidence of its end.
_AT_ONCE: Final = 50


class Closed(NamedTuple):
    """A closed escalation, and how it ended by its evidence."""

    record: RequestRecord
    ending: Ending

    def view(self) -> "PastDecision":
        """Show what was decided, on what, by whom and why."""
        ended: Ended = {
            "outcome": self.ending.outcome,
            "actor": self.ending.actor,
            "decidedAt": self.record.decided_at_ms,
        }
        if self.ending.reason is not None:
            ended["reason"] = self.ending.reason
        if self.record.extensions:
            ended["extensions"] = self.record.extensions
        if self.record.assured is not None:
            ended["assurance"] = self.record.assured.assurance
        return {**self.record.room_view(), **ended}


def read_history(context: Context, asked: HistoryQuery, envelope: Envelope) -> tuple[list[Closed], str | None]:
    """Give the page of history that is ``asked`` for, and the next page's cursor.

    At most four queries of the index and two reads. What the index lists, and ``envelope`` may not read, is left out.
    """
    table = context.tables.workflow
    found, after = history.closed(context.dynamo, table, asked, envelope)
    closed: list[Closed] = []
    for start in range(0, len(found), _AT_ONCE):
        keys = [(table, key) for entry in found[start : start + _AT_ONCE] for key in entry.keys]
        items = context.dynamo.batch_get(keys)
        for state, evidence in zip(items[::2], items[1::2], strict=True):
            record = record_from(state)
            if record and evidence and record.state.terminal and may_read(envelope, record.submission):
                *_, audit = evidence_from(evidence)
                closed.append(Closed(record, ending_of(record.state, audit.detail)))
    return closed, cursor_after(*after, asked.bound) if after else None
