"""Contract section 9, items 7 to 9: how long a key is used, whose it is, and what does not use it up."""

import uuid
from dataclasses import replace
from typing import Any

import pytest

from handshake.trust.token import mint_token
from tests.support.outcomes import REPLAY
from tests.support.service import (
    TRUST_KEY,
    InProcess,
    Service,
    act,
    apply_policy,
    escalated,
    for_agent,
    own,
    rules,
    token,
    unique,
)
from tests.support.store import let_guard_expire


@pytest.fixture
def agent() -> str:
    return unique("agent")


@pytest.mark.parametrize(
    ("lifetime_s", "free_after_s"),
    [(1, 300), (200, 300), (299, 329), (900, 930)],
)
def test_7_a_jti_is_used_until_its_token_cannot_be_valid_and_for_300_s_at_least(
    in_process: InProcess, lifetime_s: int, free_after_s: int
) -> None:
    start_s, jti = 1_772_720_700, uuid.uuid4().hex

    def use(at_s: int) -> tuple[int, str | None]:
        service = replace(in_process, now_ms=lambda: at_s * 1000)
        shown = mint_token(TRUST_KEY, now_s=at_s, jti=jti, lifetime_s=lifetime_s)
        return apply_policy(service, for_agent(unique("agent"), max_transaction=1), token=shown).outcome

    assert use(start_s) == (200, None)
    assert use(start_s + free_after_s - 1) == REPLAY
    assert use(start_s + free_after_s) == (200, None)


def test_7_a_guard_past_its_expiry_guards_nothing_even_if_not_yet_deleted(service: Service, agent: str) -> None:
    jti = uuid.uuid4().hex

    def use() -> tuple[int, str | None]:
        return apply_policy(service, for_agent(agent, max_transaction=1), token=token(service, jti=jti)).outcome

    assert [use(), use()] == [(200, None), REPLAY]
    let_guard_expire(service, jti)
    assert [use(), use()] == [(200, None), REPLAY]


def test_8_an_idempotency_key_belongs_to_the_principal_who_sent_it(service: Service) -> None:
    key = unique("key")
    requests = [escalated(service, tenantId="shared") for _ in range(2)]

    assert [act(service, request, key=key).status for request in requests] == [200, 200]
    assert [act(service, request, key=key).outcome for request in requests] == [REPLAY, REPLAY]


@pytest.mark.parametrize(
    ("one", "other"), [(("a", "b#c"), ("a#b", "c")), (("a", "bc"), ("ab", "c")), (("a:b", "c"), ("a", "b:c"))]
)
def test_8_no_principal_and_key_add_up_to_anothers(
    service: Service, one: tuple[str, str], other: tuple[str, str]
) -> None:
    ending = unique("")
    for principal, key in (one, other):
        request = escalated(service, principalId=principal)
        assert act(service, request, key=key + ending).status == 200


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "nonsense"},
        {"reason": "x" * 501},
        {"hitlRequestId": "another"},
        {"envelope": {"subjectType": "service"}},
        {"envelope": {"principalId": "stranger"}},
    ],
    ids=lambda fault: str(fault)[:40],
)
def test_9_a_refused_action_does_not_use_up_its_key(service: Service, fault: dict[str, Any]) -> None:
    request, key = escalated(service), unique("key")
    envelope = own(request) | fault.get("envelope", {})

    refused = act(service, request, **({"key": key} | fault | {"envelope": envelope}))

    assert 400 <= refused.status < 500
    assert act(service, request, key=key).status == 200


@pytest.mark.parametrize(
    "fault",
    [
        {"scope": "galaxy"},
        {"rules": "none"},
        {"rules": rules(colour="red")},
        {"expectedPolicyVersion": "v9"},
    ],
    ids=str,
)
def test_9_a_refused_apply_does_not_use_up_its_jti(service: Service, agent: str, fault: dict[str, Any]) -> None:
    shown, body = token(service), for_agent(agent, max_transaction=1)

    refused = apply_policy(service, body | fault, token=shown)

    assert 400 <= refused.status < 500
    assert apply_policy(service, body, token=shown).status == 200
