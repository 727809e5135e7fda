"""Sign in at the local user pool's own page: the code flow with PKCE, as the page goes through it."""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import urllib3

from ops.local.settings import PAGE_ORIGIN
from ops.local.signing_edge import Upstream
from ops.local.stack import LocalStack
from tests.support.service import Reply

Tokens = Mapping[str, str]


def sign_in(stack: LocalStack, username: str, password: str, *, new_password: str | None = None) -> Tokens:
    """Give the tokens of ``username``, who is asked for a new password where theirs is good for one time."""
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {
        "response_type": "code",
        "client_id": stack.outputs["UserPoolClientId"],
        "redirect_uri": f"{PAGE_ORIGIN}/",
        "scope": "openid",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    # The emulator answers who has a key of this run: any key, for its pool's page asks for no leave.
    pool = Upstream(stack.endpoint_url, credentials=stack.stranger, region=stack.region)
    page = pool.send("GET", f"/oauth2/authorize?{urlencode(asked)}", headers={}, body=b"")
    answer = _post(pool, "/login", _fields(page) | {"username": username, "password": password})
    if new_password is not None:
        chosen = {"new_password": new_password, "confirm_password": new_password}
        answer = _post(pool, "/login", _fields(answer) | chosen)
    assert answer.status == 302, answer.data
    [code] = parse_qs(urlsplit(answer.headers["location"]).query)["code"]
    shown = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
    given = {"client_id": asked["client_id"], "redirect_uri": asked["redirect_uri"], **shown}
    answer = _post(pool, "/oauth2/token", given)
    assert answer.status == 200, answer.data
    tokens: Tokens = json.loads(answer.data)
    return tokens


def call_people(stack: LocalStack, method: str, path: str, token: str | None, *, body: Any = None) -> Reply:
    """Call the people's API as deployed, with a token and without a signature."""
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
    sent = None if body is None else json.dumps(body).encode()
    answer = urllib3.request(method, f"{stack.people_url}/api{path}", headers=headers, body=sent, retries=False)
    names = {name.lower(): value for name, value in answer.headers.items()}
    return Reply(answer.status, names, json.loads(answer.data))


def _post(pool: Upstream, path: str, fields: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
    form = {"content-type": "application/x-www-form-urlencoded"}
    return pool.send("POST", path, headers=form, body=urlencode(fields).encode())


def _fields(page: urllib3.BaseHTTPResponse) -> dict[str, str]:
    """Give the hidden fields of the form that a page shows."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.data.decode())
    assert found, page.data
    return dict(found)
