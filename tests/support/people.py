"""People who sign in: a user pool's key, its tokens, their records, and calls at their door."""

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from handshake.people.change import Grant, Switch
from handshake.people.change_person import change_person
from handshake.people.door import Door
from handshake.people.id_token import Audience
from handshake.people.pool_keys import PoolKeys
from handshake.people.standing import SCOPES, Identity, PersonRecord, PersonState
from tests.support.service import InProcess, Reply, unique

POOL: Final = Audience("https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Handshake", "page-client")
KEY_ID: Final = "id-key"
ALICE: Final = Identity(POOL.issuer, "alice")
BOB: Final = Identity(POOL.issuer, "bob")
OPERATOR: Final = "arn:aws:iam::000000000000:role/operator"


@cache
def pool_key(name: str = KEY_ID) -> RSAPrivateKey:
    """Give the private key of that name, the same for each test of a process."""
    del name
    return generate_private_key(public_exponent=65537, key_size=2048)


def encoded(raw: bytes) -> str:
    """Write base64url as a JWT has it."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def jwk(name: str = KEY_ID) -> dict[str, str]:
    """Give the public key of that name as a user pool publishes it."""
    numbers = pool_key(name).public_key().public_numbers()
    n, e = (encoded(number.to_bytes((number.bit_length() + 7) // 8)) for number in (numbers.n, numbers.e))
    return {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": name, "n": n, "e": e}


def jwk_set(*names: str) -> bytes:
    """Give a JWK set of keys of these names."""
    return json.dumps({"keys": [jwk(name) for name in names]}).encode()


def claims_of(identity: Identity, *, now_s: int | None = None, **changes: Any) -> dict[str, Any]:
    """Give the claims of an ID token of ``identity`` as the pool makes it, changed as asked."""
    now = int(time.time()) if now_s is None else now_s
    claims = {
        "iss": identity.issuer,
        "sub": identity.subject,
        "aud": POOL.client_id,
        "token_use": "id",
        "iat": now - 5,
        "auth_time": now - 60,
        "exp": now + 600,
        "cognito:username": "somebody",
        "cognito:groups": ["admins"],
        "custom:tenant": "a tenant that grants nothing",
        "email": "somebody@example.test",
    }
    return claims | changes


def signed(claims: Any, *, key: str = KEY_ID, header: Mapping[str, Any] | None = None) -> str:
    """Sign ``claims`` with the key of that name; ``header`` replaces members of the header."""
    head = {"alg": "RS256", "kid": key} | dict(header or {})
    text = f"{encoded(json.dumps(head).encode())}.{encoded(json.dumps(claims).encode())}"
    return f"{text}.{encoded(pool_key(key).sign(text.encode(), PKCS1v15(), SHA256()))}"


def token_of(identity: Identity, **changes: Any) -> str:
    """Give an ID token of ``identity``."""
    return signed(claims_of(identity, **changes))


def somebody() -> Identity:
    """Give the identity of a user of the pool who is nobody else."""
    return Identity(POOL.issuer, unique("subject"))


def with_people(service: InProcess) -> InProcess:
    """Give the same service with a door for people, in a process that remembers nobody."""
    return replace(service, settings={**service.settings, "people": new_door()})


def new_door() -> Door:
    """Make the door of the tests' pool."""
    return Door(POOL, PoolKeys(lambda: jwk_set(KEY_ID)))


def let_in(
    service: InProcess,
    identity: Identity,
    *,
    tenant: str | None = "acme",
    scopes: tuple[str, ...] = tuple(sorted(SCOPES)),
    principal: str | None = None,
) -> PersonRecord:
    """Give ``identity`` a record, as an operator does."""
    grant = Grant(principal or unique("person"), tenant, scopes, "they approve payments")
    return change_person(service.context, grant, identity, by=OPERATOR)


def switch(service: InProcess, identity: Identity, state: PersonState) -> PersonRecord:
    """Disable, enable or remove a person, as an operator does."""
    return change_person(service.context, Switch(state, "they left"), identity, by=OPERATOR)


def ask(
    service: InProcess,
    method: str,
    path: str,
    token: str | None,
    *,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Call a route of people's with ``token``."""
    given = {**({} if token is None else {"authorization": f"Bearer {token}"}), **(headers or {})}
    return service.send(method, f"/api{path}", headers=given, body=None if body is None else json.dumps(body))
