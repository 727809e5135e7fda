"""Tests what the client signs and sends over real HTTP: nobody who sees a call can make it somebody else's."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Final, cast

import pytest

from handshake_rail import AsyncHandshake, EdgeToken, Envelope, Handshake, HandshakeError
from handshake_rail.signing import SigV4
from ops.local.commands import free_port
from ops.local.edge_rules import Access
from ops.local.settings import REGION
from ops.local.signing_edge import SigningEdge, Upstream
from tests.sdk.doubles import FACES, _Run
from tests.support.gateway import KEY, Gateway, Received, gateway
from tests.support.service import human

ANA: Final = cast("Envelope", human("ana"))
EVE: Final = '{"principalId": "eve", "subjectType": "human"}'


@pytest.fixture
def api() -> Iterator[Gateway]:
    """A real server, where API Gateway would be."""
    with gateway() as running:
        yield running


@pytest.fixture(params=FACES)
def connect(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A client, blocking and async in turn, of whatever listens at a URL."""
    with ExitStack() as opened:

        def connected(url: str, **options: Any) -> Handshake:
            if request.param == "blocking":
                return opened.enter_context(Handshake(url, **options))
            runner = opened.enter_context(asyncio.Runner())
            client = AsyncHandshake(url, **options)
            opened.callback(lambda: runner.run(client.aclose()))
            return cast("Handshake", _Run(client, runner))

        yield connected


def approve(client: Handshake) -> None:
    """Approve something, with an idempotency key."""
    client.resolve_request({"requestId": "pay-1", "action": "approve"}, idempotency_key="key-1")


def is_signed(received: Received) -> bool:
    """Say whether the signature covers the request as it is."""
    return received.is_signed(KEY.get_frozen_credentials())


def test_what_carries_identity_is_in_the_signature(connect: Any, api: Gateway) -> None:
    client = connect(f"{api.url}/stage", auth=SigV4(REGION, KEY), envelope=ANA)

    approve(client)
    action = api.last
    client.apply_policy({"scope": "global", "policyVersion": "v1"}, trust_token="a.b.c")
    change = api.last

    assert is_signed(action)
    assert is_signed(change)
    assert {"x-identity-envelope", "x-idempotency-key", "x-correlation-id", "content-type", "host"} < set(
        action.signed_headers
    )
    assert {"x-identity-envelope", "x-internal-trust-context", "content-type", "host"} < set(change.signed_headers)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-identity-envelope", EVE),
        ("x-identity-envelope", ""),
        ("x-idempotency-key", "key-2"),
        ("x-correlation-id", "call-2"),
        ("content-type", "text/plain"),
    ],
)
def test_a_captured_approval_cannot_be_made_another_persons(connect: Any, api: Gateway, name: str, value: str) -> None:
    approve(connect(f"{api.url}/stage", auth=SigV4(REGION, KEY), envelope=ANA))

    assert is_signed(api.last)
    assert not is_signed(api.last.with_header(name, value))


def test_a_captured_change_of_policy_takes_no_other_token(connect: Any, api: Gateway) -> None:
    client = connect(f"{api.url}/stage", auth=SigV4(REGION, KEY), envelope=ANA)
    client.apply_policy({"scope": "global", "policyVersion": "v1"}, trust_token="a.b.c")

    assert not is_signed(api.last.with_header("x-internal-trust-context", "d.e.f"))


def test_each_attempt_is_signed_anew_with_the_same_key(connect: Any, api: Gateway) -> None:
    client = connect(f"{api.url}/stage", auth=SigV4(REGION, KEY), envelope=ANA)
    approve(client)
    approve(client)

    assert [is_signed(received) for received in api.received] == [True, True]
    assert {received.header("x-idempotency-key") for received in api.received} == {"key-1"}


def test_a_header_that_a_call_did_not_have_is_not_covered(connect: Any, api: Gateway) -> None:
    """Holds what remains open: a call without an envelope can be given one by who captured it (README, Signing)."""
    connect(f"{api.url}/stage", auth=SigV4(REGION, KEY)).get_metrics_summary()

    assert is_signed(api.last.with_header("x-identity-envelope", EVE))


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """An environment that names a proxy for everything; yields what answers for it."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with gateway() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        yield proxy


def test_no_proxy_sees_what_stays_on_this_machine(connect: Any, api: Gateway, proxied: Gateway) -> None:
    for host in ("127.0.0.1", "localhost"):
        connect(api.url.replace("127.0.0.1", host), envelope=ANA).get_request("pay-1")

    assert (len(api.received), proxied.received) == (2, [])


def test_a_proxy_of_the_environment_is_used_for_the_rest(connect: Any, proxied: Gateway) -> None:
    connect("http://handshake.test", envelope=ANA).get_request("pay-1")

    assert proxied.last.target == "http://handshake.test/workflow/requests/pay-1"


def test_no_redirect_is_followed(connect: Any, api: Gateway) -> None:
    api.status = 307

    with pytest.raises(HandshakeError) as refused:
        approve(connect(api.url, envelope=ANA))

    assert (refused.value.reason_code, refused.value.status, len(api.received)) == ("unknown", 307, 1)


def test_an_edge_of_a_deployed_stack_is_shown_its_token(connect: Any, api: Gateway) -> None:
    with SigningEdge(0) as edge:
        edge.start(Upstream(api.url, credentials=KEY, region=REGION), access=Access("secret", callers_envelopes=True))

        connect(edge.url, auth=EdgeToken("authorization: Bearer secret\n")).get_metrics_summary()
        for auth, code in (
            (EdgeToken("Authorization: Bearer guess"), "security_token_invalid"),
            (None, "security_missing_authorization_header"),
        ):
            with pytest.raises(HandshakeError) as refused:
                connect(edge.url, auth=auth).get_metrics_summary()
            assert (refused.value.reason_code, refused.value.status) == (code, 401)

    assert len(api.received) == 1
    assert "secret" not in str(api.received)


@pytest.mark.parametrize("line", ["", "secret", "Bearer secret", "authorization: secret", "cookie: Bearer secret"])
def test_what_is_no_token_is_refused_and_not_quoted(line: str) -> None:
    with pytest.raises(ValueError, match="no line") as refused:
        EdgeToken(line)

    assert "secret" not in str(refused.value)


def test_nobody_listens(connect: Any) -> None:
    with pytest.raises(HandshakeError, match="no_answer"):
        connect(f"http://127.0.0.1:{free_port()}").get_metrics_summary()
