"""Tests what takes a release back and what rings at any rate: production's alarms beside the contract's alerts."""

from collections.abc import Sequence
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.local.cloudwatch.alarms import Metric, Sample, State
from tests.aws.metric_math import state_of
from tests.aws.translated import deployment

OF: Final = deployment("production")
ALARMS: Final = {
    one["AlarmName"].removeprefix(f"{OF.stack_name}-"): one
    for one in (OF.properties(path) for path in OF.of_type("AWS::CloudWatch::Alarm"))
}
NOW: Final = 1_795_478_400
# The contract's alert, and what takes a release back in its place.
PAIRS: Final = {
    "alert_denial_spike": ("release-denials", "SecurityDenied"),
    "alert_tenant_mismatch_spike": ("release-tenant_mismatches", "TenantMismatchDenied"),
}
Minute = tuple[int, int]  # calls, and how many of them were denied


def state(name: str, metric: str, minutes: Sequence[Minute]) -> State:
    """The state of an alarm after ``minutes``, the last of which has just ended."""
    counted = Metric("Handshake", metric, frozenset({("service", OF.stack_name)}))
    samples = [
        Sample(counted, NOW - (len(minutes) - index) * 60 + 1, value, count)
        for index, (calls, denied) in enumerate(minutes)
        for value, count in ((1.0, denied), (0.0, calls - denied))
        if count
    ]
    return state_of(ALARMS[name], samples, now_s=NOW)


@pytest.mark.parametrize("alert", PAIRS)
@pytest.mark.parametrize("minute", [(1, 1), (4, 4), (5, 4)])
def test_a_few_denied_calls_on_a_quiet_night_alert_and_take_no_release_back(alert: str, minute: Minute) -> None:
    release, metric = PAIRS[alert]

    assert state(alert, metric, [minute] * 5) is State.ALARM
    assert state(release, metric, [minute] * 5) is State.OK


@pytest.mark.parametrize("alert", PAIRS)
@pytest.mark.parametrize("minute", [(5, 5), (10, 5), (1000, 400)])
def test_enough_denied_calls_take_a_release_back(alert: str, minute: Minute) -> None:
    release, metric = PAIRS[alert]

    assert state(release, metric, [(100, 0), (100, 0), minute, minute, minute]) is State.ALARM
    assert state(release, metric, [(100, 0), (100, 0), (100, 0), minute, minute]) is State.OK


MINUTES: Final = st.lists(
    st.integers(0, 40).flatmap(lambda calls: st.tuples(st.just(calls), st.integers(0, calls))), min_size=5, max_size=7
)


@pytest.mark.parametrize("alert", PAIRS)
@given(minutes=MINUTES)
def test_what_takes_a_release_back_has_an_alert_and_so_an_incident(alert: str, minutes: list[Minute]) -> None:
    """Shows why the release's alarms tell nobody by themselves."""
    release, metric = PAIRS[alert]

    if state(release, metric, minutes) is State.ALARM:
        assert state(alert, metric, minutes) is State.ALARM


ANSWERING: Final = [
    dimension["Value"]
    for query in ALARMS["release-function_errors"]["Metrics"]
    for dimension in query.get("MetricStat", {}).get("Metric", {}).get("Dimensions", ())
]


@pytest.mark.parametrize("function", ANSWERING)
@pytest.mark.parametrize(("failed", "expected"), [([1, 0, 0, 0, 0], State.OK), ([1, 0, 0, 1, 0], State.ALARM)])
def test_one_function_that_fails_in_two_minutes_takes_a_release_back_whoever_else_is_called(
    function: str, failed: list[int], expected: State
) -> None:
    """The others are not called at all, or are called and do not fail: either way they hide nothing."""
    for others in ([], [one for one in ANSWERING if one != function]):
        samples = [
            Sample(
                Metric("AWS/Lambda", "Errors", frozenset({("FunctionName", name)})),
                NOW - (len(failed) - index) * 60 + 1,
                float(count if name == function else 0),
                1,
            )
            for name in (function, *others)
            for index, count in enumerate(failed)
            if name != function or count
        ]
        release = state_of(ALARMS["release-function_errors"], samples, now_s=NOW)
        own = state_of(ALARMS[f"function_errors-{function.removeprefix(f'{OF.stack_name}-')}"], samples, now_s=NOW)

        assert release is own is expected


@pytest.mark.parametrize("name", [*(release for release, _ in PAIRS.values()), "release-function_errors"])
def test_a_releases_alarms_are_watched_and_tell_nobody(name: str) -> None:
    groups = [OF.properties(path) for path in OF.of_type("AWS::CodeDeploy::DeploymentGroup")]
    watched = [{one["Name"] for one in group["AlarmConfiguration"]["Alarms"]} for group in groups]

    assert watched
    assert all(f"{OF.stack_name}-{name}" in names for names in watched)
    assert not any(f"{OF.stack_name}-{alert}" in names for names in watched for alert in PAIRS)
    assert not ALARMS[name].keys() & {"AlarmActions", "OKActions", "InsufficientDataActions"}


@pytest.mark.parametrize("cheap", [0, 10_000, 1_000_000])
def test_many_denials_ring_however_many_cheap_calls_hide_them(cheap: int) -> None:
    minute = (300 + cheap, 300)

    assert state("many_denials", "SecurityDenied", [(cheap, 0)] * 2 + [minute] * 3) is State.ALARM
    assert state("many_denials", "SecurityDenied", [(cheap, 0)] * 3 + [minute] * 2) is State.OK
    if cheap:
        assert state("alert_denial_spike", "SecurityDenied", [minute] * 5) is State.OK


def test_a_few_denials_are_not_many_whatever_their_rate() -> None:
    assert state("many_denials", "SecurityDenied", [(299, 299)] * 5) is State.OK


@pytest.mark.parametrize("rule", ["ManyDenials", "DenialSpike"])
def test_it_wakes_somebody(rule: str) -> None:
    [page] = OF.of_type("AWS::CloudWatch::CompositeAlarm").values()
    properties: Any = page["Properties"]

    assert f'ALARM("${{{rule}}}")' in properties["AlarmRule"]["Fn::Sub"]
