"""Actions on a request: what they may say, and who may do what to which request."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.core.errors import Conflict, HandshakeError, Refusal, Refuse, Replay
from handshake.core.reasons import ReasonCode
from handshake.requests.action_bodies import parse_action, parse_extension, parse_revocation
from handshake.requests.decision import Decision
from handshake.requests.decision_action import (
    ACTION_WORDS,
    ACTIONS,
    Action,
    ActionDecision,
    AlreadyDone,
    Close,
    DecisionAction,
    Expire,
    Extend,
    Revoke,
    actor_of,
    decide_action,
    outcome_fields,
    over_daily_limit,
    unread_action,
)
from handshake.requests.record import DEFAULT_EXECUTE_WITHIN_MS, Claim, RequestRecord, State
from handshake.requests.submission import refused_hash
from handshake.trust.identity import Assured, Envelope, SignIn
from tests.support.metrics_events import NOW_MS
from tests.support.refusals import answer, reason
from tests.support.workflow_requests import ANY_JSON, TTL_MS, a_record, a_submission, an_envelope

SHAPE = "trust_context_invalid_request_shape"
BINDING = "trust_context_missing_binding"
NOT_FOUND = "hitl_request_not_found"
SUBJECT = "security_identity_subject_mismatch"
UNAUTHORIZED = "hitl_approval_unauthorized"
REPLAYED = "security_replay_detected"
TERMINAL = "hitl_terminal_state_immutable"
MISMATCH = "hitl_request_mismatch"
NOT_AUTHORIZED = "security_artifact_state_not_authorized"
ASSURANCE = "security_identity_assurance_insufficient"
NOT_EXTENDABLE = "hitl_deadline_not_extendable"
NOT_TEXT: list[Any] = [7, True, [], {}]
BODY = {"requestId": "req-1", "action": "approve"}
APPROVE, REJECT, WITHDRAW, REVOKE = (
    DecisionAction("req-1", None, action, None)
    for action in (Action.APPROVE, Action.REJECT, Action.WITHDRAW, Action.REVOKE)
)
EXTEND = DecisionAction("req-1", None, Action.EXTEND, None, seconds=600)
CLOSING = [action for action, row in ACTIONS.items() if row.closes]
USED = outcome_fields(
    a_record(submission=a_submission(requestId="req-0", context={"amount": 150})).resolved(
        State.APPROVED, ReasonCode.HITL_APPROVED, now_ms=NOW_MS - 1
    )
)
DEADLINE_MS = NOW_MS + TTL_MS


def _decide(
    action: DecisionAction,
    request: RequestRecord | None,
    envelope: Envelope,
    *,
    used: Mapping[str, Any] | None = None,
    now_ms: int = NOW_MS,
) -> ActionDecision:
    return decide_action(action, request, envelope, used, now_ms)


def _refusal(decided: ActionDecision) -> Refusal:
    assert isinstance(decided, Refuse | Conflict | Replay)
    return decided.refusal


def _told(decided: ActionDecision) -> str | None:
    return decided.refusal.reason.code if isinstance(decided, Refuse | Conflict | Replay) else None


def _fields(told: Refusal, record: RequestRecord | None = None, *, now_ms: int = NOW_MS) -> dict[str, Any]:
    """Spell out the members that a refusal adds, for those who may know how ``record`` stands, or for nobody."""
    if told.request_id is None:
        return {"requestId": None, "decision": "deny", "artifact": None}
    known_hash = record.submission.decision_context_hash if record else refused_hash(told.request_id)
    artifact = {
        "requestId": told.request_id,
        "decision": "deny",
        "reasonCode": told.reason.code,
        "tier": 4,
        "timestamp": now_ms,
        "decisionContextHash": known_hash,
        "responseClass": "blocked",
    }
    stored = {"stored": {"state": record.state, "artifact": record.artifact()}} if record else {}
    return {"requestId": told.request_id, "decision": "deny", "artifact": artifact, **stored}


def _closed(state: State) -> RequestRecord:
    return a_record().resolved(state, ReasonCode.HITL_REJECTED, now_ms=NOW_MS)


# -- the body ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "meant", "state", "code"),
    [
        ("approve", "approve", State.APPROVED, "hitl_approved"),
        ("reject", "reject", State.REJECTED, "hitl_rejected"),
        ("deny", "reject", State.REJECTED, "hitl_rejected"),
        ("APPROVE", "approve", State.APPROVED, "hitl_approved"),
        ("REJECT", "reject", State.REJECTED, "hitl_rejected"),
        ("DENY", "reject", State.REJECTED, "hitl_rejected"),
        ("withdraw", "withdraw", State.REJECTED, "hitl_rejected"),
        ("WITHDRAW", "withdraw", State.REJECTED, "hitl_rejected"),
    ],
)
def test_an_action_is_approve_reject_deny_which_means_reject_or_withdraw(
    action: str, meant: str, state: State, code: str
) -> None:
    parsed, pending = parse_action(BODY | {"action": action}), a_record()

    decided = _decide(parsed, pending, an_envelope("alice"), now_ms=NOW_MS + 1)

    assert parsed.action == meant
    closed = replace(pending.resolved(state, ReasonCode(code), now_ms=NOW_MS + 1), assured=Assured("issuer_asserted"))
    if state is State.APPROVED:
        closed = replace(closed, approved_by="alice", execute_by_ms=NOW_MS + 1 + DEFAULT_EXECUTE_WITHIN_MS)
    actor = actor_of(parsed, an_envelope("alice")) | ({"outcome": "withdrawn"} if meant == "withdraw" else {})
    assert decided == Close(pending, closed, actor, outcome_fields(closed))


def test_every_action_has_a_row_and_every_word_means_one_action() -> None:
    words = [word for row in ACTIONS.values() for word in row.words]

    assert set(ACTIONS) == set(Action)
    assert sorted([*words, *map(str.upper, words)]) == sorted(ACTION_WORDS)
    for action, row in ACTIONS.items():
        assert bool(row.words) == row.closes
        for word in row.words:
            assert (
                ACTION_WORDS[word]
                is ACTION_WORDS[word.upper()]
                is parse_action(BODY | {"action": word}).action
                is action
            )


@pytest.mark.parametrize("action", CLOSING)
def test_every_word_of_an_action_closes_a_pending_request_of_its_own_persons(action: Action) -> None:
    decided = _decide(DecisionAction("req-1", None, action, None), a_record(), an_envelope("alice"))

    assert isinstance(decided, Close)
    assert decided.closed.state.terminal


@pytest.mark.parametrize("action", [None, "", "Approve", "approve ", "allow", True, ["approve"], {"approve": 1}])
def test_any_other_action_is_a_matter_of_shape(action: Any) -> None:
    assert reason(lambda: parse_action(BODY | {"action": action})) == SHAPE


@pytest.mark.parametrize("request_id", [None, "", "  "])
def test_an_action_on_no_request_is_a_missing_binding_before_anything_else(request_id: Any) -> None:
    assert reason(lambda: parse_action({"requestId": request_id, "action": "explode", "reason": 7})) == BINDING


@pytest.mark.parametrize(
    "changes",
    [
        *[{"requestId": value} for value in (7, "a\x00", "a" * 257, ["req-1"])],
        *[{"hitlRequestId": value} for value in NOT_TEXT],
        *[{"reason": value} for value in (*NOT_TEXT, "x" * 501)],
    ],
)
def test_fields_of_another_type_or_length_are_a_matter_of_shape(changes: dict[str, Any]) -> None:
    assert reason(lambda: parse_action(BODY | changes)) == SHAPE


def test_a_reason_has_up_to_500_characters_and_an_empty_one_is_none() -> None:
    assert parse_action(BODY | {"reason": "é" * 500}).reason == "é" * 500
    assert parse_action(BODY | {"reason": ""}).reason is None
    assert parse_action(BODY).reason is None


@given(ANY_JSON | st.fixed_dictionaries({}, optional=dict.fromkeys((*BODY, "hitlRequestId", "reason"), ANY_JSON)))
def test_any_body_is_an_action_or_refused_with_the_contracts_fields(body: Any) -> None:
    try:
        parse_action(body)
    except HandshakeError as refused:
        told = unread_action(refused.refusal, now_ms=NOW_MS)
    else:
        return
    assert told.reason.code in {SHAPE, BINDING}
    assert told.fields == _fields(told)
    assert told.denies


@pytest.mark.parametrize(("length", "taken"), [(0, False), (1, True), (256, True), (257, False)])
def test_an_idempotency_key_has_1_to_256_characters(length: int, taken: bool) -> None:  # noqa: FBT001 - a case
    assert answer(lambda: parse_action(BODY, "k" * length).idempotency_key) == ("k" * length if taken else SHAPE)
    assert parse_action(BODY).idempotency_key is None


# -- authority --------------------------------------------------------------------------------------------------

ENVELOPES: list[Envelope] = [
    an_envelope(principal, tenantId=tenant, scopes=scopes, subjectType=kind)
    for principal, tenant, scopes, kind in product(
        ("alice", "bob", "agent-1"),
        (None, "tenant-a", "tenant-b"),
        ([], ["workflow:resolve"], ["workflow:read:any"]),
        ("human", "service", "agent"),
    )
]


def _contract(action: DecisionAction, envelope: Envelope) -> str | None:
    if action.action in (Action.APPROVE, Action.EXTEND, Action.REVOKE) and envelope.subject_type != "human":
        return SUBJECT
    within = envelope.tenant_id in ("", "tenant-a")
    own = envelope.principal_id == "alice" and within
    if action.action is Action.WITHDRAW:
        agent = envelope.principal_id == "agent-1" and envelope.subject_type == "agent" and within
        return None if own or agent else UNAUTHORIZED
    of_tenant = "workflow:resolve" in envelope.scopes and envelope.tenant_id == "tenant-a"
    return None if own or of_tenant else UNAUTHORIZED


@pytest.mark.parametrize("action", [APPROVE, REJECT, WITHDRAW, EXTEND])
def test_authority_is_the_contracts_for_every_envelope(action: DecisionAction) -> None:
    for envelope in ENVELOPES:
        for used in (None, USED):
            told = _told(_decide(action, a_record(), envelope, used=used))
            assert told == (_contract(action, envelope) or (REPLAYED if used else None)), envelope


@pytest.mark.parametrize("action", [APPROVE, REJECT])
def test_a_request_without_a_tenant_is_resolved_by_its_own_principal_only(action: DecisionAction) -> None:
    record = a_record(submission=a_submission(tenantId=None, context={"amount": 150}))
    resolver = an_envelope("bob", tenantId=None, scopes=["workflow:resolve"])

    mine = _decide(action, record, an_envelope("alice"))
    assert isinstance(mine, Close)
    assert mine.seen is record
    assert _told(_decide(action, record, resolver)) == UNAUTHORIZED


def test_a_request_that_is_unknown_or_was_never_escalated_is_not_found() -> None:
    allowed = a_record(Decision("allow", ReasonCode.POLICY_ALLOW, 1))

    for record, action, used in product((None, allowed), (APPROVE, REJECT, WITHDRAW), (None, USED)):
        decided = _decide(action, record, an_envelope("alice"), used=used)
        assert isinstance(decided, Refuse)
        told = decided.refusal
        assert (told.reason.code, told.denies) == (NOT_FOUND, True)
        assert told.fields == _fields(told, record)


def test_whoever_may_neither_resolve_nor_read_the_request_learns_nothing_of_it() -> None:
    for action, envelope in product((APPROVE, REJECT), ENVELOPES):
        if envelope.principal_id == "alice":
            continue
        of_tenant = envelope.tenant_id == "tenant-a" and envelope.scopes
        for used in (None, USED):
            decided = _decide(action, a_record(), envelope, used=used)
            if isinstance(decided, Refuse):
                assert decided.refusal.fields == _fields(decided.refusal, a_record() if of_tenant else None)


@pytest.mark.parametrize(
    ("changes", "knows"),
    [
        ({}, False),
        ({"scopes": ["workflow:read:tenant"]}, True),
        ({"scopes": ["workflow:read:tenant"], "tenantId": "tenant-b"}, False),
        ({"scopes": ["workflow:read:any"]}, True),
        ({"scopes": ["workflow:read:any"], "tenantId": "tenant-b"}, False),
        ({"scopes": ["workflow:read:any"], "roles": ["admin"], "tenantId": "tenant-b"}, True),
    ],
)
def test_who_may_only_read_the_request_is_told_how_it_stands_when_refused(
    changes: dict[str, Any],
    knows: bool,  # noqa: FBT001 - a case
) -> None:
    told = _refusal(_decide(APPROVE, a_record(), an_envelope("bob", **({"tenantId": "tenant-a"} | changes))))

    assert told.reason.code == UNAUTHORIZED
    assert told.fields == _fields(told, a_record() if knows else None)


def test_an_agent_that_may_see_the_request_is_told_how_it_stands_when_it_cannot_approve() -> None:
    record = a_record()

    told = _refusal(_decide(APPROVE, record, an_envelope("alice", subjectType="agent")))

    assert told.fields == _fields(told, record)


# -- the state --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("action", [APPROVE, REJECT])
def test_only_a_pending_request_is_open_and_a_terminal_one_never_again(action: DecisionAction, state: State) -> None:
    for now_ms in (NOW_MS, DEADLINE_MS):
        decided = _decide(action, _closed(state), an_envelope("alice"), now_ms=now_ms)
        assert _told(decided) == (None if state is State.PENDING else TERMINAL)
        assert isinstance(decided, Conflict) == (state is not State.PENDING)


@pytest.mark.parametrize("state", State)
def test_a_wrong_hitl_request_id_is_told_before_the_state(state: State) -> None:
    wrong, right = (DecisionAction("req-1", name, Action.APPROVE, None) for name in ("hitl_other", "hitl_req-1"))

    for now_ms in (NOW_MS, DEADLINE_MS):
        decided = _decide(wrong, _closed(state), an_envelope("alice"), now_ms=now_ms)
        assert isinstance(decided, Conflict)
        assert _told(decided) == MISMATCH
        told = _told(_decide(right, _closed(state), an_envelope("alice"), now_ms=now_ms))
        assert told == (None if state is State.PENDING else TERMINAL)


@pytest.mark.parametrize(("offset_ms", "overdue"), [(-1, False), (0, True), (1, True)])
def test_an_escalation_is_overdue_from_its_deadline_on(offset_ms: int, overdue: bool) -> None:  # noqa: FBT001 - a case
    pending, now_ms = a_record(), DEADLINE_MS + offset_ms

    assert pending.is_overdue(now_ms) == overdue
    assert not _closed(State.APPROVED).is_overdue(now_ms)
    for action in (APPROVE, REJECT):
        decided = _decide(action, pending, an_envelope("alice"), now_ms=now_ms)
        assert isinstance(decided, Expire if overdue else Close)
        assert not isinstance(decided, Expire) or decided.closed == pending.resolved(
            State.EXPIRED, ReasonCode.HITL_TIMEOUT_FAIL_CLOSED, now_ms=now_ms
        )


def test_the_refusals_that_come_after_the_checks_carry_how_the_request_stands() -> None:
    record = a_record()
    over = over_daily_limit(record, now_ms=NOW_MS)
    assert (over.reason.code, over.fields) == ("policy_daily_limit_exceeded", _fields(over, record))
    late = _decide(APPROVE, record, an_envelope("alice"), now_ms=record.expires_at_ms or 0)
    assert isinstance(late, Expire)
    assert late.refusal.reason.code == "hitl_timeout_fail_closed"
    assert late.refusal.fields == _fields(late.refusal, late.closed, now_ms=record.expires_at_ms or 0)
    replay = _decide(APPROVE, record, an_envelope("alice"), used=USED)
    assert isinstance(replay, Replay)
    assert replay.refusal.reason.code == REPLAYED
    told = _fields(replay.refusal, record)
    assert replay.refusal.fields == told | {"stored": {"state": State.APPROVED, "artifact": USED["artifact"]}}


@pytest.mark.parametrize(
    ("decision", "state"), [("allow", "escalated_approved_terminal"), ("deny", "escalated_rejected_terminal")]
)
def test_a_replay_is_told_an_outcome_that_an_earlier_version_kept_without_a_state(decision: str, state: str) -> None:
    kept = {"requestId": "req-1", "decision": decision, "artifact": USED["artifact"]}

    told = _refusal(_decide(APPROVE, a_record(), an_envelope("alice"), used=kept))

    assert told.fields["stored"] == {"state": state, "artifact": USED["artifact"]}


# -- extending --------------------------------------------------------------------------------------------------


@given(seconds=st.lists(st.integers(60, 86_400), max_size=5), at=st.integers(NOW_MS, DEADLINE_MS - 1))
def test_a_deadline_is_moved_three_times_at_most_by_what_is_asked(seconds: list[int], at: int) -> None:
    record = a_record()
    for number, added in enumerate(seconds):
        decided = _decide(replace(EXTEND, seconds=added), record, an_envelope("alice"), now_ms=at)
        if number == 3:
            assert _told(decided) == NOT_EXTENDABLE
            return
        assert isinstance(decided, Extend)
        assert decided.extended == replace(
            record,
            expires_at_ms=DEADLINE_MS + sum(seconds[: number + 1]) * 1000,
            first_expires_at_ms=DEADLINE_MS,
            extensions=number + 1,
        )
        record = decided.extended


@pytest.mark.parametrize(("beyond_ms", "moved"), [(0, True), (1, False)])
def test_no_deadline_is_moved_beyond_seven_days_after_the_first(*, beyond_ms: int, moved: bool) -> None:
    extended = replace(
        a_record(),
        expires_at_ms=DEADLINE_MS + (7 * 86_400 - 600) * 1000 + beyond_ms,
        first_expires_at_ms=DEADLINE_MS,
        extensions=1,
    )

    assert _told(_decide(EXTEND, extended, an_envelope("alice"))) == (None if moved else NOT_EXTENDABLE)


@pytest.mark.parametrize("state", State)
def test_only_what_is_pending_and_in_time_is_extended(state: State) -> None:
    in_time, late = (
        _told(_decide(EXTEND, _closed(state), an_envelope("alice"), now_ms=now)) for now in (NOW_MS, DEADLINE_MS)
    )

    assert in_time == (None if state is State.PENDING else NOT_EXTENDABLE)
    assert late == NOT_EXTENDABLE


def test_what_was_never_escalated_has_no_deadline_to_extend() -> None:
    for record in (None, a_record(Decision("allow", ReasonCode.POLICY_ALLOW, 1))):
        told = _refusal(_decide(EXTEND, record, an_envelope("alice")))
        assert (told.reason.code, told.fields, told.denies) == (NOT_FOUND, {}, False)


@pytest.mark.parametrize(
    ("seconds", "taken"),
    [(60, 60), (60.0, 60), (86_400, 86_400)]
    + [(value, SHAPE) for value in (59, 60.5, 86_401, None, True, "600", float("inf"), 10**17, -60, list[Any]())],
)
def test_an_extension_is_of_60_seconds_to_a_day(seconds: Any, taken: int | str) -> None:
    assert answer(lambda: parse_extension({"requestId": "req-1", "seconds": seconds}).seconds) == taken


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], SHAPE),
        ({"seconds": 60}, BINDING),
        ({"requestId": "r"}, SHAPE),
        ({"requestId": "r", "seconds": 60, "hitlRequestId": "hitl_r"}, SHAPE),
        ({"requestId": "r", "seconds": 60, "action": "extend"}, SHAPE),
        ({"requestId": "r", "seconds": 60, "reason": "x" * 501}, SHAPE),
    ],
)
def test_the_body_of_an_extension_has_three_members(body: Any, code: str) -> None:
    assert reason(lambda: parse_extension(body)) == code
    assert reason(lambda: parse_extension({"requestId": "r", "seconds": 60}, "k" * 257)) == SHAPE


# -- revoking ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", State)
def test_only_what_authorizes_is_revoked(state: State) -> None:
    record = _closed(state)

    decided = _decide(REVOKE, record, an_envelope("alice"), now_ms=NOW_MS + 5)

    if state.authorizes:
        assert decided == Revoke(
            record,
            replace(record, revoked_at_ms=NOW_MS + 5),
            actor_of(REVOKE, an_envelope("alice")),
            NOW_MS + 5,
        )
    else:
        assert (_told(decided), _refusal(decided).fields) == (NOT_AUTHORIZED, {})


def test_what_is_revoked_stays_so_since_then() -> None:
    revoked = replace(_closed(State.APPROVED), revoked_at_ms=NOW_MS)

    assert _decide(REVOKE, revoked, an_envelope("alice"), now_ms=NOW_MS + 9) == AlreadyDone(revoked)


def test_what_is_claimed_is_not_revoked_any_more() -> None:
    claimed = replace(_closed(State.APPROVED), claim=Claim("alice", "tenant-a", NOW_MS, NOW_MS + 1))

    decided = _decide(REVOKE, claimed, an_envelope("alice"))

    assert isinstance(decided, Conflict)
    assert _told(decided) == "security_grant_consumed"


@pytest.mark.parametrize(
    ("changes", "may"), [({}, True), ({"tenantId": "tenant-b"}, False), ({"subjectType": "service"}, False)]
)
def test_who_approved_may_revoke_though_no_longer_to_approve(
    changes: dict[str, Any],
    may: bool,  # noqa: FBT001 - a case
) -> None:
    approved = replace(_closed(State.APPROVED), approved_by="carol")

    assert isinstance(_decide(REVOKE, approved, an_envelope("carol", **changes)), Revoke) == may
    assert _told(_decide(REVOKE, approved, an_envelope("bob"))) == UNAUTHORIZED


def test_whoever_may_approve_a_request_may_revoke_what_was_simply_allowed() -> None:
    allowed = a_record(Decision("allow", ReasonCode.POLICY_ALLOW, 1))

    for envelope in ENVELOPES:
        assert _told(_decide(REVOKE, allowed, envelope)) == _contract(REVOKE, envelope)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], SHAPE),
        ({"reason": "why"}, BINDING),
        *[({"requestId": "r", "reason": value}, SHAPE) for value in (None, "", "  ", 7, "x" * 501)],
        ({"requestId": "r"}, SHAPE),
        ({"requestId": "r", "reason": "why", "seconds": 60}, SHAPE),
    ],
)
def test_a_revocation_needs_a_reason_and_takes_nothing_else(body: Any, code: str) -> None:
    assert reason(lambda: parse_revocation(body)) == code
    assert parse_revocation({"requestId": "r", "reason": "why"}).reason == "why"


# -- all of it --------------------------------------------------------------------------------------------------

REQUESTS: list[RequestRecord | None] = [
    None,
    a_record(Decision("allow", ReasonCode.POLICY_ALLOW, 1)),
    a_record(Decision("deny", ReasonCode.POLICY_CATEGORY_NOT_ALLOWED, 4)),
    *map(_closed, (State.PENDING, State.APPROVED, State.REJECTED, State.EXPIRED)),
]


@st.composite
def _actions(draw: st.DrawFn) -> DecisionAction:
    name = draw(st.sampled_from([None, "hitl_req-1", "hitl_other"]))
    action = draw(st.sampled_from(Action))
    return DecisionAction("req-1", name, action, draw(st.none() | st.text(max_size=4)), seconds=60)


@given(
    action=_actions(),
    request=st.sampled_from(REQUESTS),
    envelope=st.sampled_from(ENVELOPES),
    used=st.none() | st.just(USED),
    now_ms=st.sampled_from([NOW_MS, DEADLINE_MS - 1, DEADLINE_MS, DEADLINE_MS + 1]) | st.integers(0, 10**14),
)
def test_whatever_is_asked_of_whatever_request_one_thing_becomes_of_it_by_the_contracts_order(
    action: DecisionAction,
    request: RequestRecord | None,
    envelope: Envelope,
    used: Mapping[str, Any] | None,
    now_ms: int,
) -> None:
    decided = _decide(action, request, envelope, used=used, now_ms=now_ms)

    if request is None or (request.hitl_request_id is None and action.action is not Action.REVOKE):
        expected: tuple[type, str | None] = Refuse, NOT_FOUND
    elif denied := _contract(action, envelope):
        expected = Refuse, denied
    elif used is not None:
        expected = Replay, REPLAYED
    elif action.hitl_request_id not in (None, request.hitl_request_id):
        expected = Conflict, MISMATCH
    elif action.action is Action.REVOKE:
        expected = (Revoke, None) if request.state.authorizes else (Conflict, NOT_AUTHORIZED)
    elif action.action is Action.EXTEND:
        extendable = request.state is State.PENDING and now_ms < DEADLINE_MS
        expected = (Extend, None) if extendable else (Conflict, NOT_EXTENDABLE)
    elif request.state is not State.PENDING:
        expected = Conflict, TERMINAL
    else:
        expected = (Expire if now_ms >= DEADLINE_MS else Close), None
    assert (type(decided), _told(decided)) == expected

    if isinstance(decided, Close | Expire):
        assert decided.seen is request
        assert decided.seen.state is State.PENDING
        by_whom = replace(decided.closed, assured=None, approved_by=None, execute_by_ms=None)
        assert by_whom == decided.seen.resolved(decided.closed.state, decided.closed.reason, now_ms=now_ms)
        assert (decided.closed.assured is None) == isinstance(decided, Expire)
        assert decided.closed.state.authorizes == (isinstance(decided, Close) and action.action is Action.APPROVE)
    elif isinstance(decided, Refuse | Conflict | Replay):
        added = {"requestId", "decision", "artifact"} if action.action in CLOSING else set()
        assert decided.refusal.fields.keys() - {"stored"} == added
    assert decided == _decide(action, request, envelope, used=used, now_ms=now_ms)


# -- assurance --------------------------------------------------------------------------------------------------

SIGN_IN = SignIn("https://login.example/pool", "5f1c", NOW_MS // 1000 - 60)


def _signed_in(principal_id: str) -> Envelope:
    """Give the envelope that is made of the record of a person who signed in."""
    return replace(an_envelope(principal_id), sign_in=SIGN_IN)


@pytest.mark.parametrize("action", [APPROVE, REJECT, WITHDRAW])
def test_what_closes_an_escalation_keeps_whether_its_closer_had_signed_in(action: DecisionAction) -> None:
    asserted, signed = (_decide(action, a_record(), envelope) for envelope in (an_envelope(), _signed_in("alice")))

    assert isinstance(asserted, Close)
    assert isinstance(signed, Close)
    assert asserted.closed.assured == Assured("issuer_asserted")
    assert signed.closed.assured == Assured("oidc", SIGN_IN)
    assert asserted.actor["assurance"] == "issuer_asserted"
    assert "signIn" not in asserted.actor
    assert signed.actor["assurance"] == "oidc"
    assert signed.actor["signIn"] == {
        "issuer": "https://login.example/pool",
        "subject": "5f1c",
        "authTime": NOW_MS // 1000 - 60,
    }


def test_who_came_too_late_closed_nothing() -> None:
    decided = _decide(APPROVE, a_record(), _signed_in("alice"), now_ms=DEADLINE_MS)

    assert isinstance(decided, Expire)
    assert decided.closed.assured is None


@pytest.mark.parametrize("action", [APPROVE, EXTEND, REJECT, WITHDRAW, REVOKE])
def test_where_people_sign_in_an_issuers_word_ends_things_and_lets_nothing_happen(action: DecisionAction) -> None:
    request = a_record() if action is not REVOKE else a_record(Decision("allow", ReasonCode.POLICY_ALLOW, 1))

    asserted, signed = (
        decide_action(action, request, envelope, None, NOW_MS, needs_sign_in=True)
        for envelope in (an_envelope("alice"), _signed_in("alice"))
    )

    assert _told(signed) is None
    assert _told(asserted) == (ASSURANCE if action in (APPROVE, EXTEND) else None)


def test_a_stranger_is_not_told_what_an_approval_takes() -> None:
    for envelope in (an_envelope("mallory"), _signed_in("mallory")):
        assert _told(decide_action(APPROVE, a_record(), envelope, None, NOW_MS, needs_sign_in=True)) == UNAUTHORIZED
