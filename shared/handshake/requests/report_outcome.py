"""Report what came of an effect, once, to the grant that allowed it (contract.md section 11)."""

from dataclasses import replace
from typing import Final, NamedTuple, assert_never

from handshake.core.errors import HandshakeError, Refuse, StoreUnavailableError
from handshake.dynamo.context import Context
from handshake.requests.grant import Keep, KeptAlready, ReportedOutcome, decide_outcome
from handshake.requests.grant_reads import read_for_outcome
from handshake.requests.record import Report, RequestRecord
from handshake.requests.recording import record_report
from handshake.requests.transaction import RequestTransaction, origin
from handshake.trust.identity import Envelope

# A lost race shows what the winner wrote, which is an outcome, or something else once.
_TRIES: Final = 5


class Kept(NamedTuple):
    """A request, and the report that is kept of its grant: by this call, or by the same one before."""

    request: RequestRecord
    report: Report


def report_outcome(context: Context, outcome: ReportedOutcome, envelope: Envelope) -> Kept:
    """Keep the ``outcome`` for the principal of ``envelope``, and give it with the request.

    Raises HandshakeError security_grant_not_found, security_grant_unauthorized, security_outcome_already_reported,
    StoreUnavailableError.
    """
    request = read_for_outcome(context, outcome.request_id)
    for _ in range(_TRIES):
        now = context.now_ms()
        decided = decide_outcome(outcome, request, envelope, now)
        match decided:
            case Refuse(refusal):
                raise HandshakeError.of(refusal)
            case KeptAlready(kept, report):
                return Kept(kept, report)
            case Keep(seen, report, says, actor):
                changed = replace(seen, report=report)
                recorded = record_report(changed, says, actor, origin(context), now_ms=now)
                tx = RequestTransaction(context)
                moving = tx.report_outcome(recorded, seen=seen)
                if tx.commit():
                    return Kept(recorded.record, report)
                request = moving.found if moving.lost else request
            case _:
                assert_never(decided)
    raise StoreUnavailableError
