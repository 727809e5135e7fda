"""The user pool's keys: read over HTTP within bounds, remembered, and read again no oftener than they may be."""

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from handshake.core.errors import StoreUnavailableError
from handshake.people.pool_keys import MAX_AGE_S, REREAD_AFTER_S, RETRY_AFTER_S, PoolKeys, fetch_from
from tests.support.people import KEY_ID, jwk, jwk_set

UNKNOWN: Final = [f"unknown-{number}" for number in range(50)]


class Source:
    """A pool whose set of keys can be exchanged, and its clock."""

    def __init__(self, *names: str) -> None:
        self.text = jwk_set(*names)
        self.asked, self.now_s = 0, 0.0
        self.keys = PoolKeys(self.fetch, clock=lambda: self.now_s)

    def fetch(self) -> bytes:
        self.asked += 1
        return self.text


def test_the_keys_are_read_once_an_hour() -> None:
    pool = Source(KEY_ID)
    for at in (0.0, 1.0, MAX_AGE_S):
        pool.now_s = at
        assert pool.keys.verifier(KEY_ID)
    assert pool.asked == 1

    pool.now_s = MAX_AGE_S + 1
    assert pool.keys.verifier(KEY_ID)
    assert pool.asked == 2


def test_a_new_key_is_looked_for_at_once_and_never_in_a_hurry() -> None:
    pool = Source(KEY_ID)
    pool.keys.verifier(KEY_ID)
    pool.text = jwk_set(KEY_ID, "next")

    pool.now_s = REREAD_AFTER_S + 1
    assert pool.keys.verifier("next")
    assert [pool.keys.verifier(name) for name in UNKNOWN] == [None] * len(UNKNOWN)
    assert pool.asked == 2


@pytest.mark.parametrize("age_s", [None, REREAD_AFTER_S + 1, MAX_AGE_S + 1])
def test_a_pool_that_cannot_be_read_is_asked_now_and_then_whoever_asks(age_s: float | None) -> None:
    """By a process that has no keys yet, by one that has, and by one whose keys are too old."""
    pool = Source(KEY_ID)
    good = pool.text
    if age_s is not None:
        pool.keys.verifier(KEY_ID)
        pool.now_s = age_s
    pool.text, before = b"", pool.asked

    for name in UNKNOWN:
        with pytest.raises(StoreUnavailableError):
            pool.keys.verifier(name)
    assert pool.asked == before + 1
    if age_s == REREAD_AFTER_S + 1:
        assert pool.keys.verifier(KEY_ID), "what was read within the hour holds"
    else:
        with pytest.raises(StoreUnavailableError):
            pool.keys.verifier(KEY_ID)

    pool.text, pool.now_s = good, pool.now_s + RETRY_AFTER_S + 1
    assert pool.keys.verifier("next") is None
    assert pool.keys.verifier(KEY_ID)
    assert pool.asked == before + 2


def test_a_key_that_the_pool_has_dropped_verifies_nothing_any_more() -> None:
    pool = Source(KEY_ID, "next")
    assert pool.keys.verifier(KEY_ID)

    pool.text, pool.now_s = jwk_set("next"), MAX_AGE_S + 1
    assert pool.keys.verifier(KEY_ID) is None


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"keys": 7}', b'{"keys": [{}]}', b'{"keys": ["k"]}', b"\xff"])
def test_what_is_no_set_of_keys_is_an_outage_and_no_refusal(text: bytes) -> None:
    pool = Source(KEY_ID)
    pool.text = text

    with pytest.raises(StoreUnavailableError):
        pool.keys.verifier(KEY_ID)


def test_a_weak_key_or_another_exponent_verifies_nothing() -> None:
    pool = Source(KEY_ID)
    weak = jwk() | {"kid": "weak", "n": "w" * 100}
    three = jwk() | {"kid": "three", "e": "Aw"}
    pool.text = str({"keys": [weak, three, jwk()]}).replace("'", '"').encode()

    assert pool.keys.verifier("weak") is None
    assert pool.keys.verifier("three") is None
    assert pool.keys.verifier(KEY_ID)


@contextmanager
def serving(answer: Callable[[Any], None]) -> Iterator[str]:
    """Serve GET on loopback by ``answer``; yields the URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/keys"
        finally:
            server.shutdown()


def _send(handler: Any, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def test_the_set_is_fetched() -> None:
    with serving(lambda handler: _send(handler, 200, jwk_set(KEY_ID))) as url:
        assert PoolKeys(fetch_from(url)).verifier(KEY_ID)


@pytest.mark.parametrize(
    "answer",
    [
        lambda handler: _send(handler, 404, jwk_set(KEY_ID)),
        lambda handler: _send(handler, 302, b"", location="https://evil.example/jwks.json"),
        lambda handler: _send(handler, 200, jwk_set(KEY_ID) + b" " * 100_000),
        lambda handler: handler.connection.close(),
    ],
    ids=["not found", "sent elsewhere", "too long", "cut off"],
)
def test_an_answer_that_is_not_the_set_is_an_outage(answer: Callable[[Any], None]) -> None:
    with serving(answer) as url, pytest.raises(StoreUnavailableError):
        PoolKeys(fetch_from(url)).verifier(KEY_ID)
