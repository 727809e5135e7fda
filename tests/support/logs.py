"""Collect what the service logs while tests run, and mark what callers send, which must not be found there."""

import base64
import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from typing import Any, Final

from handshake.api import telemetry

# Part of every name that tests make up for principals, tenants, agents, payloads and tokens.
MARKER: Final = "unlogged-name"


def traces(marker: str) -> tuple[str, ...]:
    """Give ``marker`` as it is, and as base64 writes it at each of three offsets, without the ends that may differ."""
    encoded = (base64.b64encode(b"." * offset + marker.encode()).decode()[4:-4] for offset in range(3))
    return marker, *encoded


@contextmanager
def standard_output() -> Iterator[StringIO]:
    """Catch what is written meanwhile where Lambda takes logs and metrics from."""
    output = StringIO()
    handlers = [handler for handler in telemetry.logger.handlers if isinstance(handler, logging.StreamHandler)]
    with redirect_stdout(output), ExitStack() as undo:
        for handler in handlers:
            undo.callback(handler.setStream, handler.setStream(output))
        yield output


def lines_of(output: StringIO) -> list[dict[str, Any]]:
    """Give the log lines in ``output``, parsed."""
    return [json.loads(line) for line in output.getvalue().splitlines()]


@dataclass
class RunLog(logging.Handler):
    """Looks at every line the handlers write in this process, from the first test to the last."""

    secrets: set[str]
    lines: int = 0
    leaks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.setFormatter(telemetry.logger.registered_formatter)
        self._traces = traces(MARKER)

    __hash__ = object.__hash__

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line that repeats something."""
        self.look_at([self.format(record)])

    def look_at(self, lines: Iterable[str]) -> None:
        """Count ``lines`` and keep those that repeat something."""
        for line in lines:
            self.lines += 1
            if any(trace in line for trace in (*self._traces, *self.secrets)):
                self.leaks.append(line)
