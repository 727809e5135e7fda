"""Collect what a responder asks first about an alarm that fired, each part as far as it can be read."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.client import RETRY_BUDGET_S
from handshake.dynamo.context import Context
from handshake.incidents.cloudwatch import Metrics
from handshake.incidents.deployment import Deployment
from handshake.incidents.incident import OWN_CODES, REPLAY_GUARD_ALERT, AlarmChange
from handshake.incidents.logs import CallLogs
from handshake.incidents.sources import SourceUnavailableError
from handshake.metrics import read as read_metrics
from handshake.metrics.query import SeriesQuery, Window

# The whole of it: what has not begun by then is noted as not looked at, and no part takes long by itself.
BUDGET_S: Final = 20.0
_LOOK_BACK_MS: Final = 15 * 60 * 1000
_SIGNAL_PERIODS: Final = 10
_HOUR_MS: Final = 60 * 60 * 1000
_REASONS_WINDOW: Final = Window("2h", "hour", 2 * _HOUR_MS)
_SERIES_WINDOW: Final = Window("6h", "hour", 6 * _HOUR_MS)
_LISTED: Final = 8
_CORRELATION_IDS: Final = 5
# No dot: a reader of mail makes a link of what looks like the name of a host.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DIGEST_DIGITS: Final = 16


@dataclass(frozen=True)
class Sources:
    """The sources that the parts come from. ``seconds`` is a clock that only goes forward."""

    metrics: Metrics
    logs: CallLogs
    deployment: Deployment
    seconds: Callable[[], float]


def investigate(
    context: Context, sources: Sources, change: AlarmChange, *, service: str
) -> tuple[dict[str, Any], list[str]]:
    """Give the findings by part, as ``Incident`` keeps them, and notes on the parts that could not be read."""
    began = sources.seconds()

    def more() -> bool:
        return sources.seconds() - began < BUDGET_S

    start_ms, end_ms = change.at_ms - _LOOK_BACK_MS, context.now_ms()
    parts: dict[str, Callable[[], Any]] = {
        "signal": lambda: _signal(sources.metrics, change, end_ms=end_ms),
        "deployment": lambda: _deployment(sources.deployment),
        "endpoints": lambda: _endpoints(sources.metrics, service, change, start_ms=start_ms, end_ms=end_ms),
        # What callers reported is their word: no incident is told by it.
        "reasons": lambda: read_metrics.reasons(context.within(RETRY_BUDGET_S), _REASONS_WINDOW, own_only=True),
        "series": lambda: read_metrics.series(
            context.within(RETRY_BUDGET_S), SeriesQuery(_series_of(change), "hour", _SERIES_WINDOW), own_only=True
        ),
        "callers": lambda: _callers(sources.logs.refused(start_ms=start_ms, end_ms=end_ms, more=more)),
    }
    findings: dict[str, Any] = {}
    notes: list[str] = []
    for name, read in parts.items():
        if not more():
            notes.append(f"{name}: not looked at, out of time")
            continue
        try:
            found = read()
        except SourceUnavailableError as error:
            notes.append(f"{name}: {error}")
        except StoreUnavailableError:
            notes.append(f"{name}: the metrics table does not answer")
        else:
            if found is not None:
                findings[name] = found
    return findings, notes


def _signal(metrics: Metrics, change: AlarmChange, *, end_ms: int) -> dict[str, Any] | None:
    signal = change.signal
    if signal is None:
        return None
    start_ms = change.at_ms - _SIGNAL_PERIODS * signal.period_s * 1000
    points = metrics.datapoints(signal, start_ms=start_ms, end_ms=end_ms)
    return {
        "metric": signal.metric,
        "statistic": signal.statistic,
        "datapoints": [{"timestamp": at, "value": value} for at, value in points[-_SIGNAL_PERIODS:]],
    }


def _deployment(deployment: Deployment) -> dict[str, Any]:
    last = deployment.last()
    return {"at": last.at_ms, "status": last.status, "version": last.version}


def _endpoints(
    metrics: Metrics, service: str, change: AlarmChange, *, start_ms: int, end_ms: int
) -> list[dict[str, Any]]:
    """The refusals, those of the alert's own code first: however many others there are, it stays in the list."""
    own = OWN_CODES.get(change.alert)
    refused = metrics.refused(service, start_ms=start_ms, end_ms=end_ms)
    refused = sorted(refused, key=lambda one: one.reason_code != own)
    return [{"endpoint": one.endpoint, "reasonCode": one.reason_code, "count": one.count} for one in refused[:_LISTED]]


def _callers(lines: list[dict[str, Any]]) -> dict[str, Any]:
    newest_first = [plain_or_digest(line["correlation_id"]) for line in reversed(lines) if line.get("correlation_id")]
    return {
        "lines": len(lines),
        "tenants": _most(line.get("tenant") for line in lines),
        "principals": _most(line.get("principal") for line in lines),
        "correlationIds": list(dict.fromkeys(newest_first))[:_CORRELATION_IDS],
    }


def plain_or_digest(callers_text: object) -> str:
    """Give what a caller chose where it is plain, else its digest: a mail to people repeats no sentence and no link."""
    text = str(callers_text)
    if _PLAIN.fullmatch(text):
        return text
    return f"sha256-{hashlib.sha256(text.encode(errors='replace')).hexdigest()[:_DIGEST_DIGITS]}"


def _most(pseudonyms: Iterable[Any]) -> list[Mapping[str, Any]]:
    counts = Counter(plain_or_digest(pseudonym) for pseudonym in pseudonyms if pseudonym)
    return [{"pseudonym": pseudonym, "count": count} for pseudonym, count in counts.most_common(_LISTED)]


def _series_of(change: AlarmChange) -> str:
    about_guards = change.alert == REPLAY_GUARD_ALERT
    return "security_replay_guard_unavailable_total" if about_guards else "security_denial_total"
