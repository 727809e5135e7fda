"""The people's door: who comes in by an ID token of the stack's user pool, and by nothing else (contract.md 13).

API Gateway has looked at the token already. It is verified here again, with what the gateway does not look at, so that
whoever can invoke the function, or has set the gateway up wrongly, is nobody either.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from handshake.dynamo.context import Context
from handshake.people.admit import Roster, admit
from handshake.people.id_token import Audience, Verify, signed_in, take_apart
from handshake.people.pool_keys import PoolKeys, fetch_from
from handshake.people.standing import Identity, PersonRecord
from handshake.trust.identity import SignIn

_BEARER: Final = "bearer "


class Keys(Protocol):
    """The keys of the user pool, by their ids."""

    def verifier(self, key_id: str) -> Verify | None: ...


class Visitor(NamedTuple):
    """Somebody who has signed in, by a token that is good until ``expires_at_s`` (epoch s), and their record."""

    sign_in: SignIn
    expires_at_s: int
    record: PersonRecord


@dataclass(frozen=True)
class Door:
    """Admits people: by tokens for ``audience`` that ``keys`` verify, and records that ``roster`` remembers."""

    audience: Audience
    keys: Keys
    roster: Roster = field(default_factory=Roster)

    def admit(self, context: Context, authorization: str | None) -> Visitor:
        """Admit who shows an ID token in the header ``authorization``.

        Raises HandshakeError security_token_invalid, and as people.admit does.
        """
        given = authorization or ""
        token = given[len(_BEARER) :] if given.lower().startswith(_BEARER) else given
        taken = take_apart(token.strip())
        verify = self.keys.verifier(taken.key_id)
        sign_in, expires_at_s = signed_in(taken, verify, self.audience, now_s=context.now_ms() / 1000)
        return Visitor(sign_in, expires_at_s, admit(context, Identity(sign_in.issuer, sign_in.subject), self.roster))


def door_of(environment: Mapping[str, str]) -> Door:
    """Make the door of the user pool that a function's environment names."""
    region, pool = environment["AWS_REGION"], environment["USER_POOL_ID"]
    host = f"https://cognito-idp.{region}.{environment.get('URL_SUFFIX', 'amazonaws.com')}"
    audience = Audience(f"{host}/{pool}", environment["USER_POOL_CLIENT_ID"])
    # The AWS on one's own machine issues tokens under AWS's name, and keeps their keys where it is itself.
    local = environment.get("ENVIRONMENT") == "local"
    served_by = environment.get("AWS_ENDPOINT_URL", host) if local else host
    return Door(audience, PoolKeys(fetch_from(f"{served_by}/{pool}/.well-known/jwks.json")))
