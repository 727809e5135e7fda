"""What every handled call leaves behind: one log line, and metrics that do not depend on the store.

Alarm signals are metrics of value 0 or 1 on every call (design: their average is a rate, their sum a count), so
three plain alarms need no metric math. Nothing here carries a secret, a token, an envelope or a payload.
"""

import hashlib
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from botocore.exceptions import ClientError

from handshake.domain.reasons import ReasonCode, is_security_denial

_PRINCIPAL_DIGITS: Final = 16
_FRAMES_LOGGED: Final = 5

logger: Final = Logger()


@dataclass
class CallRecord:
    """What one call turned out to be. ``latency_ms`` is the handler's own time."""

    correlation_id: str
    route: str
    status: int = 200
    reason_code: str = ""
    decision: str = ""
    principal_id: str = ""
    latency_ms: float = 0.0
    store_calls: int = 0


def publish(record: CallRecord) -> None:
    """Write the log line and the metrics of one handled call."""
    logger.info(
        "handled",
        correlation_id=record.correlation_id,
        route=record.route,
        status=record.status,
        reason_code=record.reason_code or None,
        decision=record.decision or None,
        principal=_pseudonym(record.principal_id),
        latency_ms=round(record.latency_ms, 1),
        store_calls=record.store_calls,
    )
    signals = EphemeralMetrics()
    for name, raised in _signals(record.reason_code):
        signals.add_metric(name, MetricUnit.Count, int(raised))
    signals.flush_metrics()
    by_route = EphemeralMetrics()
    by_route.add_dimension("endpoint", record.route)
    by_route.add_metric("Latency", MetricUnit.Milliseconds, record.latency_ms)
    by_route.flush_metrics()
    if record.status >= 400 or record.decision == "deny":
        denials = EphemeralMetrics()
        denials.add_dimension("endpoint", record.route)
        denials.add_dimension("reason", record.reason_code)
        denials.add_metric("Denied", MetricUnit.Count, 1)
        denials.flush_metrics()


def _signals(reason_code: str) -> list[tuple[str, bool]]:
    return [
        ("SecurityDenied", is_security_denial(reason_code)),
        ("TenantMismatchDenied", reason_code == ReasonCode.SECURITY_READ_TENANT_MISMATCH),
        ("ReplayGuardUnavailable", reason_code == ReasonCode.SECURITY_REPLAY_GUARD_UNAVAILABLE),
    ]


def _pseudonym(principal_id: str) -> str | None:
    """Enough to follow one principal through the logs, not enough to name them."""
    return hashlib.sha256(principal_id.encode()).hexdigest()[:_PRINCIPAL_DIGITS] if principal_id else None


def scheduled(job: str, done: Mapping[str, int]) -> None:
    """Write the log line and the metrics of one run of scheduled work; ``done`` counts what it did."""
    logger.info("ran", job=job, done=dict(done))
    metrics = EphemeralMetrics()
    metrics.add_dimension("job", job)
    for name, count in {"runs": 1, **done}.items():
        metrics.add_metric(name.title(), MetricUnit.Count, count)
    metrics.flush_metrics()


def unavailable(record: CallRecord, error: BaseException) -> None:
    """Say why a call could not be answered. The error's own text is left out: it might quote a caller."""
    root = error
    while root.__cause__ is not None:
        root = root.__cause__
    cause = type(root).__name__
    if isinstance(root, ClientError):
        cause = f"{root.operation_name}: {root.response['Error']['Code']}"
    frames = traceback.extract_tb(root.__traceback__)[-_FRAMES_LOGGED:]
    logger.error(
        "unavailable",
        correlation_id=record.correlation_id,
        route=record.route,
        cause=cause,
        at=[f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames],
    )
