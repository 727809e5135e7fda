"""Tests what people are told and what is recorded when an alarm changes state, whatever is down at the time."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.alarm_triage.app import respond
from handshake.agents.change import AgentChange
from handshake.agents.change_agent import change_agent
from handshake.agents.standing import UNRECORDED, AgentStanding, AgentState
from handshake.agents.table import record_key, standing_from
from handshake.api import telemetry
from handshake.core.agents import Agent
from handshake.dynamo.runtime_kv import RuntimeTransaction
from handshake.incidents import table as incidents
from handshake.incidents.incident import AlarmChange
from handshake.incidents.investigate import BUDGET_S
from handshake.incidents.sources import SourceUnavailableError
from handshake.incidents.triage import triage
from handshake.trust.identity import Envelope
from tests.incidents.desk import CLEARED, FIRED, FIRED_MS, GUARDS, NOW_MS, PARTS, SERVICE, STEPS, Aws


def test_the_alerts_own_code_is_never_crowded_out_of_its_incident(aws: Aws) -> None:
    at = datetime.fromtimestamp((FIRED_MS - 60_000) / 1000, UTC)
    for number in range(30):
        where = {"service": SERVICE, "endpoint": f"GET /{number}", "reason_code": "security_token_invalid"}
        dimensions = [{"Name": name, "Value": value} for name, value in where.items()]
        datum = {"MetricName": "Denied", "Dimensions": dimensions, "Timestamp": at, "Value": 99.0}
        aws.clients["cloudwatch"].put_metric_data(Namespace="Handshake", MetricData=[datum])
    own = replace(FIRED, alert="alert_tenant_mismatch_spike")

    incident = aws.incident(triage(aws.context, aws.desk, own).incident_id)

    assert incident.findings["endpoints"][0]["reasonCode"] == "security_read_tenant_mismatch"
    assert incident.findings["endpoints"][1]["reasonCode"] == "security_token_invalid"


def test_a_firing_alarm_is_recorded_with_the_numbers_a_responder_asks_for(aws: Aws) -> None:
    done = triage(aws.context, aws.desk, FIRED)

    incident = aws.incident(done.incident_id)
    assert (done.outcome, done.notes) == ("opened", [])
    assert (incident.state, incident.alert, incident.opened_at_ms) == ("open", FIRED.alert, FIRED_MS)
    assert incident.findings.keys() == PARTS
    assert incident.findings["signal"]["datapoints"] == [{"timestamp": FIRED_MS - 60_000, "value": 0.75}]
    assert incident.findings["endpoints"] == [
        {
            "endpoint": "GET /workflow/requests/{requestId}",
            "reasonCode": "security_read_tenant_mismatch",
            "count": 40,
        },
        {"endpoint": "GET /workflow/requests/{requestId}", "reasonCode": "hitl_request_not_found", "count": 3},
    ]
    assert incident.findings["reasons"]["families"] == [
        {"reasonFamily": "security", "count": 8, "percentage": 0.8},
        {"reasonFamily": "policy", "count": 2, "percentage": 0.2},
    ]
    assert [point["value"] for point in incident.findings["series"]["series"]] == [0, 0, 0, 0, 0, 8]
    assert incident.findings["callers"]["lines"] == 40
    assert incident.findings["callers"]["tenants"] == [{"pseudonym": "aa11", "count": 40}]
    assert len(incident.findings["callers"]["principals"]) == 8
    assert incident.findings["callers"]["correlationIds"] == ["c-39", "c-38", "c-37", "c-36", "c-35"]
    deployed_ms = round(datetime(2026, 11, 23, 18, 4, tzinfo=UTC).timestamp() * 1000)
    assert incident.findings["deployment"] == {"at": deployed_ms, "status": "UPDATE_COMPLETE", "version": "7"}


def test_people_are_told_the_numbers_the_first_steps_and_the_runbook(aws: Aws) -> None:
    done = triage(aws.context, aws.desk, FIRED)

    [told] = aws.told()
    text = told["Message"]
    assert told["Subject"] == "ALARM alert_denial_spike on handshake-test"
    attributes = {name: attribute["Value"] for name, attribute in told["MessageAttributes"].items()}
    assert attributes == {"alert": FIRED.alert, "state": "ALARM", "incident": done.incident_id}
    for expected in (
        "since 2026-11-24 00:31:00 UTC",
        "SecurityDenied (Average): 00:30 0.75",
        "40 GET /workflow/requests/{requestId} security_read_tenant_mismatch",
        "security 80% (8), policy 20% (2)",
        "tenants aa11 (40)",
        "c-39",
        STEPS,
        f"python -m ops incidents show {done.incident_id} --stack handshake-test",
    ):
        assert expected in text
    assert "Not known" not in text
    assert told["Message"].splitlines()[0] == "alert_denial_spike fired on handshake-test"


def test_an_alarm_without_a_metric_of_its_own_is_told_with_all_the_rest(aws: Aws) -> None:
    done = triage(aws.context, aws.desk, replace(FIRED, signal=None))

    assert (done.outcome, done.notes) == ("opened", [])
    assert aws.incident(done.incident_id).findings.keys() == PARTS - {"signal"}


@pytest.mark.parametrize(
    ("service", "lost"),
    [
        ("cloudwatch", {"signal", "endpoints"}),
        ("logs", {"callers"}),
        ("cloudformation", {"deployment"}),
        ("dynamodb", {"reasons", "series"}),
    ],
)
def test_what_cannot_be_read_is_said_and_the_rest_is_told(aws: Aws, service: str, lost: set[str]) -> None:
    mend = aws.break_down(service)

    done = triage(aws.context, aws.desk, FIRED)

    [told] = aws.told()
    assert {note.partition(":")[0] for note in done.notes} & PARTS == lost
    assert all(f"- {note}" in told["Message"] for note in done.notes if "findings could" not in note)
    assert STEPS in told["Message"]
    mend()
    if service != "dynamodb":
        incident = aws.incident(done.incident_id)
        assert incident.findings.keys() == PARTS - lost
        assert incident.notes == tuple(done.notes)


def test_with_everything_down_people_are_told_still(aws: Aws) -> None:
    aws.break_down("cloudwatch", "logs", "cloudformation", "dynamodb")

    triage(aws.context, aws.desk, FIRED)

    [told] = aws.told()
    assert "the incident could not be recorded: the store does not answer" in told["Message"]
    assert STEPS in told["Message"]


def test_a_change_is_told_once_however_often_it_is_delivered(aws: Aws) -> None:
    first, second = triage(aws.context, aws.desk, FIRED), triage(aws.context, aws.desk, FIRED)

    assert (first.outcome, second.outcome) == ("opened", "already told")
    assert len(aws.told()) == 1
    assert len([what for _, what in aws.incident(first.incident_id).updates if what == "people notified"]) == 1


def test_a_change_that_nobody_was_told_of_is_told_when_it_is_delivered_again(aws: Aws) -> None:
    mend = aws.break_down("sns")
    with pytest.raises(SourceUnavailableError, match="SNS"):
        triage(aws.context, aws.desk, FIRED)
    mend()

    assert triage(aws.context, aws.desk, FIRED).outcome == "opened"
    assert len(aws.told()) == 1


def test_recovery_closes_the_incident_and_says_how_long_it_took(aws: Aws) -> None:
    opened = triage(aws.context, aws.desk, FIRED)
    aws.told()

    done = triage(aws.context, aws.desk, CLEARED)

    [told] = aws.told()
    incident = aws.incident(opened.incident_id)
    assert (done.incident_id, done.outcome) == (opened.incident_id, "recovered")
    assert (incident.state, incident.recovered_at_ms) == ("recovered", CLEARED.at_ms)
    assert incident.updates[-1] == (CLEARED.at_ms, "alarm OK again")
    assert told["Subject"] == "OK alert_denial_spike on handshake-test"
    assert "after 3 min 12 s" in told["Message"]


def test_recovery_is_told_once(aws: Aws) -> None:
    triage(aws.context, aws.desk, FIRED)

    assert [triage(aws.context, aws.desk, CLEARED).outcome for _ in range(2)] == ["recovered", "nothing to tell"]
    assert len(aws.told()) == 2


@pytest.mark.parametrize(
    "change",
    [
        replace(CLEARED, previous="INSUFFICIENT_DATA"),
        replace(FIRED, state="INSUFFICIENT_DATA"),
    ],
    ids=["first data of a new alarm", "no data"],
)
def test_what_is_no_news_is_not_told(aws: Aws, change: AlarmChange) -> None:
    assert triage(aws.context, aws.desk, change).outcome == "nothing to tell"
    assert not aws.told()


def test_a_recovery_from_before_the_incident_does_not_close_it(aws: Aws) -> None:
    opened = triage(aws.context, aws.desk, FIRED)

    assert triage(aws.context, aws.desk, replace(CLEARED, at_ms=FIRED_MS - 1)).outcome == "nothing to tell"
    assert aws.incident(opened.incident_id).state == "open"


def test_recovery_while_the_store_is_down_is_told_still(aws: Aws) -> None:
    aws.break_down("dynamodb")

    done = triage(aws.context, aws.desk, CLEARED)

    [told] = aws.told()
    assert done.outcome == "recovered"
    assert "could not be read" in told["Message"]


def test_an_incident_whose_alarm_fires_again_unrecovered_is_superseded(aws: Aws) -> None:
    first = triage(aws.context, aws.desk, FIRED)
    second = triage(aws.context, aws.desk, replace(FIRED, at_ms=FIRED_MS + 600_000))

    states = {incident_id: aws.incident(incident_id).state for incident_id in (first.incident_id, second.incident_id)}
    assert states == {first.incident_id: "superseded", second.incident_id: "open"}
    assert second.incident_id in aws.incident(first.incident_id).updates[-1][1]


def test_what_takes_too_long_is_left_out_and_said(aws: Aws) -> None:
    clock = iter([0.0, 1.0, BUDGET_S + 1] + [BUDGET_S + 2] * 20)
    desk = replace(aws.desk, sources=replace(aws.desk.sources, seconds=lambda: next(clock)))

    done = triage(aws.context, desk, FIRED)

    assert aws.incident(done.incident_id).findings.keys() == {"signal"}
    assert {note.partition(":")[0] for note in done.notes} == PARTS - {"signal"}
    assert len(aws.told()) == 1


def test_mutations_are_paused_by_the_replay_guard_alert_where_that_is_wanted(aws: Aws) -> None:
    desk = replace(aws.desk, pauses_on_replay_guard_alert=True)

    done = triage(aws.context, desk, GUARDS)

    [told] = aws.told()
    assert (aws.paused["paused"], aws.paused["cause"]) == (True, done.incident_id)
    assert "PAUSED" in told["Message"]


@pytest.mark.parametrize(("change", "wanted"), [(GUARDS, False), (FIRED, True)], ids=["not wanted", "another alert"])
def test_nothing_else_pauses_mutations(aws: Aws, change: AlarmChange, *, wanted: bool) -> None:
    triage(aws.context, replace(aws.desk, pauses_on_replay_guard_alert=wanted), change)

    assert not aws.paused
    assert "PAUSED" not in aws.told()[0]["Message"]


def test_an_alert_delivered_again_does_not_undo_a_persons_resume(aws: Aws) -> None:
    desk = replace(aws.desk, pauses_on_replay_guard_alert=True)
    triage(aws.context, desk, GUARDS)
    tx = RuntimeTransaction(aws.context)
    tx.set_paused(paused=False, now_ms=NOW_MS)
    assert tx.commit()

    triage(aws.context, desk, GUARDS)
    triage(aws.context, desk, replace(GUARDS, state="OK", previous="ALARM", at_ms=FIRED_MS + 60_000))

    assert not aws.paused["paused"]


def test_a_pause_that_fails_is_said(aws: Aws) -> None:
    aws.break_down("dynamodb")

    triage(aws.context, replace(aws.desk, pauses_on_replay_guard_alert=True), GUARDS)

    assert "privileged mutations could not be paused: python -m ops pause" in aws.told()[0]["Message"]


def _standing(aws: Aws, agent_id: str) -> AgentStanding:
    [item] = aws.context.dynamo.batch_get([(aws.context.tables.policy, record_key(Agent(agent_id)))])
    return standing_from([item])


def test_the_denial_alert_stops_the_agents_that_operators_have_named_beforehand(aws: Aws) -> None:
    done = triage(aws.context, replace(aws.desk, stops_on_denial_alert=["one", "other"]), FIRED)

    for agent_id in ("one", "other"):
        record = _standing(aws, agent_id).for_all
        assert record is not None
        assert (record.state, record.reason, record.until_ms) == ("stopped", f"incident {done.incident_id}", None)
    assert "agents were STOPPED: one, other" in aws.told()[0]["Message"]


@pytest.mark.parametrize(("change", "named"), [(FIRED, []), (GUARDS, ["one"])], ids=["none named", "another alert"])
def test_nothing_else_stops_an_agent(aws: Aws, change: AlarmChange, named: list[str]) -> None:
    triage(aws.context, replace(aws.desk, stops_on_denial_alert=named), change)

    assert _standing(aws, "one") == UNRECORDED
    assert "STOPPED" not in aws.told()[0]["Message"]


def test_an_alert_delivered_again_does_not_stop_an_agent_that_a_person_has_resumed(aws: Aws) -> None:
    desk = replace(aws.desk, stops_on_denial_alert=["one"])
    triage(aws.context, desk, FIRED)
    change_agent(
        aws.context, AgentChange(AgentState.ACTIVE, "it is mended", None, None), Agent("one"), Envelope("oncall")
    )

    triage(aws.context, desk, FIRED)
    triage(aws.context, desk, CLEARED)

    assert _standing(aws, "one").state_at(NOW_MS) == AgentState.ACTIVE


def test_agents_that_could_not_be_stopped_are_said(aws: Aws) -> None:
    aws.break_down("dynamodb")

    triage(aws.context, replace(aws.desk, stops_on_denial_alert=["one"]), FIRED)

    assert "agents could not be stopped: python -m ops agents stop" in aws.told()[0]["Message"]


def test_a_message_that_is_no_alarm_change_is_logged_without_its_content_and_not_retried(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(telemetry.logger, "error", lambda message, **fields: logged.append((message, fields)))

    respond(
        {"Records": [{"Sns": {"MessageId": "m-1", "Message": '{"AlarmName": "secret-words"}'}}]}, aws.desk, aws.context
    )

    [(message, fields)] = logged
    assert (message, fields["correlation_id"]) == ("malformed", "m-1")
    assert "secret" not in repr(fields)
    assert not aws.told()


def test_incidents_are_listed_without_what_points_at_them(aws: Aws) -> None:
    ids = {triage(aws.context, aws.desk, change).incident_id for change in (FIRED, GUARDS)}

    listed = incidents.read_all(aws.context.dynamo, aws.context.tables.runtime_kv)
    assert {incident.id for incident in listed} == ids
