"""The day's spend and the escalation window: what a transaction reserves, and when it may not."""

from decimal import Decimal
from typing import Any

import pytest

from handshake.dynamo.client import ConditionFailedError, Dynamo
from handshake.dynamo.marshalling import Write
from handshake.policy.rule_keys import MAX_AMOUNT, Spend
from handshake.requests import table as requests
from handshake.requests.table import Escalations
from tests.conftest import Engine
from tests.support.metrics_events import DAY_MS, NOW_MS
from tests.support.workflow_requests import a_submission, unhurried

WINDOW_MS = 10 * 60 * 1000
Store = tuple[Dynamo, str]


def _lost(dynamo: Dynamo, *writes: Write) -> ConditionFailedError:
    with pytest.raises(ConditionFailedError) as lost:
        dynamo.write(*writes)
    return lost.value


@pytest.fixture
def store(moto_tables: Engine) -> tuple[Dynamo, str]:
    client, tables = moto_tables
    return unhurried(client), tables.workflow


@pytest.fixture
def exact_store(dynamodb_local: Engine) -> tuple[Dynamo, str]:
    """A store that counts in 38 digits, as Amazon's does; moto does not."""
    client, tables = dynamodb_local
    return unhurried(client), tables.workflow


# -- spend ------------------------------------------------------------------------------------------------------


def _spent(dynamo: Dynamo, table: str) -> Decimal:
    [item] = dynamo.batch_get([(table, requests.spend_key("agent-1", NOW_MS))])
    return requests.spent(item)


def _add(table: str, amount: str, limit: str, **changes: Any) -> Write:
    return requests.add_spend(table, a_submission(**changes), Spend(Decimal(amount), Decimal(limit)))


def test_spend_adds_up_to_the_limit_exactly_and_not_a_billionth_beyond(exact_store: Store) -> None:
    dynamo, table = exact_store
    dynamo.write(_add(table, "999.999999998", "1000"))

    lost = _add(table, "0.000000003", "1000")
    assert requests.spent(_lost(dynamo, lost).stored(lost)) == Decimal("999.999999998")
    dynamo.write(_add(table, "0.000000002", "1000"))

    assert _spent(dynamo, table) == 1000
    _lost(dynamo, _add(table, "0.000000001", "1000"))
    dynamo.write(_add(table, "0", "1000"))


@pytest.mark.parametrize(("amount", "fits"), [("1000", True), ("1000.000000001", False), ("0", True)])
def test_the_first_spend_of_a_day_is_held_to_the_limit_too(store: Store, amount: str, fits: bool) -> None:  # noqa: FBT001 - a case
    dynamo, table = store
    write = _add(table, amount, "1000")

    if fits:
        dynamo.write(write)
    else:
        _lost(dynamo, write)

    assert _spent(dynamo, table) == (Decimal(amount) if fits else 0)


def test_the_largest_amounts_add_up_exactly(exact_store: Store) -> None:
    dynamo, table = exact_store
    dynamo.write(_add(table, f"{MAX_AMOUNT - 1}.999999999", str(MAX_AMOUNT)))
    dynamo.write(_add(table, "0.000000001", str(MAX_AMOUNT)))

    assert _spent(dynamo, table) == MAX_AMOUNT


def test_each_agent_and_each_utc_day_spends_on_its_own(store: Store) -> None:
    dynamo, table = store
    midnight_ms = NOW_MS - NOW_MS % DAY_MS

    elsewhere: list[dict[str, Any]] = [{"agentId": "agent-2"}, {"timestamp": midnight_ms - 1}]

    for changes in ({}, *elsewhere, {"timestamp": midnight_ms + DAY_MS}):
        dynamo.write(_add(table, "10", "10", **changes))

    for changes in ({"timestamp": midnight_ms}, {"timestamp": midnight_ms + DAY_MS - 1}):
        _lost(dynamo, _add(table, "10", "10", **changes))


def test_a_days_spend_is_kept_until_nothing_can_be_submitted_for_that_day_any_more() -> None:
    write = requests.add_spend("t", a_submission(), Spend(Decimal(1), Decimal(1)))

    assert write.values[":ttl"] >= (NOW_MS + 2 * DAY_MS) // 1000


# -- escalations ------------------------------------------------------------------------------------------------


def _escalations(dynamo: Dynamo, table: str) -> Escalations:
    [item] = dynamo.batch_get([(table, requests.escalations_key("alice", "agent-1"))])
    return Escalations.from_item(item)


def test_an_escalation_is_added_only_to_what_was_seen(store: Store) -> None:
    dynamo, table = store
    nothing = Escalations()
    dynamo.write(requests.add_escalation(table, a_submission(), nothing, now_ms=NOW_MS))
    one = _escalations(dynamo, table)

    late = requests.add_escalation(table, a_submission(), nothing, now_ms=NOW_MS + 1)
    assert Escalations.from_item(_lost(dynamo, late).stored(late)) == one
    dynamo.write(requests.add_escalation(table, a_submission(), one, now_ms=NOW_MS + 1))

    assert one == Escalations((NOW_MS,), 1)
    assert _escalations(dynamo, table) == Escalations((NOW_MS, NOW_MS + 1), 2)


def test_escalations_older_than_the_window_are_forgotten_when_one_is_added(store: Store) -> None:
    dynamo, table = store
    for now_ms in (NOW_MS, NOW_MS + 1, NOW_MS + WINDOW_MS):
        seen = _escalations(dynamo, table)
        dynamo.write(requests.add_escalation(table, a_submission(), seen, now_ms=now_ms))

    assert _escalations(dynamo, table) == Escalations((NOW_MS + 1, NOW_MS + WINDOW_MS), 3)


def test_each_principal_and_agent_has_a_window_of_its_own(store: Store) -> None:
    dynamo, table = store

    for changes in ({}, {"principalId": "bob"}, {"agentId": "agent-2"}):
        dynamo.write(requests.add_escalation(table, a_submission(**changes), Escalations(), now_ms=NOW_MS))

    assert _escalations(dynamo, table).times_ms == (NOW_MS,)


def test_escalations_live_as_long_as_they_count() -> None:
    write = requests.add_escalation("t", a_submission(), Escalations(), now_ms=NOW_MS)

    assert write.values[":ttl"] * 1000 > NOW_MS + WINDOW_MS
