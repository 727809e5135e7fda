"""One line a call: a log record that CloudWatch makes metrics of."""

import hashlib
import logging
import re
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from handshake.api import telemetry
from handshake.api.telemetry import CallRecord
from handshake.core.reasons import ReasonCode
from tests.support.logs import MARKER, RunLog, lines_of, standard_output

ENDPOINT = "GET /workflow/requests/{requestId}"
SIGNALS = ("SecurityDenied", "TenantMismatchDenied", "ReplayGuardUnavailable", "AgentStoppedDenied")


KEY = b"a key of the tests"


def _published(key: bytes = KEY, **call: Any) -> dict[str, Any]:
    with standard_output() as output:
        telemetry.publish(CallRecord(**({"correlation_id": "call-1", "endpoint": ENDPOINT} | call)), pseudonym_key=key)
    [line] = lines_of(output)
    return line


def _metrics(line: Mapping[str, Any]) -> dict[tuple[str, ...], dict[str, Any]]:
    """By the dimensions they have, the metrics a line makes, each with value and unit."""
    return {
        tuple(f"{key}={line[key]}" for key in dimensions): {
            metric["Name"]: (line[metric["Name"]], metric["Unit"]) for metric in directive["Metrics"]
        }
        for directive in line["_aws"]["CloudWatchMetrics"]
        for dimensions in directive["Dimensions"]
        if directive["Namespace"] == "Handshake"
    }


def test_a_call_is_one_line_with_signals_and_latency() -> None:
    line = _published(latency_ms=12.345, store_calls=2)

    assert _metrics(line) == {
        ("service=handshake",): dict.fromkeys(SIGNALS, (0, "Count")),
        ("service=handshake", f"endpoint={ENDPOINT}"): {"Latency": (12.3, "Milliseconds")},
    }
    assert (line["status"], line["store_calls"], line["correlation_id"]) == (200, 2, "call-1")
    assert abs(line["_aws"]["Timestamp"] - time.time() * 1000) < 10_000


def test_a_lines_level_and_time_are_what_lambda_reads_of_json() -> None:
    line = _published()

    assert line["level"] == "INFO"
    assert datetime.fromisoformat(line["timestamp"]).utcoffset() == timedelta(0)
    assert re.fullmatch(r"[0-9-]{10}T[0-9:]{8}\.[0-9]{3}\+00:00", line["timestamp"])


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        (ReasonCode.SECURITY_READ_TENANT_MISMATCH, (1, 1, 0, 0)),
        (ReasonCode.SECURITY_REPLAY_GUARD_UNAVAILABLE, (1, 0, 1, 0)),
        (ReasonCode.SECURITY_TOKEN_INVALID, (1, 0, 0, 0)),
        (ReasonCode.SECURITY_AGENT_STOPPED, (0, 0, 0, 1)),
        (ReasonCode.POLICY_INVALID_POLICY, (0, 0, 0, 0)),
    ],
)
def test_a_refusal_raises_the_signals_of_its_code_and_counts_by_endpoint_and_reason(
    code: ReasonCode, raised: tuple[int, int, int, int]
) -> None:
    line = _published(status=403, reason_code=code.value)

    metrics = _metrics(line)
    assert tuple(metrics["service=handshake",][name][0] for name in SIGNALS) == raised
    counted = metrics["service=handshake", f"endpoint={ENDPOINT}", f"reason_code={code.value}"]
    assert counted == {"Denied": (1, "Count")}


@pytest.mark.parametrize(("decision", "denied"), [("allow", False), ("escalate", False), ("deny", True)])
def test_a_decision_is_counted_and_a_denial_among_them_as_one(decision: str, *, denied: bool) -> None:
    metrics = _metrics(_published(decision=decision, reason_code="policy_denied"))

    assert metrics["service=handshake", f"decision={decision}"] == {"Decisions": (1, "Count")}
    assert (("service=handshake", f"endpoint={ENDPOINT}", "reason_code=policy_denied") in metrics) is denied


def test_a_refused_action_repeats_a_decision_but_makes_none() -> None:
    metrics = _metrics(_published(status=409, decision="deny", reason_code="hitl_terminal_state_immutable"))

    assert not any("decision=deny" in dimensions for dimensions in metrics)


@pytest.mark.parametrize(("waited_ms", "told_s"), [(0, 0.0), (90_449, 90.4), (86_400_000, 86_400.0)])
def test_how_long_a_person_was_waited_for_is_told_in_seconds(waited_ms: int, told_s: float) -> None:
    metrics = _metrics(_published(decision="allow", waited_ms=waited_ms))

    assert metrics["service=handshake",]["TimeToDecide"] == (told_s, "Seconds")


def test_an_extension_is_counted() -> None:
    assert _metrics(_published(extended=True))["service=handshake",]["Extended"] == (1, "Count")
    assert "Extended" not in _metrics(_published())["service=handshake",]


def test_principals_and_tenants_are_pseudonyms_that_stay_the_same() -> None:
    first, again = (_published(principal_id="ana", tenant_id="acme") for _ in range(2))

    assert (first["principal"], first["tenant"]) == (again["principal"], again["tenant"])
    assert "ana" not in str(first)
    assert "acme" not in str(first)
    assert "principal" not in _published()


def test_a_pseudonym_is_worth_nothing_without_the_key() -> None:
    """A dictionary of names finds those that are only hashed."""
    line, elsewhere, keyless = (_published(key, principal_id="ana", tenant_id="acme") for key in (KEY, b"another", b""))

    assert line["principal"] != elsewhere["principal"]
    assert line["tenant"] != elsewhere["tenant"]
    assert line["principal"] != hashlib.sha256(b"ana").hexdigest()[:16]
    assert not {"principal", "tenant"} & keyless.keys()


def test_a_scheduled_run_counts_itself_and_what_it_did() -> None:
    with standard_output() as output:
        telemetry.scheduled(
            "hitl_expiry", {"expired": 2, "oldest_pending_seconds": 40, "time_used_percent": 55}, correlation_id="run-1"
        )

    [line] = lines_of(output)
    assert _metrics(line) == {
        ("service=handshake", "job=hitl_expiry"): {
            "Runs": (1, "Count"),
            "Expired": (2, "Count"),
            "OldestPendingSeconds": (40, "Seconds"),
            "TimeUsedPercent": (55, "Percent"),
        }
    }
    assert line["correlation_id"] == "run-1"


def test_a_folded_batch_says_how_late_it_is_and_whose_calls_it_counted() -> None:
    with standard_output() as output:
        telemetry.folded(events=3, lag_ms=120, correlation_ids=["b", "a", "b"], store_calls=2)

    [line] = lines_of(output)
    assert _metrics(line) == {
        ("service=handshake",): {"EventsFolded": (3, "Count"), "RollUpLag": (120, "Milliseconds")}
    }
    assert line["correlation_ids"] == ["a", "b"]


@pytest.mark.parametrize("leaked", [MARKER, "eyJqdGkiOiJ1bmxvZ2dlZC1uYW1lLTEifQ", "the-secret"])
def test_a_line_that_repeats_a_name_or_a_secret_is_noticed(leaked: str) -> None:
    log = RunLog(secrets={"the-secret"})

    for message in ("fine", f"a {leaked} b"):
        log.handle(logging.makeLogRecord({"msg": message}))

    assert (log.lines, len(log.leaks)) == (2, 1)
