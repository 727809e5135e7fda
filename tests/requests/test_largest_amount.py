"""The largest amount, 10^15: it is paid like any other where the limits allow it, and what lies above it never is."""

from typing import Any

import pytest

from tests.conftest import Engine
from tests.support.metrics_events import NOW_MS
from tests.support.service import InProcess, apply_policy, rules, submit
from tests.support.workflow_requests import a_body

LARGEST = 10**15


@pytest.fixture
def service(moto_tables: Engine) -> InProcess:
    return InProcess(*moto_tables, now_ms=lambda: NOW_MS)


def _allow_up_to(service: InProcess, limit: int) -> int:
    limits = rules(max_transaction=limit, daily_spend_limit=limit)
    token_time = {"envelope": {"principalId": "operator", "subjectType": "human"}}
    return apply_policy(_now(service), {"scope": "global", "rules": limits}, **token_time).status


def _now(service: InProcess) -> InProcess:
    """The same service, at the time at which tokens are made."""
    return InProcess(service.dynamodb, service.tables)


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        (LARGEST, "policy_allow"),
        (LARGEST - 1, "policy_allow"),
        # Whatever the limits are: no limit can be above the largest amount.
        (LARGEST + 1, "policy_daily_limit_exceeded"),
        (float(LARGEST) * 1.001, "policy_daily_limit_exceeded"),
    ],
)
def test_the_largest_amount_is_paid_where_limits_allow_it_and_a_larger_one_nowhere(
    service: InProcess, amount: Any, reason: str
) -> None:
    assert _allow_up_to(service, LARGEST) == 200

    assert submit(service, a_body(context={"amount": amount})).reason == reason


@pytest.mark.parametrize(("limit", "status"), [(LARGEST, 200), (LARGEST + 1, 422)])
def test_the_largest_limit_is_the_largest_amount(service: InProcess, limit: int, status: int) -> None:
    assert _allow_up_to(service, limit) == status
