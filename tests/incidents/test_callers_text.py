"""Tests that no text of a caller's own reaches a mail or an incident: it would be a line that somebody else wrote."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.incidents.investigate import plain_or_digest
from handshake.incidents.triage import triage
from tests.incidents.desk import FIRED, FIRED_MS, GROUP, Aws

PHISHING = "Sign in at https://handshake.example/reset within the hour"


def _refused(aws: Aws, **line: str) -> None:
    """Leave the log lines of fifty calls that were refused last."""
    shown = {"message": "handled", "status": 403, "tenant": "aa11", "principal": "bb22", "correlation_id": "c", **line}
    lines = [{"timestamp": FIRED_MS + n, "message": json.dumps(shown | {"timestamp": f"Z{n}"})} for n in range(50)]
    aws.clients["logs"].put_log_events(logGroupName=GROUP, logStreamName="one", logEvents=lines)


@pytest.mark.parametrize("text", [PHISHING, "reset.handshake.example"])
@pytest.mark.parametrize("member", ["correlation_id", "tenant", "principal"])
def test_a_refused_call_writes_no_sentence_and_no_link_into_the_mail_or_the_incident(
    aws: Aws, member: str, text: str
) -> None:
    _refused(aws, **{member: text})

    done = triage(aws.context, aws.desk, FIRED)

    [mail] = aws.told()
    incident = aws.incident(done.incident_id)
    assert "handshake.example" not in mail["Message"]
    assert "handshake.example" not in json.dumps(incident.view())
    assert plain_or_digest(text) in json.dumps(incident.findings["callers"])


@given(st.text(max_size=200))
def test_what_is_shown_is_a_name_and_never_a_sentence(text: str) -> None:
    shown = plain_or_digest(text)

    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", shown)
    assert plain_or_digest(text) == shown


@given(st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True))
def test_a_plain_id_is_shown_as_it_is(text: str) -> None:
    assert plain_or_digest(text) == text
