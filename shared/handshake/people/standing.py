"""A person's record, and the envelope that is made from it (contract.md section 13).

A person is who an issuer says somebody is: its name and the subject. What they may do stands in a record that operators
keep, and in no claim of a token: what a claim says may be the user's own choice.
"""

from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Final

from handshake.core.errors import HandshakeError
from handshake.core.jsonio import digest
from handshake.core.reasons import ReasonCode
from handshake.trust.identity import (
    SCOPE_AGENTS_MANAGE,
    SCOPE_AGENTS_READ,
    SCOPE_READ_TENANT,
    SCOPE_RESOLVE,
    Envelope,
    SignIn,
)

SCOPES: Final = frozenset({SCOPE_READ_TENANT, SCOPE_RESOLVE, SCOPE_AGENTS_READ, SCOPE_AGENTS_MANAGE})
"""What a person may be given: the scopes that something behind their door asks for."""


class PersonState(StrEnum):
    """The states of a person's record. One that is removed stays, for its evidence, and is nobody's."""

    ACTIVE = auto()
    DISABLED = auto()
    REMOVED = auto()


@dataclass(frozen=True)
class Identity:
    """Names a person as their issuer does."""

    issuer: str
    subject: str

    @property
    def key(self) -> str:
        """Give what the keys of a person's record are made of: a digest, for both may be long and hold anything."""
        return digest([self.issuer, self.subject])


@dataclass(frozen=True)
class PersonRecord:
    """A person's record as it is stored. ``scopes`` are sorted; without a ``tenant_id`` it is of no tenant.

    ``changed_at_ms`` is epoch ms, ``changed_by`` the operator. ``version`` counts the changes; ``head`` is the digest
    of the last one's evidence.
    """

    identity: Identity
    principal_id: str
    tenant_id: str | None
    scopes: tuple[str, ...]
    state: PersonState
    reason: str
    changed_at_ms: int
    changed_by: str
    version: int
    head: str

    def envelope(self, sign_in: SignIn) -> Envelope:
        """Make the envelope of the person who has signed in: a human, with what the record says and no role."""
        return Envelope(
            principal_id=self.principal_id,
            subject_type="human",
            scopes=self.scopes,
            issuer=self.identity.issuer,
            tenant_id=self.tenant_id or "",
            sign_in=sign_in,
        )


def admitted(record: PersonRecord | None) -> PersonRecord:
    """Give the record of a person who may come in.

    Raises HandshakeError security_person_unknown without one, security_person_disabled where operators say so.
    """
    if record is None or record.state is PersonState.REMOVED:
        message = "You are signed in, and no operator has given you a record here."
        raise HandshakeError(ReasonCode.SECURITY_PERSON_UNKNOWN, message)
    if record.state is PersonState.DISABLED:
        raise HandshakeError(ReasonCode.SECURITY_PERSON_DISABLED, "An operator has disabled your record here.")
    return record
