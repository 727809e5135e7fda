"""Tests what the sweep says it did and what it left waiting."""

from dataclasses import replace
from typing import Any

import pytest

from handshake.dynamo.marshalling import Put
from handshake.dynamo.runtime_kv import RuntimeTransaction
from handshake.requests.expire_overdue import RUN_MS, Expiry, expire_overdue
from handshake.requests.table import state_item
from ops.local.settings import ROOT
from ops.local.translation import environment_of, stacks_of
from tests.conftest import Engine
from tests.support.clients import Failing, answer_of
from tests.support.metrics_events import NOW_MS
from tests.support.service import InProcess, act, decided, escalated, extend, get, now_ms, own
from tests.support.workflow_requests import TTL_MS, a_record, a_submission


def _sweep(engine: Engine, ages_ms: list[int], *, sweeper: Any = None, run_ms: int = RUN_MS) -> Expiry:
    """Run at NOW_MS, through the client ``sweeper``, over escalations so old."""
    client, tables = engine
    service = InProcess(client, tables, now_ms=lambda: NOW_MS)
    for number, age in enumerate(ages_ms):
        record = a_record(submission=a_submission(requestId=f"req-{number}", context={"amount": 150}))
        times = dict.fromkeys(("created_at_ms", "decided_at_ms"), NOW_MS - age)
        record = type(record)(**{**vars(record), **times, "expires_at_ms": NOW_MS - age + TTL_MS})
        service.context.dynamo.write(Put(tables.workflow, state_item(record)))
    return expire_overdue(replace(service, dynamodb=sweeper or client).context, run_ms=run_ms)


@pytest.mark.parametrize(
    ("ages_ms", "done"),
    [
        ([], Expiry(expired=0, raced=0, pending=0, oldest_pending_seconds=0)),
        (
            [1000, 59_999, 2000],
            Expiry(expired=0, raced=0, pending=3, oldest_pending_seconds=59, time_used_percent=19),
        ),
        (
            [TTL_MS, TTL_MS - 1, TTL_MS + 9000],
            Expiry(expired=2, raced=0, pending=1, oldest_pending_seconds=299, time_used_percent=99, expired_unseen=2),
        ),
    ],
)
def test_a_sweep_expires_what_is_due_and_says_how_many_wait_and_since_when(
    dynamodb_local: Engine, ages_ms: list[int], done: Any
) -> None:
    assert _sweep(dynamodb_local, ages_ms) == done


def test_what_somebody_refused_or_extended_was_not_expired_unseen(dynamodb_local: Engine) -> None:
    service = InProcess(*dynamodb_local)
    unseen, looked_at, extended = (escalated(service) for _ in range(3))
    assert act(service, looked_at, envelope=own(looked_at, subjectType="service")).status == 403
    assert extend(service, extended, 60).status == 200
    later = replace(service, now_ms=lambda: now_ms() + 400_000)

    done = expire_overdue(later.context)

    assert (done.expired, done.expired_unseen) == (3, 1)
    assert get(later, f"/workflow/requests/{unseen['requestId']}", envelope=own(unseen)).body["terminal"]


def test_an_escalation_that_sweeps_fail_to_expire_comes_to_be_overdue_for_longer_than_its_alarm_allows(
    dynamodb_local: Engine,
) -> None:
    alarms = stacks_of(ROOT, "production")["Alarms"].of_type("AWS::CloudWatch::Alarm")
    threshold_s = int(alarms["OverdueApprovals"]["Properties"]["Threshold"])
    lost = answer_of(
        "TransactionCanceledException", 400, CancellationReasons=[{"Code": "ConditionalCheckFailed"}, {"Code": "None"}]
    )
    losing = Failing(dynamodb_local[0], lost, operations=("transact_write_items",))

    done = _sweep(dynamodb_local, [TTL_MS + (threshold_s + 1) * 1000], sweeper=losing)

    assert (done.raced, done.pending, done.overdue_seconds) == (1, 1, threshold_s + 1)


@pytest.mark.parametrize("length_ms", [TTL_MS, 86_400_000, 604_800_000])
def test_the_share_that_an_escalation_has_used_knows_how_long_it_has(dynamodb_local: Engine, length_ms: int) -> None:
    """The alarm before deadlines goes by it, and looks past those whose deadline is sooner and that have just begun."""
    percent = int(environment_of(ROOT, "production").parameters["PendingApprovalAlarmPercent"])
    client, tables = dynamodb_local
    service = InProcess(client, tables, now_ms=lambda: NOW_MS)
    for number, used in enumerate((percent, percent // 2, 0)):
        age = length_ms * used // 100
        record = a_record(submission=a_submission(requestId=f"long-{number}", context={"amount": 150}))
        begun = replace(record, created_at_ms=NOW_MS - age, expires_at_ms=NOW_MS - age + length_ms)
        service.context.dynamo.write(Put(tables.workflow, state_item(begun)))

    assert _sweep(dynamodb_local, [0] * 20).time_used_percent == percent


def test_an_extension_lets_an_escalation_have_used_less_of_its_time() -> None:
    record = a_record()
    extended = record.extended(600, now_ms=NOW_MS)

    assert extended is not None
    assert (record.time_used(NOW_MS + TTL_MS // 2), extended.time_used(NOW_MS + 450_000)) == (0.5, 0.5)
    assert record.time_used(NOW_MS + 2 * TTL_MS) == 2


def test_a_sweep_whose_time_is_up_says_so_and_counts_what_it_left(dynamodb_local: Engine) -> None:
    done = _sweep(dynamodb_local, [TTL_MS + 1000] * 130, run_ms=0)

    assert done.unfinished == 1
    assert 0 < done.expired <= 100
    assert done.expired + done.pending == 130


def test_deadlines_go_on_while_paused_and_what_nobody_decided_expires_in_evidence(moto_tables: Engine) -> None:
    """Shows what the help of `ops pause` and its runbook say of deadlines."""
    client, tables = moto_tables
    now = [NOW_MS]
    service = InProcess(client, tables, now_ms=lambda: now[0])
    request = decided(service, "escalate", timestamp=NOW_MS)
    tx = RuntimeTransaction(service.context)
    tx.set_paused(paused=True, now_ms=NOW_MS)
    tx.commit()
    assert act(service, request).reason == "adapter_privileged_mutations_paused"

    now[0] += TTL_MS + 1000
    assert expire_overdue(service.context).expired == 1

    evidence = get(service, f"/workflow/evidence/{request['requestId']}", envelope=own(request)).body
    assert evidence[-1]["reasonCode"] == "hitl_timeout_fail_closed"
    stored = get(service, f"/workflow/requests/{request['requestId']}", envelope=own(request)).body
    assert stored["state"] == "escalated_expired_terminal"
