"""Changes of policy: new rules, or an earlier version named again."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.core.errors import Conflict, Refuse, Replay
from handshake.policy.answers import StoredRule
from handshake.policy.change import (
    Applied,
    Apply,
    Authority,
    ChangeDecision,
    PolicyChange,
    StoredPolicy,
    StoredScope,
    decide_change,
    parse_change,
    version_conflict,
)
from handshake.policy.check import Sound
from handshake.policy.members import Members
from handshake.policy.rules import GLOBAL, Scope
from tests.support.metrics_events import NOW_MS
from tests.support.refusals import answer

SHAPE = "trust_context_invalid_request_shape"
BINDING = "trust_context_missing_binding"
AGENT = Scope("agent", "agent-1")
RULES: list[StoredRule] = [{"id": "r", "key": "max_transaction", "value": 1}]
GIVEN: dict[str, Any] = {"rules": tuple(RULES)}


def test_rules_or_an_earlier_version_are_applied_to_a_scope() -> None:
    assert parse_change({"scope": "global", "rules": RULES}) == PolicyChange(GLOBAL, GIVEN, None, None)
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


# -- what becomes of it -----------------------------------------------------------------------------------------

USED = {"principalId": "operator", "policyVersion": "v4"}
EARLIER = StoredPolicy(1, Members(({"id": "old", "key": "max_transaction", "value": 7},)), NOW_MS, "audit-1")
AUTHORITY = Authority("audit-9", NOW_MS, "jti-1", "handshake-edge", "operator", "call-1")


def _stored(number: int) -> StoredScope:
    return StoredScope(StoredPolicy(number), latest=number)


def _decide(
    change: PolicyChange,
    *,
    number: int = 0,
    earlier: StoredPolicy | None = None,
    used: Mapping[str, Any] | None = None,
    by: str = "operator",
) -> ChangeDecision:
    return decide_change(
        change,
        _stored(number),
        earlier,
        used,
        check=lambda _members: Sound(),
        authority=replace(AUTHORITY, principal_id=by),
    )


def _told(decided: ChangeDecision) -> tuple[type, str]:
    assert not isinstance(decided, Apply)
    return type(decided), decided.refusal.reason.code


@pytest.mark.parametrize("number", [0, 7])
def test_a_change_becomes_the_version_after_the_active_one_by_whoever_made_it(number: int) -> None:
    decided = _decide(PolicyChange(AGENT, GIVEN, None, None), number=number)

    assert decided == Apply(
        Applied(
            AUTHORITY,
            scope=AGENT,
            number=number + 1,
            members=Members(tuple(RULES)),
            reapplied=None,
            scope_before=_stored(number),
        )
    )


def test_an_earlier_version_is_applied_by_its_rules_as_a_new_one() -> None:
    decided = _decide(PolicyChange(GLOBAL, None, "v1", "v7"), number=7, earlier=EARLIER)

    assert isinstance(decided, Apply)
    assert (decided.applied.version, decided.applied.members, decided.applied.reapplied) == (
        "v8",
        EARLIER.members,
        "v1",
    )


def test_a_version_that_the_scope_never_had_is_not_found_whatever_version_was_expected() -> None:
    for expected in (None, "v7", "v6"):
        decided = _decide(PolicyChange(GLOBAL, None, "v9", expected), number=7)
        assert _told(decided) == (Refuse, "policy_version_not_found")


@pytest.mark.parametrize(("number", "active"), [(0, "none"), (7, "v7")])
def test_a_change_made_against_another_version_than_the_active_one_is_told_which_that_is(
    number: int, active: str
) -> None:
    decided = _decide(PolicyChange(GLOBAL, GIVEN, None, "v3"), number=number)

    assert _told(decided) == (Conflict, "policy_version_conflict")
    assert isinstance(decided, Conflict)
    assert f" {active};" in decided.refusal.message


@pytest.mark.parametrize("active", [None, "v7"])
def test_refusals_name_the_version_that_is_active(active: str | None) -> None:
    assert version_conflict(active).reason.code == "policy_version_conflict"
    assert (active or "none") in version_conflict(active).message


@pytest.mark.parametrize(("by", "named"), [("operator", True), ("mallory", False)])
@pytest.mark.parametrize(
    "change",
    [
        PolicyChange(GLOBAL, GIVEN, None, None),
        PolicyChange(GLOBAL, GIVEN, None, "v3"),
        PolicyChange(GLOBAL, None, "v9", None),
    ],
)
def test_a_used_token_is_told_before_anything_else_and_what_it_did_to_its_own_principal_only(
    change: PolicyChange,
    by: str,
    named: bool,  # noqa: FBT001 - a case
) -> None:
    decided = _decide(change, number=7, used=USED, by=by)

    assert _told(decided) == (Replay, "security_replay_detected")
    assert isinstance(decided, Replay)
    assert ("v4" in decided.refusal.message) == named


@given(
    rules=st.none() | st.just(RULES),
    expected=st.sampled_from([None, "v1", "v2", "v01", ""]),
    number=st.integers(0, 2),
    earlier=st.none() | st.just(EARLIER),
    used=st.none() | st.just(USED),
)
def test_every_change_is_applied_or_refused_by_the_first_rule_that_stands_in_its_way(
    rules: Any, expected: str | None, number: int, earlier: Any, used: Any
) -> None:
    change = PolicyChange(GLOBAL, {"rules": tuple(rules)} if rules else None, None if rules else "v1", expected)
    active = f"v{number}" if number else None

    decided = _decide(change, number=number, earlier=earlier, used=used)

    if used:
        assert isinstance(decided, Replay)
    elif rules is None and earlier is None:
        assert isinstance(decided, Refuse)
    elif expected is not None and expected != active:
        assert isinstance(decided, Conflict)
    else:
        assert isinstance(decided, Apply)
        assert decided.applied.number == number + 1
        assert decided.applied.members == (Members(tuple(rules)) if rules else EARLIER.members)
