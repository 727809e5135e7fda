"""Shapes of the identity envelope and of the trust token's claims (contract.md section 2)."""

from typing import Annotated, NotRequired, TypedDict

from handshake.core.shapes import ID_PATTERN, Id, Schema, closed
from handshake.core.text import MAX_ID_LENGTH
from handshake.trust.identity import SubjectType
from handshake.trust.token import AUDIENCE, ISSUER, MIN_JTI_LENGTH, SUBJECT, TOOLS_SUBJECT


@closed
class IdentityEnvelope(TypedDict):
    """Asserts, as the JSON of x-identity-envelope, who is asking.

    Texts are trimmed, and then each is a NewId; roles and scopes are sets.
    """

    principalId: Id
    subjectType: NotRequired[SubjectType]
    roles: NotRequired[list[Id]]
    scopes: NotRequired[list[Id]]
    issuer: NotRequired[Id]
    sessionId: NotRequired[Id]
    tenantId: NotRequired[Id]


class TrustClaims(TypedDict):
    """Claims of the token in x-internal-trust-context. Its times are epoch seconds."""

    iss: Annotated[str, Schema(enum=[ISSUER])]
    aud: Annotated[str, Schema(enum=[AUDIENCE])]
    sub: Annotated[str, Schema(enum=[SUBJECT, TOOLS_SUBJECT])]
    iat: float
    exp: float
    jti: Annotated[str, Schema(minLength=MIN_JTI_LENGTH, maxLength=MAX_ID_LENGTH, pattern=ID_PATTERN)]
    principalId: NotRequired[Id]
    traceId: NotRequired[Id]
    bodySha256: NotRequired[
        Annotated[str, Schema(pattern="^[0-9a-f]{64}$"), "SHA-256 of the body's bytes, which no other body then has."]
    ]
    stack: NotRequired[Annotated[str, Schema(minLength=1), "The stack's name: no other stack then takes the token."]]
