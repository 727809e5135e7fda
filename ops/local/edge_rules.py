"""Decide what a signing edge signs, and what it passes on."""

import json
import re
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, unquote_to_bytes, urlencode

from handshake.core.reasons import ReasonCode
from ops.local.http_server import LIMITS, Refusal, Request
from ops.local.settings import ROOT

ENVELOPE: Final = "x-identity-envelope"
TOKEN: Final = "x-internal-trust-context"  # noqa: S105 - what a header is called
SIDE_CHANNEL: Final = ReasonCode.SECURITY_SIDE_CHANNEL_DENIED

_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_CODES: Final = {
    ENVELOPE: ReasonCode.SECURITY_INVALID_IDENTITY_ENVELOPE,
    TOKEN: ReasonCode.SECURITY_INVALID_INTERNAL_TRUST_CONTEXT,
}
# "." and "..", with what some servers cut off: space, control characters and path parameters.
_DOT_SEGMENT: Final = re.compile(r"[\s\x00-\x1f]*\.\.?[\s\x00-\x1f]*(;.*)?", re.DOTALL)
_DECODINGS: Final = 4  # more layers than servers in a row would take off


@dataclass(frozen=True, slots=True)
class Access:
    """Says who may use an edge: whoever shows ``token``, if there is one; and whether callers may bring envelopes."""

    token: str | None
    callers_envelopes: bool


OPEN: Final = Access(token=None, callers_envelopes=True)
"""For a stack of toy data on this machine: any of its processes may call, as anybody."""


def refusal_of(request: Request, *, port: int, access: Access) -> Refusal | None:
    """Return why the edge on ``port`` must not sign ``request``, or None. The body is not looked at.

    A browser would let any page it shows reach loopback. Such a request names the page's own host (DNS rebinding), or
    carries Origin or Sec-Fetch-Site; the address bar and command-line tools send neither.
    """
    given = Counter(name for name, _ in request.headers)
    headers = dict(request.headers)
    if "origin" in given or any(value != "none" for name, value in request.headers if name == "sec-fetch-site"):
        return Refusal(SIDE_CHANNEL, "this edge serves tools on its own machine, not web pages")
    if headers.get("host") not in (f"127.0.0.1:{port}", f"localhost:{port}"):
        return Refusal(SIDE_CHANNEL, "this edge answers to its own loopback address alone")
    return (
        _unproven(headers.get("authorization"), given, access)
        or ambiguous(request, given)
        or unreadable(request, headers)
        or _impersonating(given, access)
    )


def passed_on(request: Request) -> dict[str, str]:
    """Return the headers that go on to the API, of those that the caller sent."""
    return {name: value for name, value in request.headers if _goes_on(name)}


def needs_envelope(request: Request) -> bool:
    """Say whether the OpenAPI document says that this route takes an identity envelope (contract section 8)."""
    path = canonical(request.target).partition("?")[0]
    return any(method == request.method and resource.fullmatch(path) for method, resource in _enveloped_routes())


def canonical(target: str) -> str:
    """Encode the target, a path with an optional query, as SigV4 does, so that both sides sign the same text.

    Bytes stay what they are, UTF-8 or not.
    """
    path, _, query = target.partition("?")
    path = "/".join(quote(unquote_to_bytes(segment), safe="-_.~") for segment in path.split("/"))
    pairs = parse_qsl(query, keep_blank_values=True, encoding="latin-1")
    return f"{path}?{urlencode(pairs, quote_via=quote, safe='-_.~', encoding='latin-1')}" if pairs else path


def code_of_oversize(headers: Mapping[str, str], limits: Mapping[str, int]) -> ReasonCode:
    """Return the code of a refusal for size: a header's own where it is over its own limit, else the request's."""
    over = (_CODES[name] for name, limit in limits.items() if len(headers.get(name, "")) > limit)
    return next(over, ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE)


def _unproven(authorization: str | None, given: Counter[str], access: Access) -> Refusal | None:
    if access.token is None:
        return None
    if authorization is None:
        return Refusal(
            ReasonCode.SECURITY_MISSING_AUTHORIZATION_HEADER, "show this edge's token as `Authorization: Bearer`"
        )
    scheme, _, token = authorization.partition(" ")
    same = secrets.compare_digest(token.strip().encode(), access.token.encode())
    if given["authorization"] > 1 or scheme.lower() != "bearer" or not same:
        return Refusal(ReasonCode.SECURITY_TOKEN_INVALID, "this is not the token of this edge")
    return None


def ambiguous(request: Request, given: Counter[str]) -> Refusal | None:
    """Return why two readers of the head could disagree on what is asked."""
    if not request.target.startswith("/") or "#" in request.target:
        return _shape("the target of a request must be a path, with or without a query")
    if not _is_plain(request.target.partition("?")[0]):
        return _shape("a path may have no empty segment, and no dot segment in any spelling")
    for name, value in request.headers:
        if not _goes_on(name):
            continue
        code = _CODES.get(name, ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE)
        if given[name] > 1 and name != "accept":  # which is a list, and may be given in parts
            return Refusal(code, f"{name} is given twice")
        if not value.isascii():
            return Refusal(code, f"{name} is not ASCII: write other characters of JSON as \\u escapes")
    return None


def unreadable(request: Request, headers: Mapping[str, str]) -> Refusal | None:
    """Return why the API could not take the request as it is framed, or None."""
    if request.method not in _METHODS:
        return _shape("the API has no such method")
    if "transfer-encoding" in headers:
        return _shape("send the body with a content-length")
    if int(headers.get("content-length", "0")) > LIMITS.body_bytes:
        return _shape(f"the body is over {LIMITS.body_bytes} bytes")
    return None


def _impersonating(given: Counter[str], access: Access) -> Refusal | None:
    if ENVELOPE in given and not access.callers_envelopes:
        return Refusal(
            ReasonCode.SECURITY_IDENTITY_SUBJECT_MISMATCH,
            "this edge calls as its own operator and takes no envelope of a caller's",
        )
    return None


def _is_plain(path: str) -> bool:
    """Say whether every reader of ``path`` finds the same segments in it, however often it decodes."""
    *segments, _ = path.removeprefix("/").split("/")  # the last may be empty: a trailing slash
    if not all(segments):
        return False
    for _ in range(_DECODINGS):
        if any(_DOT_SEGMENT.fullmatch(segment) for segment in re.split(r"[/\\]", path)):
            return False
        decoded = unquote(path)
        if decoded == path:
            return True
        path = decoded
    return False


def _goes_on(name: str) -> bool:
    return name in ("accept", "content-type", "user-agent") or (
        name.startswith("x-") and not name.startswith(("x-amz", "x-forwarded"))
    )


@cache
def _enveloped_routes() -> tuple[tuple[str, re.Pattern[str]], ...]:
    paths = json.loads((ROOT / "openapi" / "handshake.json").read_text())["paths"]
    return tuple(
        (method.upper(), re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(resource))))
        for resource, operations in paths.items()
        for method, operation in operations.items()
        if any("identityEnvelope" in schemes for schemes in operation.get("security", ()))
    )


def _shape(message: str) -> Refusal:
    return Refusal(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, message)
