"""Contract section 3: an id has one spelling where something new is named, and what is stored is found as spelled."""

import unicodedata
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from handshake.core.text import id_fault
from handshake.requests.record import RequestRecord
from tests.support.metrics_events import NOW_MS
from tests.support.outcomes import APPROVED, SHAPE
from tests.support.service import (
    InProcess,
    Reply,
    Service,
    act,
    apply_policy,
    decided,
    for_agent,
    get,
    human,
    own,
    post,
    reported_event,
    submission,
    submit,
    unique,
)
from tests.support.store import everything
from tests.support.workflow_requests import a_record, a_submission, created

INVALID_ENVELOPE: Final = (401, "security_invalid_identity_envelope")
INVALID_EVENT: Final = (400, "invalid_metrics_event")
TENANT: Final = "tenant-a"
RESOLVER: Final = human("resolver", tenantId=TENANT, scopes=["workflow:read:tenant", "workflow:resolve"])


def _apply(service: Service, spelled: str) -> Reply:
    return apply_policy(service, for_agent(spelled, max_transaction=1))


def _rule(service: Service, spelled: str) -> Reply:
    body = for_agent(unique("agent"), max_transaction=1)
    return post(service, "/policy/simulate", body | {"rules": [body["rules"][0] | {"id": spelled}]})


def _envelope(**fields: Any) -> dict[str, Any]:
    return human("operator") | fields


# Every place where something new is named, and how a name that is none is refused there.
NAMES: Final[dict[str, tuple[Callable[[Service, str], Reply], tuple[int, str]]]] = {
    **{
        field: (lambda service, spelled, field=field: submit(service, submission(**{field: spelled})), SHAPE)  # type: ignore[misc]  # mypy reads no defaults of a lambda
        for field in ("requestId", "principalId", "agentId", "tenantId", "payloadRef")
    },
    "scopeId": (_apply, SHAPE),
    "rules[].id": (_rule, SHAPE),
    **{
        f"event {field}": (
            lambda service, spelled, field=field: post(  # type: ignore[misc]  # as above
                service, "/metrics/project", reported_event(**{field: spelled})
            ),
            INVALID_EVENT,
        )
        for field in ("eventId", "requestId")
    },
    **{
        f"envelope {field}": (
            lambda service, spelled, field=field: get(  # type: ignore[misc]  # as above
                service, "/workflow/decision-room", envelope=_envelope(**{field: spelled})
            ),
            INVALID_ENVELOPE,
        )
        for field in ("principalId", "tenantId", "issuer", "sessionId")
    },
}
every_name = pytest.mark.parametrize("field", NAMES)

LOOK_ALIKES: Final = {
    "a space after": "{} ",
    "a no-break space before": "\u00a0{}",
    "a zero-width space": "{}\u200b",
    "a zero-width joiner inside": "a\u200d{}",
    "a bidi mark": "\u202e{}",
    "a byte order mark": "\ufeff{}",
    "a soft hyphen": "a\u00ad{}",
    "a variation selector": "{}\ufe0f",
    "a Hangul filler": "{}\u3164",
    "a blank of Braille": "{}\u2800",
    "a tag": "{}\U000e0041",
    "a private character": "{}\ue000",
    "a character of nobody's": "{}\u0378",
    "a combining accent": "{}e\u0301",
}


@pytest.mark.parametrize("look", LOOK_ALIKES.values(), ids=LOOK_ALIKES.keys())
@every_name
def test_a_name_that_looks_like_another_is_refused(in_process: InProcess, field: str, look: str) -> None:
    call, refused = NAMES[field]
    spelled = look.format(unique("name"))
    trimmed = field.startswith("envelope") and spelled.strip() != spelled

    reply = call(in_process, spelled)

    assert reply.outcome == ((200, None) if trimmed else refused)


@every_name
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    base=st.text(st.characters(), min_size=1, max_size=6),
    extra=st.characters() | st.just(""),
    form=st.sampled_from(["NFC", "NFD"]),
)
@example(base="caged", extra="\u200b", form="NFC")
@example(base="\u212b", extra="", form="NFC")
def test_of_two_spellings_of_one_name_one_acts_at_most(
    in_process: InProcess, field: str, base: str, extra: str, form: Any
) -> None:
    """Equal to the eye: but for what nobody sees, and for how characters are composed."""
    call, _ = NAMES[field]
    name = unique("name") + base
    seen = "".join(
        char for char in name + extra if id_fault(f"a{char}a") is None or unicodedata.combining(char)
    ).strip()
    spellings = {name, name + extra, unicodedata.normalize(form, seen), seen}
    same = {spelled for spelled in spellings if _to_the_eye(spelled) == _to_the_eye(name)}

    accepted = {spelled for spelled in same if call(in_process, spelled).status == 200}

    read = {spelled.strip() for spelled in accepted} if field.startswith("envelope") else accepted
    assert len(read) <= 1, accepted


def _to_the_eye(spelled: str) -> str:
    whole = unicodedata.normalize("NFC", spelled)
    return "".join(char for char in whole if id_fault(f"a{char}a") is None or unicodedata.combining(char)).strip()


def test_the_refusal_names_the_field_and_what_is_wrong_with_it(in_process: InProcess) -> None:
    message = submit(in_process, submission(agentId="caged\u200b")).body["message"]

    assert message == "agentId holds U+200B, which is not a visible character."


def test_an_agents_policy_limit_and_window_cannot_be_evaded_by_spelling(in_process: InProcess) -> None:
    """Each spelling used to have a day and a window of its own, and no policy."""
    agent, principal = unique("agent"), unique("principal")
    spellings = [agent, f"{agent} ", f"{agent}\u200b", f"\u202a{agent}", f"{agent}\u2060", f"{agent}\u00ad"]
    payments = [
        submit(in_process, submission(agentId=spelled, principalId=principal, context={"amount": 100}))
        for spelled in spellings * 4
    ]
    escalations = [
        submit(
            in_process,
            submission("data_access", agentId=spelled, principalId=principal, context={"sensitivity": "ambiguous"}),
        )
        for spelled in spellings * 2
    ]

    assert sum(reply.body.get("decision") == "allow" for reply in payments) == 4
    assert sum(reply.body.get("decision") == "escalate" for reply in escalations) == 2


@pytest.mark.parametrize("length", [257, 1024])
def test_a_payload_reference_may_be_longer_than_an_id(service: Service, length: int) -> None:
    request = decided(service, "allow", payloadRef="p" * length)

    read = get(service, f"/workflow/requests/{request['requestId']}", envelope=own(request))

    assert read.body["payloadRef"] == "p" * length
    assert submit(service, submission(payloadRef="p" * 1025)).outcome == SHAPE


def test_a_tenant_of_no_characters_is_none(service: Service) -> None:
    body = submission(tenantId="")

    assert submit(service, body).status == 200
    assert submit(service, body | {"tenantId": None}).status == 200
    assert submit(service, body | {"tenantId": " "}).outcome == SHAPE
    without = {name: value for name, value in body.items() if name != "tenantId"}
    assert submit(service, without).status == 200


# -- what earlier versions stored -------------------------------------------------------------------------------

STORED: Final = {
    "a zero-width suffix": "caged\u200b",
    "a trailing space": "caged ",
    "a bidi mark": "caged\u202e",
    "not composed": "cage\u0301d",
    "an emoji of several": "\U0001f9d1\u200d\U0001f680",
}
stored: Final = pytest.mark.parametrize("name", STORED.values(), ids=STORED.keys())


@pytest.fixture
def then(in_process: InProcess) -> InProcess:
    """The service at the time of the records that are stored."""
    return replace(in_process, now_ms=lambda: NOW_MS)


def _stored(service: InProcess, name: str, **fields: Any) -> RequestRecord:
    """Store an escalation as earlier versions wrote it: every id of it spelled so."""
    spelled = f"{unique('req')} {name}"
    ids = {"requestId": spelled, "agentId": name, "payloadRef": name, "tenantId": TENANT}
    asked = a_submission(**(ids | {"context": {"amount": 150, "category": "ops"}} | fields))
    return created(service.context, a_record(submission=asked))


@stored
def test_a_request_whose_id_is_none_now_is_read_as_it_is_spelled(then: InProcess, name: str) -> None:
    record = _stored(then, name)
    owner = human("alice")

    for kind in ("requests", "decision-room", "evidence"):
        path = f"/workflow/{kind}/{quote(record.request_id, safe='')}"
        assert get(then, path, envelope=owner).status == 200
        assert get(then, path, envelope=RESOLVER).status == 200
        plain = f"/workflow/{kind}/{quote(record.request_id.replace(name, 'caged'), safe='')}"
        assert get(then, plain, envelope=owner).status == 404
    queue = get(then, "/workflow/decision-room", envelope=owner | {"tenantId": TENANT}, query={"limit": "100"})
    assert record.request_id in {room["requestId"] for room in queue.body["requests"]}


@stored
@pytest.mark.parametrize("envelope", [human("alice"), RESOLVER], ids=["its principal", "its tenant's resolver"])
def test_a_request_whose_id_is_none_now_is_resolved_and_carried_out(
    then: InProcess, name: str, envelope: dict[str, Any]
) -> None:
    record = _stored(then, name)
    request = {"requestId": record.request_id, "principalId": "alice"}

    approved = act(then, request, hitlRequestId=record.hitl_request_id, key=unique("key"), envelope=envelope)

    assert approved.outcome == APPROVED
    asked = {
        "requestId": record.request_id,
        "principalId": "alice",
        "agentId": name,
        "tenantId": TENANT,
        "actionType": "payment",
        "payloadRef": name,
        "timestamp": NOW_MS,
        "context": {"amount": 150, "category": "ops"},
    }
    body = {"request": asked, "artifact": approved.body["artifact"]}
    assert post(then, "/workflow/authorize-execution", body).outcome == (200, "security_artifact_authorized")


def test_a_request_of_a_principal_who_cannot_be_named_now_is_its_tenants_to_resolve(then: InProcess) -> None:
    record = _stored(then, "caged", principalId="alice\u200b")

    request = {"requestId": record.request_id, "principalId": record.submission.principal_id}

    assert act(then, request, "reject", envelope=own(request)).outcome == INVALID_ENVELOPE
    assert act(then, request, "reject", envelope=RESOLVER).outcome == (200, "hitl_rejected")


@stored
def test_a_policy_whose_scope_is_no_id_now_is_read_and_not_made(in_process: InProcess, name: str) -> None:
    query = {"scope": "agent", "scopeId": name}

    assert get(in_process, "/policy/config", query=query).status == 200
    assert get(in_process, "/policy/versions", query=query).status == 200
    assert apply_policy(in_process, for_agent(name, max_transaction=1)).outcome == SHAPE


@pytest.mark.parametrize("path", ["%FF", "a%C3", "%ED%A0%80", "%F8%88%80%80%80"])
def test_a_path_that_is_not_utf8_names_nothing(in_process: InProcess, path: str) -> None:
    """It used to be repaired, and read the request whose id has replacement characters there."""
    repaired = decided(in_process, "allow", requestId=f"{unique('req')}\ufffd")
    spelled = repaired["requestId"].replace("\ufffd", path)
    before = everything(in_process)

    assert get(in_process, f"/workflow/requests/{quote(repaired['requestId'])}", envelope=own(repaired)).status == 200
    assert get(in_process, f"/workflow/requests/{spelled}", envelope=own(repaired)).status == 404
    assert everything(in_process) == before
