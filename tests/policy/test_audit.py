"""The audit trail of a policy: what an application leaves, and that nothing of it can be exchanged by itself."""

from collections.abc import Mapping
from typing import Any

import pytest

from handshake.core.jsonio import canonical, digest
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item, Put
from handshake.policy import table as policies
from handshake.policy.answers import StoredRule
from handshake.policy.apply import apply_policy
from handshake.policy.change import PolicyChange
from handshake.policy.rules import GLOBAL, Scope
from handshake.policy.verification import verify_scope
from handshake.trust.token import TrustClaims
from tests.conftest import Engine
from tests.support.metrics_events import NOW_MS
from tests.support.workflow_requests import an_envelope, context_on

RULES: list[StoredRule] = [{"id": "r", "key": "max_transaction", "value": 10}]
OTHERS: list[StoredRule] = [{"id": "r", "key": "max_transaction", "value": 20}]
LAX = canonical([{"id": "r", "key": "max_transaction", "value": 10**6}])


@pytest.fixture
def context(moto_tables: Engine) -> Context:
    return context_on(moto_tables)._replace(signer="arn:aws:iam::000000000000:role/operator", gateway_request_id="g-1")


def _apply(context: Context, rules: list[StoredRule] | None, version: str | None = None, scope: Scope = GLOBAL) -> None:
    claims = TrustClaims(context.new_id(), "handshake-edge", NOW_MS // 1000 + 300, None, None)
    change = PolicyChange(scope, None if rules is None else {"rules": tuple(rules)}, version, None)
    apply_policy(context, change, envelope=an_envelope("operator"), claims=claims)


def _kept(context: Context) -> dict[str, Item]:
    items = context.dynamo.query_all(context.tables.policy, "pk = :scope", {":scope": "SCOPE#global"})
    return {item["sk"]: item for item in items}


@pytest.fixture
def kept(context: Context) -> dict[str, Item]:
    """Give what is kept of a scope after its third application, which brought the first one back."""
    _apply(context, RULES)
    _apply(context, OTHERS)
    _apply(context, None, "v1")
    return _kept(context)


def test_an_audit_event_says_who_applied_what_by_which_call_and_after_which(kept: Mapping[str, Item]) -> None:
    third, second = kept["AUDIT#00000003"], kept["AUDIT#00000002"]

    assert third == {
        "pk": "SCOPE#global",
        "sk": "AUDIT#00000003",
        "number": 3,
        "applied_at": NOW_MS,
        "audit_event_id": third["audit_event_id"],
        "jti": third["jti"],
        "issuer": "handshake-edge",
        "principal_id": "operator",
        "reapplied": "v1",
        "correlation_id": "call-1",
        "signer": "arn:aws:iam::000000000000:role/operator",
        "gateway_request_id": "g-1",
        "rules_digest": digest([dict(rule) for rule in RULES]),
        "previous": policies.audit_digest(second),
    }
    assert kept["ACTIVE"] == kept["VERSION#00000003"] | {"sk": "ACTIVE"}
    assert kept["ACTIVE"]["audit_digest"] == policies.audit_digest(third)
    assert "previous" not in kept["AUDIT#00000001"]


def test_what_was_applied_holds(kept: Mapping[str, Item]) -> None:
    assert verify_scope(list(kept.values())) == []


FORGED: dict[str, dict[str, Any]] = {
    "ACTIVE": {"rules": LAX, "number": 2, "applied_at": 1, "audit_event_id": "x", "audit_digest": "x"},
    "VERSION#00000001": {"rules": LAX, "number": 2, "applied_at": 1, "audit_event_id": "x", "audit_digest": "x"},
    "AUDIT#00000002": {
        **dict.fromkeys(("principal_id", "issuer", "jti", "signer", "gateway_request_id", "correlation_id"), "x"),
        "number": 1,
        "applied_at": 1,
        "previous": "x",
        "rules_digest": "x",
    },
    "AUDIT#00000003": {"reapplied": "v2"},
    "VERSION#00000002": {"forged": True, "rules": canonical([dict(rule) for rule in OTHERS]) + " "},
}


@pytest.mark.parametrize(
    ("sort_key", "attribute", "value"),
    [(sort_key, *forged) for sort_key, attributes in FORGED.items() for forged in attributes.items()],
)
def test_whatever_is_exchanged_by_itself_is_seen(
    kept: dict[str, Item], sort_key: str, attribute: str, value: Any
) -> None:
    kept[sort_key] = kept[sort_key] | {attribute: value}

    assert verify_scope(list(kept.values()))


@pytest.mark.parametrize("sort_key", ["ACTIVE", "VERSION#00000002", "AUDIT#00000001", "AUDIT#00000003"])
def test_whatever_is_missing_is_seen(kept: dict[str, Item], sort_key: str) -> None:
    del kept[sort_key]

    assert verify_scope(list(kept.values()))


def test_two_versions_that_change_places_are_seen(kept: dict[str, Item]) -> None:
    for kind in ("VERSION", "AUDIT"):
        one, other = f"{kind}#00000001", f"{kind}#00000002"
        kept[one], kept[other] = kept[other] | {"sk": one}, kept[one] | {"sk": other}

    assert verify_scope(list(kept.values()))


def test_what_is_no_policy_at_all_is_seen_and_breaks_nothing(kept: dict[str, Item]) -> None:
    assert verify_scope([*kept.values(), {"pk": "SCOPE#global", "sk": "AUDIT#00000004"}])
    assert verify_scope([kept["ACTIVE"] | {"number": "three"}]) == ["what is kept of it cannot be read"]


def _as_the_release_before_stored(context: Context, kept: Mapping[str, Item]) -> None:
    unknown = {"audit_digest", "rules_digest", "previous", "signer", "gateway_request_id"}
    for item in kept.values():
        old = {name: value for name, value in item.items() if name not in unknown}
        context.dynamo.write(Put(context.tables.policy, old))


def test_a_policy_of_the_release_before_holds_and_so_does_what_is_applied_after_it(
    context: Context, kept: Mapping[str, Item]
) -> None:
    _as_the_release_before_stored(context, kept)
    assert verify_scope(list(_kept(context).values())) == []

    _apply(context, OTHERS)

    now = _kept(context)
    assert verify_scope(list(now.values())) == []
    assert verify_scope(list({**now, "ACTIVE": now["ACTIVE"] | {"rules": LAX}}.values()))


def test_a_version_that_lost_its_digests_after_one_that_has_them_is_seen(kept: dict[str, Item]) -> None:
    for sort_key in ("ACTIVE", "VERSION#00000003", "AUDIT#00000003"):
        forged = kept[sort_key] | ({"rules": LAX} if "rules" in kept[sort_key] else {})
        forged.pop("reapplied", None)
        kept[sort_key] = {
            name: value for name, value in forged.items() if name not in ("audit_digest", "rules_digest", "previous")
        }

    assert verify_scope(list(kept.values()))
