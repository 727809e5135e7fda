"""Scheduled: delete replay guards that have expired (the seed's retention policy)."""

from handshake.api import telemetry
from handshake.api.runtime import process_runtime, start
from handshake.replay_guards.retain import retain_guards


def handler(_event: object, _context: object) -> dict[str, int]:
    """Run once; says how many guards it removed. What it raises makes the scheduler try again, then dead-letter."""
    with process_runtime().invocation() as context:
        done = vars(retain_guards(context))
        telemetry.scheduled("replay_retention", done, correlation_id=context.correlation_id)
    return done


start(process_runtime)
