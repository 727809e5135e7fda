"""Tests which refusals are sent again, and how."""

import re
import socket
import threading
from typing import Final

import httpx
import pytest

from handshake.core.reasons import REGISTRY
from handshake_rail import NEVER, NO_ANSWER, UNKNOWN, Handshake, HandshakeError, Retry, models
from handshake_rail._call import Call, Operation
from handshake_rail._generated.operations import OPERATIONS
from tests.sdk.conftest import Connect
from tests.sdk.doubles import Clock, Script, ok, refusal
from tests.support.service import InProcess, escalated, own, token
from tests.support.store import paused

REJECT: models.DecisionAction = {"requestId": "one", "action": "reject"}


def _unavailable(seconds: int = 1) -> httpx.Response:
    return refusal("adapter_store_unavailable", 503, headers={"retry-after": str(seconds)})


def test_what_should_be_retried_is_until_it_succeeds(connect: Connect, clock: Clock) -> None:
    script = Script([_unavailable(), _unavailable(), ok({"status": "ok"})])

    assert connect(script).resolve_request(REJECT)["status"] == "ok"
    assert (len(script.requests), clock.waits) == (3, [1, 1])


def test_every_attempt_is_the_same_call(connect: Connect, service: InProcess) -> None:
    script = Script([_unavailable()])
    client = connect(script, trust_token=lambda: token(service))

    for call in (
        lambda: client.resolve_request(REJECT),
        lambda: client.apply_policy({"scope": "global", "policyVersion": "v1"}),
    ):
        script.requests.clear()
        with pytest.raises(HandshakeError):
            call()
        assert len(script.requests) == 4
        for header in ("x-idempotency-key", "x-internal-trust-context", "x-correlation-id"):
            assert len(set(script.sent(header))) == 1
        assert len({request.content for request in script.requests}) == 1


def test_attempts_are_bounded_and_counted(connect: Connect, clock: Clock) -> None:
    with pytest.raises(HandshakeError) as refused:
        connect(Script([_unavailable()]), retry=Retry(attempts=3)).get_metrics_summary()

    assert (refused.value.attempts, len(clock.waits)) == (3, 2)
    assert (refused.value.retryable, refused.value.retry_after_s) == (True, 1)


def test_waits_double_with_jitter_up_to_a_bound(connect: Connect, clock: Clock) -> None:
    script = Script([refusal("adapter_store_unavailable", 503)])

    with pytest.raises(HandshakeError):
        connect(script, retry=Retry(attempts=7, base_s=1, max_wait_s=8)).get_metrics_summary()

    bounds = (1, 2, 4, 8, 8, 8)
    assert len(clock.waits) == len(bounds)
    assert all(bound / 2 <= wait <= bound for wait, bound in zip(clock.waits, bounds, strict=True))


def test_a_service_that_asks_for_too_long_is_left_alone(connect: Connect, clock: Clock) -> None:
    with pytest.raises(HandshakeError) as refused:
        connect(Script([_unavailable(seconds=11)])).get_metrics_summary()

    assert (refused.value.attempts, refused.value.retry_after_s, clock.waits) == (1, 11, [])


@pytest.mark.parametrize("code", sorted(REGISTRY))
def test_the_registry_says_what_is_retried(connect: Connect, code: str) -> None:
    script = Script([refusal(code, REGISTRY[code].status)])

    with pytest.raises(HandshakeError) as refused:
        connect(script).resolve_request(REJECT)

    known, error = REGISTRY[code], refused.value
    assert len(script.requests) == (4 if code.startswith("adapter_") else 1)
    assert (error.family, error.response_class, error.retry) == (known.family, known.response_class, known.retry)


def test_a_code_newer_than_the_client_is_not_retried(connect: Connect) -> None:
    script = Script([refusal("adapter_of_tomorrow", 503, responseClass="retryable")])

    with pytest.raises(HandshakeError) as refused:
        connect(script).get_metrics_summary()

    assert (len(script.requests), refused.value.retry, refused.value.response_class) == (1, "do_not_retry", "retryable")


def test_never_sends_once(connect: Connect) -> None:
    script = Script([_unavailable()])

    with pytest.raises(HandshakeError):
        connect(script, retry=NEVER).get_metrics_summary()

    assert len(script.requests) == 1


LOST: Final = [
    httpx.ConnectError("refused"),
    httpx.RemoteProtocolError("Server disconnected without sending a response."),
    httpx.ReadError("reset"),
    httpx.WriteError("broken pipe"),
]
ONCE: Final = {"applyPolicy", "putAgent", "registerTools", "revokeRequest"}
"""Operations whose repetition would be a second one, or that would not be told what the first came to."""
MAYBE_AT_IT: Final = [httpx.ReadTimeout("slow"), httpx.WriteTimeout("slow"), httpx.ConnectTimeout("slow")]


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_a_lost_connection_is_followed_by_another_attempt_where_that_can_do_no_harm(
    connect: Connect, clock: Clock, operation: Operation, fault: httpx.HTTPError
) -> None:
    script = Script([fault, ok({})])
    call = Call(operation, path=dict.fromkeys(re.findall(r"{(\w+)}", operation.path), "one"))

    if operation.id in ONCE:
        with pytest.raises(HandshakeError):
            connect(script)._send(call)
    else:
        connect(script)._send(call)

    assert len(script.requests) == (1 if operation.id in ONCE else 2)
    assert len(set(script.sent("x-idempotency-key"))) == 1
    assert len(clock.waits) == len(script.requests) - 1


@pytest.mark.parametrize("fault", MAYBE_AT_IT, ids=lambda fault: type(fault).__name__)
def test_a_call_that_nobody_answers_in_time_is_not_sent_again(connect: Connect, fault: httpx.HTTPError) -> None:
    script = Script([fault])

    with pytest.raises(HandshakeError) as unanswered:
        connect(script).resolve_request(REJECT, correlation_id="call-8")

    error = unanswered.value
    assert (error.reason_code, error.status, error.retry, error.response_class) == (
        NO_ANSWER,
        None,
        "do_not_retry",
        "unknown",
    )
    assert (len(script.requests), error.correlation_id, error.attempts) == (1, "call-8", 1)
    assert error.__cause__ is fault


def test_who_never_answers_is_asked_a_bounded_number_of_times(connect: Connect) -> None:
    script = Script([httpx.ConnectError("refused")])

    with pytest.raises(HandshakeError) as unanswered:
        connect(script).get_metrics_summary()

    assert (unanswered.value.reason_code, unanswered.value.attempts) == (NO_ANSWER, 4)


def test_a_server_that_closes_an_idle_connection_is_asked_again() -> None:
    """As a load balancer does it: the first answer is kept alive, and the connection is gone at the next call."""
    body = b"{}"
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n" + body
    served = []

    def serve(listener: socket.socket) -> None:
        for _ in range(2):
            with listener.accept()[0] as connection:
                while request := connection.recv(65536):
                    served.append(request)
                    if len(served) == 2:
                        break  # reads the second call of the connection, and closes without an answer
                    connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,), daemon=True)
        server.start()
        with Handshake(f"http://127.0.0.1:{listener.getsockname()[1]}", retry=Retry(base_s=0.01)) as client:
            client.get_metrics_summary()
            client.get_metrics_summary()
        server.join()  # while its port is still there: an accept on a closed one is an error of whatever test runs next

    assert len(served) == 3


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(502, text="<html>Bad Gateway</html>"),
        httpx.Response(200, text="<html>Welcome</html>"),
        httpx.Response(302, headers={"location": "http://elsewhere.test"}),
        httpx.Response(403, json={"message": "Forbidden"}),
        httpx.Response(500, json=["not", "an", "object"]),
    ],
)
def test_an_answer_that_is_not_the_apis_is_unknown(connect: Connect, answer: httpx.Response) -> None:
    script = Script([answer])

    with pytest.raises(HandshakeError) as unknown:
        connect(script).get_metrics_summary()

    error = unknown.value
    assert (error.reason_code, error.response_class, error.status) == (UNKNOWN, "unknown", answer.status_code)
    assert len(script.requests) == 1


def test_a_paused_service_is_asked_again_and_keeps_the_key(connect: Connect, service: InProcess, clock: Clock) -> None:
    request = escalated(service)
    client = connect(service, envelope=own(request))
    action: models.DecisionAction = {"requestId": request["requestId"], "action": "approve"}

    with paused(service), pytest.raises(HandshakeError) as refused:
        client.resolve_request(action, idempotency_key="one-key")
    approved = client.resolve_request(action, idempotency_key="one-key")

    assert (refused.value.reason_code, refused.value.attempts) == ("adapter_privileged_mutations_paused", 4)
    assert clock.waits == [refused.value.retry_after_s] * 3
    assert approved["reasonCode"] == "hitl_approved"
