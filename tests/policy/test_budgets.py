"""Budgets: what a call takes, when it no longer fits, and that no order of calls takes more than there is."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.core.agents import Agent
from handshake.core.tiers import STRICTNESS
from handshake.policy.budgets import (
    MAX_SHARDS,
    NONE_KNOWN,
    Budget,
    Call,
    Counter,
    JudgedBudgets,
    Reservation,
    judge_budgets,
    parse_budgets,
    window_end_s,
    window_of,
)
from handshake.policy.rules import GLOBAL, Scope
from handshake.policy.verdict import ALLOWED, Named
from tests.support.metrics_events import DAY_MS, NOW_MS
from tests.support.policies import AGENT, TENANT, a_budget, a_count
from tests.support.refusals import answer, reason

SHAPE: Final = "trust_context_invalid_request_shape"
INVALID: Final = "policy_invalid_policy"
HOUR_MS: Final = 60 * 60 * 1000


def _budget(scope: Scope = GLOBAL, **changes: Any) -> Budget:
    return Budget.stored(scope, "v1", a_budget(**changes))


def _call(amount: Any = 1, **changes: Any) -> Call:
    call = Call(Agent("agent-1", "tenant-a"), "alice", NOW_MS, "req-1", amount=amount)
    return call._replace(**changes)


def _judged(budgets: Sequence[Budget], call: Call, taken: Any = NONE_KNOWN, **options: Any) -> JudgedBudgets:
    judged = judge_budgets(budgets, call, taken, **options)
    assert judged is not None
    return judged


def _counter(call: Call, **changes: Any) -> Counter:
    [reservation] = _judged([_budget(**changes)], call).reservations
    return reservation.counter


# -- what a budget may be ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"measure": "average"}, INVALID),
        ({"measure": ["sum"]}, INVALID),
        ({"measure": "count"}, INVALID),
        ({"of": None}, INVALID),
        ({"of": ""}, INVALID),
        ({"of": "input"}, INVALID),
        ({"of": "input."}, INVALID),
        ({"of": "input..x"}, INVALID),
        ({"of": "input.x."}, INVALID),
        ({"of": "context.amount"}, INVALID),
        ({"of": 7}, INVALID),
        ({"of": "input." + "x" * 256}, INVALID),
        ({"currency": ""}, INVALID),
        ({"currency": 7}, INVALID),
        ({"currency": "E" * 17}, INVALID),
        ({"per": "world"}, INVALID),
        ({"window": "week"}, INVALID),
        ({"over": "allow"}, INVALID),
        ({"max": -1}, INVALID),
        ({"max": "5000"}, INVALID),
        ({"max": True}, INVALID),
        ({"max": 1e16}, INVALID),
        ({"max": None}, INVALID),
        ({"shards": 0}, INVALID),
        ({"shards": MAX_SHARDS + 1}, INVALID),
        ({"shards": 2.0}, INVALID),
        ({"shards": True}, INVALID),
        ({"limit": 7}, INVALID),
        ({"id": 7}, SHAPE),
        ({"id": " day"}, SHAPE),
    ],
    ids=str,
)
def test_a_budget_without_meaning_is_refused(changes: dict[str, Any], code: str) -> None:
    assert reason(lambda: parse_budgets([a_budget(**changes)])) == code


@pytest.mark.parametrize("maximum", [0.5, 2.5])
def test_a_count_is_of_whole_calls(maximum: float) -> None:
    assert reason(lambda: parse_budgets([a_budget(**a_count(), of=None) | {"max": maximum}])) == INVALID


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"of": "input.order.total"},
        {"currency": "EUR"},
        {"shards": 1},
        {"shards": MAX_SHARDS},
        {"max": 0},
        {"max": 10**15},
        {"max": 0.000000001},
        {"per": "tool", "window": "month", "over": "escalate"},
    ],
    ids=str,
)
def test_a_budget_is_kept_as_it_was_written(changes: dict[str, Any]) -> None:
    budget = a_budget(**changes)

    assert parse_budgets([budget]) == [budget]


@given(st.lists(st.dictionaries(st.sampled_from(sorted(a_budget(currency="x", shards=1))), st.from_type(object))))
def test_whatever_is_given_as_budgets_is_kept_or_refused(value: Any) -> None:
    assert answer(lambda: parse_budgets(value)) in (value, SHAPE, INVALID)


# -- windows and buckets ----------------------------------------------------------------------------------------


@given(st.integers(1_500_000_000_000, 4_000_000_000_000), st.sampled_from(["hour", "day", "month"]))
def test_a_window_holds_the_times_that_have_its_name_and_is_over_when_it_says(at_ms: int, size: Any) -> None:
    window = window_of(size, at_ms)

    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    assert at.isoformat().startswith(window)
    assert window_end_s(window) * 1000 > at_ms
    assert window_of(size, window_end_s(window) * 1000) != window


@pytest.mark.parametrize(
    ("per", "changes", "shared"),
    [
        ("agent", {"principal_id": "bob", "tool": "mail"}, True),
        ("agent", {"agent": Agent("agent-2", "tenant-a")}, False),
        ("agent", {"agent": Agent("agent-1", "tenant-b")}, False),
        ("agent", {"agent": Agent("agent-1")}, False),
        ("principal", {"agent": Agent("agent-2", "tenant-a")}, True),
        ("principal", {"agent": Agent("agent-1", "tenant-b")}, False),
        ("principal", {"principal_id": "bob"}, False),
        ("tenant", {"agent": Agent("agent-2", "tenant-a"), "principal_id": "bob"}, True),
        ("tenant", {"agent": Agent("agent-1")}, False),
        ("tool", {"agent": Agent("agent-2"), "principal_id": "bob"}, True),
        ("tool", {"tool": "mail"}, False),
    ],
)
def test_whose_calls_are_counted_together(per: str, changes: dict[str, Any], shared: bool) -> None:  # noqa: FBT001 - a case
    assert (_counter(_call(), per=per) == _counter(_call(**changes), per=per)) == shared


def test_calls_of_no_tenant_and_of_no_tool_have_one_bucket() -> None:
    bare = [_call(agent=Agent(name), principal_id=name) for name in ("agent-1", "agent-2")]

    assert len({_counter(call, per="tenant") for call in bare}) == 1
    assert len({_counter(call, per="tool") for call in bare}) == 1


@pytest.mark.parametrize(
    ("before", "after", "begins_anew"),
    [
        ({}, {"max": 7}, False),
        ({}, {"over": "escalate"}, False),
        ({}, {"id": "another"}, True),
        ({}, {"currency": "EUR"}, True),
        ({}, {"of": "input.amount"}, True),
        ({}, {"per": "tenant"}, True),
        ({}, {"shards": 2}, True),
    ],
    ids=str,
)
def test_a_changed_limit_goes_on_counting_and_a_changed_measure_begins_anew(
    before: dict[str, Any],
    after: dict[str, Any],
    begins_anew: bool,  # noqa: FBT001 - a case
) -> None:
    call = _call(currency="eur", arguments={"amount": 1})

    assert (_counter(call, **before).key != _counter(call, **after).key) == begins_anew


def test_scopes_never_share_a_counter() -> None:
    scopes = (GLOBAL, TENANT, AGENT, Scope("agent", "agent-1", "tenant-a"), Scope("tenant", "agent-1"))
    counters = {_judged([_budget(scope)], _call()).reservations[0].counter for scope in scopes}

    assert len(counters) == len(scopes)


# -- what a call takes ------------------------------------------------------------------------------------------


def test_currencies_are_never_added_together_whatever_their_case() -> None:
    counters = [_counter(_call(currency=name)) for name in ("EUR", " eur ", "USD", None)]

    assert counters[0] == counters[1]
    assert len(set(counters)) == 3


def test_a_budget_of_one_currency_counts_no_other() -> None:
    budget = _budget(currency="EUR")

    assert _judged([budget], _call(currency="USD")).reservations == ()
    assert _judged([budget], _call(currency=None)).reservations == ()
    [reservation] = _judged([budget], _call(20, currency="eur")).reservations
    assert reservation.amount == 20


def test_a_count_is_of_calls_whatever_their_currency() -> None:
    counters = {_counter(_call(currency=name), **a_count()) for name in ("EUR", "USD", None)}

    assert len(counters) == 1


@pytest.mark.parametrize("arguments", [None, {}, {"order": {}}, {"order": 7}, {"order": {"total": None}}], ids=str)
def test_a_call_without_what_is_summed_is_not_counted(arguments: Any) -> None:
    assert _judged([_budget(of="input.order.total")], _call(arguments=arguments)).reservations == ()


def test_a_sum_is_of_what_its_path_leads_to() -> None:
    [reservation] = _judged(
        [_budget(of="input.order.total")], _call(7, arguments={"order": {"total": 19.99}})
    ).reservations

    assert reservation.amount == Decimal("19.99")


@pytest.mark.parametrize("value", ["19.99", True, -1, -0.01, [1], {"x": 1}, 1e16, float("nan"), float("inf")], ids=str)
def test_what_is_there_and_is_no_amount_cannot_be_judged(value: Any) -> None:
    assert judge_budgets([_budget(of="input.total")], _call(arguments={"total": value}), NONE_KNOWN) is None
    assert judge_budgets([_budget()], _call(value), NONE_KNOWN) is None


def test_fractions_are_rounded_against_the_spender() -> None:
    [reservation] = _judged([_budget(max=1)], _call(Decimal("0.0000000001"))).reservations

    assert reservation.amount == Decimal("0.000000001")


@given(st.integers(1, MAX_SHARDS), st.decimals(0, 10**6, places=2), st.booleans())
def test_the_shards_of_a_budget_never_hold_more_than_it(shards: int, maximum: Decimal, counted: bool) -> None:  # noqa: FBT001 - a case
    what = a_count() if counted else {}
    changes = {"max": int(maximum) if counted else float(maximum), "shards": shards}
    of_a_shard = _budget(**(what | changes)).of_a_shard

    assert 0 <= of_a_shard * shards <= maximum
    assert not counted or of_a_shard == of_a_shard.to_integral_value()


# -- what becomes of it -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "before", "outcome"),
    [
        (5000, None, "fits"),
        (5000, 0, "fits"),
        (2000, 3000, "fits"),
        (2000, "3000.000000001", "over"),
        (5001, None, "over"),
        (1, 5000, "over"),
        (0, 5000, "fits"),
        (0, 5001, "over"),
    ],
)
@pytest.mark.parametrize("over", ["deny", "escalate"])
def test_a_call_fits_up_to_the_budget_exactly(amount: int, before: Any, outcome: str, over: str) -> None:
    call, budget = _call(amount), _budget(over=over)
    taken = {} if before is None else {_counter(call): Decimal(before)}

    judged = _judged([budget], call, taken)

    if outcome == "fits":
        assert judged.judgement == ALLOWED
        assert [reservation.held for reservation in judged.reservations] == [True]
    elif over == "deny":
        assert (judged.judgement.outcome, judged.judgement.reason, judged.judgement.tier) == (
            "deny",
            "policy_budget_exceeded",
            4,
        )
        assert judged.reservations == ()
    else:
        assert (judged.judgement.outcome, judged.judgement.reason, judged.judgement.tier) == (
            "escalate",
            "hitl_budget_escalated",
            3,
        )
        assert [reservation.held for reservation in judged.reservations] == [False]


def test_what_a_request_took_itself_is_left_out_when_it_is_asked_again() -> None:
    call, budget = _call(3000), _budget()
    [own] = _judged([budget], call).reservations

    assert _judged([budget], call, {own.counter: Decimal(3000)}).judgement != ALLOWED
    assert _judged([budget], call, {own.counter: Decimal(3000)}, own=[own]).judgement == ALLOWED
    assert _judged([budget], call, {own.counter: Decimal(6000)}, own=[own]).judgement != ALLOWED


def test_of_several_budgets_the_strictest_decides_and_a_denial_takes_of_none() -> None:
    call = _call(10)
    budgets = [_budget(id="a", max=5, over="escalate"), _budget(id="b", max=4, over="deny"), _budget(id="c", max=100)]

    assert _judged(budgets, call).reservations == ()
    denied = _judged(budgets, call).judgement
    assert (denied.reason, denied.trigger and denied.trigger.rule) == ("policy_budget_exceeded", "budget:b")
    assert denied.policies == (Named("global", "v1", "b"),)
    escalated = _judged([budgets[0], budgets[2]], call)
    assert [(kept.budget, kept.held) for kept in escalated.reservations] == [("a", False), ("c", True)]


@given(
    st.lists(
        st.builds(_budget, id=st.uuids().map(str), max=st.integers(0, 20), over=st.sampled_from(["deny", "escalate"]))
    )
)
def test_a_further_budget_never_widens(budgets: list[Budget]) -> None:
    def strictness(some: Sequence[Budget]) -> int:
        return STRICTNESS[_judged(some, _call(10)).judgement.outcome]

    assert all(strictness(budgets[:number]) <= strictness(budgets[: number + 1]) for number in range(len(budgets)))


@st.composite
def _calls(draw: st.DrawFn) -> list[Call]:
    names = st.sampled_from(["a", "b", None])
    return [
        Call(
            Agent(draw(st.sampled_from(["agent-1", "agent-2"])), draw(names)),
            draw(st.sampled_from(["alice", "bob"])),
            NOW_MS + draw(st.sampled_from([0, 1, HOUR_MS, DAY_MS])),
            str(number),
            tool=draw(names),
            amount=draw(st.integers(0, 9)),
            currency=draw(st.sampled_from(["EUR", "USD", None])),
        )
        for number in range(draw(st.integers(0, 30)))
    ]


@st.composite
def _budgets(draw: st.DrawFn) -> list[Budget]:
    found = []
    for number in range(draw(st.integers(1, 4))):
        changes: dict[str, Any] = {
            "per": draw(st.sampled_from(["agent", "principal", "tenant", "tool"])),
            "window": draw(st.sampled_from(["hour", "day", "month"])),
            "currency": draw(st.sampled_from([None, "EUR"])),
            "shards": draw(st.sampled_from([None, 1, 3])),
            "over": draw(st.sampled_from(["deny", "escalate"])),
            "max": draw(st.integers(0, 20)),
        }
        what = a_count() if draw(st.booleans()) else {}
        found.append(_budget(**(what | changes | {"id": str(number)})))
    return found


@given(_budgets(), _calls())
def test_no_order_of_calls_takes_more_than_a_budget_of_anything(budgets: list[Budget], calls: list[Call]) -> None:
    """By hand: what was let through, added up by what the budget says is counted together."""
    taken: defaultdict[Counter, Decimal] = defaultdict(Decimal)
    let_through: list[tuple[Call, tuple[Reservation, ...]]] = []
    for call in calls:
        judged = _judged(budgets, call, taken)
        held = tuple(reservation for reservation in judged.reservations if reservation.held)
        for reservation in held:
            taken[reservation.counter] += reservation.amount
        let_through.append((call, held))

    for budget in budgets:
        sums: defaultdict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
        for call, held in let_through:
            if budget.name in {reservation.budget for reservation in held}:
                whose = {
                    "agent": call.agent,
                    "principal": (call.agent.tenant_id, call.principal_id),
                    "tenant": call.agent.tenant_id,
                    "tool": call.tool,
                }[budget.per]
                currency = call.currency if budget.measure == "sum" else None
                amount = Decimal(1) if budget.measure == "count" else Decimal(call.amount)
                sums[whose, window_of(budget.window, call.at_ms), currency] += amount
        assert all(total <= budget.maximum for total in sums.values())


@given(_budgets(), _calls())
def test_what_is_kept_of_a_reservation_is_all_of_it(budgets: list[Budget], calls: list[Call]) -> None:
    for call in calls:
        for reservation in _judged(budgets, call).reservations:
            assert Reservation.of_stored(reservation.stored()) == reservation
