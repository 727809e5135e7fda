"""A pytest plugin that notes which functions of handshake each test calls, or runs the tests that a list names.

Which of both is said by the environment: HANDSHAKE_REACH names the file to write, HANDSHAKE_SELECTED the list, a test's
id a line; the tests run in the list's order.
"""

import json
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

_PACKAGE = f"{os.sep}shared{os.sep}handshake{os.sep}"

_called: dict[int, CodeType] = {}
_tests: dict[str, dict[str, Any]] = {}


def _trace(frame: FrameType, _event: str, _value: Any) -> None:
    code = frame.f_code
    _called[id(code)] = code


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Note what the test calls, its fixtures' work included, and how long it takes."""
    if "HANDSHAKE_REACH" not in os.environ:
        return (yield)
    _called.clear()
    started = time.perf_counter()
    threading.settrace(_trace)
    sys.settrace(_trace)
    try:
        return (yield)
    finally:
        sys.settrace(None)
        threading.settrace(None)
        calls: defaultdict[str, set[str]] = defaultdict(set)
        for code in list(_called.values()):
            if _PACKAGE in code.co_filename:
                calls[code.co_filename.rpartition(_PACKAGE)[2]].add(code.co_qualname.partition(".<locals>")[0])
        _tests[item.nodeid] = {
            "seconds": round(time.perf_counter() - started, 3),
            "store": item.get_closest_marker("store") is not None,
            "calls": {file: sorted(names) for file, names in calls.items()},
        }


def pytest_sessionfinish() -> None:
    """Write what was noted."""
    if path := os.environ.get("HANDSHAKE_REACH"):
        Path(path).write_text(json.dumps(_tests))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests that the list names, in its order."""
    if path := os.environ.get("HANDSHAKE_SELECTED"):
        order = {test: place for place, test in enumerate(Path(path).read_text().splitlines())}
        left_out = [item for item in items if item.nodeid not in order]
        config.hook.pytest_deselected(items=left_out)
        items[:] = sorted((item for item in items if item.nodeid in order), key=lambda item: order[item.nodeid])
