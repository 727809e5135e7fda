"""The edge's server: what is slow, silent, many or no HTTP costs no thread and is refused in the contract's words."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.local.http_server import Limits
from ops.local.signing_edge import SigningEdge
from tests.ops.local.conftest import MakeRig, Rig, started
from tests.ops.local.test_edge_access import SHAPE, UNAVAILABLE, refusal
from tests.support import raw_http
from tests.support.raw_http import hear

HASTY = Limits(head_s=0.3, body_s=0.3)


@contextlib.contextmanager
def connections(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Open ``count`` connections."""
    with contextlib.ExitStack() as opened:
        yield [opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10)) for _ in range(count)]


@pytest.mark.parametrize(
    "sent", [b"", b"GET /metrics", b"POST /x HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncontent-length: 9\r\n\r\n"]
)
def test_idle_and_slow_callers_cost_no_thread(rig: Rig, sent: bytes) -> None:
    before = threading.active_count()

    with connections(rig.port, 100) as opened:
        for connection in opened:
            connection.sendall(sent.replace(b"{}", str(rig.port).encode()))
        assert rig.say("GET", "/metrics/summary").status == 200
        during = threading.active_count()

    assert during - before <= 3  # one for the answer above, and the gateway's own


def test_calls_at_once_cost_a_bounded_number_of_threads(make_rig: MakeRig) -> None:
    rig = make_rig(limits=Limits(threads=4))
    rig.gateway.delay_s = 0.05

    with ThreadPoolExecutor(40) as callers:
        answers = list(callers.map(lambda _: rig.say("GET", "/metrics/summary").status, range(40)))

    assert answers == [200] * 40
    edges = [thread for thread in threading.enumerate() if "ThreadPoolExecutor" in thread.name]
    assert len(edges) <= 4


def test_a_connection_more_than_there_may_be_is_told_to_come_again(make_rig: MakeRig) -> None:
    rig = make_rig(limits=Limits(connections=5))

    with connections(rig.port, 5):
        while refusal(answer := rig.say("GET", "/metrics/summary")) != UNAVAILABLE:
            time.sleep(0.01)
    assert answer.headers["connection"] == "close"
    deadline = time.monotonic() + 5
    while rig.say("GET", "/metrics/summary").status != 200:
        assert time.monotonic() < deadline


def test_connections_beyond_all_bounds_are_dropped(make_rig: MakeRig) -> None:
    rig = make_rig(limits=Limits(connections=2))

    with connections(rig.port, 40) as opened:
        time.sleep(0.2)
        alive = 0
        for connection in opened:
            connection.settimeout(0.01)
            with contextlib.suppress(ConnectionError, TimeoutError):
                alive += bool(connection.recv(1))
    assert alive <= 2  # those who are told; the two that are served say nothing yet


def test_a_head_has_a_deadline_as_a_whole(make_rig: MakeRig) -> None:
    rig = make_rig(limits=HASTY)
    began = time.monotonic()

    with connections(rig.port, 1) as [connection]:
        connection.sendall(b"GET /metrics/summary HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - began < 1:
                connection.sendall(b"x-a: b\r\n")
                time.sleep(0.05)
        answer = hear(connection)

    assert refusal(answer) == SHAPE
    assert "head did not arrive within 0.3 s" in answer.body["message"]


def test_a_body_has_a_deadline_as_a_whole(make_rig: MakeRig) -> None:
    rig = make_rig(limits=HASTY)
    began = time.monotonic()

    with connections(rig.port, 1) as [connection]:
        head = raw_http.request(rig.port, "POST", "/policy/simulate", ("content-length", "1000"))
        connection.sendall(head)
        while time.monotonic() - began < 0.6:
            connection.sendall(b" ")
            time.sleep(0.05)
        answer = hear(connection)

    assert (refusal(answer), rig.gateway.received) == (SHAPE, [])
    assert "body did not arrive within 0.3 s" in answer.body["message"]


def test_who_does_not_read_the_answers_is_let_go(make_rig: MakeRig) -> None:
    rig = make_rig(limits=Limits(connections=1, head_s=0.3, body_s=0.3))
    rig.gateway.answer = b" " * 64_000_000

    with connections(rig.port, 1) as [connection]:
        connection.sendall(raw_http.request(rig.port, "GET", "/metrics/summary"))
        time.sleep(0.8)
        rig.gateway.answer = b"{}"
        assert rig.say("GET", "/metrics/summary").status == 200
        received = 0
        with contextlib.suppress(ConnectionError):
            while data := connection.recv(1_000_000):
                received += len(data)
    assert received < 64_000_000


def test_an_idle_connection_is_closed_without_a_word(make_rig: MakeRig) -> None:
    rig = make_rig(limits=HASTY)

    with connections(rig.port, 1) as [connection]:
        assert connection.recv(1) == b""


MALFORMED = {
    "no HTTP": b"hello\r\n\r\n",
    "HTTP/0.9": b"GET /metrics/summary\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/3.0": b"GET / HTTP/3.0\r\nhost: 127.0.0.1\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\nhost\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nhost : x\r\n\r\n",
    "a folded secret": b"GET / HTTP/1.1\r\n x-secret: hidden\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\nx-secret: hid\x00den\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "a method of signs": b"G(T / HTTP/1.1\r\nhost: x\r\n\r\n",
    "cut off": b"GET / HTTP/1.1\r\nhost: x",
    "a coding nobody knows": b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_http_is_refused_in_the_contracts_words(rig: Rig, data: bytes) -> None:
    with connections(rig.port, 1) as [connection]:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = hear(connection)

    assert (refusal(answer), rig.gateway.received) == (SHAPE, [])
    assert answer.headers["connection"] == "close"
    assert "hid" not in str(answer)


@settings(max_examples=100)
@given(noise=st.binary(min_size=1, max_size=200), ending=st.sampled_from([b"", b"\r\n\r\n", b" HTTP/1.1\r\n\r\n"]))
def test_no_bytes_whatever_break_it_or_reach_the_api(noisy: Rig, noise: bytes, ending: bytes) -> None:
    with connections(noisy.port, 1) as [connection]:
        connection.sendall(noise + ending)
        connection.shutdown(socket.SHUT_WR)
        assert refusal(hear(connection)) in (SHAPE, "security_side_channel_denied")
    assert noisy.gateway.received == []


@pytest.fixture(scope="module")
def noisy() -> Iterator[Rig]:
    """One edge for all examples."""
    with contextlib.ExitStack() as resources:
        yield started(resources)


@pytest.mark.parametrize("method", ["BREW", "TRACE", "get", "PROPFIND", "X" * 30])
def test_a_method_that_the_api_does_not_have_is_refused(rig: Rig, method: str) -> None:
    assert (refusal(rig.say(method, "/metrics/summary")), rig.gateway.received) == (SHAPE, [])


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_the_apis_methods_are_passed_on(rig: Rig, method: str) -> None:
    assert rig.say(method, "/metrics/summary", body=b"{}").status == 200
    assert (rig.gateway.last.method, rig.gateway.last.body) == (method, b"{}")


def test_head_is_answered_without_a_body_and_the_connection_goes_on(rig: Rig) -> None:
    with connections(rig.port, 1) as [connection]:
        for _ in range(3):
            connection.sendall(raw_http.request(rig.port, "HEAD", "/metrics/summary"))
            assert hear(connection).status == 200
    assert rig.say("HEAD", "//").body is None


def test_requests_may_follow_each_other_closely_and_refusals_end_the_connection(rig: Rig) -> None:
    good = raw_http.request(rig.port, "POST", "/policy/simulate", body=b"{}")
    bad = raw_http.request(rig.port, "POST", "//", body=b"GET /metrics/summary HTTP/1.1\r\n\r\n")

    with connections(rig.port, 1) as [connection]:
        connection.sendall(good + good + bad + good)
        with connection.makefile("rb") as stream:
            answers = stream.read()

    assert (answers.count(b"HTTP/1.1 200"), answers.count(b"HTTP/1.1 400")) == (2, 1)
    assert len(rig.gateway.received) == 2


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(rig: Rig) -> None:
    head = raw_http.request(rig.port, "POST", "/policy/simulate", ("expect", "100-continue"), ("content-length", "2"))

    with connections(rig.port, 1) as [connection]:
        connection.sendall(head)
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")
        connection.sendall(b"{}")
        assert hear(connection).status == 200
    assert rig.gateway.last.body == b"{}"


def test_a_client_that_would_rather_speak_another_protocol_is_answered_in_this(rig: Rig) -> None:
    upgrade = (("connection", "upgrade, http2-settings"), ("upgrade", "h2c"), ("http2-settings", "AAMAAABkAAQCAAAA"))

    with connections(rig.port, 1) as [connection]:
        for _ in range(2):
            connection.sendall(raw_http.request(rig.port, "GET", "/metrics/summary", *upgrade))
            assert hear(connection).status == 200


def test_a_body_is_refused_for_its_size_before_it_is_read(rig: Rig) -> None:
    fits = rig.say("POST", "/policy/simulate", body=b" " * 1024 * 1024)
    too_large = rig.say("POST", "/policy/simulate", body=b" " * (1024 * 1024 + 1))
    announced = rig.say("POST", "/policy/simulate", ("content-length", "9" * 18))

    assert (fits.status, refusal(too_large), refusal(announced)) == (200, SHAPE, SHAPE)
    assert len(rig.gateway.received) == 1


def test_a_body_in_chunks_is_refused(rig: Rig) -> None:
    chunked = rig.say("POST", "/policy/simulate", ("transfer-encoding", "chunked"))
    smuggled = rig.say("POST", "/policy/simulate", ("transfer-encoding", "chunked"), body=b"0\r\n\r\n")

    assert {refusal(chunked), refusal(smuggled)} == {SHAPE}
    assert rig.gateway.received == []


def test_a_head_is_refused_for_its_size(rig: Rig) -> None:
    answer = rig.say("GET", "/metrics/summary", ("x-more", "m" * 70_000))

    assert (refusal(answer), rig.gateway.received) == (SHAPE, [])
    assert answer.body["message"].startswith("the head is over")


def test_a_port_that_is_taken_is_noticed_before_anything_starts(rig: Rig) -> None:
    with pytest.raises(OSError, match="in use"):
        SigningEdge(rig.port)
