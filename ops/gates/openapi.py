"""check:openapi: require a document made from the code, valid, committed, that breaks no released caller."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from openapi_spec_validator import OpenAPIV31SpecValidator

from ops.gates.breaking import breaking_changes
from ops.gates.gate import Options
from ops.openapi.document import document, routes, text_of
from ops.openapi.schemas import UndescribedError
from ops.verdict import CannotJudgeError, Finding, Verdict

COMMITTED: Final = "openapi/handshake.json"
RELEASED: Final = "openapi/released.json"
NARROWED: Final = "openapi/narrowed.json"
"""Lists what is stricter than the released document on purpose: how each change begins, by its reason."""
_MAKE: Final = "python -m ops.openapi, and commit it"
_KEEP: Final = (
    "keep what callers rely on, or raise the major version in ops/openapi/document.py; what the contract itself made"
    f" stricter is listed in {NARROWED}"
)


def check(options: Options) -> Verdict:
    """See ``Gate``."""
    try:
        described = document(routes())
    except UndescribedError as fault:
        return Verdict(
            ["routes and their descriptions"], [Finding(str(fault), "describe every route, and only routes")]
        )
    return judge(described, options.root)


def judge(described: Mapping[str, Any], root: Path) -> Verdict:
    """Judge the document that the code ``described`` against the committed and the released one."""
    verdict = Verdict()
    count = sum(len(operations) for operations in described["paths"].values())
    faults = [f"{error.message[:200]}" for error in OpenAPIV31SpecValidator(dict(described)).iter_errors()]
    verdict.findings += [Finding(f"not OpenAPI 3.1: {fault}", "mend ops/openapi") for fault in faults]
    verdict.checked.append(
        f"{count} operations, made from the code, against the schema of OpenAPI {described['openapi']}"
    )
    committed = root / COMMITTED
    same = committed.exists() and committed.read_text(encoding="utf-8") == text_of(described)
    verdict.require(same, f"{COMMITTED} is not what the code says", _MAKE)
    verdict.checked.append(f"{COMMITTED} against the code")
    released = load(root / RELEASED)
    broken = [] if _major(described) > _major(released) else list(breaking_changes(released, described))
    intended = [change for changes in load(root / NARROWED).values() for change in changes]
    verdict.findings += [
        Finding(f"breaks callers: {change}", _KEEP) for change in broken if not change.startswith(tuple(intended))
    ]
    verdict.findings += [
        Finding(f"{NARROWED} lists what is no change since the released document: {change}", "remove it there")
        for change in intended
        if _major(described) == _major(released) and not any(one.startswith(change) for one in broken)
    ]
    verdict.checked.append(
        f"no breaking change since the released {released['info']['version']} ({RELEASED}) but the {len(intended)} of"
        f" {NARROWED}"
    )
    return verdict


def load(path: Path) -> Mapping[str, Any]:
    """Read an OpenAPI document. Raises CannotJudgeError."""
    try:
        loaded: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise CannotJudgeError(f"{path} cannot be read ({fault}): copy {COMMITTED} there at each release") from fault
    return loaded


def _major(described: Mapping[str, Any]) -> int:
    return int(described["info"]["version"].partition(".")[0])
