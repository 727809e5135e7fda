"""Contract section 3: what is decided, and the hash of what decides it."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.service import Service, apply_policy, for_agent, now_ms, submission, submit, unique

ALLOW = ("allow", "policy_allow", 1)
SENSITIVE = ("deny", "policy_sensitive_scope_denied", 4)
AMBIGUOUS = ("escalate", "hitl_sensitive_ambiguous_escalated", 3)
DAILY = ("deny", "policy_daily_limit_exceeded", 4)
CATEGORY = ("deny", "policy_category_not_allowed", 4)
HOURS = ("deny", "policy_outside_allowed_hours", 4)
FLOOD = ("deny", "security_escalation_flood_throttled", 4)
BOUNDARY_3 = ("escalate", "hitl_boundary_escalated", 3)
BOUNDARY_4 = ("escalate", "hitl_boundary_escalated", 4)


def _decision(service: Service, body: Mapping[str, Any]) -> tuple[str, str, int]:
    reply = submit(service, body)
    assert reply.status == 200, reply
    return reply.body["decision"], reply.body["reasonCode"], reply.body["tier"]


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({}, ALLOW),
        ({"sensitivity": "low"}, ALLOW),
        ({"sensitivity": "public"}, ALLOW),
        ({"sensitivity": "high"}, SENSITIVE),
        ({"sensitivity": "confidential"}, SENSITIVE),
        ({"sensitivity": "high", "authorizedSensitiveScope": False}, SENSITIVE),
        ({"sensitivity": "high", "authorizedSensitiveScope": "yes"}, SENSITIVE),
        ({"sensitivity": "confidential", "authorizedSensitiveScope": None}, SENSITIVE),
        ({"sensitivity": "high", "authorizedSensitiveScope": True}, ALLOW),
        ({"sensitivity": "confidential", "authorizedSensitiveScope": True}, ALLOW),
        ({"sensitivity": "ambiguous"}, AMBIGUOUS),
        ({"sensitivity": "ambiguous", "authorizedSensitiveScope": True}, AMBIGUOUS),
    ],
    ids=str,
)
def test_data_access_is_decided_by_sensitivity(
    service: Service, context: dict[str, Any], expected: tuple[str, str, int]
) -> None:
    assert _decision(service, submission("data_access", context=context)) == expected


@pytest.mark.parametrize("action_type", ["credential_use", "external_call", "other"])
@pytest.mark.parametrize(
    "context", [{}, {"amount": 10**6, "category": "casino"}, {"sensitivity": "confidential"}], ids=str
)
def test_other_types_are_allowed(service: Service, action_type: str, context: dict[str, Any]) -> None:
    assert _decision(service, submission(action_type, context=context)) == ALLOW


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({"amount": 0}, ALLOW),
        ({"amount": 99.99}, ALLOW),
        ({"amount": 100}, ALLOW),
        ({"amount": 100.01}, BOUNDARY_3),
        ({"amount": 200}, BOUNDARY_3),
        ({"amount": 200.01}, BOUNDARY_4),
        ({"amount": 1000}, BOUNDARY_4),
        ({"amount": 1000.01}, DAILY),
        ({"amount": 1e300}, DAILY),
        *[({"amount": 1, "category": name}, ALLOW) for name in ("ops", "infra", "subscriptions", "food", "transport")],
        ({"amount": 1, "category": "casino"}, CATEGORY),
        ({"amount": 1, "category": ""}, CATEGORY),
        ({"amount": 150, "category": "casino"}, CATEGORY),
        ({"amount": 5000, "category": "casino"}, DAILY),
    ],
    ids=str,
)
def test_without_stored_policy_a_payment_is_decided_by_the_defaults(
    service: Service, context: dict[str, Any], expected: tuple[str, str, int]
) -> None:
    assert _decision(service, submission(context=context)) == expected


def _clock(minutes_from: int) -> tuple[int, str]:
    """A timestamp within the server's tolerance, and the time of day ``minutes_from`` it."""
    timestamp = now_ms()
    minute = (timestamp // 60_000 + minutes_from) % 1440
    return timestamp, f"{minute // 60:02}:{minute % 60:02}"


def test_a_payment_outside_the_hours_of_its_timestamp_is_denied(service: Service) -> None:
    agent = unique("agent")
    timestamp, later = _clock(+2)
    apply_policy(service, for_agent(agent, allowed_hours=f"{later}-{later}"))

    def at(minute: int) -> tuple[str, str, int]:
        return _decision(service, submission(agentId=agent, timestamp=timestamp + minute * 60_000))

    assert [at(minute) for minute in (1, 2, 3)] == [HOURS, ALLOW, HOURS]


def test_the_checks_of_a_payment_go_daily_limit_category_hours_then_amount(service: Service) -> None:
    agent = unique("agent")
    timestamp, elsewhen = _clock(+60)
    apply_policy(
        service,
        for_agent(
            agent,
            daily_spend_limit=50,
            allowed_categories="food",
            allowed_hours=f"{elsewhen}-{elsewhen}",
            max_transaction=5,
        ),
    )

    def decision(**context: Any) -> tuple[str, str, int]:
        return _decision(service, submission(agentId=agent, timestamp=timestamp, context=context))

    assert decision(amount=51, category="ops") == DAILY
    assert decision(amount=50, category="ops") == CATEGORY
    assert decision(amount=50, category="food") == HOURS
    apply_policy(service, for_agent(agent, daily_spend_limit=50, allowed_categories="food", max_transaction=5))
    assert decision(amount=50, category="food") == BOUNDARY_4


def test_the_sixth_escalation_of_a_principal_and_agent_is_denied(service: Service) -> None:
    agent, principal = unique("agent"), unique("principal")

    def escalate(**changes: Any) -> tuple[str, str, int]:
        body = {"agentId": agent, "principalId": principal, "context": {"amount": 101}} | changes
        return _decision(service, submission(**body))

    assert [escalate() for _ in range(7)] == [BOUNDARY_3] * 5 + [FLOOD] * 2
    assert escalate(agentId=unique("agent")) == BOUNDARY_3
    assert escalate(principalId=unique("principal")) == BOUNDARY_3
    assert escalate(context={"amount": 1}) == ALLOW


def test_escalations_of_every_kind_count_towards_the_flood(service: Service) -> None:
    who = {"agentId": unique("agent"), "principalId": unique("principal")}

    kinds = [
        *[_decision(service, submission(context={"amount": 101}, **who)) for _ in range(3)],
        *[_decision(service, submission("data_access", context={"sensitivity": "ambiguous"}, **who)) for _ in range(3)],
    ]

    assert kinds == [BOUNDARY_3] * 3 + [AMBIGUOUS] * 2 + [FLOOD]


def _hash(service: Service, body: Mapping[str, Any]) -> str:
    reply = submit(service, body)
    assert reply.status == 200, reply
    value: str = reply.body["decisionContextHash"]
    return value


# A minute of its own, so that neither change of a timestamp below leaves it or reaches another.
@pytest.fixture
def minute_ms() -> int:
    return now_ms() // 60_000 * 60_000


@pytest.mark.parametrize(
    "noise",
    [
        {"tenantId": "another tenant"},
        {"context": {"amount": 10, "category": "ops", "channel": "slack", "userAgent": "x", "hour": 3}},
        {"context": {"category": "ops", "amount": 10.0}},
        {"context": {"amount": 10}},
        {"privilegedPath": True, "locale": "de"},
    ],
    ids=str,
)
def test_channel_noise_does_not_change_the_hash(service: Service, noise: dict[str, Any], minute_ms: int) -> None:
    body = submission(timestamp=minute_ms)

    other = body | {"requestId": unique("req"), "timestamp": minute_ms + 59_999} | noise

    assert _hash(service, body) == _hash(service, other)


@pytest.mark.parametrize(
    "fact",
    [
        {"principalId": "another"},
        {"agentId": "another"},
        {"actionType": "other"},
        {"payloadRef": "tool:other"},
        {"context": {"amount": 11, "category": "ops"}},
        {"context": {"amount": 10, "category": "food"}},
        {"context": {"amount": 10, "category": "ops", "maxTransaction": 50}},
        {"timestamp": 60_000},
    ],
    ids=str,
)
def test_every_deciding_fact_changes_the_hash(service: Service, fact: dict[str, Any], minute_ms: int) -> None:
    body = submission(timestamp=minute_ms)
    if "timestamp" in fact:
        fact = {"timestamp": minute_ms + fact["timestamp"]}

    assert _hash(service, body) != _hash(service, body | {"requestId": unique("req")} | fact)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"sensitivity": "low"}, {"sensitivity": "public"}),
        ({"sensitivity": "high", "authorizedSensitiveScope": True}, {"sensitivity": "high"}),
    ],
    ids=str,
)
def test_what_decides_data_access_changes_its_hash(
    service: Service, one: dict[str, Any], other: dict[str, Any], minute_ms: int
) -> None:
    body = submission("data_access", timestamp=minute_ms, context=one)

    assert _hash(service, body) != _hash(service, body | {"requestId": unique("req"), "context": other})


def test_the_same_facts_decide_alike_on_another_surface(service: Service, minute_ms: int) -> None:
    context = {"amount": 250, "category": "infra"}
    body = submission(timestamp=minute_ms, context=context)
    elsewhere = body | {
        "requestId": unique("req"),
        "context": dict(reversed(context.items())) | {"surface": "mobile", "trace": [1, 2, {"x": None}]},
    }

    assert _decision(service, body) == _decision(service, elsewhere) == BOUNDARY_4
