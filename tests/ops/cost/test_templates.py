"""Tests what keeps the bill small in the deployed templates, and what it must not take away."""

from typing import Any, Final

import pytest

from ops.local.settings import ROOT
from ops.local.translation import Translated, environment_of

DEPLOYED: Final = [environment_of(ROOT, "staging"), environment_of(ROOT, "production")]


def _properties(kind: str, stack: Translated) -> list[dict[str, Any]]:
    return [one["Properties"] for one in stack.of_type(kind).values()]


@pytest.mark.parametrize("stack", DEPLOYED, ids=["staging", "production"])
def test_lambda_says_only_what_went_wrong_and_filters_none_of_our_own_lines(stack: Translated) -> None:
    functions = _properties("AWS::Lambda::Function", stack)

    assert functions
    for function in functions:
        logging = function["LoggingConfig"]
        assert (logging["LogFormat"], logging["SystemLogLevel"]) == ("JSON", "WARN")
        assert "LogGroup" in logging
        assert "ApplicationLogLevel" not in logging, "above INFO it would hide metrics, and alarms with them"


def test_an_emulated_lambda_logs_text() -> None:
    for function in _properties("AWS::Lambda::Function", environment_of(ROOT, "local")):
        assert function["LoggingConfig"]["LogFormat"] == "Text"
        assert "SystemLogLevel" not in function["LoggingConfig"]


@pytest.mark.parametrize("stack", DEPLOYED, ids=["staging", "production"])
def test_roll_ups_wait_for_fuller_batches_and_well_within_their_alarm(stack: Translated) -> None:
    mapping = stack.of_type("AWS::Lambda::EventSourceMapping")["MetricsProjectorFunctionMetricsStream"]["Properties"]

    assert 1 <= mapping["MaximumBatchingWindowInSeconds"] <= 30
    assert mapping["BatchSize"] <= 100, "one transaction folds a batch"


@pytest.mark.parametrize("stack", DEPLOYED, ids=["staging", "production"])
def test_what_is_traced_is_a_share_of_the_stacks_own(stack: Translated) -> None:
    [rule] = (one["SamplingRule"] for one in _properties("AWS::XRay::SamplingRule", stack))

    assert 0 < rule["FixedRate"] <= 0.05
    assert rule["ReservoirSize"] == 0
    assert rule["ServiceName"] != "*", "other stacks of the account have rules of their own"
