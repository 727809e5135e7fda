"""Contract section 2: the identity envelope and the correlation id."""

import json
from typing import Any

import pytest

from handshake.trust.identity import parse_envelope
from tests.support.service import Service, apply_policy, decided, escalated, for_agent, get, human, own, post, unique

MISSING = (401, "security_missing_identity_envelope")
INVALID = (401, "security_invalid_identity_envelope")

# Section 8, and the queue that the decision room has beside it.
READS = [f"/workflow/{kind}/anything" for kind in ("requests", "evidence", "decision-room")] + [
    "/workflow/decision-room",
    "/workflow/decisions",
]
MUTATIONS = ["/workflow/decision-room/action", "/policy/apply"]

PLAIN = {"principalId": "p", "subjectType": "human", "roles": [], "scopes": []}


def _padded(size: int, **fields: Any) -> str:
    """An envelope of ``size`` bytes."""
    envelope = human("p", scopes=["x" * 250] * 15, **fields)
    short = size - len(json.dumps(envelope | {"issuer": ""}))
    return json.dumps(envelope | {"issuer": "i" * short})


@pytest.mark.parametrize("header", [None, "", "   "], ids=["absent", "empty", "blank"])
@pytest.mark.parametrize("path", READS + MUTATIONS)
def test_a_protected_route_without_an_envelope_is_refused(service: Service, path: str, header: str | None) -> None:
    reply = (
        get(service, path, envelope=header) if path in READS else post(service, path, "not even JSON", envelope=header)
    )

    assert reply.outcome == MISSING


@pytest.mark.parametrize("path", READS + MUTATIONS)
def test_a_protected_route_with_a_wrong_envelope_is_refused(service: Service, path: str) -> None:
    reply = get(service, path, envelope="{}") if path in READS else post(service, path, "not even JSON", envelope="{}")

    assert reply.outcome == INVALID


@pytest.mark.parametrize(
    "header",
    {
        "text": "operator",
        "an array": "[]",
        "null": "null",
        "cut short": '{"principalId":"p"',
        "two envelopes": '{"principalId":"p"}, {"principalId":"q"}',
        "a name given twice": '{"principalId":"p","principalId":"q"}',
        "no principal": '{"subjectType":"human"}',
        "a lone surrogate": '{"principalId":"\\udc00"}',
        "over 4096 bytes": _padded(4097),
        "far over 4096 bytes": '{"principalId":"' + "p" * 9000 + '"}',
    }.values(),
    ids=lambda header: header[:20],
)
def test_a_header_that_is_no_envelope_is_invalid(service: Service, header: str) -> None:
    assert get(service, "/workflow/requests/r", envelope=header).outcome == INVALID


@pytest.mark.parametrize(
    "fields",
    [
        {"principalId": None},
        {"principalId": ""},
        {"principalId": "  "},
        {"principalId": 7},
        {"principalId": ["p"]},
        {"principalId": "p" * 257},
        {"principalId": "p\u0000"},
        {"subjectType": "robot"},
        {"subjectType": "HUMAN"},
        {"subjectType": None},
        {"roles": "admin"},
        {"roles": None},
        {"roles": [""]},
        {"roles": [" "]},
        {"roles": [1]},
        {"roles": [["admin"]]},
        {"roles": {"admin": True}},
        {"roles": ["r" * 257]},
        {"scopes": "workflow:resolve"},
        {"scopes": [None]},
        {"scopes": ["s" * 257]},
        {"issuer": ""},
        {"issuer": 1},
        {"sessionId": " "},
        {"sessionId": None},
        {"sessionId": "s" * 257},
        {"tenantId": ""},
        {"tenantId": True},
        {"tenantId": "t" * 257},
        {"principal": "q"},
        {"admin": True},
        {"principal_id": "q"},
    ],
    ids=lambda fields: json.dumps(fields)[:40],
)
def test_an_envelope_with_a_wrong_or_unknown_field_is_invalid(service: Service, fields: dict[str, Any]) -> None:
    assert get(service, "/workflow/requests/r", envelope=PLAIN | fields).outcome == INVALID


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"subjectType": "service"},
        {"subjectType": "agent"},
        {"issuer": "idp", "sessionId": "s-1", "tenantId": "t"},
        {"roles": ["admin", "admin"], "scopes": ["workflow:resolve", "anything:else"]},
        {"tenantId": "t" * 256},
        {"tenantId": f"  {'t' * 256}  "},
    ],
    ids=lambda fields: json.dumps(fields)[:40],
)
def test_an_envelope_may_say_this(service: Service, fields: dict[str, Any]) -> None:
    request = decided(service, "allow", tenantId=str(fields.get("tenantId", "t")).strip())
    envelope = own(request) | fields

    assert get(service, f"/workflow/requests/{request['requestId']}", envelope=envelope).status == 200


def test_only_the_principal_must_be_named(service: Service) -> None:
    request = decided(service, "allow")
    envelope = {"principalId": request["principalId"]}

    assert get(service, f"/workflow/requests/{request['requestId']}", envelope=envelope).status == 200


def test_an_envelope_of_4096_bytes_is_read(service: Service) -> None:
    reply = get(service, f"/workflow/requests/{unique('req')}", envelope=_padded(4096))

    assert reply.reason == "hitl_request_not_found"


def test_strings_are_trimmed_before_they_count(service: Service) -> None:
    request = decided(service, "allow")
    path = f"/workflow/requests/{request['requestId']}"

    own_name = get(service, path, envelope=human(f"  {request['principalId']}  "))
    admin = get(service, path, envelope=human("other", roles=[" admin "], scopes=[" workflow:read:any\t"]))

    assert (own_name.status, admin.status) == (200, 200)


def test_roles_and_scopes_are_sorted_sets() -> None:
    envelope = parse_envelope(json.dumps({"principalId": "p", "roles": ["b", " a", "b "], "scopes": ["z", "y", "z"]}))

    assert (envelope.roles, envelope.scopes) == (("a", "b"), ("y", "z"))


def test_an_authorization_header_does_not_stand_in_for_an_envelope(in_process: Service) -> None:
    headers = {"authorization": "Bearer " + json.dumps(PLAIN)}

    assert get(in_process, "/workflow/requests/r", headers=headers).outcome == MISSING


@pytest.mark.parametrize("path", READS)
def test_nobody_but_an_issuer_is_believed_about_who_reads(service: Service, path: str) -> None:
    assert get(service.by_stranger(), path, envelope=PLAIN).outcome == INVALID


def test_nobody_but_an_issuer_is_believed_about_who_acts(service: Service) -> None:
    body = {"requestId": escalated(service)["requestId"], "action": "approve"}
    stranger = service.by_stranger()

    assert post(stranger, "/workflow/decision-room/action", body, envelope=PLAIN).outcome == INVALID
    assert apply_policy(stranger, for_agent(unique("agent"), max_transaction=1)).outcome == INVALID


@pytest.mark.parametrize("given", ["a", "id with spaces; and: signs!", "c" * 128], ids=["short", "signs", "128 long"])
def test_a_correlation_id_is_echoed(service: Service, given: str) -> None:
    reply = get(service, "/metrics/summary", headers={"x-correlation-id": given})

    assert reply.headers["x-correlation-id"] == given


@pytest.mark.parametrize("given", [None, "c" * 129, "tab\there"], ids=["absent", "129 long", "not printable"])
def test_a_correlation_id_is_made_where_none_can_be_echoed(service: Service, given: str | None) -> None:
    headers = {"x-correlation-id": given} if given else {}

    first, second = (get(service, "/metrics/summary", headers=headers).headers["x-correlation-id"] for _ in range(2))

    assert given not in (first, second)
    assert first != second
    assert 1 <= len(first) <= 128


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/workflow/requests/r"), ("POST", "/workflow/requests"), ("POST", "/policy/apply")],
)
def test_a_refusal_has_its_correlation_id_too(service: Service, method: str, path: str) -> None:
    reply = service.send(method, path, headers={"x-correlation-id": "mine"}, body="{")

    assert reply.status >= 400
    assert reply.headers["x-correlation-id"] == "mine"
