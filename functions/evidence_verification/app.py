"""Scheduled: verify evidence, a night's part of it at a time (docs/evidence.md)."""

from collections.abc import Sequence

from handshake.api import telemetry
from handshake.api.runtime import process_runtime, start
from handshake.requests.verify import Finding
from handshake.requests.verify_nightly import verify_nightly


def handler(_event: object, _context: object) -> dict[str, int]:
    """Run once; says what it verified. What it raises makes the scheduler try again, then dead-letter."""
    with process_runtime().invocation() as context:
        done = vars(verify_nightly(context, _report))
        telemetry.scheduled("evidence_verification", done, correlation_id=context.correlation_id)
    return done


def _report(findings: Sequence[Finding]) -> None:
    telemetry.evidence_broken(finding.subject for finding in findings)


start(process_runtime)
