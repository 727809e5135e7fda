"""check:import-budget: hold what each function imports before it can answer to its budget.

A cold start is mostly imports (docs/performance.md), and they creep in one line at a time. Counted are the modules, and
the size of their files, that come from the function and its layer; the standard library's come with Python. Each
function is imported as Lambda does it, on the layer as built and on the checkout's own code.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]  # SAM publishes no types

from ops.gates.gate import Options
from ops.local.build import build
from ops.local.commands import CommandFailedError, clean_environment
from ops.local.settings import PAGE_ORIGIN, REGION
from ops.local.translation import environment_of
from ops.verdict import CannotJudgeError, Verdict

CONFIG: Final = "ops/gates/import_budget.yaml"
_PATIENCE_S: Final = 60
_COUNT: Final = """
import gc, json, os, sys
usual = gc.get_threshold()
import app
roots = tuple(sys.argv[1:])
files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
ours = [path for path in files.values() if path.startswith(roots)]
collects = gc.get_threshold() == usual
print(json.dumps({"modules": len(ours), "bytes": sum(map(os.path.getsize, ours)), "collects": collects}))
"""


class Budget(BaseModel):
    """The most that a function may import: modules, and kilobytes of their files."""

    model_config = ConfigDict(strict=True, extra="forbid")

    modules: int
    kilobytes: int


class Imported(BaseModel):
    """A function's imports, and whether Python ``collects`` garbage as often as usual afterwards."""

    modules: int
    bytes: int
    collects: bool

    @property
    def kilobytes(self) -> int:
        """Return the size of all files, rounded up."""
        return -(-self.bytes // 1024)


def check(options: Options) -> Verdict:
    """See ``Gate``."""
    budgets = read_budgets(options.root)
    try:
        built = build().parent
    except CommandFailedError as fault:
        raise CannotJudgeError(f"sam build does not go through: {fault}") from fault
    variables = variables_of(options.root)
    imported = {
        folder: imported_by(options.root / "functions" / folder, options.root, layers_of(folder, built), given)
        for folder, given in variables.items()
    }
    verdict = Verdict()
    judge(verdict, budgets, imported)
    return verdict


def layers_of(folder: str, built: Path) -> list[Path]:
    """Find the layers that a function in ``folder`` imports of when it starts. Cedar's comes later, where it comes."""
    names = ("SharedLayer", *(("SignInLayer",) if folder == "people" else ()))
    return [built / name / "python" for name in names]


def variables_of(root: Path) -> dict[str, dict[str, str]]:
    """Read each function's environment variables, by folder; whatever a deployment fills in is "1".

    A switch keeps its value, and no issuer is believed: a function does not start with what is neither.
    """
    people = {"PeopleSignIn": "true", "PageOrigin": PAGE_ORIGIN}
    functions = environment_of(root, "local", **people).of_type("AWS::Lambda::Function")
    return {
        re.sub(r"(?<!^)(?=[A-Z])", "_", name.removesuffix("Function")).lower(): {
            variable: value if isinstance(value, str) else "" if variable == "ENVELOPE_ISSUERS" else "1"
            for variable, value in function["Properties"]["Environment"]["Variables"].items()
        }
        for name, function in functions.items()
    }


def read_budgets(root: Path) -> dict[str, Budget]:
    """Read the budgets of the checkout at ``root``, by function. Raises CannotJudgeError."""
    try:
        return TypeAdapter(dict[str, Budget]).validate_python(yaml_parse((root / CONFIG).read_text(encoding="utf-8")))
    except (OSError, ValidationError) as fault:
        raise CannotJudgeError(f"{CONFIG} cannot be read: {fault}") from fault


def imported_by(folder: Path, root: Path, layers: Sequence[Path], variables: Mapping[str, str]) -> Imported:
    """Import the function in ``folder`` as Lambda does with these variables, and count its imports.

    Raises CannotJudgeError where it cannot be imported.
    """
    path = [folder, root / "shared", *layers]
    done = subprocess.run(
        [sys.executable, "-S", "-c", _COUNT, *(f"{one}/" for one in path)],
        env={
            **clean_environment(),
            **variables,
            "AWS_LAMBDA_FUNCTION_NAME": folder.name,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "PYTHONPATH": ":".join(map(str, path)),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    if done.returncode != 0:
        raise CannotJudgeError(f"functions/{folder.name} cannot be imported: {done.stderr.splitlines()[-1]}")
    return Imported.model_validate(json.loads(done.stdout))


def judge(verdict: Verdict, budgets: Mapping[str, Budget], imported: Mapping[str, Imported]) -> None:
    """Require that every function has a budget and keeps to it, and that every budget has a function."""
    for name in sorted(budgets.keys() | imported.keys()):
        verdict.require(
            name in budgets and name in imported,
            f"{name} has {'no function' if name in budgets else 'no budget'}",
            f"give each of functions/ one in {CONFIG}",
        )
    for name in sorted(budgets.keys() & imported.keys()):
        budget, found = budgets[name], imported[name]
        for what, most, much in (
            ("modules", budget.modules, found.modules),
            ("kilobytes", budget.kilobytes, found.kilobytes),
        ):
            verdict.require(
                much <= most,
                f"{name} imports {much} {what}, over its {most}",
                f"import less, or later (python -X importtime shows what); a budget in {CONFIG} grows with its reason",
            )
        verdict.require(
            found.collects,
            f"{name} looks for garbage as seldom as a start does",
            "end the function's module with api.runtime.start",
        )
        verdict.checked.append(f"{name}: {found.modules} modules, {found.kilobytes} KB")
