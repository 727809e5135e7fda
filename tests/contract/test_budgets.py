"""Contract section 15, budgets: what they let through, what they hold, and what is given back."""

from typing import Any, Final

import pytest

from tests.support.policies import a_budget, a_count
from tests.support.service import (
    Service,
    act,
    apply_policy,
    get,
    own,
    rules,
    submission,
    submit,
    unique,
)
from tests.support.store import kept, let_expire

Answer = tuple[str, str, int]
ALLOWED: Final = ("allow", "policy_allow", 1)
EXCEEDED: Final = ("deny", "policy_budget_exceeded", 4)
BEYOND: Final = ("escalate", "hitl_budget_escalated", 3)


@pytest.fixture
def tenant() -> str:
    return unique("tenant")


def _apply(service: Service, tenant: str, *budgets: dict[str, Any], **limits: Any) -> None:
    body = {"scope": "tenant", "scopeId": tenant, "budgets": list(budgets), "rules": rules(**limits)}
    reply = apply_policy(service, body)
    assert reply.status == 200, reply


def _told(service: Service, tenant: str, amount: Any = 10, **changes: Any) -> Answer:
    body = submission(**({"tenantId": tenant, "context": {"amount": amount}} | changes))
    reply = submit(service, body)
    assert reply.status == 200, reply
    return reply.body["decision"], reply.body["reasonCode"], reply.body["tier"]


def _calls(service: Service, tenant: str, tool: str | None = "mail", **changes: Any) -> Answer:
    action = {"operation": "send", **({"tool": tool} if tool else {}), "arguments": changes.pop("arguments", {})}
    body = submission("external_call", **({"tenantId": tenant, "action": action} | changes))
    reply = submit(service, body)
    assert reply.status == 200, reply
    return reply.body["decision"], reply.body["reasonCode"], reply.body["tier"]


def test_a_sum_is_let_through_up_to_its_budget_and_denied_beyond(service: Service, tenant: str) -> None:
    _apply(service, tenant, a_budget(per="tenant", max=100))

    assert [_told(service, tenant, amount) for amount in (60, 40.01, 40, 0.01, 0)] == [
        ALLOWED,
        EXCEEDED,
        ALLOWED,
        EXCEEDED,
        ALLOWED,
    ]


def test_a_count_is_of_calls_of_any_type(service: Service, tenant: str) -> None:
    _apply(service, tenant, a_count(per="tenant", max=2))

    assert [_calls(service, tenant), _told(service, tenant), _calls(service, tenant)] == [ALLOWED, ALLOWED, EXCEEDED]


def test_a_tools_calls_are_counted_by_its_name(service: Service, tenant: str) -> None:
    _apply(service, tenant, a_count(per="tool", max=1))

    told = [_calls(service, tenant, tool) for tool in ("mail", "mail", "shell", None, None)]

    assert told == [ALLOWED, EXCEEDED, ALLOWED, ALLOWED, EXCEEDED]


def test_a_sum_of_what_an_action_says_counts_each_currency_by_itself(service: Service, tenant: str) -> None:
    _apply(service, tenant, a_budget(of="input.order.total", per="tenant", max=100))

    def told(total: Any, currency: str) -> Answer:
        return _calls(service, tenant, arguments={"order": {"total": total}, "currency": currency})

    assert [told(100, "EUR"), told(1, "eur"), told(100, "USD"), told("1", "GBP"), told(-1, "GBP")] == [
        ALLOWED,
        EXCEEDED,
        ALLOWED,
        ("deny", "policy_invalid_request", 4),
        ("deny", "policy_invalid_request", 4),
    ]


def test_what_is_over_asks_a_person_where_the_budget_says_so(service: Service, tenant: str) -> None:
    _apply(service, tenant, a_count(per="tenant", max=1, over="escalate"))
    assert _told(service, tenant) == ALLOWED
    body = submission(tenantId=tenant, context={"amount": 10})

    assert submit(service, body).body["reasonCode"] == BEYOND[1]
    room = get(service, f"/workflow/decision-room/{body['requestId']}", envelope=own(body)).body
    assert room["escalatedBy"] == {"rule": "budget:calls", "limit": 1, "value": 2}
    [left] = room["budgetLeft"]
    assert left.pop("window").startswith("20")
    assert left == {"scope": "tenant", "id": "calls", "left": 0, "max": 1, "share": 1, "held": False}
    assert act(service, body).outcome == (200, "hitl_approved")
    assert _told(service, tenant) == BEYOND


def test_the_room_shows_what_is_left_in_all_shards(service: Service, tenant: str) -> None:
    _apply(service, tenant, a_budget(per="tenant", max=400, shards=4), max_transaction=50)
    bodies = [submission(tenantId=tenant, context={"amount": 60}) for _ in range(2)]
    for body in bodies:
        submit(service, body)

    room = get(service, f"/workflow/decision-room/{bodies[0]['requestId']}", envelope=own(bodies[0])).body

    [left] = room["budgetLeft"]
    counted = [kept_of for kept_of in bodies if submit(service, kept_of).body["decision"] == "escalate"]
    assert (left["left"], left["max"], left["held"]) == (400 - 60 * len(counted), 400, True)


@pytest.mark.parametrize("how", ["reject", "expire"])
def test_what_a_person_refuses_or_leaves_gives_its_share_back(service: Service, tenant: str, how: str) -> None:
    _apply(service, tenant, a_budget(per="tenant", max=100), max_transaction=50)
    body = submission(tenantId=tenant, context={"amount": 60})
    assert submit(service, body).body["decision"] == "escalate"
    assert _told(service, tenant, 41) == EXCEEDED

    if how == "expire":
        let_expire(service, body)
        assert act(service, body).status == 409
    else:
        assert act(service, body, "reject").status == 200

    assert [_told(service, tenant, 50), _told(service, tenant, 50), _told(service, tenant, 1)] == [
        ALLOWED,
        ALLOWED,
        EXCEEDED,
    ]


def test_what_is_denied_takes_of_no_budget(service: Service, tenant: str) -> None:
    _apply(service, tenant, a_count(per="tenant", max=1), a_budget(per="tenant", max=100), daily_spend_limit=20)

    assert _told(service, tenant, 21)[1] == "policy_daily_limit_exceeded"
    assert _told(service, tenant, 20) == ALLOWED
    assert _told(service, tenant, 0) == EXCEEDED


def test_a_narrower_scopes_budget_never_widens_a_wider_ones(service: Service, tenant: str) -> None:
    agent = unique("agent")
    _apply(service, tenant, a_count(per="agent", max=1))
    wide = {"scope": "agent", "scopeId": agent, "budgets": [a_count(per="agent", max=100)]}
    assert apply_policy(service, wide).status == 200

    assert [_told(service, tenant, agentId=agent) for _ in range(2)] == [ALLOWED, EXCEEDED]


def test_a_request_that_comes_again_takes_its_share_once(service: Service, tenant: str) -> None:
    _apply(service, tenant, a_count(per="tenant", max=2))
    body = submission(tenantId=tenant, context={"amount": 10})

    assert [submit(service, body).body["decision"] for _ in range(3)] == ["allow"] * 3
    assert [_told(service, tenant), _told(service, tenant)] == [ALLOWED, EXCEEDED]


def test_a_new_limit_counts_what_was_taken_before_it(service: Service, tenant: str) -> None:
    _apply(service, tenant, a_budget(per="tenant", max=100))
    assert _told(service, tenant, 80) == ALLOWED
    _apply(service, tenant, a_budget(per="tenant", max=90))

    assert [_told(service, tenant, 11), _told(service, tenant, 10)] == [EXCEEDED, ALLOWED]


def test_evidence_names_what_was_taken_and_what_was_given_back(service: Service, tenant: str) -> None:
    _apply(service, tenant, a_budget(per="tenant", max=100), max_transaction=50)
    body = submission(tenantId=tenant, context={"amount": 60})
    submit(service, body)
    act(service, body, "reject")

    events = get(service, f"/workflow/evidence/{body['requestId']}", envelope=own(body)).body

    [taken] = next(event["payload"]["reserved"] for event in events if "reserved" in event["payload"])
    [given_back] = next(event["payload"]["gaveBack"] for event in events if "gaveBack" in event["payload"])
    assert given_back == taken
    assert (taken["scope"], taken["id"], taken["amount"], taken["limit"]) == ("tenant", "day", "60", "100")
    [counter] = kept(service, service.tables.workflow, pk=f"BUDGET#{taken['key']}")
    assert (counter["sk"], counter["taken"]) == (f"{taken['window']}#{taken['shard']}", 0)


@pytest.mark.parametrize(
    ("budget", "says"),
    [
        (a_budget(per="tenant"), "every call of a tenant writes one item"),
        (a_budget(per="tool"), "every call of a tool writes one item"),
        (a_budget(shards=4), "with 4 shards a sum over 1250 is never let through"),
        (a_count(shards=4), "with 4 shards nothing is let through"),
    ],
    ids=["per tenant", "per tool", "a sum in shards", "a count in too many"],
)
def test_apply_says_what_an_operator_may_not_expect(
    service: Service, tenant: str, budget: dict[str, Any], says: str
) -> None:
    applied = apply_policy(service, {"scope": "tenant", "scopeId": tenant, "budgets": [budget]}).body

    assert any(says in warning for warning in applied["warnings"])


def test_apply_warns_of_nothing_where_there_is_nothing(service: Service, tenant: str) -> None:
    applied = apply_policy(service, {"scope": "tenant", "scopeId": tenant, "budgets": [a_budget()]}).body

    assert "warnings" not in applied


@pytest.fixture
def everybody(global_scope: Service) -> Service:
    """A service whose global policy lets one call a month through, of everybody's who is in no tenant."""
    budget = a_count(per="tenant", window="month", max=1)
    assert apply_policy(global_scope, {"scope": "global", "budgets": [budget]}).status == 200
    return global_scope


def test_calls_of_no_tenant_are_counted_together(everybody: Service) -> None:
    told = [_told(everybody, "", tenantId=None) for _ in range(2)]

    assert told[1] == EXCEEDED
    assert _told(everybody, unique("tenant")) == ALLOWED
