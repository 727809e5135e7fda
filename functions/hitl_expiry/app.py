"""Scheduled: expire escalations that nobody resolved in time, and erase arguments when theirs is up.

Contract sections 3 and 10.
"""

from handshake.api import telemetry
from handshake.api.runtime import process_runtime, start
from handshake.requests.erase_arguments import erase_arguments
from handshake.requests.expire_overdue import expire_overdue


def handler(_event: object, _context: object) -> dict[str, int]:
    """Run once; says how many it expired. What it raises makes the scheduler try again, then dead-letter."""
    runtime = process_runtime()
    with runtime.invocation() as context:
        done = vars(expire_overdue(context))
        telemetry.scheduled("hitl_expiry", done, correlation_id=context.correlation_id)
        if runtime.arguments_kept_days:
            erased = vars(erase_arguments(context, kept_days=runtime.arguments_kept_days))
            telemetry.scheduled("argument_erasure", erased, correlation_id=context.correlation_id)
    return done


start(process_runtime)
