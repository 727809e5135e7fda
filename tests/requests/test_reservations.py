"""The day's spend and the escalation window: what a transaction reserves, and when it may not."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from handshake.core.agents import Agent
from handshake.core.reasons import ReasonCode
from handshake.dynamo.context import Context
from handshake.dynamo.tables import Tables
from handshake.dynamo.transaction import Step
from handshake.policy.budgets import NONE_KNOWN, Reservation, budgets_of, judge_budgets, window_end_s
from handshake.policy.rule_keys import MAX_AMOUNT, Spend
from handshake.policy.rules import GLOBAL
from handshake.requests import table as requests
from handshake.requests.decision import Decision, Escalations, call_of, utc_day
from handshake.requests.record import RequestRecord
from handshake.requests.transaction import RequestTransaction
from tests.conftest import Engine
from tests.support.metrics_events import DAY_MS, NOW_MS
from tests.support.policies import a_budget, a_count
from tests.support.workflow_requests import a_submission, context_on

WINDOW_MS = 10 * 60 * 1000


@pytest.fixture
def store(moto_tables: Engine) -> Context:
    return context_on(moto_tables)


@pytest.fixture
def exact_store(dynamodb_local: Engine) -> Context:
    """A store that counts in 38 digits, as Amazon's does; moto does not."""
    return context_on(dynamodb_local)


# -- spend ------------------------------------------------------------------------------------------------------


def _spent(store: Context) -> Decimal:
    [item] = store.dynamo.batch_get(
        [(store.tables.workflow, requests.spend_key(Agent("agent-1", "tenant-a"), utc_day(NOW_MS)))]
    )
    return requests.spent(item)


def _add(store: Context, amount: str, limit: str, **changes: Any) -> Step[Decimal]:
    tx = RequestTransaction(store)
    submission = a_submission(**changes)
    step = tx.add_spend(submission.agent, utc_day(submission.timestamp_ms), Spend(Decimal(amount), Decimal(limit)))
    assert tx.commit() != step.lost
    return step


def test_spend_adds_up_to_the_limit_exactly_and_not_a_billionth_beyond(exact_store: Context) -> None:
    assert not _add(exact_store, "999.999999998", "1000").lost

    beyond = _add(exact_store, "0.000000003", "1000")
    assert beyond.lost
    assert beyond.found == Decimal("999.999999998")
    assert not _add(exact_store, "0.000000002", "1000").lost

    assert _spent(exact_store) == 1000
    assert _add(exact_store, "0.000000001", "1000").lost
    assert not _add(exact_store, "0", "1000").lost


@pytest.mark.parametrize(("amount", "fits"), [("1000", True), ("1000.000000001", False), ("0", True)])
def test_the_first_spend_of_a_day_is_held_to_the_limit_too(store: Context, amount: str, fits: bool) -> None:  # noqa: FBT001 - a case
    step = _add(store, amount, "1000")

    assert step.lost != fits
    assert _spent(store) == (Decimal(amount) if fits else 0)


def test_the_largest_amounts_add_up_exactly(exact_store: Context) -> None:
    assert not _add(exact_store, f"{MAX_AMOUNT - 1}.999999999", str(MAX_AMOUNT)).lost
    assert not _add(exact_store, "0.000000001", str(MAX_AMOUNT)).lost

    assert _spent(exact_store) == MAX_AMOUNT


def test_each_agent_and_each_utc_day_spends_on_its_own(store: Context) -> None:
    midnight_ms = NOW_MS - NOW_MS % DAY_MS

    elsewhere: list[dict[str, Any]] = [
        {"agentId": "agent-2"},
        {"tenantId": "tenant-b"},
        {"tenantId": None},
        {"timestamp": midnight_ms - 1},
    ]

    for changes in ({}, *elsewhere, {"timestamp": midnight_ms + DAY_MS}):
        assert not _add(store, "10", "10", **changes).lost

    for changes in ({"timestamp": midnight_ms}, {"timestamp": midnight_ms + DAY_MS - 1}):
        assert _add(store, "10", "10", **changes).lost


def test_a_days_spend_outlives_the_longest_deadline_of_what_was_submitted_at_its_end() -> None:
    tx = RequestTransaction(context_on((None, Tables())))
    tx.add_spend(Agent("agent-1"), "2026-03-05", Spend(Decimal(1), Decimal(1)))

    end_of_day_ms = NOW_MS - NOW_MS % DAY_MS + DAY_MS
    assert tx.writes[0].values[":ttl"] * 1000 > end_of_day_ms + 5 * 60_000 + 14 * DAY_MS


# -- budgets ----------------------------------------------------------------------------------------------------


def _taken(store: Context, reservation: Reservation) -> Decimal:
    [item] = store.dynamo.batch_get([(store.tables.workflow, requests.budget_key(reservation.counter))])
    return requests.taken(item)


def _reservations(*budgets: dict[str, Any], taken: Any = NONE_KNOWN) -> tuple[Reservation, ...]:
    judged = judge_budgets(budgets_of(GLOBAL, "v1", budgets), call_of(a_submission(context={"amount": 40})), taken)
    assert judged is not None
    return judged.reservations


def _reserve(store: Context, reservation: Reservation) -> Step[Decimal]:
    tx = RequestTransaction(store)
    step = tx.reserve(reservation)
    assert tx.commit() != step.lost
    return step


def test_shares_are_taken_up_to_the_budget_exactly_and_what_was_taken_is_found(exact_store: Context) -> None:
    [first] = _reservations(a_budget(max=80.000000001))

    assert [_reserve(exact_store, first).lost for _ in range(2)] == [False, False]
    beyond = _reserve(exact_store, replace(first, amount=Decimal("0.000000002")))
    assert (beyond.lost, beyond.found) == (True, Decimal(80))
    assert not _reserve(exact_store, replace(first, amount=Decimal("0.000000001"))).lost


@pytest.mark.parametrize("maximum", [0, 39.99])
def test_the_first_share_of_a_window_is_held_to_the_budget_too(store: Context, maximum: float) -> None:
    [reservation] = _reservations(a_budget(max=40))
    too_small = replace(reservation, limit=Decimal(str(maximum)))

    assert _reserve(store, too_small).lost
    assert _taken(store, reservation) == 0


def test_a_counter_outlives_the_longest_deadline_of_what_was_submitted_at_its_windows_end() -> None:
    for window in ("hour", "day", "month"):
        tx = RequestTransaction(context_on((None, Tables())))
        [reservation] = _reservations(a_budget(window=window))
        tx.reserve(reservation)

        ends_s = window_end_s(reservation.counter.window)
        assert tx.writes[0].values[":ttl"] > ends_s + 5 * 60 + 14 * DAY_MS // 1000


def test_a_request_that_lapsed_gives_back_all_that_it_took_its_days_spend_too(store: Context) -> None:
    held, past_the_limit = _reservations(a_budget(), a_count(max=0, over="escalate"))
    assert (held.held, past_the_limit.held) == (True, False)
    spend = Spend(Decimal(40), Decimal(1000))
    decision = Decision("allow", ReasonCode.POLICY_ALLOW, 1, spend=spend, reservations=(held, past_the_limit))
    submitted = a_submission(context={"amount": 40})
    record = RequestRecord.decided(submitted, decision, now_ms=NOW_MS, escalation_ttl_ms=1)
    for reservation in (held, replace(past_the_limit, limit=Decimal(1))):
        assert not _reserve(store, reservation).lost
    assert not _add(store, "40", "1000").lost

    tx = RequestTransaction(store)
    tx.give_back_shares(record)
    tx.give_back(submitted.agent, record.spend_day, spend)
    assert tx.commit()

    assert [_taken(store, held), _taken(store, past_the_limit), _spent(store)] == [0, 0, 0]


# -- escalations ------------------------------------------------------------------------------------------------


def _escalations(store: Context) -> Escalations:
    [item] = store.dynamo.batch_get(
        [(store.tables.workflow, requests.escalations_key("alice", Agent("agent-1", "tenant-a")))]
    )
    return requests.escalations_from(item)


def _escalate(store: Context, seen: Escalations, *, now_ms: int = NOW_MS, **changes: Any) -> Step[Escalations]:
    tx = RequestTransaction(store)
    step = tx.add_escalation(a_submission(**changes), seen=seen, now_ms=now_ms)
    assert tx.commit() != step.lost
    return step


def test_an_escalation_is_added_only_to_what_was_seen(store: Context) -> None:
    nothing = Escalations()
    assert not _escalate(store, nothing).lost
    one = _escalations(store)

    late = _escalate(store, nothing, now_ms=NOW_MS + 1)
    assert late.lost
    assert late.found == one
    assert not _escalate(store, one, now_ms=NOW_MS + 1).lost

    assert one == Escalations((NOW_MS,), 1)
    assert _escalations(store) == Escalations((NOW_MS, NOW_MS + 1), 2)


def test_escalations_older_than_the_window_are_forgotten_when_one_is_added(store: Context) -> None:
    for now_ms in (NOW_MS, NOW_MS + 1, NOW_MS + WINDOW_MS):
        assert not _escalate(store, _escalations(store), now_ms=now_ms).lost

    assert _escalations(store) == Escalations((NOW_MS + 1, NOW_MS + WINDOW_MS), 3)


def test_each_principal_and_agent_has_a_window_of_its_own(store: Context) -> None:
    others: list[dict[str, Any]] = [
        {"principalId": "bob"},
        {"agentId": "agent-2"},
        {"tenantId": "tenant-b"},
        {"tenantId": None},
    ]

    for changes in ({}, *others):
        assert not _escalate(store, Escalations(), **changes).lost

    assert _escalations(store).times_ms == (NOW_MS,)


def test_escalations_outlive_the_longest_deadline() -> None:
    tx = RequestTransaction(context_on((None, Tables())))
    tx.add_escalation(a_submission(), seen=Escalations(), now_ms=NOW_MS)

    assert tx.writes[0].values[":ttl"] * 1000 > NOW_MS + 14 * DAY_MS


def test_a_thousand_escalations_fit_their_item(store: Context) -> None:
    times = tuple(range(NOW_MS - 999, NOW_MS))
    seen = Escalations(times, 0)

    assert not _escalate(store, seen).lost

    assert _escalations(store).times_ms == (*times, NOW_MS)
