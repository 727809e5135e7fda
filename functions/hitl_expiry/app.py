"""Scheduled: expire escalations that nobody resolved in time (contract.md section 3)."""

from handshake.api import telemetry
from handshake.api.runtime import process_runtime, start
from handshake.requests.expire_overdue import expire_overdue


def handler(_event: object, _context: object) -> dict[str, int]:
    """Run once; says how many it expired. What it raises makes the scheduler try again, then dead-letter."""
    with process_runtime().invocation() as context:
        done = vars(expire_overdue(context))
        telemetry.scheduled("hitl_expiry", done, correlation_id=context.correlation_id)
    return done


start(process_runtime)
