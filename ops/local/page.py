"""Give the files of the people's page, and the headers that they go out with, here and behind CloudFront alike."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final, TypedDict
from urllib.parse import urlsplit

from ops.local.http_server import Response
from ops.local.settings import ROOT

PAGE: Final = ROOT / "room" / "page"
SIGN_IN: Final = "signin.json"
"""The one file that differs from stack to stack: where its people sign in."""
INDEX: Final = "index.html"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
# Asked for anew each time, which costs a line where nothing has changed: no browser mixes two releases of the page.
CACHE_CONTROL: Final = "no-cache"
_CONTENT_SECURITY_POLICY: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}


class SignIn(TypedDict):
    """Says where people sign in: the pool's app client, and the URLs of its endpoints."""

    clientId: str
    authorize: str
    token: str
    logout: str


@dataclass(frozen=True)
class PageFile:
    """A file of the page, as it is served or uploaded."""

    body: bytes
    content_type: str


def page_files(sign_in: SignIn | None) -> dict[str, PageFile]:
    """Give every file of the page by its name; without ``sign_in`` nobody can sign in there."""
    files = {path.name: PageFile(path.read_bytes(), _type_of(path)) for path in sorted(PAGE.iterdir())}
    if sign_in is not None:
        files[SIGN_IN] = PageFile(json.dumps(sign_in).encode(), _TYPES[".json"])
    return files


def security_headers(*token_origins: str) -> Mapping[str, str]:
    """Give the headers of each answer that is of the page; it may call its own origin and ``token_origins``.

    Strict-Transport-Security is CloudFront's to add: on loopback there is no TLS.
    """
    directives = dict(_CONTENT_SECURITY_POLICY)
    directives["connect-src"] = " ".join((directives["connect-src"], *token_origins))
    return {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in directives.items()),
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }


def answer_page(method: str, target: str, sign_in: SignIn | None) -> Response:
    """Answer a call for a file of the page: the names are those of its folder, so no path leads out of it."""
    headers = [*security_headers(*_origins(sign_in)).items(), ("cache-control", CACHE_CONTROL)]
    if method not in ("GET", "HEAD"):
        return Response(HTTPStatus.METHOD_NOT_ALLOWED, [*headers, ("allow", "GET, HEAD")], b"")
    name = target.partition("?")[0].removeprefix("/") or INDEX
    file = page_files(sign_in).get(name)
    if file is None:
        return Response(HTTPStatus.NOT_FOUND, [*headers, ("content-type", "text/plain")], b"There is no such file.\n")
    return Response(HTTPStatus.OK, [*headers, ("content-type", file.content_type)], file.body)


def _type_of(path: Path) -> str:
    return _TYPES[path.suffix]


def _origins(sign_in: SignIn | None) -> list[str]:
    """Give the origin that tokens come from, where it is not the page's own: then their URL is a path."""
    parts = urlsplit(sign_in["token"]) if sign_in else None
    return [f"{parts.scheme}://{parts.netloc}"] if parts and parts.netloc else []
