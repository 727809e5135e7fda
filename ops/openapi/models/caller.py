"""Who calls, and why a call was refused (contract.md sections 1 and 2)."""

from typing import Annotated, Literal, NotRequired

from typing_extensions import TypedDict

from handshake.core.text import MAX_ID_LENGTH
from handshake.trust.token import _MIN_JTI_LENGTH as MIN_JTI_LENGTH
from handshake.trust.token import AUDIENCE, ISSUER, SUBJECT
from ops.openapi.models.common import Id, ResponseClass, at_most, closed_object, one_of, open_object


@closed_object
class IdentityEnvelope(TypedDict):
    """What x-identity-envelope holds, as JSON. Texts are trimmed; roles and scopes are sets."""

    principalId: Id
    subjectType: NotRequired[Literal["human", "service", "agent"]]
    roles: NotRequired[list[Id]]
    scopes: NotRequired[list[Id]]
    issuer: NotRequired[Id]
    sessionId: NotRequired[Id]
    tenantId: NotRequired[Id]


@open_object
class TrustClaims(TypedDict):
    """What the token in x-internal-trust-context claims. Its times are epoch seconds."""

    iss: Annotated[str, one_of([ISSUER])]
    aud: Annotated[str, one_of([AUDIENCE])]
    sub: Annotated[str, one_of([SUBJECT])]
    iat: float
    exp: float
    jti: Annotated[str, at_most(MAX_ID_LENGTH, at_least=MIN_JTI_LENGTH)]
    principalId: NotRequired[Id]
    traceId: NotRequired[Id]


@closed_object
class Refusal(TypedDict):
    """Why a call was refused. ``reasonCode`` and ``responseClass`` are for programs, ``message`` is for people."""

    status: Literal["error"]
    error: str
    """The same as ``reasonCode``."""
    reasonCode: str
    responseClass: ResponseClass
    message: str
