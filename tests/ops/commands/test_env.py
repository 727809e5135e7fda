"""ops env: where log queries begin, and what pause says of deadlines."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from handshake.incidents.incident import Incident
from ops.commands import env
from ops.commands.app import app

NOW_MS: Final = 1_795_478_400_000
MINUTE_MS: Final = 60_000


def _since(monkeypatch: pytest.MonkeyPatch, incidents: list[Incident], *words: str) -> Any:
    @contextmanager
    def reach(_stack: str) -> Iterator[Any]:
        yield SimpleNamespace(dynamo=None, tables=SimpleNamespace(runtime_kv=""))

    monkeypatch.setattr(env, "reach", reach)
    monkeypatch.setattr("handshake.incidents.table.read_all", lambda *_: incidents)
    monkeypatch.setattr(env, "time", SimpleNamespace(time_ns=lambda: NOW_MS * 1_000_000))
    return CliRunner().invoke(app, ["env", "--stack", "handshake-production", *words])


def _incident(name: str, minutes_ago: int, **changes: Any) -> Incident:
    return Incident(name, "alert_denial_spike", NOW_MS - minutes_ago * MINUTE_MS, "reason", "steps", **changes)


@pytest.mark.parametrize(
    ("words", "minutes_ago"),
    [((), 200 + 15), (("--incident", "over"), 30 + 15)],
)
def test_log_queries_begin_a_quarter_of_an_hour_before_the_incident(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], minutes_ago: int
) -> None:
    incidents = [_incident("older", 300), _incident("newest", 200), _incident("over", 30, state="recovered")]

    printed = _since(monkeypatch, incidents, *words).stdout.splitlines()

    assert printed == [
        "export HANDSHAKE_STACK=handshake-production",
        f"export SINCE={NOW_MS - minutes_ago * MINUTE_MS}",
    ]


def test_without_an_open_incident_they_begin_an_hour_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = _since(monkeypatch, [_incident("over", 30, state="recovered")]).stdout

    assert f"export SINCE={NOW_MS - 60 * MINUTE_MS}\n" in printed


def test_an_incident_that_is_not_there_prints_no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = _since(monkeypatch, [], "--incident", "nothing")

    assert (answer.exit_code, answer.stdout) == (1, "")


def test_pausing_says_what_it_does_to_deadlines() -> None:
    text = " ".join(CliRunner().invoke(app, ["pause", "--help"]).output.split())

    assert "Deadlines go on too" in text
