"""check:reason-code-map: hold the registry to the contract, and all code to the registry."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeGuard

from handshake.core.reasons import FAMILIES, REGISTRY, Reason, ReasonCode
from ops.gates.gate import Options
from ops.gates.openapi import COMMITTED, load
from ops.openapi.reason_texts import REASON_TEXTS
from ops.verdict import Finding, Verdict

_REGISTRY: Final = "shared/handshake/core/reasons.py"
_LOOKS_LIKE_A_CODE: Final = re.compile(rf"\b(?:{'|'.join(FAMILIES)})_[a-z_]*[a-z]\b")
_IN_TEMPLATE: Final = re.compile(r'"(?:error|reasonCode)":"([a-z_]+)"')
_OK: Final = frozenset({"policy_allow", "hitl_approved", "security_artifact_authorized"})
# The exceptions from what a code's family is advised.
_RETRY: Final[Mapping[str, str]] = {
    "security_missing_identity_envelope": "retry_after_remediation",
    "security_missing_internal_trust_context": "retry_after_remediation",
    "security_internal_trust_context_expired": "retry_after_remediation",
    "hitl_deadline_not_extendable": "do_not_retry",
}
_STATUSES: Final = frozenset({400, 401, 403, 404, 409, 422, 503})
# Errors of the metrics API that are no decision reasons (contract section 1).
_BESIDE: Final = frozenset({"invalid_metric_query", "invalid_metrics_event"})

# Texts in the code that begin like a code and are something else.
NOT_CODES: Final[Mapping[str, str]] = {
    "hitl_expiry": "a scheduled job",
    "policy_apply": "the scope of a replay guard",
    "security_denial_total": "a metric",
    "security_replay_detected_total": "a metric",
    "security_replay_guard_unavailable_total": "a metric",
}
# In the registry because callers know them, and sent by nothing.
_GATEWAY: Final = "clients of an edge with an identity provider of its own know it; here IAM authenticates"
RESERVED: Final[Mapping[str, str]] = {
    "policy_max_transaction_exceeded": "clients know it; over the limit, an amount escalates here",
    "security_identity_claim_missing": _GATEWAY,
    "security_identity_envelope_required": "clients know it; a missing envelope has a code of its own here",
    "security_identity_provider_not_configured": _GATEWAY,
}


def check(options: Options) -> Verdict:
    """See ``Gate``."""
    verdict = Verdict()
    judge_registry(verdict, REGISTRY)
    document = load(options.root / COMMITTED)
    judge_document(verdict, document)
    judge_uses(verdict, options.root)
    return verdict


def judge_registry(verdict: Verdict, registry: Mapping[str, Reason]) -> None:
    """Require for each row the family, status, class and retry advice of contract section 1."""
    for code, row in registry.items():
        expected = {
            "family": next((family for family in FAMILIES if code.startswith(f"{family}_")), "unknown"),
            "response_class": _class_of(code),
            "retry": _retry_of(code),
        }
        for name, value in expected.items():
            verdict.require(
                getattr(row, name) == value,
                f"{code}: {name} is {getattr(row, name)}, and the contract says {value}",
                f"mend {_REGISTRY}",
            )
        verdict.require(
            row.status in _STATUSES and (row.status == 503) >= code.startswith("adapter_"),
            f"{code}: {row.status} is no status the contract has for it",
            f"mend {_REGISTRY}",
        )
    for code in sorted({one.value for one in ReasonCode} - registry.keys()):
        verdict.findings.append(Finding(f"{code} has no row in the registry", f"give it a status in {_REGISTRY}"))
    verdict.checked.append(f"{len(registry)} codes of the registry: family, status, class, retry advice")


def judge_document(verdict: Verdict, document: Mapping[str, Any]) -> None:
    """Require that the document serves the registry's rows, and names no code without one."""
    served = document["x-reason-codes"]["codes"]
    for code, row in REGISTRY.items():
        expected = {"family": row.family, "status": row.status, "responseClass": row.response_class, "retry": row.retry}
        expected["description"] = REASON_TEXTS.get(code, "")
        verdict.require(
            served.get(code) == expected,
            f"{code} in {COMMITTED} is {served.get(code)}, not {expected}",
            "python -m ops.openapi, and commit it",
        )
    named = set(_codes_in_enums(document["paths"])) | set(_codes_in_enums(document["components"]))
    for code in sorted(named - REGISTRY.keys() - _BESIDE):
        verdict.findings.append(
            Finding(f"{code} in {COMMITTED} has no row", f"add it to {_REGISTRY}, or mend its name")
        )
    for code in sorted(served.keys() - REGISTRY.keys() - _BESIDE):
        verdict.findings.append(Finding(f"{code} is served with advice and has no row", "python -m ops.openapi"))
    verdict.checked.append(f"{len(named)} codes that {COMMITTED} names: each in the registry")


def judge_uses(verdict: Verdict, root: Path) -> None:
    """Require that every code in use is in the registry, and every code there is in use or reserved."""
    files = [path for folder in ("shared/handshake", "functions") for path in sorted((root / folder).rglob("*.py"))]
    used: set[str] = set()
    for path in files:
        name = str(path.relative_to(root))
        if name == _REGISTRY:
            continue
        for code, line in _codes_in_code(path):
            used.add(code)
            verdict.require(
                code in REGISTRY or code in NOT_CODES,
                f"{name}:{line} uses {code}, which has no row",
                f"add it to {_REGISTRY}, mend its name, or say in ops/gates/reason_codes.py why it is none",
            )
    template = set(_IN_TEMPLATE.findall((root / "template.yaml").read_text(encoding="utf-8")))
    for code in sorted(template - REGISTRY.keys()):
        verdict.findings.append(Finding(f"template.yaml answers {code}, which has no row", f"add it to {_REGISTRY}"))
    unused = REGISTRY.keys() - used - template
    for code in sorted(unused - RESERVED.keys()):
        verdict.findings.append(Finding(f"{code} is used nowhere", "use it, or reserve it with a reason in RESERVED"))
    for code in sorted(RESERVED.keys() - unused):
        verdict.findings.append(Finding(f"{code} is reserved and used", "take it out of RESERVED"))
    for text in sorted(NOT_CODES.keys() - used):
        verdict.findings.append(Finding(f"{text} is excepted and used nowhere", "take it out of NOT_CODES"))
    verdict.checked.append(
        f"{len(files)} files and template.yaml: {len((used | template) & REGISTRY.keys())} codes in use"
    )
    verdict.checked.append(f"{len(RESERVED)} codes are reserved, each with its reason")


def _codes_in_code(path: Path) -> Iterator[tuple[str, int]]:
    """Yield members of ReasonCode, and texts that look like a code, with their lines; no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ReasonCode":
            yield node.attr.lower(), node.lineno
        elif isinstance(node, ast.Constant) and node not in prose and _looks_like_a_code(node.value):
            yield node.value, node.lineno


def _looks_like_a_code(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and _LOOKS_LIKE_A_CODE.fullmatch(value) is not None


def _codes_in_enums(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for name, value in node.items():
            if name in ("enum", "const", "x-reason-codes"):
                values = value if isinstance(value, list) else [value]
                yield from (one for one in values if isinstance(one, str) and _is_code(one))
            else:
                yield from _codes_in_enums(value)
    elif isinstance(node, list):
        for one in node:
            yield from _codes_in_enums(one)


def _is_code(text: str) -> bool:
    return text in _BESIDE or (bool(_LOOKS_LIKE_A_CODE.fullmatch(text)) and text not in (*NOT_CODES, *FAMILIES))


def _class_of(code: str) -> str:
    if code in _OK:
        return "ok"
    escalated = code.startswith("hitl_") and code.endswith("_escalated")
    return "retryable" if escalated or code.startswith("adapter_") else "blocked"


def _retry_of(code: str) -> str:
    if code in _RETRY:
        return _RETRY[code]
    if code.startswith(("security_", "hitl_terminal_state_")):
        return "do_not_retry"
    return "retry_with_backoff" if code.startswith("adapter_") else "retry_after_remediation"
