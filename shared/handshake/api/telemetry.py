"""Logs everything the service does as one JSON line, which is its metrics too.

A line is a log record and an EMF document in one, so CloudWatch makes its metrics from it whatever happened to the
store. Alarm signals have the value 0 or 1 on every call (design: their average is a rate, their sum a count), so
three plain alarms need no metric math. Nothing here carries a secret, a token, an envelope or a payload.
"""

import hmac
import time
import traceback
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from handshake.core.reasons import AGENT_STOPPED_DENIALS, SECURITY_DENIALS, ReasonCode

NAMESPACE: Final = "Handshake"

_PSEUDONYM_DIGITS: Final = 16
_FRAMES_LOGGED: Final = 5

Directive = Mapping[str, Any]


def _directive(*dimensions: str, **units: str) -> Directive:
    """Give EMF's instruction to read metrics, each with its unit, from members of the line that have their names."""
    metrics = [{"Name": name, "Unit": unit} for name, unit in units.items()]
    return {"Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics}


_SIGNALS: Final = _directive(
    "service",
    SecurityDenied="Count",
    TenantMismatchDenied="Count",
    ReplayGuardUnavailable="Count",
    AgentStoppedDenied="Count",
)
_LATENCY: Final = _directive("service", "endpoint", Latency="Milliseconds")
_DENIED: Final = _directive("service", "endpoint", "reason_code", Denied="Count")
_DECISIONS: Final = _directive("service", "decision", Decisions="Count")
_SHADOWED: Final = _directive("service", ShadowJudged="Count", ShadowChanged="Count")
_DECIDED: Final = _directive("service", TimeToDecide="Seconds")
_EXTENDED: Final = _directive("service", Extended="Count")
_BROKEN: Final = _directive("service", BrokenEvidence="Count")
_PUBLISHED: Final = _directive("service", EventsPublished="Count", PublishLag="Milliseconds", EventsDead="Count")
_UNPUBLISHED: Final = _directive("service", PublishFailures="Count")
_DELIVERY: Final = _directive("service", "channel", Delivered="Count", Failing="Count", Dead="Count")
_DELIVERED: Final = _directive("service", "channel", DeliveryLag="Milliseconds")
_FOLDED: Final = _directive("service", EventsFolded="Count", RollUpLag="Milliseconds")

# The level is fixed: a line left out would be metrics lost, and alarms with them. Lambda reads level and time of JSON
# logs, and takes a line whose time is not RFC 3339 for one of level INFO.
logger: Final = Logger(level="INFO", location=None, use_rfc3339=True, utc=True)


@dataclass
class CallRecord:
    """The facts of one handled call. ``latency_ms`` is the handler's own time.

    A ``repeated`` answer tells of a decision that an earlier call made; a ``synthetic`` call is no metric.
    ``shadows_judged`` counts shadows of policies beside a decision, ``shadows_changed`` those that differ from it.
    ``waited_ms`` is how long an escalation waited for the person who decided it with this call, and a call that
    ``extended`` one moved its deadline. ``signer`` is the ARN of the role that signed it, and ``gateway_request_id``
    what API Gateway's access log calls it.
    """

    correlation_id: str
    endpoint: str
    status: int = 200
    reason_code: str = ""
    decision: str = ""
    principal_id: str = ""
    tenant_id: str = ""
    request_id: str = ""
    latency_ms: float = 0.0
    store_calls: int = 0
    repeated: bool = False
    synthetic: bool = False
    waited_ms: int | None = None
    extended: bool = False
    shadows_judged: int = 0
    shadows_changed: int = 0
    signer: str = ""
    gateway_request_id: str = ""


def publish(record: CallRecord, *, pseudonym_key: bytes) -> None:
    """Write the line of one handled call; a synthetic one says ``synthetic`` and has no metrics.

    Who the call is about is named by pseudonyms under ``pseudonym_key``.
    """
    described = _described(record, pseudonym_key)
    if record.synthetic:
        logger.info("synthetic", **described)
        return
    directives: list[Directive] = [_SIGNALS, _LATENCY]
    values: dict[str, float] = {}
    if record.status >= 400 or record.decision == "deny":
        directives, values = [*directives, _DENIED], {"Denied": 1}
    if record.status == 200 and record.decision and not record.repeated:
        directives, values = [*directives, _DECISIONS], values | {"Decisions": 1}
    if record.waited_ms is not None:
        directives, values = [*directives, _DECIDED], values | {"TimeToDecide": round(record.waited_ms / 1000, 1)}
    if record.extended:
        directives, values = [*directives, _EXTENDED], values | {"Extended": 1}
    if record.shadows_judged:
        counts = {"ShadowJudged": record.shadows_judged, "ShadowChanged": record.shadows_changed}
        directives, values = [*directives, _SHADOWED], values | counts
    logger.info(
        "handled",
        **described,
        Latency=round(record.latency_ms, 1),
        SecurityDenied=int(record.reason_code in SECURITY_DENIALS),
        TenantMismatchDenied=int(record.reason_code == ReasonCode.SECURITY_READ_TENANT_MISMATCH),
        ReplayGuardUnavailable=int(record.reason_code == ReasonCode.SECURITY_REPLAY_GUARD_UNAVAILABLE),
        AgentStoppedDenied=int(record.reason_code in AGENT_STOPPED_DENIALS),
        extra=values,
        _aws=_aws(*directives),
    )


def _described(record: CallRecord, pseudonym_key: bytes) -> dict[str, Any]:
    return {
        "correlation_id": record.correlation_id,
        "endpoint": record.endpoint,
        "status": record.status,
        "reason_code": record.reason_code or None,
        "decision": record.decision or None,
        "principal": pseudonym(record.principal_id, pseudonym_key),
        "tenant": pseudonym(record.tenant_id, pseudonym_key),
        "request": pseudonym(record.request_id, pseudonym_key),
        "signer": record.signer or None,
        "gateway_request_id": record.gateway_request_id or None,
        "store_calls": record.store_calls,
    }


def pseudonym(name: str, key: bytes) -> str | None:
    """Give enough to follow one principal or tenant through the logs, and not to name them; None for nobody.

    Names are few enough to be guessed one by one, so without a ``key`` there is no pseudonym either.
    """
    return (
        hmac.digest(key, name.encode(errors="surrogatepass"), "sha256").hex()[:_PSEUDONYM_DIGITS]
        if name and key
        else None
    )


def scheduled(job: str, done: Mapping[str, int], *, correlation_id: str) -> None:
    """Write the line of one completed run of scheduled work; ``done`` counts what it did, by snake_case names.

    A count becomes the metric of its name in CamelCase; what ends in ``_seconds`` is a time, in ``_percent`` a share.
    """
    counts = {"".join(map(str.title, name.split("_"))): count for name, count in {"runs": 1, **done}.items()}
    units = {name: next((unit for unit in ("Seconds", "Percent") if name.endswith(unit)), "Count") for name in counts}
    directive = _directive("service", "job", **units)
    logger.info("ran", correlation_id=correlation_id, job=job, extra=counts, _aws=_aws(directive))


def evidence_broken(subjects: Iterable[str]) -> None:
    """Write the line of evidence that does not hold: ``subjects`` are what each finding is of.

    Names, which callers chose, are left out: ``python -m ops status`` and ``ops evidence verify`` give them.
    """
    counts = Counter(subjects)
    logger.error(
        "evidence broken",
        BrokenEvidence=counts.total(),
        subjects=dict(sorted(counts.items())),
        _aws=_aws(_BROKEN),
    )


def folded(*, events: int, lag_ms: int, correlation_ids: Collection[str], store_calls: int) -> None:
    """Write the line of one batch of the metrics stream; ``lag_ms`` is the age of its oldest event."""
    logger.info(
        "folded",
        EventsFolded=events,
        RollUpLag=lag_ms,
        correlation_ids=sorted(set(correlation_ids)),
        store_calls=store_calls,
        _aws=_aws(_FOLDED),
    )


def published(*, events: int, dead: int, lag_ms: int, cause: str, store_calls: int) -> None:
    """Write the line of one batch of changes; ``lag_ms`` is the age of its oldest event when it was told.

    ``cause`` says why the rest is to be delivered again, "" where nothing is.
    """
    directives, failed = [_PUBLISHED], {}
    if cause:
        directives, failed = [_PUBLISHED, _UNPUBLISHED], {"PublishFailures": 1, "cause": cause}
    logger.info(
        "published",
        EventsPublished=events,
        PublishLag=lag_ms,
        EventsDead=dead,
        store_calls=store_calls,
        extra=failed,
        _aws=_aws(*directives),
    )


def delivery(kind: str, outcome: str, *, lag_ms: int, tried: int, cause: str) -> None:
    """Write the line of one try to tell people by a kind of channel: ``Delivered``, ``Failing`` or ``Dead``.

    ``lag_ms`` is how old the message was; ``cause`` says what stood in its way, and quotes nobody.
    """
    values: dict[str, Any] = {name: int(name == outcome) for name in ("Delivered", "Failing", "Dead")}
    directives = [_DELIVERY]
    if outcome == "Delivered":
        directives, values = [_DELIVERY, _DELIVERED], values | {"DeliveryLag": lag_ms}
    logger.info("delivery", channel=kind, tried=tried, cause=cause or None, extra=values, _aws=_aws(*directives))


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
        endpoint=record.endpoint,
        cause=cause,
        at=[f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames],
    )


def _aws(*directives: Directive) -> dict[str, Any]:
    return {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": directives}
