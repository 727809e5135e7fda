"""Changes of policy: new rules, or an earlier version named again."""

from typing import Any

import pytest

from handshake.policy.answers import StoredRule
from handshake.policy.change import PolicyChange, parse_change, version_conflict, version_not_found
from handshake.policy.rules import GLOBAL, Scope
from tests.support.refusals import answer, reason

SHAPE = "trust_context_invalid_request_shape"
BINDING = "trust_context_missing_binding"
RULES: list[StoredRule] = [{"id": "r", "key": "max_transaction", "value": 1}]


def test_rules_or_an_earlier_version_are_applied_to_a_scope() -> None:
    assert parse_change({"scope": "global", "rules": RULES}) == PolicyChange(GLOBAL, RULES, None, None)
    assert parse_change(
        {"scope": "agent", "scopeId": "a-1", "policyVersion": "v1", "expectedPolicyVersion": "v2"}
    ) == PolicyChange(Scope("agent", "a-1"), None, "v1", "v2")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], SHAPE),
        (None, SHAPE),
        ({}, SHAPE),
        ({"scope": "everywhere", "rules": "x"}, SHAPE),
        ({"scope": "agent", "rules": "x"}, BINDING),
        ({"scope": "global"}, SHAPE),
        ({"scope": "global", "rules": "x"}, SHAPE),
        ({"scope": "global", "rules": None}, SHAPE),
        ({"scope": "global", "rules": [{"id": "r", "key": "odd", "value": 1}]}, "policy_invalid_policy"),
        ({"scope": "global", "rules": RULES, "policyVersion": "v1"}, SHAPE),
        ({"scope": "global", "rules": None, "policyVersion": "v1"}, SHAPE),
        ({"scope": "global", "policyVersion": 1}, SHAPE),
        ({"scope": "global", "rules": RULES, "expectedPolicyVersion": 1}, SHAPE),
        ({"scope": "global", "rules": RULES, "expectedPolicyVersion": ["v1"]}, SHAPE),
    ],
)
def test_a_body_is_checked_in_the_contracts_order(body: Any, code: str) -> None:
    assert answer(lambda: parse_change(body)) == code


@pytest.mark.parametrize("active", [None, "v7"])
def test_refusals_name_the_version_that_is_active(active: str | None) -> None:
    def conflict() -> None:
        raise version_conflict(active)

    assert reason(conflict) == "policy_version_conflict"
    assert (active or "none") in version_conflict(active).message
    assert version_not_found().reason.code == "policy_version_not_found"
