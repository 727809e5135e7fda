"""Metrics from log lines, against the specification of the embedded metric format and what writes it here."""

import json
from typing import Any

import pytest
from aws_lambda_powertools.metrics import EphemeralMetrics
from hypothesis import given
from hypothesis import strategies as st

from handshake.api import telemetry
from handshake.api.telemetry import CallRecord
from handshake.core.reasons import ReasonCode
from ops.local.cloudwatch.alarms import Metric, Sample
from ops.local.cloudwatch.emf import Extraction, extract
from tests.support.logs import standard_output

NOW = 1_795_478_400.0
ENDPOINT = "GET /workflow/requests/{requestId}"


def document(*directives: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"_aws": {"Timestamp": int(NOW * 1000), "CloudWatchMetrics": list(directives)}, **members}


def directive(**changes: Any) -> dict[str, Any]:
    return {"Namespace": "N", "Dimensions": [["a"]], "Metrics": [{"Name": "M", "Unit": "Count"}], **changes}


def extracted(body: Any) -> Extraction:
    return extract(body if isinstance(body, str) else json.dumps(body), now_s=NOW)


def values(extraction: Extraction) -> dict[tuple[str, str, frozenset[tuple[str, str]]], list[float]]:
    found: dict[tuple[str, str, frozenset[tuple[str, str]]], list[float]] = {}
    for sample in extraction.samples:
        found.setdefault((sample.metric.namespace, sample.metric.name, sample.metric.dimensions), []).append(
            sample.value
        )
    return found


def test_every_directive_gives_each_metric_under_each_of_its_dimension_sets() -> None:
    body = document(
        directive(Dimensions=[["a"], ["a", "b"], []], Metrics=[{"Name": "M"}, {"Name": "L", "Unit": "Seconds"}]),
        directive(Namespace="Other", Dimensions=[["b"]]),
        a="x",
        b="y",
        M=2,
        L=[0.5, 1.5],
    )

    found = extracted(body)

    a, b = ("a", "x"), ("b", "y")
    assert values(found) == {
        ("N", "M", frozenset({a})): [2],
        ("N", "M", frozenset({a, b})): [2],
        ("N", "M", frozenset()): [2],
        ("N", "L", frozenset({a})): [0.5, 1.5],
        ("N", "L", frozenset({a, b})): [0.5, 1.5],
        ("N", "L", frozenset()): [0.5, 1.5],
        ("Other", "M", frozenset({b})): [2],
    }
    assert (found.parsing_errors, found.validation_errors) == (0, 0)
    assert {sample.unit for sample in found.samples if sample.metric.name == "L"} == {"Seconds"}


def test_a_sample_has_the_documents_time_and_its_definitions_unit() -> None:
    body = document(directive(Metrics=[{"Name": "M", "Unit": "Count"}]), a="x", M=1)
    body["_aws"]["Timestamp"] = 1_795_478_399_250

    assert extracted(body).samples == (
        Sample(Metric("N", "M", frozenset({("a", "x")})), 1_795_478_399.25, 1.0, unit="Count"),
    )


@pytest.mark.parametrize(
    "line",
    [
        "",
        "START RequestId: 1 Version: 3",
        "[]",
        '"_aws"',
        '{"level":"INFO"}',
        '{"_aws": 1}',
        '{"_aws": {"Timestamp": 1}}',
        json.dumps(document(directive(), a="x", M=1)) + " trailing",
        "INFO " + json.dumps(document(directive(), a="x", M=1)),
        json.dumps(document(directive(), a="x", M=1))[:-1],
        json.dumps(document(directive(), a="x", M=float("nan"))),
        '{"_aws":' * 100_000,
    ],
    ids=lambda line: line[:20] or "empty",
)
def test_a_line_that_is_not_one_emf_document_is_only_a_line(line: str) -> None:
    assert extracted(line) == Extraction()


@pytest.mark.parametrize(
    "bad",
    [
        {"Namespace": None},
        {"Namespace": ""},
        {"Namespace": "n" * 256},
        {"Dimensions": None},
        {"Dimensions": ["a"]},
        {"Dimensions": [[1]]},
        {"Dimensions": [[f"k{number}" for number in range(31)]]},
        {"Metrics": None},
        {"Metrics": [{"Unit": "Count"}]},
        {"Metrics": ["M"]},
        {"Metrics": [{"Name": "M"}] * 101},
    ],
    ids=str,
)
def test_a_document_of_the_wrong_structure_gives_nothing_and_is_counted(bad: dict[str, Any]) -> None:
    body = document(directive(), directive(**bad), a="x", M=1, **{f"k{number}": "v" for number in range(31)})

    assert extracted(body) == Extraction(parsing_errors=1)


@pytest.mark.parametrize("timestamp", [None, "1795478400000", True, [], float("1e400")])
def test_a_document_without_a_time_gives_nothing_and_is_counted(timestamp: Any) -> None:
    body = document(directive(), a="x", M=1)
    body["_aws"]["Timestamp"] = timestamp
    line = json.dumps(body).replace("Infinity", "1e400")

    assert extracted(line) == Extraction(parsing_errors=1)


@pytest.mark.parametrize("directives", [None, {}, "x", [1]])
def test_directives_that_are_no_array_of_objects_give_nothing_and_are_counted(directives: Any) -> None:
    body = document(a="x", M=1)
    body["_aws"]["CloudWatchMetrics"] = directives

    assert extracted(body) == Extraction(parsing_errors=1)


def test_a_document_larger_than_a_log_event_gives_nothing_and_is_counted() -> None:
    assert extracted(document(directive(), a="x", M=1, padding="p" * 1024 * 1024)) == Extraction(parsing_errors=1)


@pytest.mark.parametrize(
    ("definition", "target"),
    [
        ({"Name": "Bad"}, {}),
        ({"Name": "Bad"}, {"Bad": "1"}),
        ({"Name": "Bad"}, {"Bad": True}),
        ({"Name": "Bad"}, {"Bad": None}),
        ({"Name": "Bad"}, {"Bad": [1, "2"]}),
        ({"Name": "Bad"}, {"Bad": [1] * 101}),
        ({"Name": "Bad"}, {"Bad": 10**400}),
        ({"Name": "Bad", "Unit": "Furlongs"}, {"Bad": 1}),
        ({"Name": "Bad", "Unit": ["Count"]}, {"Bad": 1}),
        ({"Name": "Bad", "StorageResolution": 5}, {"Bad": 1}),
    ],
    ids=lambda row: str(row)[:40],
)
def test_a_metric_that_breaks_the_rules_is_left_out_and_counted_and_the_others_stay(
    definition: dict[str, Any], target: dict[str, Any]
) -> None:
    found = extracted(document(directive(Metrics=[definition, {"Name": "M"}]), a="x", M=1, **target))

    assert values(found) == {("N", "M", frozenset({("a", "x")})): [1]}
    assert (found.parsing_errors, found.validation_errors) == (0, 1)


@pytest.mark.parametrize("target", [None, 1, "", "  ", "v" * 1025, ["x"]], ids=lambda value: str(value)[:10])
def test_a_dimension_set_without_its_target_is_left_out_and_counted_and_the_others_stay(target: Any) -> None:
    found = extracted(document(directive(Dimensions=[["a"], ["a", "bad"]]), a="x", M=1, bad=target))

    assert values(found) == {("N", "M", frozenset({("a", "x")})): [1]}
    assert (found.parsing_errors, found.validation_errors) == (0, 1)


@pytest.mark.parametrize(
    ("offset_s", "taken"), [(-14 * 86400, True), (-14 * 86400 - 1, False), (2 * 3600, True), (2 * 3600 + 1, False)]
)
def test_data_older_than_two_weeks_or_two_hours_ahead_is_refused(offset_s: int, taken: bool) -> None:  # noqa: FBT001 - a row
    body = document(directive(), a="x", M=1)
    body["_aws"]["Timestamp"] = int((NOW + offset_s) * 1000)

    found = extracted(body)

    assert (bool(found.samples), found.validation_errors) == (taken, 0 if taken else 1)


def test_limits_are_inclusive() -> None:
    keys = [f"k{number}" for number in range(30)]
    metrics = [{"Name": f"m{number}"} for number in range(100)]
    body = document(directive(Dimensions=[keys], Metrics=metrics), **dict.fromkeys(keys, "v" * 1024))
    body |= {f"m{number}": [1] * 100 for number in range(100)}

    found = extracted(body)

    assert (len(found.samples), found.parsing_errors, found.validation_errors) == (100 * 100, 0, 0)


# -- What writes EMF here -----------------------------------------------------------------------------------------


def written(record: CallRecord) -> Extraction:
    with standard_output() as output:
        telemetry.publish(record, pseudonym_key=b"key")
    [line] = output.getvalue().splitlines()
    return extract(line, now_s=json.loads(line)["_aws"]["Timestamp"] / 1000)


def test_the_line_of_a_denied_call_gives_its_signals_latency_and_denial() -> None:
    found = written(
        CallRecord("id", ENDPOINT, 403, ReasonCode.SECURITY_READ_TENANT_MISMATCH, latency_ms=12.34, store_calls=1)
    )

    service, endpoint = ("service", "handshake"), ("endpoint", ENDPOINT)
    assert values(found) == {
        ("Handshake", "SecurityDenied", frozenset({service})): [1],
        ("Handshake", "TenantMismatchDenied", frozenset({service})): [1],
        ("Handshake", "ReplayGuardUnavailable", frozenset({service})): [0],
        ("Handshake", "AgentStoppedDenied", frozenset({service})): [0],
        ("Handshake", "Latency", frozenset({service, endpoint})): [12.3],
        (
            "Handshake",
            "Denied",
            frozenset({service, endpoint, ("reason_code", "security_read_tenant_mismatch")}),
        ): [1],
    }


@given(
    st.sampled_from([200, 400, 403, 404, 409, 422, 503]),
    st.sampled_from(["", *ReasonCode]),
    st.sampled_from(["", "allow", "deny", "escalate"]),
    st.floats(0, 30_000),
)
def test_no_line_of_a_handled_call_has_an_error_in_it(status: int, code: str, decision: str, latency: float) -> None:
    if (status >= 400 or decision == "deny") and not code:  # a denial always says why
        code = ReasonCode.ADAPTER_STORE_UNAVAILABLE
    found = written(CallRecord("id", ENDPOINT, status, code, decision, latency_ms=latency))

    assert (found.parsing_errors, found.validation_errors) == (0, 0)
    assert {"SecurityDenied", "TenantMismatchDenied", "ReplayGuardUnavailable", "Latency"} <= {
        sample.metric.name for sample in found.samples
    }


@given(
    st.dictionaries(
        st.sampled_from(["Errors", "Duration", "Cold Starts", "x"]),
        st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=5),
        min_size=1,
    ),
    st.dictionaries(st.sampled_from(["one", "two"]), st.text("abc /{}é", min_size=1).filter(str.strip)),
)
def test_what_powertools_writes_comes_out_as_it_went_in(
    metrics: dict[str, list[float]], dimensions: dict[str, str]
) -> None:
    powertools = EphemeralMetrics(namespace="N", service="s")
    for name, numbers in metrics.items():
        for number in numbers:
            powertools.add_metric(name=name, unit="Count", value=number)
    for name, value in dimensions.items():
        powertools.add_dimension(name, value)
    output = powertools.serialize_metric_set()

    found = extract(json.dumps(output), now_s=output["_aws"]["Timestamp"] / 1000)

    of_all = frozenset({"service": "s", **dimensions}.items())
    assert {(name, metric): sorted(numbers) for (_, name, metric), numbers in values(found).items()} == {
        (name, of_all): sorted(numbers) for name, numbers in metrics.items()
    }
    assert (found.parsing_errors, found.validation_errors) == (0, 0)
