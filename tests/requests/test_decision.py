"""Decisions, against a plain restatement of the contract's table."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from handshake.core.tiers import RISK_TIERS
from handshake.policy.rule_keys import DEFAULT_RULES, KEY_OF, limits_of
from handshake.policy.rules import PolicyInForce
from handshake.requests.decision import Decision, decide, spend_day, utc_day
from tests.support.metrics_events import DAY_MS, NOW_MS
from tests.support.policies import in_force
from tests.support.workflow_requests import (
    CATEGORIES,
    DAY_MINUTES,
    HOURS,
    MINUTES,
    MONEY,
    a_rule,
    a_submission,
    caller_limits,
    minutes_of,
    rules,
)

Rules = list[dict[str, Any]]
Told = tuple[str, str, int]
MIDNIGHT_MS = NOW_MS - NOW_MS % DAY_MS
WINDOW_MS = 10 * 60 * 1000
STRICTNESS = {"allow": 0, "escalate": 1, "deny": 2}
DEFAULTS: Rules = [dict(rule) for rule in DEFAULT_RULES]


def _policy(stored: Rules, agent: Rules) -> PolicyInForce:
    return in_force(limits_of(stored), limits_of(agent))


def _told(decision: Decision) -> Told:
    return decision.outcome, decision.reason.value, decision.tier


def _decide(context: dict[str, Any], policy: PolicyInForce, *, spent: Decimal = Decimal(0), minute: int = 600) -> Told:
    return _told(_decision(context, policy, spent=spent, minute=minute))


def _decision(context: dict[str, Any], policy: PolicyInForce, *, spent: Decimal, minute: int) -> Decision:
    submission = a_submission(context=context, timestamp=MIDNIGHT_MS + minute * 60_000)
    return decide(submission, policy=policy, spent=spent)


def _values(key: str, stored: Rules, agent: Rules, own: Any) -> list[Any]:
    """Every value demanded for ``key``: the default only where global scope stores none."""
    for_all, for_agent = (
        [rule["value"] for rule in some if KEY_OF[rule["key"].lower()].name == key] for some in (stored, agent)
    )
    for_all = for_all or [rule["value"] for rule in DEFAULTS if rule["key"] == key]
    return [*for_all, *for_agent, *([] if own is None else [own])]


def _names(value: Any) -> set[str]:
    return {name.strip() for name in (value.split(",") if isinstance(value, str) else value)}


def _contract(context: dict[str, Any], stored: Rules, agent: Rules, spent: Decimal, minute: int) -> Told:
    """The contract's payment rules, in its order and by its words."""

    def exact(value: Any) -> Fraction:
        return Fraction(str(value))

    amount = exact(context["amount"])
    daily = min(map(exact, _values("daily_spend_limit", stored, agent, context.get("dailySpendLimit"))))
    if Fraction(spent) + amount > daily:
        return "deny", "policy_daily_limit_exceeded", 4
    categories = _values("allowed_categories", stored, agent, context.get("allowedCategories"))
    if not all(context.get("category", "ops") in _names(value) for value in categories):
        return "deny", "policy_category_not_allowed", 4
    windows = _values("allowed_hours", stored, agent, context.get("allowedHours"))
    if not all(minute in minutes_of(window) for window in windows):
        return "deny", "policy_outside_allowed_hours", 4
    limit = min(map(exact, _values("max_transaction", stored, agent, context.get("maxTransaction"))))
    if amount > limit:
        return "escalate", "hitl_boundary_escalated", 4 if amount > 2 * limit else 3
    return "allow", "policy_allow", 1


@st.composite
def _contexts(draw: st.DrawFn) -> dict[str, Any]:
    context: dict[str, Any] = {"amount": draw(MONEY), **draw(caller_limits())}
    category = draw(st.none() | st.sampled_from(CATEGORIES))
    return context | ({"category": category} if category else {})


# -- payments ---------------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(_contexts(), rules(), rules(max_size=3), st.integers(0, 100_000), MINUTES)
@example({"amount": 100}, [], [], 0, 0)
@example({"amount": 100.01}, [], [], 0, 0)
@example({"amount": 200}, [], [], 0, 0)
@example({"amount": 200.01}, [], [], 0, 0)
@example({"amount": 1}, [], [], 99_900, 0)
@example({"amount": 1.01}, [], [], 99_900, 0)
def test_a_payment_is_decided_by_the_contracts_table(
    context: dict[str, Any], stored: Rules, agent: Rules, spent_cents: int, minute: int
) -> None:
    spent = Decimal(spent_cents) / 100

    told = _decide(context, _policy(stored, agent), spent=spent, minute=minute)

    assert told == _contract(context, stored, agent, spent, minute)


@settings(max_examples=20)
@given(HOURS, HOURS, HOURS)
def test_a_payment_is_within_hours_exactly_in_the_minutes_that_every_scope_names(
    stored: str, agent: str, own: str
) -> None:
    policy = _policy(
        [{"id": "g", "key": "allowed_hours", "value": stored}], [{"id": "a", "key": "allowed_hours", "value": agent}]
    )

    allowed = {
        minute
        for minute in range(DAY_MINUTES)
        if _decide({"amount": 1, "allowedHours": own}, policy, minute=minute)[0] == "allow"
    }

    assert allowed == minutes_of(stored) & minutes_of(agent) & minutes_of(own)


def _strictness(told: Told) -> tuple[int, int]:
    return STRICTNESS[told[0]], told[2]


@settings(max_examples=200)
@given(_contexts(), st.tuples(rules(), rules()), a_rule(), caller_limits(), MINUTES)
def test_no_rule_scope_or_limit_that_is_added_ever_loosens_a_decision(
    context: dict[str, Any], scopes: tuple[Rules, Rules], more: dict[str, Any], own: dict[str, Any], minute: int
) -> None:
    stored, agent = scopes
    before = _strictness(_decide(context, _policy(stored, agent), minute=minute))

    with_agent_rule = _decide(context, _policy(stored, [*agent, more]), minute=minute)
    with_own_limits = _decide(own | context, _policy(stored, agent), minute=minute)
    without_agent_scope = _decide(context, _policy(stored, []), minute=minute)

    assert _strictness(with_agent_rule) >= before
    assert _strictness(with_own_limits) >= before
    assert before >= _strictness(without_agent_scope)
    if any(KEY_OF[rule["key"].lower()] is KEY_OF[more["key"].lower()] for rule in stored):
        assert _strictness(_decide(context, _policy([*stored, more], agent), minute=minute)) >= before


@pytest.mark.parametrize("hour", [0, 3, "03:00"])
def test_the_hour_that_a_caller_claims_is_ignored(hour: Any) -> None:
    policy = _policy([{"id": "g", "key": "allowed_hours", "value": "09:00-10:00"}], [])

    assert _decide({"amount": 1, "hour": hour}, policy, minute=9 * 60 + 30)[0] == "allow"
    assert _decide({"amount": 1, "hour": 9}, policy, minute=3 * 60)[1] == "policy_outside_allowed_hours"


@pytest.mark.parametrize("amount", [None, -0.01, -1, "10", "", True, [], {}, [10], float("inf"), float("-inf")])
def test_a_payment_without_a_finite_amount_from_zero_up_is_denied_as_invalid(amount: Any) -> None:
    told = _decide({"amount": amount, "category": "ops"}, PolicyInForce())

    assert told == ("deny", "policy_invalid_request", 4)


@pytest.mark.parametrize("name", ["maxTransaction", "dailySpendLimit", "allowedHours", "allowedCategories"])
@pytest.mark.parametrize("value", ["nonsense,", {}, True, -1, float("inf")])
def test_a_payment_under_limits_nobody_understands_is_denied_as_invalid(name: str, value: Any) -> None:
    assert _decide({"amount": 1, name: value}, PolicyInForce())[1] == "policy_invalid_request"


@pytest.mark.parametrize("category", [7, True, ["ops"], {"name": "ops"}])
def test_a_category_that_is_not_text_is_denied_as_invalid(category: Any) -> None:
    assert _decide({"amount": 1, "category": category}, PolicyInForce())[1] == "policy_invalid_request"


def test_a_category_too_large_to_be_a_number_does_not_become_text() -> None:
    policy = _policy([{"id": "g", "key": "allowed_categories", "value": ["inf"]}], [])

    assert _decide({"amount": 1, "category": float("inf")}, policy)[1] == "policy_invalid_request"


@pytest.mark.parametrize("amount", [10**15 + 1, 1e16, 1e300, 10**17])
def test_an_amount_beyond_every_limit_is_over_the_daily_one(amount: float) -> None:
    assert _decide({"amount": amount}, PolicyInForce())[1] == "policy_daily_limit_exceeded"


def test_an_escalated_payment_says_which_limit_it_crossed_and_by_what() -> None:
    decision = _decision({"amount": 150.5}, PolicyInForce(), spent=Decimal(0), minute=0)

    assert decision.trigger is not None
    assert decision.trigger._asdict() == {"rule": "max_transaction", "limit": 100, "value": 150.5}


@given(
    st.lists(st.floats(0, 40, allow_subnormal=True) | MONEY.map(lambda amount: amount / 50), max_size=40),
    st.floats(0, 100),
)
@example([1e-12] * 40, 1e-11)
@example([0.1] * 30, 0.3)
@example([5e-324] * 3, 1e-300)
def test_however_amounts_are_rounded_what_is_allowed_never_adds_up_past_the_limit(
    amounts: list[float], limit: float
) -> None:
    policy = _policy([{"id": "g", "key": "daily_spend_limit", "value": limit}], [])
    spent, exact = Decimal(0), Fraction(0)

    for amount in amounts:
        decision = _decision({"amount": amount}, policy, spent=spent, minute=0)
        if decision.outcome == "allow":
            assert decision.spend is not None
            spent += decision.spend.amount
            exact += Fraction(repr(amount))

    assert exact <= Fraction(repr(limit))
    assert exact <= Fraction(spent) <= exact + len(amounts) * Fraction(1, 10**9)


def test_denials_spend_nothing_and_other_types_neither() -> None:
    assert _decision({"amount": 5000}, PolicyInForce(), spent=Decimal(0), minute=0).spend is None
    assert decide(a_submission("external_call"), policy=PolicyInForce(), spent=Decimal(0)).spend is None


# -- other types ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action_type", ["credential_use", "external_call", "other"])
@given(stored=rules(), context=_contexts())
def test_other_types_are_allowed_whatever_policy_says(action_type: str, stored: Rules, context: dict[str, Any]) -> None:
    submission = a_submission(action_type, context=context)

    assert _told(decide(submission, policy=_policy(stored, []), spent=Decimal(10**6))) == ("allow", "policy_allow", 1)


@pytest.mark.parametrize("authorized", [True, False, None, "true", 1])
@pytest.mark.parametrize(
    "sensitivity",
    [
        None,
        *("low", "medium", "public", "internal", " LOW", "Internal\t"),
        *("high", "HIGH ", "confidential", "Confidential", "secret", "Restricted", "pii", " PII "),
        *("ambiguous", " Ambiguous", "", "none", "top secret", "p.i.i.", "l\u043ew", "low\u200b", "secret,low"),
    ],
)
def test_data_access_is_decided_by_its_sensitivity(sensitivity: str | None, authorized: Any) -> None:
    context = {"sensitivity": sensitivity, "authorizedSensitiveScope": authorized}
    told = _told(decide(a_submission("data_access", context=context), policy=PolicyInForce(), spent=Decimal(0)))

    match sensitivity and sensitivity.strip().lower():
        case "high" | "confidential" | "secret" | "restricted" | "pii" if authorized is not True:
            assert told == ("deny", "policy_sensitive_scope_denied", 4)
        case None | "low" | "medium" | "public" | "internal":
            assert told == ("allow", "policy_allow", 1)
        case "high" | "confidential" | "secret" | "restricted" | "pii":
            assert told == ("allow", "policy_allow", 1)
        case _:
            assert told == ("escalate", "hitl_sensitive_ambiguous_escalated", 3)


@pytest.mark.parametrize("sensitivity", [0, 7, True, False, [], ["low"], {}, {"level": "low"}, float("inf"), -1e999])
def test_a_sensitivity_that_is_not_text_is_never_let_through(sensitivity: Any) -> None:
    submission = a_submission("data_access", context={"sensitivity": sensitivity})

    assert decide(submission, policy=PolicyInForce(), spent=Decimal(0)).outcome == "escalate"


# -- names ------------------------------------------------------------------------------------------------------


def test_tiers_have_the_contracts_names() -> None:
    assert list(RISK_TIERS) == ["low", "low", "medium", "high", "critical"]


@given(st.integers(0, 4_102_444_800_000))
def test_a_payment_counts_towards_the_utc_day_of_its_time(timestamp_ms: int) -> None:
    assert utc_day(timestamp_ms) == datetime.fromtimestamp(timestamp_ms // 1000, UTC).strftime("%Y-%m-%d")


@given(st.integers(1_500_000_000_000, 1_900_000_000_000), st.integers(-300_000, 300_000))
def test_a_payment_counts_towards_no_day_that_has_not_begun_on_the_servers_clock(server_ms: int, ahead_ms: int) -> None:
    day = spend_day(server_ms + ahead_ms, server_ms)

    assert day == min(utc_day(server_ms), utc_day(server_ms + ahead_ms))


def test_a_policy_in_force_without_anything_stored_demands_nothing_of_its_own() -> None:
    assert PolicyInForce().limits == in_force().limits
    assert PolicyInForce().versions == {"global": None, "agent": None}
