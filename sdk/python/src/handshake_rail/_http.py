"""Writes a call as HTTP, and reads what an answer comes to."""

import ipaddress
from typing import Any, Final

import httpx

from handshake_rail._call import Request
from handshake_rail.errors import NO_ANSWER, UNKNOWN, HandshakeError

TIMEOUT: Final = httpx.Timeout(30, connect=5)  # API Gateway itself gives up after 29 s
MAX_HEADERS_BYTES: Final = 10_240
"""API Gateway's own limit on all headers of a request, with names, separators, line ends and the signature."""


def is_loopback(base_url: str) -> bool:
    """Say whether calls stay on this machine, so that a proxy of the environment must not see them."""
    host = httpx.URL(base_url).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


class HeadersTooLargeError(Exception):
    """A signed request is not sent, because API Gateway would refuse it without a reason code."""


def ensure_headers_fit(request: httpx.Request) -> None:
    """Raise HeadersTooLargeError where all headers, signature included, are more than API Gateway takes."""
    sizes = {name.decode(): len(name) + len(value) + len(": \r\n") for name, value in request.headers.raw}
    if sum(sizes.values()) > MAX_HEADERS_BYTES:
        largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
        raise HeadersTooLargeError(
            f"the headers are {sum(sizes.values())} bytes together, over the {MAX_HEADERS_BYTES} allowed; the largest: "
            + ", ".join(f"{name} {sizes[name]}" for name in largest)
        )


async def ensure_headers_fit_async(request: httpx.Request) -> None:
    ensure_headers_fit(request)


def read(response: httpx.Response, request: Request, attempts: int) -> Any:
    """Give the body of a success. Raises HandshakeError for anything else."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if response.is_success and body is not None:
        return body
    fields = body if isinstance(body, dict) else {}
    raise HandshakeError(
        str(fields.get("reasonCode") or fields.get("error") or UNKNOWN),
        str(fields.get("message") or f"HTTP status {response.status_code} without an answer of the API"),
        status=response.status_code,
        correlation_id=response.headers.get("x-correlation-id", request.correlation_id),
        attempts=attempts,
        retry_after_s=_seconds(response.headers.get("retry-after", "")),
        body=fields,
    )


def not_sent(fault: HeadersTooLargeError, request: Request, attempts: int) -> HandshakeError:
    return HandshakeError(
        "trust_context_invalid_request_shape",
        str(fault),
        status=None,
        correlation_id=request.correlation_id,
        attempts=attempts - 1,
    )


def no_answer(fault: httpx.HTTPError, request: Request, attempts: int) -> HandshakeError:
    return HandshakeError(
        NO_ANSWER,
        f"{type(fault).__name__}: {fault}",
        status=None,
        correlation_id=request.correlation_id,
        attempts=attempts,
    )


def _seconds(text: str) -> float | None:
    """Give Retry-After in seconds, the only form this API sends."""
    return float(text) if text.isdecimal() else None
