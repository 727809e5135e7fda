"""ministack, with its CloudWatch left to ops.local.cloudwatch.watch.

    python -P emulated.py FILE

FILE receives a JSON line for each log event that mentions EMF and for each of Lambda's own metrics, once each and at
once. Reading log groups instead would cost more with every call: ministack keeps a stream per invocation. Works on the
internals of the ministack version that requirements-dev.txt pins.
"""

import json
import sys
import threading
from pathlib import Path
from typing import Any

from ministack.app import main  # type: ignore[import-untyped]  # ministack publishes no types
from ministack.services import cloudwatch, cloudwatch_logs, lambda_svc  # type: ignore[import-untyped]

# ruff: noqa: SLF001 - what is changed here has no public name


def hand_over(spool: Path) -> None:
    """Write what the watcher needs to ``spool``, and stop what it does instead."""
    output, lock = spool.open("a"), threading.Lock()
    append_log_events, execute = cloudwatch_logs._append_log_events, lambda_svc._execute_function_dispatch

    def tell(*records: dict[str, Any]) -> None:
        with lock:
            output.writelines(f"{json.dumps(record)}\n" for record in records)
            output.flush()

    def append_and_tell(stream: Any, events: list[dict[str, Any]]) -> None:
        append_log_events(stream, events)
        tell(*({"message": event["message"]} for event in events if '"_aws"' in event["message"]))

    def measure(function: str, **counts: int) -> None:
        dimensions = {"FunctionName": function}
        for name, count in counts.items():
            cloudwatch.record_metric("AWS/Lambda", name, count, "Count", dimensions)
            tell({"namespace": "AWS/Lambda", "name": name, "value": count, "unit": "Count", "dimensions": dimensions})

    def execute_and_measure(func: Any, config: dict[str, Any], *details: Any) -> Any:
        result = execute(func, config, *details)
        measure(config["FunctionName"], Invocations=1, Errors=int(bool(result.get("error"))), Throttles=0)
        return result

    def measure_throttle(name: str, duration_ms: float, *, error: bool, throttle: bool) -> None:
        # It is told of direct invocations only, and of throttled ones twice: the first time before any duration.
        del error
        if throttle and not duration_ms:
            measure(name, Throttles=1)

    cloudwatch_logs._append_log_events = append_and_tell
    lambda_svc._execute_function_dispatch = execute_and_measure
    lambda_svc._emit_lambda_metrics = measure_throttle
    # Its own evaluation ignores dimensions and missing data, and runs at every PutMetricData.
    cloudwatch._evaluate_all_alarms = lambda: None


if __name__ == "__main__":
    hand_over(Path(sys.argv.pop(1)))
    main()
