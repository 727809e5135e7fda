"""Scheduled: what comes with time (contract.md sections 3, 10, 11 and 14).

People are reminded of escalations that wait; those that nobody resolved expire, what nobody claimed gives back what it
had taken, arguments are erased.
"""

from handshake.api import telemetry
from handshake.api.runtime import process_runtime, start
from handshake.notifications.remind import remind
from handshake.requests.erase_arguments import erase_arguments
from handshake.requests.expire_overdue import expire_overdue
from handshake.requests.lapse_unclaimed import lapse_unclaimed


def handler(_event: object, _context: object) -> dict[str, int]:
    """Run once; says how many it expired. What it raises makes the scheduler try again, then dead-letter."""
    runtime = process_runtime()
    with runtime.invocation() as context:
        done = vars(expire_overdue(context))
        telemetry.scheduled("hitl_expiry", done, correlation_id=context.correlation_id)
        telemetry.scheduled("reminders", vars(remind(context)), correlation_id=context.correlation_id)
        lapsed = vars(lapse_unclaimed(context))
        telemetry.scheduled("grant_lapse", lapsed, correlation_id=context.correlation_id)
        if runtime.arguments_kept_days:
            erased = vars(erase_arguments(context, kept_days=runtime.arguments_kept_days))
            telemetry.scheduled("argument_erasure", erased, correlation_id=context.correlation_id)
    return done


start(process_runtime)
