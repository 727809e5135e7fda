"""What people are told of an incident, word by word, whatever was found and whatever was not."""

from typing import Any, Final

import pytest

from handshake.incidents.incident import Incident
from handshake.incidents.notification import duration, findings, fired, recovered, utc

AT_MS: Final = 1_795_480_260_000  # 2026-11-24 00:31:00 UTC
SERVICE: Final = "handshake-test"
INCIDENT: Final = Incident(
    id="alert_denial_spike-20261124T003100Z",
    alert="alert_denial_spike",
    opened_at_ms=AT_MS,
    reason="Threshold Crossed",
    first_steps="1. Look.\nRunbook: alarms/runbooks/alert_denial_spike.md",
)
CALLERS: Final = {
    "lines": 3,
    "tenants": [{"pseudonym": "aa", "count": 2}, {"pseudonym": "bb", "count": 1}],
    "principals": [{"pseudonym": "cc", "count": 3}],
    "correlationIds": ["c-2", "c-1"],
}
FAMILIES: Final = [
    {"reasonFamily": "security", "count": 8, "percentage": 0.8},
    {"reasonFamily": "policy", "count": 2, "percentage": 0.2},
]
POINTS: Final = [{"timestamp": AT_MS - 60_000, "value": 0.75}, {"timestamp": AT_MS, "value": 2.0}]


def _incident(**changes: Any) -> Incident:
    return Incident(**(vars(INCIDENT) | changes))


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        ({}, []),
        (
            {"signal": {"metric": "Denied", "statistic": "Sum", "datapoints": POINTS}},
            ["Denied (Sum): 00:30 0.75, 00:31 2"],
        ),
        ({"signal": {"metric": "Denied", "statistic": "Sum", "datapoints": []}}, ["Denied (Sum): no data"]),
        (
            {"deployment": {"at": AT_MS, "status": "UPDATE_COMPLETE", "version": "7"}},
            ["last deployed 2026-11-24 00:31:00 UTC, UPDATE_COMPLETE, version 7"],
        ),
        (
            {"reasons": {"window": "2h", "families": FAMILIES}},
            ["reason families, last 2h: security 80% (8), policy 20% (2)"],
        ),
        ({"reasons": {"window": "2h", "families": []}}, ["reason families, last 2h: no events"]),
        (
            {"series": {"metric": "security_denial_total", "series": [{"value": 0}, {"value": 8.0}]}},
            ["security_denial_total by hour, newest last: 0, 8"],
        ),
        (
            {"endpoints": [{"endpoint": "GET /a", "reasonCode": "security_b", "count": 40.0}]},
            ["refused in the last 15 minutes:", "  40 GET /a security_b"],
        ),
        ({"endpoints": []}, []),
        (
            {"callers": CALLERS},
            [
                "of 3 refused calls in the logs:",
                "  tenants aa (2), bb (1)",
                "  principals cc (3)",
                "  correlation ids c-2, c-1",
            ],
        ),
        (
            {"callers": {"lines": 0, "tenants": [], "principals": [], "correlationIds": []}},
            ["of 0 refused calls in the logs:", "  tenants none", "  principals none", "  correlation ids none"],
        ),
    ],
)
def test_each_part_is_told_and_what_is_empty_is_said_to_be(found: dict[str, Any], lines: list[str]) -> None:
    assert list(findings(_incident(findings=found))) == lines


def test_a_firing_is_told_with_its_findings_its_first_steps_and_where_the_rest_is() -> None:
    incident = _incident(findings={"deployment": {"at": AT_MS, "status": "CREATE_COMPLETE", "version": "1"}})

    told = fired(incident, service=SERVICE)

    assert told.subject == "ALARM alert_denial_spike on handshake-test"
    assert told.text.splitlines() == [
        "alert_denial_spike fired on handshake-test",
        "since 2026-11-24 00:31:00 UTC",
        "",
        "Threshold Crossed",
        "",
        "last deployed 2026-11-24 00:31:00 UTC, CREATE_COMPLETE, version 1",
        "",
        "1. Look.",
        "Runbook: alarms/runbooks/alert_denial_spike.md",
        "",
        "python -m ops incidents show alert_denial_spike-20261124T003100Z --stack handshake-test",
    ]


def test_what_is_not_known_is_told_between_what_is_and_the_first_steps() -> None:
    found = {"signal": {"metric": "Denied", "statistic": "Sum", "datapoints": []}}
    notes = ("callers: out of reach", "series: out of time")
    text = fired(_incident(findings=found, notes=notes), service=SERVICE).text

    told = (
        "Denied (Sum): no data\n\nNot known or not done:\n- callers: out of reach\n- series: out of time\n\n1. Look.\n"
    )
    assert told in text


@pytest.mark.parametrize(
    ("incident", "notes", "more"),
    [
        (None, (), []),
        (None, ("it is not closed",), ["", "it is not closed"]),
        (INCIDENT, (), ["after 3 min 12 s", "", f"incident {INCIDENT.id}"]),
        (INCIDENT, ("a", "b"), ["after 3 min 12 s", "", f"incident {INCIDENT.id}", "", "a", "b"]),
    ],
)
def test_a_recovery_is_told_with_its_incident_where_that_is_known(
    incident: Incident | None, notes: tuple[str, ...], more: list[str]
) -> None:
    told = recovered("alert_denial_spike", at_ms=AT_MS + 192_000, service=SERVICE, incident=incident, notes=notes)

    assert told.subject == "OK alert_denial_spike on handshake-test"
    assert told.text.splitlines() == [
        "alert_denial_spike is OK again on handshake-test",
        "at 2026-11-24 00:34:12 UTC",
        *more,
    ]


def test_a_subject_is_what_sns_takes() -> None:
    subject = fired(_incident(alert="é" * 200), service=SERVICE).subject

    assert len(subject) == 100
    assert subject.isascii()


@pytest.mark.parametrize(
    ("length_ms", "words"),
    [
        (-1, "0 min 0 s"),
        (0, "0 min 0 s"),
        (999, "0 min 0 s"),
        (59_000, "0 min 59 s"),
        (61_000, "1 min 1 s"),
        (3_599_999, "59 min 59 s"),
        (3_600_000, "1 h 0 min"),
        (2 * 86_400_000 + 61_000, "48 h 1 min"),
    ],
)
def test_a_length_of_time_is_told_in_the_units_that_matter(length_ms: int, words: str) -> None:
    assert duration(length_ms) == words


def test_a_time_is_told_to_the_second_in_utc() -> None:
    assert utc(AT_MS + 999) == "2026-11-24 00:31:00 UTC"
