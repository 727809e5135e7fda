"""A person's record: what operators may say of somebody, what is kept of it, and that it shows who has tampered."""

from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.core.errors import HandshakeError
from handshake.dynamo.changed_records import evidence_digest
from handshake.dynamo.marshalling import marshal, unmarshal
from handshake.people.change import (
    MAX_REASON_LENGTH,
    Actor,
    Grant,
    Switch,
    checked_grant,
    checked_identity,
    checked_reason,
    decide_change,
)
from handshake.people.standing import SCOPES, Identity, PersonRecord, PersonState, admitted
from handshake.people.table import change_key, person_from, record_item
from handshake.people.verification import verify_person
from handshake.trust.identity import SCOPE_READ_ANY, SignIn
from tests.support.metrics_events import NOW_MS

ALICE: Final = Identity("https://issuer.example/pool", "alice-subject")
ACTOR: Final = Actor("arn:aws:iam::000000000000:role/operator", "run-1")
GRANTS: Final = st.builds(
    Grant,
    st.text("abc", min_size=1, max_size=3),
    st.none() | st.text("xyz", min_size=1, max_size=3),
    st.lists(st.sampled_from(sorted(SCOPES)), unique=True).map(lambda scopes: tuple(sorted(scopes))),
    st.text("r ", min_size=1, max_size=3),
)
SWITCHES: Final = st.builds(Switch, st.sampled_from(PersonState), st.just("because"))


def history(changes: list[Grant | Switch]) -> tuple[PersonRecord | None, list[dict[str, Any]]]:
    """Give the record that ``changes`` make, and all items that are kept of it; what cannot be made is left out."""
    record: PersonRecord | None = None
    kept: list[dict[str, Any]] = []
    for change in changes:
        try:
            changed = decide_change(change, ALICE, record, ACTOR, now_ms=NOW_MS + len(kept))
        except HandshakeError:
            continue
        evidence = {**change_key(ALICE, changed.record.version), **changed.evidence}
        record = replace(changed.record, head=evidence_digest(evidence))
        kept.append(unmarshal(marshal(evidence)))
    return record, [*kept, unmarshal(marshal(record_item(record)))] if record else []


@given(st.lists(GRANTS | SWITCHES, max_size=6))
def test_the_record_is_what_the_last_changes_say_and_its_evidence_holds(changes: list[Grant | Switch]) -> None:
    record, items = history(changes)

    if record is None:
        assert all(isinstance(change, Switch) for change in changes)
        return
    assert verify_person(items) == []
    assert person_from(items[-1]) == record
    granted = [change for change in changes if isinstance(change, Grant)]
    assert (record.principal_id, record.tenant_id, record.scopes) in [
        (grant.principal_id, grant.tenant_id, grant.scopes) for grant in granted
    ]
    last = changes[-1]
    if isinstance(last, Grant):
        assert record.state is PersonState.ACTIVE
        assert record.principal_id == last.principal_id


@given(st.lists(GRANTS | SWITCHES, min_size=1, max_size=4), st.data())
def test_one_changed_member_of_what_is_kept_shows(changes: list[Grant | Switch], data: st.DataObject) -> None:
    record, items = history(changes)
    if record is None:
        return
    item = items[data.draw(st.integers(0, len(items) - 1))]
    name = data.draw(st.sampled_from(sorted(set(item) - {"pk", "sk"})))
    item[name] = data.draw(
        st.sampled_from(["other", 7, None, ["workflow:resolve"], "active", "disabled"]).filter(
            lambda value: value != item[name]
        )
    )

    assert verify_person(items)


@given(st.lists(GRANTS | SWITCHES, min_size=1, max_size=4), st.data())
def test_an_item_that_is_dropped_shows(changes: list[Grant | Switch], data: st.DataObject) -> None:
    record, items = history(changes)
    if record is None:
        return
    del items[data.draw(st.integers(0, len(items) - 1))]

    assert verify_person(items)


@given(GRANTS, st.lists(GRANTS | SWITCHES, max_size=4))
def test_only_an_active_record_admits_and_a_removed_one_is_nobodys(grant: Grant, changes: list[Grant | Switch]) -> None:
    record, _ = history([grant, *changes])
    assert record is not None

    if record.state is PersonState.ACTIVE:
        assert admitted(record) is record
    else:
        with pytest.raises(HandshakeError) as refused:
            admitted(record)
        code = {"disabled": "security_person_disabled", "removed": "security_person_unknown"}[record.state]
        assert (refused.value.refusal.reason.code, refused.value.refusal.reason.status) == (code, 403)


@pytest.mark.parametrize("state", PersonState)
def test_nobody_is_switched_who_has_no_record(state: PersonState) -> None:
    with pytest.raises(HandshakeError) as refused:
        decide_change(Switch(state, "because"), ALICE, None, ACTOR, now_ms=NOW_MS)
    assert refused.value.refusal.reason.code == "security_person_unknown"


@given(GRANTS)
def test_the_envelope_is_a_human_with_what_the_record_says_and_no_role(grant: Grant) -> None:
    record, _ = history([grant])
    assert record is not None
    sign_in = SignIn(ALICE.issuer, ALICE.subject, 1)
    envelope = record.envelope(sign_in)

    assert (envelope.principal_id, envelope.tenant_id, envelope.scopes) == (
        grant.principal_id,
        grant.tenant_id or "",
        grant.scopes,
    )
    assert (envelope.subject_type, envelope.roles, envelope.sign_in) == ("human", (), sign_in)


@given(st.lists(st.text(max_size=4), min_size=2, max_size=2), st.lists(st.text(max_size=4), min_size=2, max_size=2))
def test_no_two_people_share_a_key(one: list[str], other: list[str]) -> None:
    assert (Identity(*one).key == Identity(*other).key) == (one == other)


@pytest.mark.parametrize(
    "check",
    [
        lambda: checked_grant("", None, (), "r"),
        lambda: checked_grant("a\u202eb", None, (), "r"),
        lambda: checked_grant("alice", " acme", (), "r"),
        lambda: checked_grant("alice", "acme", (SCOPE_READ_ANY,), "r"),
        lambda: checked_grant("alice", "acme", ("workflow:resolv",), "r"),
        lambda: checked_reason("  "),
        lambda: checked_reason("r" * (MAX_REASON_LENGTH + 1)),
        lambda: checked_reason("\ud800"),
        lambda: checked_identity("", "subject"),
        lambda: checked_identity("issuer", "s" * 300),
    ],
)
def test_what_cannot_be_kept_of_somebody_is_refused(check: Any) -> None:
    with pytest.raises(HandshakeError) as refused:
        check()
    assert refused.value.refusal.reason.code == "trust_context_invalid_request_shape"
