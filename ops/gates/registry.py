"""Every gate by its name, with the exit code of its failure and the sources that its verdict speaks of."""

from dataclasses import dataclass
from typing import Final

CANNOT_JUDGE: Final = 70


@dataclass(frozen=True)
class Gate:
    """``module`` has ``check(Options) -> Verdict``. ``code`` is the exit code where something was found.

    ``sources`` are the files and folders, relative to the checkout, that the verdict depends on.
    """

    name: str
    code: int
    module: str
    summary: str
    sources: tuple[str, ...]


_CODE: Final = ("shared", "functions")
_OPS: Final = ("ops", "pyproject.toml", "requirements-dev.txt")

# In the order in which `make gates` runs them: quick ones first, the report on all of them last.
_GATES: Final = (
    Gate(
        "check:openapi",
        10,
        "ops.gates.openapi",
        "the document is the code's, valid, committed, and breaks no released caller",
        (*_CODE, *_OPS, "openapi"),
    ),
    Gate(
        "check:security-parity",
        11,
        "ops.gates.parity",
        "template, document and handlers agree on what protects each route",
        (*_CODE, *_OPS, "openapi", "template.yaml", "state", "samconfig.toml"),
    ),
    Gate(
        "check:reason-code-map",
        12,
        "ops.gates.reason_codes",
        "every reason code in use is in the registry, as the contract has it",
        (*_CODE, *_OPS, "openapi", "template.yaml", "state"),
    ),
    Gate(
        "check:sdk-drift",
        20,
        "ops.gates.sdk_drift",
        "the generated part of the client is what the document gives",
        (*_OPS, "openapi", "sdk"),
    ),
    Gate(
        "check:import-budget",
        21,
        "ops.gates.import_budget",
        "what each function imports before it can answer is within its budget",
        (*_CODE, *_OPS, "template.yaml", "state"),
    ),
    Gate(
        "check:env-matrix",
        14,
        "ops.gates.env_matrix",
        "production has no development exposure, and its safeguards are on",
        (*_OPS, "template.yaml", "state", "samconfig.toml", "alarms"),
    ),
    Gate(
        "check:watch-config",
        19,
        "ops.gates.watch",
        "what is watched after a release exists, with the production thresholds",
        (*_CODE, *_OPS, "openapi", "template.yaml", "state", "samconfig.toml", "alarms"),
    ),
    Gate(
        "test:ap6-gate",
        17,
        "ops.gates.ap6_suite",
        "trust, replay and evidence rails: the selection of tests",
        (*_CODE, *_OPS, "tests", "template.yaml", "state"),
    ),
    Gate(
        "check:schema-preflight",
        13,
        "ops.gates.preflight",
        "tables, indexes, TTL, streams and migrations are what the code needs",
        (*_CODE, *_OPS, "template.yaml", "state", "migrations"),
    ),
    Gate(
        "test:prod-gate",
        16,
        "ops.gates.prod_suite",
        "critical transport and invariants: the selection of tests",
        (*_CODE, *_OPS, "tests", "template.yaml", "state", "samconfig.toml"),
    ),
    Gate(
        "check:release-readiness",
        15,
        "ops.gates.readiness",
        "schema preflight and prod gate; anything but a pass stops the release",
        (*_CODE, *_OPS, "tests", "template.yaml", "state", "samconfig.toml", "migrations"),
    ),
    Gate(
        "check:ap6-report",
        18,
        "ops.gates.report",
        "a fresh, authentic receipt of a pass from every other gate",
        (),
    ),
)
GATES: Final = {gate.name: gate for gate in _GATES}
REPORT: Final = "check:ap6-report"
READINESS: Final = "check:release-readiness"
READINESS_RUNS: Final = ("check:schema-preflight", "test:prod-gate")
