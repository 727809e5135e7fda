"""Handles an alarm's change of state: records the incident, tell people the numbers and what to do first."""

import os
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

from handshake.api import telemetry
from handshake.api.runtime import aws, client_config, process_runtime, start
from handshake.dynamo.context import Context
from handshake.incidents.cloudwatch import Metrics
from handshake.incidents.deployment import Deployment
from handshake.incidents.incident import MalformedAlarmError, parse_alarm_change
from handshake.incidents.investigate import Sources
from handshake.incidents.logs import CallLogs
from handshake.incidents.topic import Topic
from handshake.incidents.triage import Desk, triage

# No part of an investigation may take most of its time.
_CLIENTS = client_config(connect_s=1, read_s=3, attempts=2)


def build_desk(environment: Mapping[str, str]) -> Desk:
    """Give the desk that ``environment`` describes, with real clients."""
    return Desk(
        service=environment["POWERTOOLS_SERVICE_NAME"],
        sources=Sources(
            metrics=Metrics(aws().create_client("cloudwatch", config=_CLIENTS)),
            logs=CallLogs(aws().create_client("logs", config=_CLIENTS), environment["LOG_GROUPS"].split(",")),
            deployment=Deployment(
                aws().create_client("cloudformation", config=_CLIENTS),
                environment["STACK_ID"],
                version=environment.get("AWS_LAMBDA_FUNCTION_VERSION", ""),
            ),
            seconds=time.monotonic,
        ),
        people=Topic(aws().create_client("sns", config=_CLIENTS), environment["INCIDENTS_TOPIC"]),
        pauses_on_replay_guard_alert=environment.get("PAUSE_ON_REPLAY_GUARD_ALERT") == "true",
        stops_on_denial_alert=[name for name in environment.get("STOP_ON_DENIAL_ALERT", "").split(",") if name],
    )


def respond(event: Mapping[str, Any], desk: Desk, context: Context) -> None:
    """Triage each alarm change that SNS delivers.

    A message that is none is logged and not delivered again. Raises SourceUnavailableError where people could not be
    told: Lambda then delivers it again, and dead-letters it in the end.
    """
    for record in event["Records"]:
        notice = record["Sns"]
        try:
            change = parse_alarm_change(notice.get("Message"), service=desk.service)
        except MalformedAlarmError as error:
            telemetry.logger.error("malformed", correlation_id=notice.get("MessageId"), cause=str(error))
            continue
        done = triage(context, desk, change)
        telemetry.logger.info(
            "triaged",
            correlation_id=done.incident_id,
            alert=change.alert,
            state=change.state,
            outcome=done.outcome,
            notes=list(done.notes),
        )


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Handle one delivery of the alarm topic."""
    with process_runtime().invocation() as context:
        respond(event, _process_desk(), context)


@cache
def _process_desk() -> Desk:
    return build_desk(os.environ)


start(process_runtime)
start(_process_desk)
