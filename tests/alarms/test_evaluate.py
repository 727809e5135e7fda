"""Alarm states, against the tables of Amazon's documentation and the properties it promises."""

from dataclasses import replace
from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.local.cloudwatch.alarms import (
    CompositeAlarm,
    Metric,
    MetricAlarm,
    Missing,
    Sample,
    State,
    UnmodelledAlarmError,
    actions_on,
)
from ops.local.cloudwatch.evaluate import datapoints, evaluate, range_s, tick_s
from ops.local.cloudwatch.rules import holds

OK, ALARM, INSUFFICIENT = State.OK, State.ALARM, State.INSUFFICIENT_DATA
NOW = 1_795_478_400  # a whole hour
METRIC = Metric("Handshake", "SecurityDenied", frozenset({("service", "s")}))
PROPERTIES = {
    "AlarmName": "an-alarm",
    "Namespace": METRIC.namespace,
    "MetricName": METRIC.name,
    "Dimensions": [{"Name": "service", "Value": "s"}],
    "Statistic": "Average",
    "ComparisonOperator": "GreaterThanThreshold",
    "Threshold": 0.5,
    "Period": 60,
    "EvaluationPeriods": 3,
}


def alarm(**properties: object) -> MetricAlarm:
    return MetricAlarm.read({**PROPERTIES, **properties})


def drawn(picture: str, *, period_s: int = 60) -> list[Sample]:
    """Data points as the documentation draws them: 0 within the threshold, X breaching, - missing; newest last."""
    marks = picture.split()
    return [
        Sample(METRIC, NOW - (len(marks) - index) * period_s, float(mark == "X"))
        for index, mark in enumerate(marks)
        if mark != "-"
    ]


# "How alarm state is evaluated when data is missing", both tables. None: the current state is retained.
DOCUMENTED = [
    # picture, M, missing, ignore, breaching, notBreaching
    ("0 - X - X", 3, OK, OK, OK, OK),
    ("- - - - 0", 3, OK, OK, OK, OK),
    ("- - - - -", 3, INSUFFICIENT, None, ALARM, OK),
    ("0 X X - X", 3, ALARM, ALARM, ALARM, ALARM),
    ("- - X - -", 3, ALARM, None, ALARM, OK),
    ("0 - X - X", 2, ALARM, ALARM, ALARM, ALARM),
    ("0 0 X 0 X", 2, ALARM, ALARM, ALARM, ALARM),
    ("0 - X - -", 2, OK, OK, ALARM, OK),
    ("- - - - 0", 2, OK, OK, ALARM, OK),
    ("- - - X -", 2, ALARM, None, ALARM, OK),
]
TREATMENTS = (Missing.MISSING, Missing.IGNORE, Missing.BREACHING, Missing.NOT_BREACHING)


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize(
    ("picture", "needed", "missing", "expected"),
    [
        (picture, needed, missing, state)
        for picture, needed, *states in DOCUMENTED
        for missing, state in zip(TREATMENTS, states, strict=True)
    ],
)
def test_missing_data_is_treated_as_amazon_documents(
    picture: str, needed: int, missing: Missing, expected: State | None, before: State
) -> None:
    decided = evaluate(
        alarm(DatapointsToAlarm=needed, TreatMissingData=missing.value), drawn(picture), now_s=NOW, state=before
    )

    assert decided.state is (expected or before)


@pytest.mark.parametrize("picture", ["- - - - X", "- - - X -"])
@pytest.mark.parametrize("before", State)
def test_one_recent_breach_after_silence_is_waited_on(picture: str, before: State) -> None:
    decided = evaluate(alarm(DatapointsToAlarm=3), drawn(picture), now_s=NOW, state=before)

    assert decided.state is before


def test_only_the_newest_evaluation_periods_count_where_nothing_is_missing() -> None:
    assert evaluate(alarm(DatapointsToAlarm=1), drawn("X X 0 0 0"), now_s=NOW, state=ALARM).state is OK


def test_a_metric_that_stops_is_judged_by_its_last_data_until_that_leaves_the_range() -> None:
    once = alarm(EvaluationPeriods=1, Statistic="Sum", TreatMissingData="notBreaching")
    states = [evaluate(once, drawn("X"), now_s=NOW + minute * 60, state=OK).state for minute in range(4)]

    assert states == [ALARM, ALARM, ALARM, OK]


def test_dynamodb_alarms_ignore_missing_data_whatever_they_say() -> None:
    silent = alarm(Namespace="AWS/DynamoDB", TreatMissingData="breaching")

    assert [evaluate(silent, [], now_s=NOW, state=before).state for before in State] == list(State)


@pytest.mark.parametrize(
    ("comparison", "breaches"),
    [
        ("GreaterThanThreshold", [False, False, True]),
        ("GreaterThanOrEqualToThreshold", [False, True, True]),
        ("LessThanThreshold", [True, False, False]),
        ("LessThanOrEqualToThreshold", [True, True, False]),
    ],
)
def test_a_value_at_the_threshold_breaches_only_where_the_comparison_says_or_equal(
    comparison: str, breaches: list[bool]
) -> None:
    one = alarm(EvaluationPeriods=1, ComparisonOperator=comparison, Threshold=2)
    states = [
        evaluate(one, [Sample(METRIC, NOW - 60, value)], now_s=NOW, state=INSUFFICIENT).state for value in (1, 2, 3)
    ]

    assert [state is ALARM for state in states] == breaches


@pytest.mark.parametrize(
    ("statistic", "value"),
    [("Sum", 13), ("Average", 2.6), ("SampleCount", 5), ("Minimum", 1), ("Maximum", 6)],
)
def test_a_statistic_weighs_each_value_by_how_often_it_was_seen(statistic: str, value: float) -> None:
    samples = [Sample(METRIC, NOW - 60, 1, 3), Sample(METRIC, NOW - 31, 4), Sample(METRIC, NOW - 1, 6)]

    newest = datapoints(alarm(Statistic=statistic), samples, now_s=NOW)[-1]

    assert newest is not None
    assert newest.value == pytest.approx(value)


@pytest.mark.parametrize(
    ("percentile", "value"), [("p0", 1), ("p25", 2), ("p50", 3), ("p90", 4.6), ("p99.9", 4.996), ("p100", 5)]
)
def test_a_percentile_interpolates_between_ranks(percentile: str, value: float) -> None:
    samples = [Sample(METRIC, NOW - 30, float(value)) for value in (5, 3, 1, 2, 4)]

    newest = datapoints(alarm(ExtendedStatistic=percentile), samples, now_s=NOW)[-1]

    assert newest is not None
    assert newest.value == pytest.approx(value)


@pytest.mark.parametrize(("percentile", "enough"), [("p95", 200), ("p99", 1000), ("p50", 20), ("p10", 100)])
@pytest.mark.parametrize("before", State)
def test_a_percentile_of_few_samples_changes_nothing_where_the_alarm_ignores_it(
    percentile: str, enough: int, before: State
) -> None:
    ignoring = alarm(ExtendedStatistic=percentile, EvaluateLowSampleCountPercentile="ignore", EvaluationPeriods=1)

    def state(count: int, which: MetricAlarm) -> State:
        return evaluate(which, [Sample(METRIC, NOW - 60, 1, count)], now_s=NOW, state=before).state

    assert state(enough - 1, ignoring) is before
    assert state(enough, ignoring) is ALARM
    assert state(enough - 1, replace(ignoring, evaluates_low_samples=True)) is ALARM


def test_samples_of_all_evaluated_periods_count_towards_enough() -> None:
    ignoring = alarm(ExtendedStatistic="p95", EvaluateLowSampleCountPercentile="ignore")
    samples = [Sample(METRIC, NOW - minute * 60, 1, 67) for minute in (1, 2, 3)]

    assert evaluate(ignoring, samples, now_s=NOW, state=OK).state is ALARM
    assert evaluate(ignoring, samples[:2], now_s=NOW, state=OK).state is OK


def test_a_percentile_without_any_sample_is_missing_data() -> None:
    ignoring = alarm(
        ExtendedStatistic="p95", EvaluateLowSampleCountPercentile="ignore", TreatMissingData="notBreaching"
    )

    assert evaluate(ignoring, [], now_s=NOW, state=ALARM).state is OK


@pytest.mark.parametrize(
    "stranger",
    [
        Sample(Metric("Other", METRIC.name, METRIC.dimensions), NOW - 60, 1, unit="Count"),
        Sample(Metric(METRIC.namespace, "Denied", METRIC.dimensions), NOW - 60, 1, unit="Count"),
        Sample(Metric(METRIC.namespace, METRIC.name), NOW - 60, 1, unit="Count"),
        Sample(Metric(METRIC.namespace, METRIC.name, frozenset({("service", "other")})), NOW - 60, 1, unit="Count"),
        Sample(Metric(METRIC.namespace, METRIC.name, METRIC.dimensions | {("job", "j")}), NOW - 60, 1, unit="Count"),
        Sample(METRIC, NOW, 1, unit="Count"),  # its period is not over
        Sample(METRIC, NOW - 5 * 60 - 1, 1, unit="Count"),  # before the evaluation range
        Sample(METRIC, NOW - 60, 1, unit="Seconds"),
    ],
    ids=["namespace", "name", "no dimension", "other value", "one more dimension", "too new", "too old", "other unit"],
)
def test_other_data_is_no_data_of_the_alarm(stranger: Sample) -> None:
    own = Sample(METRIC, NOW - 60, 1, unit="Count")

    assert evaluate(alarm(Unit="Count"), [stranger], now_s=NOW, state=OK).state is INSUFFICIENT
    assert evaluate(alarm(Unit="Count"), [own], now_s=NOW, state=OK).state is OK


def test_a_window_slides_by_the_minute_and_a_wall_clock_window_does_not() -> None:
    hourly = {"Period": 3600, "EvaluationPeriods": 1, "Statistic": "Sum"}
    sliding, clock = alarm(**hourly), alarm(**hourly, EvaluationWindow={"WallClockWindow": {}})
    samples = [Sample(METRIC, NOW + 60, 1)]

    assert (tick_s(sliding), tick_s(clock), tick_s(alarm(Period=30))) == (60, 3600, 10)
    assert evaluate(sliding, samples, now_s=NOW + 119, state=OK).state is INSUFFICIENT
    assert evaluate(sliding, samples, now_s=NOW + 120, state=OK).state is ALARM
    assert evaluate(clock, samples, now_s=NOW + 3599, state=OK).state is INSUFFICIENT
    assert evaluate(clock, samples, now_s=NOW + 3600, state=OK).state is ALARM


def test_actions_follow_a_change_of_state_and_nothing_else() -> None:
    lists = {"AlarmActions": ["arn:a"], "OKActions": ["arn:o"], "InsufficientDataActions": ["arn:i"]}
    told = {(before, after): actions_on(alarm(**lists), before, after) for before, after in product(State, State)}

    assert {pair: actions for pair, actions in told.items() if actions} == {
        (before, after): (action,)
        for after, action in ((ALARM, "arn:a"), (OK, "arn:o"), (INSUFFICIENT, "arn:i"))
        for before in State
        if before is not after
    }
    assert actions_on(alarm(**lists, ActionsEnabled=False), OK, ALARM) == ()
    composite = CompositeAlarm.read({"AlarmName": "c", "AlarmRule": "TRUE", **lists})
    assert actions_on(composite, OK, ALARM) == ("arn:a",)


@pytest.mark.parametrize(
    "properties",
    [
        {"MetricName": None, "Metrics": [{"Expression": "a/b"}]},
        {"ThresholdMetricId": "band"},
        {"ComparisonOperator": "GreaterThanUpperThreshold"},
        {"ExtendedStatistic": "tm90"},
        {"ExtendedStatistic": "p101"},
        {"Statistic": "Mode"},
    ],
)
def test_what_is_not_modelled_is_refused(properties: dict[str, object]) -> None:
    with pytest.raises(UnmodelledAlarmError):
        evaluate(alarm(**properties), drawn("X"), now_s=NOW, state=OK)


@pytest.mark.parametrize("period", [0, -60, 15, 90])
def test_a_period_cloudwatch_does_not_have_is_refused(period: int) -> None:
    with pytest.raises(ValueError, match="period"):
        alarm(Period=period)


# -- Properties ---------------------------------------------------------------------------------------------------

MARKS = st.lists(st.sampled_from("0X-"), min_size=7, max_size=7).map(" ".join)
SHAPES = st.integers(1, 5).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n)))


@given(MARKS, SHAPES, st.sampled_from(Missing), st.sampled_from(State))
def test_without_gaps_exactly_m_of_n_alarm(
    picture: str, shape: tuple[int, int], missing: Missing, before: State
) -> None:
    needed, periods = shape
    full = picture.replace("-", "0")
    one = alarm(EvaluationPeriods=periods, DatapointsToAlarm=needed, TreatMissingData=missing.value)

    breaching = full.split()[-periods:].count("X")

    assert evaluate(one, drawn(full), now_s=NOW, state=before).state is (ALARM if breaching >= needed else OK)


@given(MARKS, SHAPES, st.sampled_from(State))
def test_the_harsher_missing_data_is_treated_the_sooner_an_alarm_fires(
    picture: str, shape: tuple[int, int], before: State
) -> None:
    needed, periods = shape
    states = {
        missing: evaluate(
            alarm(EvaluationPeriods=periods, DatapointsToAlarm=needed, TreatMissingData=missing.value),
            drawn(picture),
            now_s=NOW,
            state=before,
        ).state
        for missing in Missing
    }

    if states[Missing.NOT_BREACHING] is ALARM:
        assert set(states.values()) == {ALARM}
    if states[Missing.BREACHING] is OK:
        assert states[Missing.NOT_BREACHING] is OK
        assert ALARM not in states.values() or before is ALARM
    assert states[Missing.IGNORE] in (before, states[Missing.MISSING])


@given(
    st.lists(st.tuples(st.integers(-600, 60), st.sampled_from([0.0, 1.0]), st.integers(1, 9)), max_size=20),
    st.randoms(),
)
def test_neither_order_nor_bundling_of_samples_matters(points: list[tuple[int, float, int]], random: Random) -> None:
    samples = [Sample(METRIC, NOW + offset, value, count) for offset, value, count in points]
    apart = [replace(sample, count=1) for sample in samples for _ in range(int(sample.count))]
    random.shuffle(apart)

    assert datapoints(alarm(), samples, now_s=NOW) == datapoints(alarm(), apart, now_s=NOW)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.floats(0, 100))
def test_a_percentile_lies_between_its_neighbours(values: list[float], percentile: float) -> None:
    samples = [Sample(METRIC, NOW - 1, value) for value in values]
    [*_, newest] = datapoints(alarm(ExtendedStatistic=f"p{percentile}"), samples, now_s=NOW)
    ordered = sorted(values)
    rank = int(percentile / 100 * (len(values) - 1))

    assert newest is not None
    low, high = ordered[rank], ordered[min(rank + 1, len(values) - 1)]
    assert low - 1e-6 <= newest.value <= high + 1e-6


@given(st.integers(0, 5 * 60 - 1))
def test_what_is_within_the_range_counts_and_older_data_does_not(age: int) -> None:
    inside = Sample(METRIC, NOW - 1 - age, 1)

    assert range_s(alarm()) == 300
    assert any(datapoints(alarm(), [inside], now_s=NOW))
    assert not any(datapoints(alarm(), [replace(inside, time_s=inside.time_s - 300)], now_s=NOW))


# -- Composite rules ----------------------------------------------------------------------------------------------

STATES = {"a": ALARM, "b": OK, "c": INSUFFICIENT}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("ALARM(a)", True),
        ('ALARM("a")', True),
        ("ALARM(b)", False),
        ("OK(b)", True),
        ("INSUFFICIENT_DATA(c)", True),
        ("NOT ALARM(a)", False),
        ("NOT (ALARM(b) OR ALARM(c))", True),
        ("ALARM(a) AND OK(b)", True),
        ("ALARM(b) OR ALARM(a)", True),
        ("ALARM(a) OR ALARM(b) AND ALARM(c)", True),  # AND binds closer
        ("(ALARM(a) OR ALARM(b)) AND ALARM(c)", False),
        ("NOT ALARM(b) AND ALARM(a)", True),
        ("NOT NOT TRUE", True),
        ("FALSE OR TRUE", True),
        (" ALARM( arn:aws:cloudwatch:eu-west-1:111122223333:alarm:a )\n AND\n TRUE ", True),
    ],
)
def test_a_composite_rule_holds_as_it_reads(rule: str, expected: bool) -> None:  # noqa: FBT001 - a row of the table
    assert holds(rule, STATES) is expected


@pytest.mark.parametrize(
    "rule", ["", "ALARM(a) ALARM(b)", "ALARM(a) AND", "(ALARM(a)", "ALARM()", "alarm(a)", "AT_LEAST(1, ALARM, (a, b))"]
)
def test_a_rule_that_cannot_be_read_is_refused(rule: str) -> None:
    with pytest.raises(UnmodelledAlarmError):
        holds(rule, STATES)


def test_a_rule_on_an_alarm_that_is_not_there_is_refused() -> None:
    with pytest.raises(KeyError, match="nobody"):
        holds("TRUE OR ALARM(nobody)", STATES)
