"""The signing edge: who may use it, what it signs for them, and that it refuses all else in the contract's words."""

import json
import stat
from pathlib import Path
from typing import Any, Final

import pytest
from botocore.exceptions import TokenRetrievalError

from handshake.core.reasons import describe
from ops.local import signing_edge
from ops.local.commands import free_port
from ops.local.edge_client import Client
from ops.local.edge_rules import Access
from ops.local.settings import ROOT
from ops.local.signing_edge import OPERATOR, kept_token
from tests.ops.local.conftest import MakeRig, Rig
from tests.support.gateway import KEY
from tests.support.raw_http import Answer

SHAPE: Final = "trust_context_invalid_request_shape"
SIDE_CHANNEL: Final = "security_side_channel_denied"
UNAVAILABLE: Final = "adapter_store_unavailable"
TOKEN: Final = "a-token-of-this-start"
ENVELOPE: Final = ("x-identity-envelope", json.dumps({"principalId": "ana", "subjectType": "human"}))
BEARER: Final = ("authorization", f"Bearer {TOKEN}")
ACTION: Final = "/workflow/decision-room/action"
DOCUMENT: Final = json.loads((ROOT / "openapi" / "handshake.json").read_text())
ROUTES: Final = [
    (method.upper(), path, any("identityEnvelope" in schemes for schemes in operation["security"]))
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]


def refusal(answer: Answer) -> str:
    """Give the code of a refusal that is worded as the contract words one."""
    assert answer.body.keys() == {"status", "error", "reasonCode", "responseClass", "message"}
    reason = describe(answer.body["reasonCode"])
    assert (answer.status, answer.body["responseClass"]) == (reason.status, reason.response_class)
    assert (answer.body["status"], answer.body["error"]) == ("error", reason.code)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-correlation-id"]
    assert ("retry-after" in answer.headers) == (answer.status == 503)
    return reason.code


# Web pages


@pytest.mark.parametrize(
    "header",
    [
        ("origin", "https://example.com"),
        ("origin", "null"),
        ("origin", "http://127.0.0.1:3000"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-site", ""),
        ("host", "rebound.example"),
        ("host", "rebound.example:3000"),
        ("host", "127.0.0.1"),
        ("host", "127.0.0.1.example.com:3000"),
    ],
    ids=": ".join,
)
def test_no_web_page_is_served(rig: Rig, header: tuple[str, str]) -> None:
    answer = rig.say("POST", ACTION, header, ("content-type", "text/plain"), body=b"{}")

    assert (refusal(answer), rig.gateway.received) == (SIDE_CHANNEL, [])


def test_a_page_does_not_pass_by_saying_none_beside_where_it_is(rig: Rig) -> None:
    for pair in (("cross-site", "none"), ("none", "cross-site")):
        answer = rig.say("GET", "/metrics/summary", *(("sec-fetch-site", value) for value in pair))

        assert (refusal(answer), rig.gateway.received) == (SIDE_CHANNEL, [])


def test_tools_and_the_address_bar_are_served_and_no_page_may_read_the_answer(rig: Rig) -> None:
    for headers in ([], [("sec-fetch-site", "none")], [("host", f"localhost:{rig.port}")]):
        answer = rig.say("GET", "/metrics/summary", *headers)

        assert answer.status == 200
        assert not any(name.startswith("access-control-") for name in answer.headers)


# A deployed stack: a token always, and no envelopes unless allowed


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ([], "security_missing_authorization_header"),
        ([("authorization", "Bearer guess")], "security_token_invalid"),
        ([("authorization", f"Basic {TOKEN}")], "security_token_invalid"),
        ([("authorization", "")], "security_token_invalid"),
        ([("authorization", f"Bearer {TOKEN}é")], "security_token_invalid"),
        ([BEARER, BEARER], "security_token_invalid"),
        ([("authorization", "Bearer guess"), BEARER], "security_token_invalid"),
        ([("x-authorization", f"Bearer {TOKEN}")], "security_missing_authorization_header"),
    ],
)
def test_before_a_deployed_stack_nobody_calls_without_the_token(
    make_rig: MakeRig, headers: list[tuple[str, str]], code: str
) -> None:
    rig = make_rig(Access(TOKEN, callers_envelopes=False))

    answer = rig.say("POST", ACTION, *headers, body=b"{}")

    assert (refusal(answer), rig.gateway.received) == (code, [])
    assert TOKEN not in str(answer)


def test_who_has_the_token_calls_as_the_operator_and_the_token_goes_no_further(make_rig: MakeRig) -> None:
    rig = make_rig(Access(TOKEN, callers_envelopes=False))

    assert rig.say("POST", ACTION, BEARER, body=b"{}").status == 200
    assert json.loads(rig.gateway.last.header("x-identity-envelope") or "") == OPERATOR
    assert TOKEN not in str(rig.gateway.received)


def test_a_callers_own_envelope_is_refused_unless_it_is_allowed(make_rig: MakeRig) -> None:
    strict = make_rig(Access(TOKEN, callers_envelopes=False))
    lenient = make_rig(Access(TOKEN, callers_envelopes=True))

    for envelope in (ENVELOPE, ("x-identity-envelope", ""), ("X-Identity-Envelope", "{}")):
        for target in (ACTION, "/workflow/requests"):
            answer = strict.say("POST", target, BEARER, envelope, body=b"{}")
            assert (refusal(answer), strict.gateway.received) == ("security_identity_subject_mismatch", [])
    assert lenient.say("POST", ACTION, BEARER, ENVELOPE, body=b"{}").status == 200
    assert lenient.gateway.last.header("x-identity-envelope") == ENVELOPE[1]


def test_the_token_is_kept_where_only_its_owner_reads_it_and_is_another_each_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(signing_edge, "STATE", tmp_path / "state")
    (tmp_path / "state").mkdir(mode=0o755)

    with kept_token(3000) as (first, file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert file.read_text() == f"authorization: Bearer {first}\n"
    assert not file.exists()
    file.write_text("left by one that was killed")
    file.chmod(0o644)
    with kept_token(3000) as (second, file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert second != first
    assert len(first) >= 43


def test_the_operators_client_shows_the_token(make_rig: MakeRig) -> None:
    rig = make_rig(Access(TOKEN, callers_envelopes=False))

    assert Client(rig.edge.url, header=f"authorization: Bearer {TOKEN}\n").call("GET", "/metrics/summary").status == 200
    assert Client(rig.edge.url).call("GET", "/metrics/summary").reason == "security_missing_authorization_header"


# Envelopes are added where contract section 8 asks for one


@pytest.mark.parametrize(("method", "path", "enveloped"), ROUTES)
def test_an_envelope_is_added_where_the_document_says_so_and_nowhere_else(
    rig: Rig, method: str, path: str, *, enveloped: bool
) -> None:
    for request_id in ("pay-1", "a%2Fb", "%2541"):
        assert rig.say(method, path.replace("{requestId}", request_id), body=b"{}").status == 200
        added = rig.gateway.last.header("x-identity-envelope")
        assert (added is not None) == enveloped
        assert added is None or json.loads(added) == OPERATOR


def test_the_protected_routes_of_section_8_are_marked() -> None:
    protected = {(method, path) for method, path, enveloped in ROUTES if enveloped}

    assert protected >= {
        ("GET", "/workflow/requests/{requestId}"),
        ("GET", "/workflow/decision-room/{requestId}"),
        ("GET", "/workflow/evidence/{requestId}"),
        ("POST", "/workflow/decision-room/action"),
        ("POST", "/policy/apply"),
    }
    assert ("POST", "/workflow/requests") not in protected


# Headers given twice


@pytest.mark.parametrize("second", ["the same", "another"])
@pytest.mark.parametrize("spelled", [str, str.title, str.upper])
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("x-identity-envelope", "security_invalid_identity_envelope"),
        ("x-internal-trust-context", "security_invalid_internal_trust_context"),
        ("x-idempotency-key", SHAPE),
        ("x-correlation-id", SHAPE),
        ("content-type", SHAPE),
        ("content-length", SHAPE),
    ],
)
def test_a_header_given_twice_is_refused(rig: Rig, name: str, code: str, spelled: Any, second: str) -> None:
    first = "2" if name == "content-length" else "the same"
    again = "2" if name == "content-length" else second
    headers = [(name, first), (spelled(name), again)]

    answer = rig.say("POST", ACTION, *headers)

    assert (refusal(answer), rig.gateway.received) == (code, [])


@pytest.mark.parametrize(("first", "second"), [("2", "3"), ("3", "2"), ("2, 2", ""), ("-2", ""), ("2x", "")])
def test_a_length_that_can_be_read_two_ways_is_refused(rig: Rig, first: str, second: str) -> None:
    headers = [("content-length", value) for value in (first, second) if value]

    assert refusal(rig.say("POST", ACTION, *headers)) == SHAPE
    assert rig.gateway.received == []


def test_two_hosts_are_refused(rig: Rig) -> None:
    own = ("host", f"127.0.0.1:{rig.port}")

    for hosts in ((own, own), (own, ("host", "rebound.example")), (("host", "rebound.example"), own)):
        assert refusal(rig.say("GET", "/metrics/summary", *hosts)) in (SHAPE, SIDE_CHANNEL)
    assert rig.gateway.received == []


def test_a_header_that_signers_read_in_two_ways_is_refused(rig: Rig) -> None:
    answer = rig.say("POST", ACTION, ("x-identity-envelope", '{"principalId": "Zoë"}'), body=b"{}")

    assert (refusal(answer), rig.gateway.received) == ("security_invalid_identity_envelope", [])


# Targets


@pytest.mark.parametrize(
    "target",
    [
        "/production/../staging/metrics/summary",
        "/..",
        "/../",
        "/./metrics/summary",
        "/%2e%2e/staging/metrics/summary",
        "/.%2E/staging",
        "/%252e%252e/staging",
        "/%25252e./staging",
        "/..;/staging",
        "/..;x=1/staging",
        "/%2e%2e%3b/staging",
        "/..\\staging",
        "/a\\..\\staging",
        "/..%5cstaging",
        "/a%5C..%5Cstaging",
        "/..%2fstaging",
        "/workflow/requests/a%2F..%2Fb",
        "/..%20/staging",
        "/..%00/staging",
        "/..%09/staging",
        "//metrics/summary",
        "/metrics//summary",
        "//evil.example/metrics/summary",
        "/%25252525252541",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(rig: Rig, target: str) -> None:
    answer = rig.say("GET", target)

    assert (refusal(answer), rig.gateway.received) == (SHAPE, [])


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "http://127.0.0.1:3000/metrics/summary"),
        ("GET", "https://evil.example/metrics/summary"),
        ("CONNECT", "evil.example:443"),
        ("GET", "evil.example"),
        ("OPTIONS", "*"),
        ("GET", "?window=24h"),
        ("GET", "/metrics/summary#fragment"),
        ("GET", "/metrics/summary\x01"),
        ("GET", "/metrics/zoë"),
    ],
)
def test_a_target_that_is_no_path_is_refused(rig: Rig, method: str, target: str) -> None:
    answer = rig.say(method, target)

    assert (refusal(answer), rig.gateway.received) == (SHAPE, [])


@pytest.mark.parametrize(
    ("target", "sent"),
    [
        ("/workflow/requests/a%2Fb", "/workflow/requests/a%2Fb"),
        ("/workflow/requests/%41", "/workflow/requests/A"),
        ("/workflow/requests/%2541", "/workflow/requests/%2541"),
        ("/workflow/requests/...", "/workflow/requests/..."),
        ("/workflow/requests/a..b", "/workflow/requests/a..b"),
        ("/workflow/requests/a%5Cb", "/workflow/requests/a%5Cb"),
        ("/workflow/requests/%ff", "/workflow/requests/%FF"),
        ("/workflow/requests/100%25", "/workflow/requests/100%25"),
        ("/metrics/summary?window=24h&x=..%2F..&y=%ff", "/metrics/summary?window=24h&x=..%2F..&y=%FF"),
    ],
)
def test_what_is_an_id_stays_the_id_it_is(rig: Rig, target: str, sent: str) -> None:
    assert rig.say("GET", target).status == 200
    assert rig.gateway.last.target == sent
    assert rig.gateway.last.is_signed(KEY.get_frozen_credentials())


# An API that does not answer


class _Failing:
    """Credentials that cannot be had."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def get_frozen_credentials(self) -> Any:
        raise self._error


@pytest.mark.parametrize(
    "error",
    [
        TokenRetrievalError(provider="sso", error_msg="Token has expired and refresh failed"),
        RuntimeError("Credentials were refreshed, but the refreshed credentials are still expired."),
    ],
    ids=["sign-in ended", "still expired"],
)
def test_without_credentials_it_says_so(make_rig: MakeRig, error: Exception) -> None:
    answer = make_rig(credentials=_Failing(error)).say("GET", "/metrics/summary")

    assert refusal(answer) == UNAVAILABLE
    assert answer.body["message"].startswith("there are no AWS credentials to sign with")


def test_an_api_that_refuses_the_connection_is_unavailable(make_rig: MakeRig) -> None:
    answer = make_rig(url=f"http://127.0.0.1:{free_port()}").say("GET", "/metrics/summary")

    assert refusal(answer) == UNAVAILABLE
    assert answer.body["message"].startswith("the API does not answer")


def test_an_api_that_takes_too_long_is_unavailable(make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing_edge, "_TIMEOUT", 0.2)
    rig = make_rig()
    rig.gateway.delay_s = 1

    assert refusal(rig.say("GET", "/metrics/summary")) == UNAVAILABLE


def test_no_proxy_of_the_environment_sees_a_call(make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    rig = make_rig()

    assert Client(rig.edge.url).call("GET", "/metrics/summary").status == 200
    assert len(rig.gateway.received) == 1
