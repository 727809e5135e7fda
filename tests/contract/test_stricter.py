"""Contract section 9: where this service is stricter than the Workers version, item by item."""

import json
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from tests.support.service import (
    InProcess,
    Reply,
    Service,
    apply_policy,
    for_agent,
    get,
    human,
    now_ms,
    post,
    reported_event,
    rules,
    submission,
    submit,
    token,
    unique,
)

DAY_MS = 24 * 60 * 60 * 1000
MIDNIGHT_MS = 20_000 * DAY_MS


@pytest.fixture
def agent() -> str:
    return unique("agent")


def _pay(service: Service, agent: str, amount: Any = 10, **context: Any) -> Reply:
    return submit(service, submission(agentId=agent, context={"amount": amount, **context}))


def _reason(service: Service, agent: str, amount: Any = 10, **context: Any) -> str | None:
    return _pay(service, agent, amount, **context).reason


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        ({"amount": 60, "maxTransaction": 50}, "hitl_boundary_escalated"),
        ({"amount": 60, "maxTransaction": 500}, "policy_allow"),
        ({"amount": 101, "maxTransaction": 500}, "hitl_boundary_escalated"),
        ({"amount": 60, "dailySpendLimit": 59}, "policy_daily_limit_exceeded"),
        ({"amount": 1001, "dailySpendLimit": 5000, "maxTransaction": 5000}, "policy_daily_limit_exceeded"),
        ({"amount": 1, "allowedCategories": ["food"]}, "policy_category_not_allowed"),
        ({"amount": 1, "category": "casino", "allowedCategories": ["casino"]}, "policy_category_not_allowed"),
        ({"amount": 1, "category": "food", "allowedCategories": "food, casino"}, "policy_allow"),
        ({"amount": 1, "hour": 99}, "policy_allow"),
        ({"amount": 1, "hour": "never"}, "policy_allow"),
    ],
    ids=str,
)
def test_1_limits_in_the_context_only_narrow(service: Service, context: dict[str, Any], reason: str) -> None:
    assert submit(service, submission(context=context)).reason == reason


def test_1_hours_in_the_context_only_narrow(service: Service, agent: str) -> None:
    timestamp = now_ms()
    here, elsewhere = (f"{at // 60 % 24:02}:{at % 60:02}" for at in (timestamp // 60_000, timestamp // 60_000 + 90))

    def reason(allowed_hours: str) -> str | None:
        context = {"amount": 1, "allowedHours": f"{allowed_hours}-{allowed_hours}", "hour": 12}
        return submit(service, submission(agentId=agent, timestamp=timestamp, context=context)).reason

    assert (reason(here), reason(elsewhere)) == ("policy_allow", "policy_outside_allowed_hours")
    apply_policy(service, for_agent(agent, allowed_hours=f"{elsewhere}-{elsewhere}"))
    assert reason(here) == "policy_outside_allowed_hours"


@pytest.mark.parametrize(
    ("stored", "amount", "reason"),
    [
        (({"max_transaction": 50}, {"max_transaction": 90}), 60, "hitl_boundary_escalated"),
        (({"max_transaction": 90}, {"max_transaction": 50}), 60, "hitl_boundary_escalated"),
        (({"max_transaction": 90}, {"max_transaction": 70}), 60, "policy_allow"),
        (({"daily_spend_limit": 50}, {"daily_spend_limit": 900}), 60, "policy_daily_limit_exceeded"),
        (({"daily_spend_limit": 900}, {"daily_spend_limit": 50}), 60, "policy_daily_limit_exceeded"),
        (({"max_transaction": 500}, {"max_transaction": 9000}), 400, "policy_allow"),
        (({}, {"max_transaction": 9000, "daily_spend_limit": 9000}), 101, "hitl_boundary_escalated"),
        (({"allowed_categories": "food"}, {"allowed_categories": "ops"}), 1, "policy_category_not_allowed"),
        (({}, {"allowed_categories": "casino"}), 1, "policy_category_not_allowed"),
    ],
    ids=str,
)
def test_2_the_stricter_value_of_each_scope_wins(
    global_scope: Service, agent: str, stored: tuple[dict[str, Any], dict[str, Any]], amount: int, reason: str
) -> None:
    for_all, for_one = stored
    apply_policy(global_scope, {"scope": "global", "rules": rules(**for_all)})
    apply_policy(global_scope, for_agent(agent, **for_one))

    assert _reason(global_scope, agent, amount) == reason


def test_3_the_daily_limit_holds_for_the_sum_of_the_agents_day(service: Service, agent: str) -> None:
    apply_policy(service, for_agent(agent, daily_spend_limit=100))
    timestamp = now_ms()

    def spend(amount: float) -> str | None:
        return submit(service, submission(agentId=agent, timestamp=timestamp, context={"amount": amount})).reason

    assert [spend(amount) for amount in (60, 40.01, 40, 0.01, 0)] == [
        "policy_allow",
        "policy_daily_limit_exceeded",
        "policy_allow",
        "policy_daily_limit_exceeded",
        "policy_allow",
    ]
    assert _reason(service, unique("agent"), 60) == "policy_allow"


def test_3_a_day_is_the_utc_day_of_the_timestamp(in_process: InProcess, agent: str) -> None:
    around_midnight = replace(in_process, now_ms=lambda: MIDNIGHT_MS)

    def reason(at_ms: int) -> str | None:
        body = submission(agentId=agent, timestamp=MIDNIGHT_MS + at_ms, context={"amount": 90})
        return submit(around_midnight, body).reason

    apply_policy(in_process, for_agent(agent, daily_spend_limit=100))
    assert [reason(at_ms) for at_ms in (-60_000, -1, 0, 60_000)] == [
        "policy_allow",
        "policy_daily_limit_exceeded",
        "policy_allow",
        "policy_daily_limit_exceeded",
    ]


def test_3_payments_at_once_do_not_overspend(service: Service, agent: str) -> None:
    timestamp = now_ms()
    bodies = [submission(agentId=agent, timestamp=timestamp, context={"amount": 90}) for _ in range(16)]

    # As many as the smallest machine starts environments for in time.
    with ThreadPoolExecutor(4) as pool:
        reasons = list(pool.map(lambda body: submit(service.another(), body).reason, bodies))

    assert sorted(map(str, reasons)) == ["policy_allow"] * 11 + ["policy_daily_limit_exceeded"] * 5


@pytest.mark.parametrize("amount", [None, "10", "", -1, -0.01, True, [10], {}, "NaN"], ids=repr)
def test_4_a_payment_without_a_usable_amount_is_denied(service: Service, agent: str, amount: Any) -> None:
    reply = _pay(service, agent, amount)

    assert (reply.outcome, reply.body["decision"], reply.body["tier"]) == ((200, "policy_invalid_request"), "deny", 4)


@pytest.mark.parametrize("context", [{}, None, {"category": "ops"}], ids=str)
def test_4_a_payment_that_names_no_amount_is_denied(service: Service, context: Any) -> None:
    assert submit(service, submission(context=context)).outcome == (200, "policy_invalid_request")


@pytest.mark.parametrize("literal", ["1e999", "-1e999"])
def test_4_an_amount_that_is_not_finite_is_denied(service: Service, literal: str) -> None:
    body = submission(context={"amount": 0})
    text = json.dumps(body).replace('"amount": 0', f'"amount": {literal}')

    assert submit(service, text).outcome == (200, "policy_invalid_request")


@pytest.mark.parametrize(
    ("window", "at", "allowed"),
    [
        ("09:30-17:45", "09:29", False),
        ("09:30-17:45", "09:30", True),
        ("09:30-17:45", "17:45", True),
        ("09:30-17:45", "17:46", False),
        ("22:00-06:00", "21:59", False),
        ("22:00-06:00", "22:00", True),
        ("22:00-06:00", "23:59", True),
        ("22:00-06:00", "00:00", True),
        ("22:00-06:00", "06:00", True),
        ("22:00-06:00", "06:01", False),
        ("00:00-23:59", "00:00", True),
        ("00:00-23:59", "23:59", True),
        ("12:00-12:00", "12:00", True),
        ("12:00-12:00", "12:01", False),
    ],
)
def test_5_hours_count_to_the_minute_and_may_span_midnight(
    in_process: InProcess, agent: str, window: str, at: str, *, allowed: bool
) -> None:
    apply_policy(in_process, for_agent(agent, allowed_hours=window))
    hours, minutes = map(int, at.split(":"))
    last_ms = MIDNIGHT_MS + (hours * 60 + minutes) * 60_000 + 59_999
    then = replace(in_process, now_ms=lambda: last_ms)

    reply = submit(then, submission(agentId=agent, timestamp=last_ms))

    assert reply.reason == ("policy_allow" if allowed else "policy_outside_allowed_hours")


NO_AMOUNTS: list[Any] = [None, "100", "", True, [1], {}, -1, -0.01]
NO_HOURS: list[Any] = [None, 9, "", "always", "9-17", "9:00-17:00", "24:00-24:00", "08:60-09:00", ["08:00-09:00"]]
NO_CATEGORIES: list[Any] = [None, 5, {}, [1], [None], [["ops"]], ["ops", ""], True]
WRONG_RULES: list[dict[str, Any]] = [
    {"colour": "red"},
    {"": 1},
    {"max transaction": 1},
    {"max_transaction": 1, "max_payment": "1"},
    *({"max_transaction": value} for value in NO_AMOUNTS),
    *({"daily_spend_limit": value} for value in NO_AMOUNTS),
    *({"allowed_hours": value} for value in NO_HOURS),
    *({"allowed_categories": value} for value in NO_CATEGORIES),
]


@pytest.mark.parametrize("wrong", WRONG_RULES, ids=str)
def test_6_an_unknown_key_or_a_value_of_the_wrong_type_is_refused(
    service: Service, agent: str, wrong: dict[str, Any]
) -> None:
    reply = apply_policy(service, for_agent(agent, **wrong))

    assert reply.outcome == (422, "policy_invalid_policy")
    assert get(service, "/policy/config", query={"scope": "agent", "scopeId": agent}).body["rules"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"principalId": "another"},
        {"agentId": "another"},
        {"tenantId": "another"},
        {"tenantId": None},
        {"actionType": "other"},
        {"payloadRef": "tool:other"},
    ],
    ids=str,
)
def test_10_a_request_id_with_other_facts_is_refused_and_shows_nobodys_result(
    service: Service, changes: dict[str, Any]
) -> None:
    body = submission()
    first = submit(service, body).body

    reply = submit(service, body | changes)

    assert reply.outcome == (409, "security_decision_context_mismatch")
    assert not reply.body.keys() & {"decision", "txnId", "hitlRequestId", "artifact"}
    assert submit(service, body).body == first


def test_11_a_token_that_names_another_principal_is_refused(service: Service, agent: str) -> None:
    body = for_agent(agent, max_transaction=1)

    def by(principal_id: str) -> tuple[int, str | None]:
        shown = token(service, principal_id=principal_id)
        return apply_policy(service, body, envelope=human("operator"), token=shown).outcome

    assert by("somebody else") == (403, "security_identity_subject_mismatch")
    assert by("operator") == (200, None)


def test_11_a_token_valid_for_longer_than_15_minutes_is_refused(service: Service, agent: str) -> None:
    body = for_agent(agent, max_transaction=1)

    def living(lifetime_s: int) -> tuple[int, str | None]:
        return apply_policy(service, body, token=token(service, lifetime_s=lifetime_s)).outcome

    assert living(901) == (401, "security_invalid_internal_trust_context")
    assert living(900) == (200, None)


def test_12_with_no_history_a_simulation_predicts_nothing(service: Service, agent: str) -> None:
    reply = post(service, "/policy/simulate", for_agent(agent, max_transaction=0)).body

    assert reply["blastRadius"] == {"affectedAgents": 0, "highRiskAgents": 0}
    assert reply["predictedChanges"] == []


def test_12_a_simulation_replays_what_was_recorded(service: Service, agent: str) -> None:
    for amount in (10, 20, 30):
        _pay(service, agent, amount)

    def predicted(limit: int) -> list[Mapping[str, Any]]:
        changes: list[Mapping[str, Any]] = post(
            service, "/policy/simulate", for_agent(agent, max_transaction=limit)
        ).body["predictedChanges"]
        return changes

    assert predicted(30) == []
    assert predicted(25) == [{"requestClass": "payment:ops", "before": "allow", "after": "escalate"}]


def test_13_decision_context_hashes_are_sha_256(service: Service, agent: str) -> None:
    assert re.fullmatch("ctx_[0-9a-f]{64}", _pay(service, agent).body["decisionContextHash"])


@pytest.mark.parametrize(
    "call",
    {
        "submission": lambda service: submit(service, submission()),
        "config": lambda service: get(service, "/policy/config?scope=global"),
        "versions": lambda service: get(service, "/policy/versions?scope=global"),
        "simulation": lambda service: post(service, "/policy/simulate", for_agent("agent", max_transaction=1)),
        "project": lambda service: post(service, "/metrics/project", reported_event()),
    }.values(),
    ids=["submission", "config", "versions", "simulation", "project"],
)
def test_14_these_routes_rely_on_the_gateways_authentication(
    service: Service, call: Callable[[Service], Reply]
) -> None:
    assert call(service).status == 200
    assert call(service.by_stranger()).status == 200
