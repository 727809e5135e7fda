"""Dollars from quantities: by hand, and what holds of every load."""

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ops.cost.count import count
from ops.cost.inputs import Price, background, deployed, measured, prices
from ops.cost.model import DRIVERS, SECONDS_PER_MONTH, Bill, Driver, Load, bill, quantities

MONTH: Final = 2_628_000
STACK: Final = deployed("production")

RATES = st.floats(0, 0.5)
LOADS = st.builds(
    Load,
    rps=st.floats(0.01, 20_000),
    escalation_rate=RATES,
    deny_rate=RATES,
    reads_per_decision=st.floats(0, 20),
    grants_per_decision=st.floats(0, 1),
    budgets_per_decision=st.floats(0, 12),
    months=st.floats(0, 36),
    environment=st.sampled_from(["staging", "production"]),
)


def line(of: Bill, name: str) -> Driver:
    return next(driver for driver in of.drivers if driver.name == DRIVERS[name])


@pytest.mark.parametrize(
    ("quantity", "dollars"),
    [(0, 0), (1e6, 3.5), (333e6, 1165.5), (334e6, 1168.3), (1000e6, 1165.5 + 667 * 2.8), (21e9, 48_253.1 + 1510)],
)
def test_a_tier_is_paid_for_what_lies_in_it(quantity: float, dollars: float) -> None:
    assert prices().by_name["api_requests"].of(quantity) == pytest.approx(dollars)


def test_the_last_tier_has_no_end() -> None:
    assert Price("thing", [(10, 1.0), (float("inf"), 0.5)]).of(30) == 20


def test_calls_bring_their_actions_and_reads_with_them() -> None:
    load = Load(rps=100, escalation_rate=0.1, deny_rate=0.2, reads_per_decision=0.9, grants_per_decision=0)

    assert load.decisions_per_second == pytest.approx(50)
    assert load.calls() == pytest.approx(
        {
            "submit, allowed": 0.7,
            "submit, denied": 0.2,
            "submit, escalated": 0.1,
            "approve with key": 0.1,
            "authorize": 0.9,
            "claim with key": 0,
            "report": 0,
        }
    )


def test_a_grant_is_a_claim_a_signature_and_a_report() -> None:
    load = Load(rps=3, escalation_rate=0, deny_rate=0, reads_per_decision=0, grants_per_decision=1)

    of = quantities(load, STACK)

    assert of["api_requests"] == 3 * MONTH
    assert of["grant_signatures"] == MONTH
    assert line(bill(load), "grant_signatures").dollars == pytest.approx(15e-6 * MONTH)


def test_a_budget_is_two_write_units_of_each_call_that_takes_a_share() -> None:
    counted, uncounted = (
        quantities(
            Load(rps=2, escalation_rate=0.1, deny_rate=0.3, reads_per_decision=0.9, budgets_per_decision=n), STACK
        )
        for n in (1, 0)
    )

    more = {name: counted[name] - uncounted[name] for name in counted if counted[name] != uncounted[name]}
    assert more == {"dynamodb_writes": pytest.approx(0.7 * MONTH * 2)}


def test_a_month_by_hand_where_every_decision_is_allowed_and_read_once() -> None:
    load = Load(rps=2, escalation_rate=0, deny_rate=0, reads_per_decision=1, months=2)
    submit, read, known = measured()["submit, allowed"], measured()["authorize"], background()

    of = quantities(load, STACK)

    assert of["api_requests"] == 2 * MONTH
    assert of["dynamodb_writes"] == submit.writes * MONTH
    tables = 2 * MONTH * sum(known["stored_per_decision"].values()) / 1e9
    indexes = 2 * MONTH * sum(known["indexed_per_decision"].values()) / 1e9
    assert of["dynamodb_storage"] == pytest.approx(tables + indexes)
    assert of["dynamodb_pitr"] == pytest.approx(tables), "recovery is billed for tables, not for their indexes"
    own = (submit.log_bytes + read.log_bytes + 2 * known["event_overhead"]) * MONTH / 1e9
    assert own < of["lambda_logs"] < 2.5 * own
    assert line(bill(load), "dynamodb_writes").dollars == pytest.approx(submit.writes * MONTH * 0.625e-6)


def test_the_projector_folds_fuller_batches_the_longer_it_waits() -> None:
    load = Load(rps=100)

    waiting = [quantities(load, replace(STACK, batch_window_s=window)) for window in (0, 1, 5)]

    for name in ("projector_writes", "lambda_requests", "dynamodb_reads"):
        assert waiting[0][name] > waiting[1][name] > waiting[2][name]


def test_a_batch_is_never_fuller_than_its_size() -> None:
    load = Load(rps=10_000)

    waiting = [quantities(load, replace(STACK, batch_window_s=window)) for window in (1, 300)]

    assert waiting[0]["projector_writes"] == waiting[1]["projector_writes"]


def test_a_sampling_rule_decides_what_is_traced() -> None:
    load = Load(rps=101)
    folded = load.decisions_per_second * (1 + load.escalation_rate) / 100
    # Of each escalation two changes, on four shards that are looked at four times a second.
    changes = 2 * load.decisions_per_second * load.escalation_rate
    told = changes / (1 + changes / 16)

    full = replace(STACK, batch_window_s=300)
    of_telling = 1 + (told - 1) * 0.05
    assert quantities(load, replace(full, sampling=None))["traces"] == pytest.approx((6 + folded + of_telling) * MONTH)
    assert quantities(load, replace(full, sampling=(1, 0.0)))["traces"] == MONTH
    both = folded + told
    assert quantities(load, replace(full, sampling=(0, 0.5)))["traces"] == pytest.approx((101 + both) / 2 * MONTH)


def test_an_escalation_is_told_when_it_is_made_and_when_it_is_closed_and_a_grant_when_it_is_claimed() -> None:
    load = Load(rps=10, escalation_rate=0.5, deny_rate=0, reads_per_decision=0, grants_per_decision=0.25)
    quiet = replace(load, escalation_rate=0, grants_per_decision=0)

    of = quantities(load, STACK)

    decisions = load.decisions_per_second * MONTH
    assert of["events_published"] == pytest.approx(decisions * (2 * 0.5 + 0.25))
    assert line(bill(load), "events_published").dollars == pytest.approx(decisions * 1.25 * 1e-6)
    assert quantities(quiet, STACK)["events_published"] == 0


@given(LOADS)
def test_the_parts_are_the_whole(load: Load) -> None:
    of = bill(load)

    assert of.dollars == pytest.approx(sum(driver.dollars for driver in of.drivers))
    assert of.per_million * load.decisions_per_second * SECONDS_PER_MONTH / 1e6 == pytest.approx(of.dollars)
    assert {driver.name for driver in of.drivers} == set(DRIVERS.values())
    assert all(driver.dollars >= 0 for driver in of.drivers)
    assert sorted(of.drivers, key=lambda driver: -driver.dollars) == list(of.drivers)


@given(LOADS, st.floats(1, 100))
def test_more_calls_cost_more_and_a_million_decisions_never_do(load: Load, factor: float) -> None:
    assume(load.rps * factor <= 50_000)
    few, many = bill(load), bill(replace(load, rps=load.rps * factor))

    assert many.dollars >= few.dollars * (1 - 1e-9)
    assert many.per_million <= few.per_million * (1 + 1e-9)


@given(LOADS, st.floats(0, 12))
def test_keeping_longer_never_costs_less(load: Load, more: float) -> None:
    assert bill(replace(load, months=load.months + more)).dollars >= bill(load).dollars * (1 - 1e-9)


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_what_is_counted_of_the_templates(environment: str) -> None:
    stack = deployed(environment)

    assert stack == count(environment), "python -m ops.cost.document counts anew"

    assert (stack.routes, stack.alarms, stack.composite_alarms, stack.dashboards) == (27, 74, 1, 1)
    assert stack.channel_queues == 3
    assert (stack.secrets, stack.keys, stack.scheduled_runs) == (2, 2, 121 * 730)


def test_every_price_has_a_unit_and_tiers_that_only_get_cheaper() -> None:
    for name, price in prices().by_name.items():
        asked = [dollars for _, dollars in price.tiers]
        assert price.unit, name
        assert asked == sorted(asked, reverse=True), name
        assert price.tiers[-1][0] == float("inf"), name
