"""Plays what goes wrong: each scenario a sequence of phases, each phase rules of the proxy or a server that is gone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from handshake.dynamo.tables import Tables
from tests.faults.rig import Rule

ALL_TABLES: Final = tuple(vars(Tables()))
# The adapter waits one second for an answer: a silence outlasts that, a slow answer does not.
SILENT_MS: Final = 1400
SLOW_MS: Final = {"min": 500, "max": 850}
_WRITES: Final = ("PutItem", "TransactWriteItems")


@dataclass(frozen=True)
class Phase:
    """A share of the scenario's time, and what is wrong then. Nobody can use the tables in ``closed`` meanwhile."""

    share: float
    rules: Callable[[Tables], Sequence[Rule]] = lambda _: ()
    database_down: bool = False
    closed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scenario:
    """One way in which a database fails. Writes may still arrive ``aftermath_s`` after it was mended."""

    name: str
    phases: Sequence[Phase]
    aftermath_s: float = 0


def _sometimes(fail: int, let: int, **fault: Any) -> Rule:
    """A rule that fails ``fail`` of the calls it matches in a row, then lets ``let`` through, and so on."""
    return {"service": "dynamodb", "sequence": {"fail": fail, "pass": let}, **fault}


def _flaky(*faults: dict[str, Any], operations: Sequence[str | None] = (None,)) -> Sequence[Phase]:
    """Single calls that fail, which the adapter should ride out, then bursts in which whole invocations do."""

    def rules(fail: int, let: int) -> list[Rule]:
        # Each fault has its own count, so that any of them meets any call.
        only = [{"operation": name} if name else {} for name in operations]
        return [
            _sometimes(fail, let + 2 * turn, **limit, **fault) for limit in only for turn, fault in enumerate(faults)
        ]

    return [Phase(0.4, lambda _: rules(1, 3)), Phase(0.6, lambda _: rules(40, 40))]


def _error(code: str, **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, **more}}


def _cancelled(code: str) -> dict[str, Any]:
    reasons = [{"Code": "None"}, {"Code": code, "Message": "injected"}]
    return _error("TransactionCanceledException", fields={"CancellationReasons": reasons})


def _closed(fault: dict[str, Any]) -> Sequence[Phase]:
    """Each table in turn fails every call that names it."""

    def phase(table: str) -> Phase:
        def rules(tables: Tables) -> Sequence[Rule]:
            names_it = f"contains(to_string(@), '{vars(tables)[table]}')"
            return [{"service": "dynamodb", "body": names_it, **fault}]

        return Phase(1 / len(ALL_TABLES), rules, closed=(table,))

    return [phase(table) for table in ALL_TABLES]


def _every(**fault: Any) -> Callable[[Tables], Sequence[Rule]]:
    return lambda _: [{"service": "dynamodb", **fault}]


# An answer that announces more than ever comes: the write is applied, and the caller waits in vain.
ANSWER_LOST: Final = {"response": {"set_headers": {"Content-Length": "1000000"}}}
_CUT_AFTER: Final = {"response": {"abort_bytes": 0}}

SCENARIOS: Final = (
    Scenario(
        "throttled calls", _flaky(_error("ThrottlingException"), _error("ProvisionedThroughputExceededException"))
    ),
    Scenario(
        "throttled items",
        _flaky(
            *map(_cancelled, ("ThrottlingError", "ProvisionedThroughputExceeded", "TransactionConflict")),
            operations=("TransactWriteItems",),
        ),
    ),
    Scenario(
        "server errors", _flaky(_error("InternalServerError", status=500), _error("ServiceUnavailable", status=503))
    ),
    Scenario("no answer, not written", _flaky({"timeout_ms": SILENT_MS})),
    Scenario("no answer, written", _flaky(ANSWER_LOST, operations=_WRITES)),
    Scenario("no answer, written later", _flaky({"latency": SILENT_MS}, operations=_WRITES), SILENT_MS / 1000),
    Scenario("connection reset", _flaky({"reset": True}, _CUT_AFTER)),
    Scenario("slow answers", [Phase(1, _every(latency=SLOW_MS))]),
    Scenario("missing table", _closed(_error("ResourceNotFoundException"))),
    Scenario("access denied", _closed(_error("AccessDeniedException"))),
    Scenario(
        "full outage",
        [
            Phase(0.2),
            Phase(0.3, _every(timeout_ms=4000), closed=ALL_TABLES),
            Phase(0.2, _every(reset=True), closed=ALL_TABLES),
            Phase(0.3),
        ],
    ),
    Scenario("kill -9 and restart", [Phase(0.4), Phase(0.2, database_down=True, closed=ALL_TABLES), Phase(0.4)]),
)
