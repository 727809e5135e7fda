"""Tests that the client digests a request as the service does, and refuses what the service refuses."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handshake.core.errors import HandshakeError
from handshake.core.jsonio import parse
from handshake.requests.submission import parse_submission
from handshake_rail import ActionError, action_digest, canonical_action
from ops.openapi.vectors import VECTORS
from tests.support.metrics_events import NOW_MS
from tests.support.workflow_requests import a_body

KNOWN: Final = json.loads(VECTORS.read_text(encoding="utf-8"))
EXAMPLES: Final = int(os.environ.get("HANDSHAKE_DIGESTS", "1000"))
"""How many requests are made up: ten thousand in `make faults`."""

NUMBERS: Final = (
    st.integers(-(2**60), 2**60)
    | st.integers(2**53 - 2, 2**53 + 2)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([100, 100.0, 1e2, -0.0, 19.99, 1e21, 1e-7, 5e-324, 10**18, 10**20 + 1])
)
TEXTS: Final = st.text(max_size=6) | st.sampled_from(["OPS", " ops ", "Straße", "İ", "\x1cfood\u2003", "e\u0301", ""])
LEAVES: Final = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES: Final = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
FACTS: Final = {
    "payment": ("amount", "category", "maxTransaction", "dailySpendLimit", "allowedHours", "allowedCategories"),
    "data_access": ("sensitivity", "authorizedSensitiveScope"),
}


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """Make up a request whose ids are well-formed, and whose context and action are anything."""
    kind = draw(st.sampled_from(["payment", "data_access", "external_call", "other"]))
    named = st.sampled_from([*FACTS.get(kind, ()), "noise"])
    body = a_body(kind, context=draw(st.dictionaries(named, VALUES, max_size=4) | st.none()))
    body["tenantId"] = draw(st.sampled_from(["acme", "", None, "Ünïcode"]))
    if draw(st.booleans()):
        arguments = draw(st.dictionaries(named | TEXTS, VALUES, max_size=4) | st.none())
        members = {
            "operation": draw(st.sampled_from(["pay.transfer", "a b", "", "o" * 128])),
            "tool": draw(st.sampled_from(["bank/transfers", None, "ä"])),
            "toolVersion": draw(st.sampled_from(["2.1", None, " 2", "2\u200b"])),
            "resource": draw(st.sampled_from(["account:7", None, "e\u0301"])),
            "arguments": arguments,
        }
        left_out = draw(st.sets(st.sampled_from(list(members)), max_size=2))
        body["action"] = {name: value for name, value in members.items() if name not in left_out}
    return body


def _by_the_service(text: str) -> str | None:
    """Give the digest that the service has of a body, None where it is refused."""
    try:
        return parse_submission(parse(text, max_bytes=2**20), now_ms=NOW_MS).action_digest
    except HandshakeError:
        return None


def _by_the_client(body: Any) -> str | None:
    try:
        return action_digest(body)
    except ActionError:
        return None


@pytest.mark.parametrize("vector", KNOWN["digests"], ids=lambda vector: vector["name"])
def test_a_request_has_the_digest_that_the_vectors_say(vector: dict[str, str]) -> None:
    body = json.loads(vector["body"])

    assert canonical_action(body) == vector["canonical"]
    assert action_digest(body) == vector["actionDigest"]


@pytest.mark.parametrize(
    "vector", [row for row in KNOWN["refused"] if row["shownBy"] == "value"], ids=lambda vector: vector["name"]
)
def test_a_request_has_none_that_the_vectors_say_is_refused(vector: dict[str, str]) -> None:
    with pytest.raises(ActionError):
        action_digest(json.loads(vector["body"]))


@pytest.fixture(scope="module")
def made_up() -> list[str]:
    """Requests that were made up, each as JSON text."""
    texts: list[str] = []

    @settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
    @given(requests())
    def collect(body: dict[str, Any]) -> None:
        texts.append(json.dumps(body))

    collect()
    assert len(texts) >= EXAMPLES
    return texts


def test_client_and_service_agree_on_any_request(made_up: list[str]) -> None:
    digests = [(_by_the_client(json.loads(text)), _by_the_service(text)) for text in made_up]

    assert [pair for pair in digests if pair[0] != pair[1]] == []
    assert 0 < sum(digest is not None for digest, _ in digests) < len(digests), "some have one, and some are refused"


def test_the_typescript_client_agrees_on_any_request(typescript_client: Path, made_up: list[str]) -> None:
    """Each as that client sends it: to it, 1e20 and its digits are one number."""
    program = Path(__file__).with_name("digests.js")
    ran = subprocess.run(  # noqa: S603 - our own words
        ["node", program],  # noqa: S607 - from the PATH, as tests.support.node runs it
        input="\n".join(made_up), cwd=typescript_client, capture_output=True, text=True, check=True,
    )  # fmt: skip
    sent = [json.loads(line) for line in ran.stdout.strip().split("\n")]

    assert len(sent) == len(made_up)
    unlike = [
        (text, digest)
        for text, digest in sent
        if not digest == _by_the_service(text) == _by_the_client(json.loads(text))
    ]
    assert unlike == []


@pytest.mark.parametrize("unfit", [{"n": {1, 2}}, {"n": b"bytes"}, {"n": "\ud800"}, {"n": float("nan")}], ids=str)
def test_what_cannot_be_sent_has_no_digest(unfit: dict[str, Any]) -> None:
    with pytest.raises(ActionError):
        action_digest({**a_body("other"), "action": {"operation": "o", "arguments": unfit}})  # type: ignore[typeddict-item]  # that is the point


def test_what_goes_round_in_circles_has_no_digest() -> None:
    circle: dict[str, Any] = {}
    circle["again"] = circle

    with pytest.raises(ActionError):
        action_digest({**a_body("other"), "context": circle})  # type: ignore[typeddict-item]  # that is the point
