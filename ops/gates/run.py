"""Run gates: print what each checked, found and how to mend it, and write its receipt."""

import hashlib
import importlib
import sys
import time
import traceback
from dataclasses import replace

from ops.gates import provide, receipts
from ops.gates.gate import Options
from ops.gates.registry import CANNOT_JUDGE, GATES, READINESS_RUNS, Gate
from ops.verdict import CannotJudgeError, Finding, MistakeError, Verdict


def run(gate: Gate, options: Options, *, command: str) -> int:
    """Run ``gate`` and write its receipt. Returns 0, the gate's own code, or CANNOT_JUDGE."""
    started, clock = receipts.now(), time.perf_counter()
    print(f"== {gate.name}: {gate.summary}", flush=True)
    try:
        provide.tools()
        # A run that is cut short leaves no receipt, an earlier one least of all.
        receipts.path_of(gate.name, options.receipts).unlink(missing_ok=True)
        receipt = receipts.begin(gate, options.root, command=command, started=started)
        lines, code = _judged(gate, options)
    except CannotJudgeError as fault:
        print(f"   cannot judge: {fault}\n{gate.name}: FAILED, exit code {CANNOT_JUDGE}", flush=True)
        return CANNOT_JUDGE
    text = "\n".join(lines)
    took_ms = round((time.perf_counter() - clock) * 1000)
    output = hashlib.sha256(text.encode()).hexdigest()
    receipts.write(replace(receipt, exit_code=code, duration_ms=took_ms, output=output), options.receipts)
    verdict = "passed" if code == 0 else f"FAILED, exit code {code}"
    print(f"{text}\n{gate.name}: {verdict} in {took_ms / 1000:.1f} s", flush=True)
    return code


def run_all(options: Options, *, command: str) -> dict[str, int]:
    """Run every gate once, in the registry's order. Returns exit codes by name."""
    # Readiness runs these two itself, and they leave receipts of their own.
    return {
        gate.name: run(gate, options, command=f"{command} {gate.name}")
        for gate in GATES.values()
        if gate.name not in READINESS_RUNS
    }


def _judged(gate: Gate, options: Options) -> tuple[list[str], int]:
    try:
        verdict: Verdict = importlib.import_module(gate.module).check(options)
    except MistakeError as mistake:
        verdict = Verdict(findings=[mistake.finding])
    except CannotJudgeError as fault:
        return [f"   cannot judge: {fault}"], CANNOT_JUDGE
    except Exception as fault:  # noqa: BLE001 - a gate that breaks has not passed, whatever broke it
        traceback.print_exc(file=sys.stderr)
        return [f"   cannot judge: the gate itself broke ({type(fault).__name__}); the trace is above"], CANNOT_JUDGE
    if not verdict.checked and not verdict.findings:
        verdict.findings.append(Finding("it checked nothing", f"look into {gate.module}"))
    lines = [f"   checked: {one}" for one in verdict.checked]
    lines += [f"   {line}" for note in verdict.notes for line in note.splitlines()]
    lines += [f"   FOUND: {one.problem}\n     fix: {one.fix}" for one in verdict.findings]
    return lines, 0 if verdict.passed else gate.code
