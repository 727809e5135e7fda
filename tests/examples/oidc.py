"""Runs an OpenID Connect issuer on loopback: discovery, keys, and tokens for codes, as a test changes them."""

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID: Final = "edge"
CLIENT_SECRET: Final = "known to the edge alone"
KEY: Final = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY: Final = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Oidc:
    """The issuer. ``claims`` change what its next tokens claim (None leaves one out), ``token`` replaces them."""

    url: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    key: Any = KEY
    kid: str = "key-1"
    token: str | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    keys_fetched: int = 0

    def authorize(self, target: str, subject: str = "ana-at-issuer") -> str:
        """Sign ``subject`` in, as its page would, and return where the browser is sent."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked | {"subject": subject}
        return f"{asked['redirect_uri']}?code={code}&state={asked['state']}"

    def id_token(self, asked: dict[str, str]) -> str:
        """Make the ID token of a login."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": asked["subject"],
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 600,
            "nonce": asked["nonce"],
            # What an edge that believed tokens would take.
            "scopes": ["workflow:resolve", "workflow:read:any"],
            "principalId": "root",
            **self.claims,
        }
        given = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(given, self.key, algorithm="RS256", headers={"kid": self.kid})

    def exchange(self, form: dict[str, str], credentials: str) -> tuple[int, dict[str, Any]]:
        """Give the token of a code, once, to who began the login."""
        asked = self.codes.pop(form.get("code", ""), None)
        secret = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if asked is None or credentials != f"Basic {secret}" or form["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        verifier = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(verifier).rstrip(b"=").decode() != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        return 200, {"id_token": self.token or self.id_token(asked), "token_type": "Bearer"}


@contextmanager
def oidc() -> Iterator[Oidc]:
    """Run one."""
    issuer = Oidc()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/jwks":
                issuer.keys_fetched += 1
                public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
                self._answer(200, {"keys": [public | {"kid": "key-1", "alg": "RS256", "use": "sig"}]})
            else:
                at = {name: f"{issuer.url}/{name}" for name in ("authorize", "token", "jwks")}
                endpoints = {"authorization_endpoint": at["authorize"], "token_endpoint": at["token"]}
                self._answer(200, {"issuer": issuer.url, "jwks_uri": at["jwks"], **endpoints})

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            given = {name: values[0] for name, values in form.items()}
            self._answer(*issuer.exchange(given, self.headers.get("authorization", "")))

        def _answer(self, status: int, body: Any) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        issuer.url = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield issuer
        server.shutdown()
