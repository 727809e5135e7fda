"""check:reason-code-map, against a registry, a document and code that disagree."""

import copy
from pathlib import Path
from typing import Any

import pytest

from handshake.core.reasons import REGISTRY, Reason
from ops.gates.gate import Options
from ops.gates.openapi import COMMITTED, load
from ops.gates.reason_codes import check, judge_document, judge_registry, judge_uses
from ops.verdict import Verdict
from tests.ops.gates.conftest import Edit
from tests.ops.gates.findings import problems

APPLY = "shared/handshake/policy/apply.py"


def _registry(code: str, **changed: Any) -> str:
    verdict = Verdict()
    judge_registry(verdict, REGISTRY | {code: REGISTRY[code]._replace(**changed)})
    return problems(verdict)


def _uses(tree: Path) -> str:
    verdict = Verdict()
    judge_uses(verdict, tree)
    return problems(verdict)


def test_the_registry_the_document_and_the_code_agree(options: Options) -> None:
    assert problems(check(options)) == ""


@pytest.mark.parametrize(
    ("code", "changed", "said"),
    [
        (
            "policy_denied",
            {"response_class": "retryable"},
            "response_class is retryable, and the contract says blocked",
        ),
        ("hitl_boundary_escalated", {"response_class": "blocked"}, "and the contract says retryable"),
        ("security_replay_detected", {"retry": "retry_with_backoff"}, "and the contract says do_not_retry"),
        ("hitl_rejected", {"retry": "do_not_retry"}, "and the contract says retry_after_remediation"),
        ("hitl_deadline_not_extendable", {"retry": "retry_after_remediation"}, "and the contract says do_not_retry"),
        (
            "security_internal_trust_context_expired",
            {"retry": "do_not_retry"},
            "and the contract says retry_after_remediation",
        ),
        ("policy_denied", {"family": "hitl"}, "family is hitl, and the contract says policy"),
        ("policy_denied", {"status": 418}, "418 is no status the contract has for it"),
        ("adapter_store_unavailable", {"status": 400}, "400 is no status the contract has for it"),
    ],
)
def test_a_row_that_breaks_a_rule_of_the_contract_is_found(code: str, changed: dict[str, Any], said: str) -> None:
    found = _registry(code, **changed)

    assert found.startswith(f"{code}: ")
    assert said in found


def test_a_code_without_a_row_is_found() -> None:
    verdict = Verdict()
    judge_registry(verdict, {code: row for code, row in REGISTRY.items() if code != "policy_denied"})

    assert problems(verdict) == "policy_denied has no row in the registry"


def test_a_row_that_the_document_serves_otherwise_is_found(tree: Path) -> None:
    described: Any = copy.deepcopy(load(tree / COMMITTED))
    described["x-reason-codes"]["codes"]["policy_denied"]["retry"] = "do_not_retry"
    described["x-reason-codes"]["codes"]["policy_invented"] = {}
    described["paths"]["/metrics/summary"]["get"]["responses"]["400"]["x"] = {"enum": ["hitl_imagined"]}
    verdict = Verdict()
    judge_document(verdict, described)

    assert "policy_denied in openapi/handshake.json is" in problems(verdict)
    assert "hitl_imagined in openapi/handshake.json has no row" in problems(verdict)
    assert "policy_invented is served with advice and has no row" in problems(verdict)


def test_a_code_in_the_code_that_has_no_row_is_found(tree: Path) -> None:
    (tree / "functions" / "invented.py").write_text('"""policy_in_prose is none."""\n\nCODE = "security_invented"\n')

    assert _uses(tree) == "functions/invented.py:3 uses security_invented, which has no row"


def test_a_member_of_the_registry_that_does_not_exist_is_found(tree: Path) -> None:
    (tree / "functions" / "invented.py").write_text("CODE = ReasonCode.POLICY_INVENTED\n")

    assert _uses(tree) == "functions/invented.py:1 uses policy_invented, which has no row"


def test_a_code_that_the_gateway_answers_without_a_row_is_found(tree: Path, edit: Edit) -> None:
    edit("template.yaml", '"error":"security_token_invalid"', '"error":"security_token_wrong"')

    assert _uses(tree) == "template.yaml answers security_token_wrong, which has no row"


def test_a_code_that_nothing_uses_any_more_is_found(tree: Path) -> None:
    for path in [*(tree / "shared").rglob("*.py"), *(tree / "functions").rglob("*.py")]:
        if path.name != "reasons.py":
            path.write_text(path.read_text().replace("ReasonCode.POLICY_VERSION_CONFLICT", "ReasonCode.HITL_REJECTED"))

    assert _uses(tree) == "policy_version_conflict is used nowhere"


def test_a_reserved_code_that_is_used_is_found(tree: Path) -> None:
    (tree / "functions" / "use.py").write_text('CODE = "policy_denied"\n')

    assert _uses(tree) == "policy_denied is reserved and used"


def test_an_unknown_row_is_no_surprise_to_the_rules() -> None:
    verdict = Verdict()
    judge_registry(verdict, {**REGISTRY, "odd_code": Reason("odd_code", "odd", 400, "blocked", "do_not_retry")})

    assert "odd_code: family is odd, and the contract says unknown" in problems(verdict)
