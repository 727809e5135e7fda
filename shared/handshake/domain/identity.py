"""The identity envelope: who is asking, as the trusted edge asserts it (contract.md section 2)."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from handshake.domain.errors import HandshakeError
from handshake.domain.jsonio import BadJsonError, parse
from handshake.domain.reasons import ReasonCode
from handshake.domain.text import MAX_ID_LENGTH, has_control_characters

MAX_ENVELOPE_BYTES: Final = 4096

SCOPE_READ_ANY: Final = "workflow:read:any"
SCOPE_READ_TENANT: Final = "workflow:read:tenant"
SCOPE_RESOLVE: Final = "workflow:resolve"
ROLE_ADMIN: Final = "admin"


def _name(value: str) -> str:
    trimmed = value.strip()
    if not trimmed or len(trimmed) > MAX_ID_LENGTH or has_control_characters(trimmed):
        raise ValueError("not a name")
    return trimmed


Name = Annotated[str, AfterValidator(_name)]
NameSet = Annotated[list[Name], AfterValidator(lambda names: sorted(set(names)))]


class Envelope(BaseModel):
    """A principal with its tenant, roles and scopes. Strings are trimmed; roles and scopes sorted sets.

    Only ``principalId`` must be given. What is left out grants nothing: without ``subjectType`` nobody is
    human, without scopes nothing wider than one's own requests can be read.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", alias_generator=to_camel, defer_build=True)

    principal_id: Name
    subject_type: Literal["human", "service", "agent"] = "agent"
    roles: NameSet = []
    scopes: NameSet = []
    issuer: Name = ""
    session_id: Name = ""
    tenant_id: Name = ""


def parse_envelope(header: str | None) -> Envelope:
    """Read an ``x-identity-envelope`` header.

    Raises HandshakeError with security_missing_identity_envelope when it is absent or blank, and with
    security_invalid_identity_envelope for anything else that is not an envelope.
    """
    if header is None or not header.strip():
        raise HandshakeError(
            ReasonCode.SECURITY_MISSING_IDENTITY_ENVELOPE, "The x-identity-envelope header is required."
        )
    try:
        fields: Any = parse(header, max_bytes=MAX_ENVELOPE_BYTES)
        return Envelope.model_validate(fields)
    except BadJsonError as fault:
        raise invalid_envelope(f"The identity envelope is {fault}.") from None
    except ValidationError as fault:
        where = ", ".join(sorted({_field_path(error["loc"]) for error in fault.errors()}))
        raise invalid_envelope(f"The identity envelope is wrong at: {where}.") from None


def invalid_envelope(message: str) -> HandshakeError:
    """The refusal of an envelope that is there but cannot be believed."""
    return HandshakeError(ReasonCode.SECURITY_INVALID_IDENTITY_ENVELOPE, message)


def _field_path(location: tuple[int | str, ...]) -> str:
    # A field name the model does not know is the caller's text, so it is not repeated.
    known = {to_camel(name) for name in Envelope.model_fields}
    first = location[0] if location else "the top level"
    return str(first) if first in known else "an unknown field" if location else str(first)
