"""Alarms that change state, and the incidents they open."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

AlarmState = Literal["ALARM", "OK", "INSUFFICIENT_DATA"]
IncidentState = Literal["open", "recovered", "superseded"]

REPLAY_GUARD_ALERT: Final = "alert_replay_guard_unavailable"
DENIAL_ALERT: Final = "alert_denial_spike"
# An alert that counts one reason code, with that code.
OWN_CODES: Final[Mapping[str, str]] = {
    REPLAY_GUARD_ALERT: "security_replay_guard_unavailable",
    "alert_tenant_mismatch_spike": "security_read_tenant_mismatch",
}

_STATES: Final[Mapping[Any, AlarmState]] = {name: name for name in ("ALARM", "OK", "INSUFFICIENT_DATA")}
_REASON_LENGTH: Final = 500
_DESCRIPTION_LENGTH: Final = 1024  # CloudWatch's own bound
_STATISTICS: Final = {"samplecount": "SampleCount", "sample_count": "SampleCount"}


class MalformedAlarmError(Exception):
    """A message is not a state change of one of this service's alarms; says what is wrong, quoting none of it."""


@dataclass(frozen=True)
class Signal:
    """The metric an alarm watches. ``statistic`` is CloudWatch's name: Sum, Average, p95 and so on."""

    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    period_s: int
    statistic: str


@dataclass(frozen=True)
class AlarmChange:
    """One alarm's change of state, as CloudWatch tells it through SNS.

    ``alert`` is the alarm's name without the service's; ``first_steps`` its description. ``signal`` is None for a
    composite alarm.
    """

    alert: str
    state: AlarmState
    previous: str
    at_ms: int
    reason: str
    first_steps: str
    signal: Signal | None = None

    @property
    def incident_id(self) -> str:
        """Give the same for the same change, however often it is delivered."""
        return f"{self.alert}-{_utc(self.at_ms):%Y%m%dT%H%M%SZ}"


@dataclass(frozen=True)
class Incident:
    """One firing of an alarm, with what was found when it fired.

    ``findings`` are by the part they are from, each as JSON: signal, endpoints, reasons, series, callers, deployment.
    ``notes`` say what could not be read or done. ``updates`` are (epoch ms, what happened), oldest first.
    ``superseded`` is an incident whose alarm fired again without having been seen to recover.
    """

    id: str
    alert: str
    opened_at_ms: int
    reason: str
    first_steps: str
    state: IncidentState = "open"
    recovered_at_ms: int | None = None
    notified: bool = False
    findings: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    updates: tuple[tuple[int, str], ...] = ()

    @classmethod
    def of(cls, change: AlarmChange) -> "Incident":
        """Give the incident that a change to ALARM opens."""
        return cls(change.incident_id, change.alert, change.at_ms, change.reason, change.first_steps)

    def view(self) -> dict[str, Any]:
        """Give it as JSON, for scripts."""
        return {
            "id": self.id,
            "alert": self.alert,
            "state": self.state,
            "openedAt": self.opened_at_ms,
            **({"recoveredAt": self.recovered_at_ms} if self.recovered_at_ms else {}),
            "reason": self.reason,
            "findings": self.findings,
            "notes": list(self.notes),
            "updates": [{"at": at, "what": what} for at, what in self.updates],
            "firstSteps": self.first_steps,
        }


def parse_alarm_change(message: object, *, service: str) -> AlarmChange:
    """Read the message that CloudWatch publishes when an alarm of ``service`` changes state.

    Raises MalformedAlarmError.
    """
    told = _object(_json(message), "message")
    alert = _text(told, "AlarmName").removeprefix(f"{service}-")
    if alert == told["AlarmName"] or not _is_name(alert):
        raise MalformedAlarmError("AlarmName names no alarm of this service")
    state = _STATES.get(_text(told, "NewStateValue"))
    if state is None:
        raise MalformedAlarmError("NewStateValue is no state")
    trigger = told.get("Trigger") or {}
    return AlarmChange(
        alert=alert,
        state=state,
        previous=str(told.get("OldStateValue") or ""),
        at_ms=_time_ms(_text(told, "StateChangeTime")),
        reason=str(told.get("NewStateReason") or "")[:_REASON_LENGTH],
        first_steps=str(told.get("AlarmDescription") or "")[:_DESCRIPTION_LENGTH],
        signal=_signal(_object(trigger, "Trigger")) if trigger else None,
    )


def _json(message: object) -> object:
    if not isinstance(message, str):
        raise MalformedAlarmError("message is not text")
    try:
        return json.loads(message)
    except (ValueError, RecursionError):
        raise MalformedAlarmError("message is not JSON") from None


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedAlarmError(f"{name} is not an object")
    return value


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedAlarmError(f"{name} is missing")
    return value


def _is_name(alert: str) -> bool:
    return len(alert) <= 128 and alert.replace("-", "").replace("_", "").isalnum() and alert.isascii()


def _time_ms(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise MalformedAlarmError("StateChangeTime is no time") from None
    if moment.tzinfo is None:
        raise MalformedAlarmError("StateChangeTime has no zone")
    return round(moment.timestamp() * 1000)


def _signal(trigger: Mapping[str, Any]) -> Signal | None:
    # CloudWatch names statistics in capitals here, and dimensions' members in small letters.
    try:
        statistic = str(trigger.get("ExtendedStatistic") or trigger["Statistic"])
        return Signal(
            namespace=str(trigger["Namespace"]),
            metric=str(trigger["MetricName"]),
            dimensions={
                str(one.get("name") or one["Name"]): str(one.get("value") or one["Value"])
                for one in trigger.get("Dimensions") or ()
            },
            period_s=int(trigger["Period"]),
            statistic=statistic
            if trigger.get("ExtendedStatistic")
            else _STATISTICS.get(statistic.lower(), statistic.capitalize()),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None  # the state is what matters; the datapoints are then noted as unknown


def _utc(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC)
