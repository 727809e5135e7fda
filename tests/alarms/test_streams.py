"""Every alarm of the template, against streams of what the service logs: quiet, at the threshold, just over, and so on.

A stream is drawn as one mark a period: q quiet, a at the threshold, o just over it, l over it but very few calls,
- nothing at all. Under it stands the alarm's state after each period: ! is ALARM, . is not. The states are worked out
by hand from Amazon's documentation; M of N, periods and thresholds are said here again, not read from the template.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Final

import pytest

from handshake.api import telemetry
from handshake.api.telemetry import CallRecord
from handshake.core.reasons import ReasonCode
from handshake.requests.verify_nightly import Verification
from ops.local.cloudwatch.alarms import Metric, MetricAlarm, Sample, State
from ops.local.cloudwatch.definitions import METRIC_ALARM, alarm_properties
from ops.local.cloudwatch.emf import extract
from ops.local.cloudwatch.evaluate import evaluate
from ops.local.settings import ROOT
from tests.support.logs import standard_output

SERVICE: Final = "handshake"  # as tests/conftest.py names it for Powertools
ENVIRONMENTS: Final = ("local", "staging", "production")
START: Final = 1_795_478_400
MINUTE, FIVE_MINUTES, HOUR = 60, 300, 3600
Say = Callable[[], None]


def call(code: str = "", *, endpoint: str = "GET /metrics/summary", latency_ms: float = 10) -> Say:
    record = CallRecord("id", endpoint, 403 if code else 200, code, latency_ms=latency_ms)
    return lambda: telemetry.publish(record, pseudonym_key=b"key")


def run(job: str, **counts: int) -> Say:
    return lambda: telemetry.scheduled(job, counts, correlation_id="id")


@dataclass(frozen=True)
class Watch:
    """One alarm: what each mark stands for, in log lines or (of metrics AWS measures itself) a value, and its table."""

    marks: dict[str, list[Say] | float]
    streams: str
    period_s: int = MINUTE


THREE_OF_FIVE = """
    quiet       qqqqqqqq
                ........
    threshold   qqqqqaaaaa
                ..........
    just over   qqqqqooooo
                .......!!!
    too short   qqqqqooqqq
                ..........
    gaps        qqqqqo-o-o
                .........!
    silence     qqqqqooo-----
                .......!!!!!.
    recovery    qqqqqooooqqq
                .......!!!!.
"""
AT_THE_THRESHOLD = """
    quiet       qqqqqqqq
                ........
    just under  qqqqqlllll
                ..........
    threshold   qqqqqaaaaa
                .......!!!
    too short   qqqqqaaqqq
                ..........
    gaps        qqqqqa-a-a
                .........!
    silence     qqqqqaaa-----
                .......!!!!!.
    recovery    qqqqqaaaaqqq
                .......!!!!.
"""
TWO_OF_FIVE = """
    quiet       qqqqqqqq
                ........
    just over   qqqqqoo
                ......!
    too short   qqqqqoqqqqqo
                ............
    gaps        qqqqqo-o
                .......!
    recovery    qqqqqooqqqq
                ......!!!!.
"""
# A minute in which nobody is refused says nothing, so an older one is looked at in its place.
SIGNER = """
    quiet       qqqqqqqq
                ........
    just over   qqqqqoo
                ......!
    too short   qqqqqoqq
                ........
    gaps        qqqqqoqo
                .......!
    recovery    qqqqqooqqqqqqq
                ......!!!!!!..
"""
ONE_OF_FIVE = """
    quiet       qqqqqqqq
                ........
    just over   qqqqqo
                .....!
    gaps        qqqqqo-------
                .....!!!!!!!.
    recovery    qqqqqoqqqqqq
                .....!!!!!..
"""
REPLAY_GUARD = """
    quiet       qqqq
                ....
    threshold   qqa
                ..!
    just over   qqo
                ..!
    low volume  l
                !
    gaps        qqo-----
                ..!!!...
    recovery    qqoqq
                ..!..
"""
LATENCY = """
    quiet       qqqqq
                .....
    threshold   qqqaaa
                .....!
    just over   qqqooo
                .....!
    too short   qqqooqq
                .......
    low volume  qqqllllll
                .........
    gaps        qqqo-oo
                ......!
    recovery    qqqoooq
                .....!.
"""
ONE_OF_ONE = """
    quiet       qqqqq
                .....
    half        qqqo
                ...!
    gaps        qqqo--q
                ...!!!.
    recovery    qqqooqq
                ...!!..
"""
PENDING = """
    quiet       qqqqq
                .....
    threshold   qqqaaaa
                .......
    just over   qqqooo
                .....!
    gaps        qqqoo-o
                ......!
    recovery    qqqoooq
                .....!.
"""
ITERATOR_AGE = """
    quiet       qqqqq
                .....
    threshold   qqqaaaa
                .......
    just over   qqqoo
                ....!
    gaps        qqqo-o
                .....!
    recovery    qqqooqq
                ....!!.
"""
DEAD_LETTERS = """
    quiet       qqq
                ...
    just over   qo
                .!
    gaps        qo-------
                .!!!!!!!!
    recovery    qooqq
                .!!..
"""
EXPIRY_RUNS = """
    quiet       qqqqqqqq
                ........
    first run   -q
                !.
    gaps        q----q----q-----q
                .................
    just over   qqqqq-------
                ...........!
    recovery    qqqqq-------qq
                ...........!..
"""
RETENTION_RUNS = """
    quiet       qqqq
                ....
    first run   -q
                !.
    gaps        q-q--q---q
                ..........
    just over   qq----
                .....!
    recovery    qq----q
                .....!.
"""
EVIDENCE_BROKEN: Final = """
    quiet       qqqq
                ....
    just over   qo
                .!
    gaps        o-----------------------------
                !!!!!!!!!!!!!!!!!!!!!!!!!!....
    recovery    oqqqqqqqqqqqqqqqqqqqqqqqqqqq
                !!!!!!!!!!!!!!!!!!!!!!!!!!..
"""
EVIDENCE_BEHIND: Final = """
    quiet       qqqq
                ....
    just over   qqoo
                ...!
    too short   qqoqq
                .....
    midnight    qqllq
                .....
    gaps        qqo-o
                ....!
    recovery    qqooq
                ...!.
"""


def share(denials: int, code: str, low: int = 1) -> dict[str, list[Say] | float]:
    """Of twenty calls ``denials`` are the threshold."""
    ok, denied = call(), call(code)

    def of_twenty(count: int) -> list[Say]:
        return [denied] * count + [ok] * (20 - count)

    return {"q": of_twenty(0), "a": of_twenty(denials), "o": of_twenty(denials + 1), "l": [denied] * low}


def many(denials: int, code: str) -> dict[str, list[Say] | float]:
    """Of four times as many calls ``denials`` are the threshold, a rate that is no alert anywhere."""
    ok, denied = call(), call(code)

    def of_all(count: int) -> list[Say]:
        return [denied] * count + [ok] * (denials * 4 - count)

    return {"q": of_all(0), "l": of_all(denials - 1), "a": of_all(denials)}


def latency(endpoint: str, level_ms: float) -> dict[str, list[Say] | float]:
    def of_all(each_ms: float, count: int) -> list[Say]:
        return [call(endpoint=endpoint, latency_ms=each_ms)] * count

    return {
        "q": of_all(level_ms - 0.1, 100),
        "a": of_all(level_ms, 100),
        "o": of_all(level_ms, 89) + of_all(10 * level_ms, 11),
        "l": of_all(10 * level_ms, 40),
    }


def pending(percent: int) -> list[Say] | float:
    return [run("hitl_expiry", expired=0, raced=0, pending=1, time_used_percent=percent, overdue_seconds=0)]


def overdue(seconds: int) -> list[Say] | float:
    return [run("hitl_expiry", expired=0, raced=0, pending=1, time_used_percent=100, overdue_seconds=seconds)]


def unreported(count: int) -> list[Say] | float:
    return [run("hitl_expiry", expired=0, raced=0, pending=0, oldest_pending_seconds=0, unreported=count)]


def tried(kind: str, outcome: str) -> list[Say]:
    return [lambda: telemetry.delivery(kind, outcome, lag_ms=1, tried=1, cause="status 500")]


def verified(nights_behind: int) -> list[Say]:
    return [run("evidence_verification", **{**vars(Verification()), "nights_behind": nights_behind})]


def broken() -> list[Say]:
    return [lambda: telemetry.evidence_broken(["request"])]


FUNCTIONS: Final = (
    *("workflow", "decision-room", "grants", "policy-apply", "policy", "agents"),
    *("metrics", "metrics-projector"),
)
UNCALLED: Final = (
    *("replay-retention", "hitl-expiry", "evidence-verification", "notifier", "channels"),
    *("alarm-triage", "secret-rotation", "release-gate"),
)
LEVELS: Final = {  # contract section 7
    "request-evaluation": ("POST /workflow/requests", 200),
    "decision-action": ("POST /workflow/decision-room/action", 250),
    "policy-apply": ("POST /policy/apply", 300),
    "metrics-summary": ("GET /metrics/summary", 250),
    "metrics-series": ("GET /metrics/series", 300),
}
LOW_VOLUME: Final = """
    low volume  qqqqqlll
                .......!
"""


def watches(environment: str) -> dict[str, Watch]:
    def of(local: float, staging: float, production: float) -> float:
        return {"local": local, "staging": staging, "production": production}[environment]

    guard = call(ReasonCode.SECURITY_REPLAY_GUARD_UNAVAILABLE)
    errors = {"q": 0.0, "o": 1.0}
    gateway = of(0.05, 0.1, 0.01)
    claim = "POST /workflow/grants"
    granted, unsigned = call(endpoint=claim), call(ReasonCode.ADAPTER_SIGNER_UNAVAILABLE, endpoint=claim)
    return {
        "alert_replay_guard_unavailable": Watch(
            {"q": [call()] * 20, "a": [call()] * 19 + [guard], "o": [call()] * 19 + [guard] * 2, "l": [guard]},
            REPLAY_GUARD,
        ),
        "alert_denial_spike": Watch(
            share(int(of(8, 12, 6)), ReasonCode.SECURITY_TOKEN_INVALID), THREE_OF_FIVE + LOW_VOLUME
        ),
        "alert_tenant_mismatch_spike": Watch(
            share(int(of(2, 4, 1)), ReasonCode.SECURITY_READ_TENANT_MISMATCH), THREE_OF_FIVE + LOW_VOLUME
        ),
        "many_denials": Watch(many(int(of(1200, 600, 300)), ReasonCode.SECURITY_TOKEN_INVALID), AT_THE_THRESHOLD),
        "api_errors": Watch({"q": 0.0, "a": gateway, "o": gateway + 0.001}, THREE_OF_FIVE),
        **{f"slow-{name}": Watch(latency(*level), LATENCY, FIVE_MINUTES) for name, level in LEVELS.items()},
        **{f"function_errors-{name}": Watch(dict(errors), TWO_OF_FIVE) for name in FUNCTIONS + UNCALLED},
        "function_errors-secret-rotation": Watch(dict(errors), ONE_OF_FIVE),
        **{f"function_throttles-{name}": Watch({**errors, "a": 0.0}, THREE_OF_FIVE) for name in FUNCTIONS + UNCALLED},
        "projector_behind": Watch({"q": 1000.0, "a": 300_000.0, "o": 300_001.0}, ITERATOR_AGE),
        "notifier_behind": Watch({"q": 1000.0, "a": 60_000.0, "o": 60_001.0}, ITERATOR_AGE),
        **{
            f"dead_letters-{name}": Watch(dict(errors), DEAD_LETTERS)
            for name in ("metrics-projector", "scheduled", "notifier", "alarm-triage")
        },
        **{
            f"dead_channel-{kind}-failing": Watch(
                {"q": tried(kind, "Delivered"), "o": tried(kind, "Failing")}, TWO_OF_FIVE
            )
            for kind in ("topic", "slack", "webhook")
        },
        **{f"dead_channel-{kind}-letters": Watch(dict(errors), DEAD_LETTERS) for kind in ("topic", "slack", "webhook")},
        "not_running-hitl-expiry": Watch({"q": pending(0)}, EXPIRY_RUNS),
        "not_running-replay-retention": Watch(
            {"q": [run("replay_retention", removed=0, kept=0)]}, RETENTION_RUNS, HOUR
        ),
        "not_running-evidence-verification": Watch({"q": verified(0)}, RETENTION_RUNS, HOUR),
        "evidence_broken": Watch({"q": verified(0), "o": broken()}, EVIDENCE_BROKEN, HOUR),
        "evidence_behind": Watch(
            {"q": verified(0), "o": verified(1), "l": verified(1) + verified(0)}, EVIDENCE_BEHIND, HOUR
        ),
        "unreported_executions": Watch({"q": unreported(0), "a": unreported(0), "o": unreported(1)}, PENDING),
        "signer_unavailable": Watch({"q": [granted], "o": [granted, unsigned]}, SIGNER),
        "pending_approvals": Watch({"q": pending(49), "o": pending(50)}, ONE_OF_ONE),
        "overdue_approvals": Watch({"q": overdue(0), "a": overdue(180), "o": overdue(181)}, PENDING),
    }


def read(streams: str) -> Iterator[tuple[str, str, str]]:
    """Each stream's name, marks and states."""
    lines = [line for line in streams.splitlines() if line.strip()]
    for marks, states in zip(lines[::2], lines[1::2], strict=True):
        name, drawn = marks.rsplit(maxsplit=1)
        yield name.strip(), drawn, states.strip()


def _heard(alarm: MetricAlarm, said: list[Say] | float) -> Iterator[Sample]:
    """The samples of what is said, equal ones added up."""
    if isinstance(said, float):
        yield Sample(alarm.metric, START, said)
        return
    with standard_output() as output:
        for say in said:
            say()
    extractions = [extract(line, now_s=START) for line in output.getvalue().splitlines()]
    assert len(extractions) == len(said)
    assert not any(one.parsing_errors or one.validation_errors for one in extractions)
    for sample, count in Counter(sample for one in extractions for sample in one.samples).items():
        yield replace(sample, count=count)


@pytest.fixture(scope="module")
def alarms() -> dict[tuple[str, str], MetricAlarm]:
    return {
        (environment, properties["AlarmName"].removeprefix(f"{SERVICE}-")): MetricAlarm.read(properties)
        for environment in ENVIRONMENTS
        for properties in alarm_properties(
            ROOT / "alarms" / "template.yaml", {"Service": SERVICE, "Environment": environment}
        )[METRIC_ALARM]
        if "Metrics" not in properties  # tests/aws/test_release_alarms.py has those
    }


def test_every_alarm_of_the_template_is_in_this_table(alarms: dict[tuple[str, str], MetricAlarm]) -> None:
    assert set(alarms) == {(environment, name) for environment in ENVIRONMENTS for name in watches(environment)}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("name", watches("local"))
def test_an_alarm_follows_what_the_service_logs(
    environment: str, name: str, alarms: dict[tuple[str, str], MetricAlarm], monkeypatch: pytest.MonkeyPatch
) -> None:
    alarm, watch = alarms[environment, name], watches(environment)[name]
    clock = SimpleNamespace(time_ns=lambda: 0)
    monkeypatch.setattr(telemetry, "time", clock)

    clock.time_ns = lambda: START * 10**9
    heard = {mark: list(_heard(alarm, said)) for mark, said in watch.marks.items()}

    followed = {}
    for stream, marks, _ in read(watch.streams):
        samples: list[Sample] = []
        state, states = State.INSUFFICIENT_DATA, ""
        for index, mark in enumerate(marks):
            start_s = START + index * watch.period_s
            samples += [replace(sample, time_s=start_s + watch.period_s // 2) for sample in heard.get(mark, [])]
            now_s = start_s + watch.period_s
            state = evaluate(alarm, samples, now_s=now_s, state=state).state
            states += "!" if state is State.ALARM else "."
        followed[stream] = (marks, states)

    assert followed == {stream: (marks, states) for stream, marks, states in read(watch.streams)}


def test_another_services_lines_are_no_alarm_of_ours(alarms: dict[tuple[str, str], MetricAlarm]) -> None:
    with standard_output() as output:
        call(ReasonCode.SECURITY_REPLAY_GUARD_UNAVAILABLE)()
    line = json.loads(output.getvalue())
    line["service"] = "somebody-else"
    samples = extract(json.dumps(line), now_s=line["_aws"]["Timestamp"] / 1000).samples
    alarm = alarms["production", "alert_replay_guard_unavailable"]

    assert Metric("Handshake", "ReplayGuardUnavailable", frozenset({("service", "somebody-else")})) in {
        sample.metric for sample in samples
    }
    later_s = line["_aws"]["Timestamp"] / 1000 + MINUTE
    assert evaluate(alarm, samples, now_s=later_s, state=State.INSUFFICIENT_DATA).state is State.OK
