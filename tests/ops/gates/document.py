"""docs/gates.md: every gate, its time, something it catches. `python -m tests.ops.gates.document` writes it."""

import re
import sys
from collections.abc import Mapping
from typing import Final

from ops.gates import receipts
from ops.gates.gate import RECEIPTS
from ops.gates.registry import GATES, READINESS_RUNS
from ops.local.settings import ROOT

DOCUMENT: Final = ROOT / "docs" / "gates.md"

# What each gate catches, for example, and the test that breaks it so.
EXAMPLES: Final[Mapping[str, tuple[str, str]]] = {
    "check:openapi": (
        "the summary of metrics without its `uair`, which released callers read",
        "tests/ops/gates/test_openapi.py::test_a_breaking_change_is_found_though_it_is_committed",
    ),
    "check:security-parity": (
        "`/policy/apply` with `Auth: {Authorizer: NONE}`",
        "tests/ops/gates/test_parity.py::test_a_route_of_the_template_that_admits_anybody_is_found",
    ),
    "check:reason-code-map": (
        "a handler that answers `security_invented`",
        "tests/ops/gates/test_reason_codes.py::test_a_code_in_the_code_that_has_no_row_is_found",
    ),
    "check:sdk-drift": (
        "a field that was renamed in the document and not in the client",
        "tests/sdk/test_drift.py::test_drift_is_found_in_its_file_with_the_fix",
    ),
    "check:import-budget": (
        "a function that comes to import pydantic",
        "tests/ops/gates/test_import_budget.py::test_a_library_that_a_function_comes_to_import_is_found",
    ),
    "check:env-matrix": (
        "a table of production that anybody may delete",
        "tests/ops/gates/test_env_matrix.py::test_what_would_expose_production_or_leave_it_unguarded_is_found",
    ),
    "check:watch-config": (
        "a denial rate watched at 0.4 where production's alarm fires at 0.3",
        "tests/ops/gates/test_watch_config.py::test_what_is_not_so_is_found",
    ),
    "test:ap6-gate": (
        "a trust token whose signature nobody minds",
        "tests/ops/gates/test_broken_rules.py::test_a_trust_token_whose_signature_nobody_minds_fails_the_ap6_gate",
    ),
    "check:schema-preflight": (
        "a table without the index that the expiry sweep reads",
        "tests/ops/gates/test_preflight.py::test_a_template_that_lacks_something_is_found",
    ),
    "test:prod-gate": (
        "an execution that is authorised while nobody has approved it yet",
        "tests/ops/gates/test_broken_rules.py::test_an_execution_that_nobody_approved_yet_fails_the_prod_gate",
    ),
    "check:release-readiness": (
        "a release whose preflight passed and whose prod gate did not",
        "tests/ops/gates/test_suite.py::test_a_release_is_ready_only_when_both_its_gates_pass",
    ),
    "check:ap6-report": (
        "a receipt whose exit code, commit or time was edited",
        "tests/ops/gates/test_receipts.py::test_an_edited_receipt_is_no_pass",
    ),
}

_BEFORE: Final = """# Gates

What must hold before a release, in the order in which `make gates` asks. Each gate prints what it checked and how to
mend what it found, ends with a code of its own where it found something (70 where it could not judge), and leaves a
receipt in `.handshake/receipts`, which the last one believes or not.

The times are those of one `make gates` on two shared cores, from its receipts: {total} in all.
`check:release-readiness` runs the two above it, so its time holds theirs. The test that is named breaks a copy of the
checkout, or of what the gate reads, in the way that is told. `python -m tests.ops.gates.document` writes this file
after a `make gates` that passed; a test fails when it is stale.

| gate | fails with | takes | what must hold | what it catches, for example | shown by |
| --- | --- | --- | --- | --- | --- |
"""
_TAKES: Final = re.compile(r"^\| `(\S+)` \| \d+ \| ([\d.]+) s \|", re.MULTILINE)


def written(seconds: Mapping[str, float]) -> str:
    """The whole document, with how long each gate takes."""
    # Readiness runs two of the others.
    total = round(sum(took for name, took in seconds.items() if name not in READINESS_RUNS))
    rows = (
        f"| `{name}` | {gate.code} | {seconds[name]:.1f} s | {gate.summary} | {example} | `{test}` |\n"
        for name, gate in GATES.items()
        for example, test in [EXAMPLES[name]]
    )
    return _BEFORE.format(total=f"{total // 60} min {total % 60} s") + "".join(rows)


def times_in(document: str) -> dict[str, float]:
    """Count how many seconds each gate takes, by what the document says."""
    return {name: float(seconds) for name, seconds in _TAKES.findall(document)}


def main() -> None:
    """Write the document from the receipts of this checkout; ends with what keeps one from being believed."""
    try:
        kept = [receipts.read(gate, RECEIPTS, ROOT, now=receipts.now()) for gate in GATES.values()]
    except receipts.BadReceiptError as fault:
        sys.exit(f"make gates first: {fault}")
    DOCUMENT.write_text(written({one.gate: one.duration_ms / 1000 for one in kept}), encoding="utf-8")
    print(f"wrote {DOCUMENT.name}: {len(kept)} gates")


if __name__ == "__main__":
    main()
