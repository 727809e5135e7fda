"""The identity envelope: who is asking, as the trusted edge asserts it (contract.md section 2)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, cast

from handshake.core.errors import HandshakeError
from handshake.core.jsonio import BadJsonError, parse
from handshake.core.reasons import ReasonCode
from handshake.core.text import id_fault

MAX_ENVELOPE_BYTES: Final = 4096

SCOPE_READ_ANY: Final = "workflow:read:any"
SCOPE_READ_TENANT: Final = "workflow:read:tenant"
SCOPE_RESOLVE: Final = "workflow:resolve"
SCOPE_EXECUTE: Final = "workflow:execute"
SCOPE_SUBMIT_ANY: Final = "workflow:submit:any"
SCOPE_AGENTS_READ: Final = "agents:read"
SCOPE_AGENTS_MANAGE: Final = "agents:manage"
ROLE_ADMIN: Final = "admin"


SubjectType = Literal["human", "service", "agent"]
Assurance = Literal["issuer_asserted", "oidc"]


@dataclass(frozen=True)
class SignIn:
    """Says that a person signed in: the OpenID provider's URL, its name for the person (``sub``), and when, epoch s."""

    issuer: str
    subject: str
    auth_time_s: int


class Assured(NamedTuple):
    """Says on what it rests that who decided is who the envelope named, with the sign-in where there was one."""

    assurance: Assurance
    sign_in: SignIn | None = None


def assured_members(assured: Assured) -> dict[str, Any]:
    """Give what evidence says of an assurance: ``assurance``, and ``signIn`` of who signed in."""
    members: dict[str, Any] = {"assurance": assured.assurance}
    if signed := assured.sign_in:
        members["signIn"] = {"issuer": signed.issuer, "subject": signed.subject, "authTime": signed.auth_time_s}
    return members


def assured_from(members: Mapping[str, Any]) -> Assured | None:
    """Read an assurance from the members that evidence has of it; None where an earlier release kept none."""
    if "assurance" not in members:
        return None
    signed = members.get("signIn")
    sign_in = SignIn(signed["issuer"], signed["subject"], signed["authTime"]) if signed else None
    return Assured(members["assurance"], sign_in)


@dataclass(frozen=True)
class Envelope:
    """A principal with its tenant, roles and scopes. Strings are trimmed; roles and scopes sorted sets.

    Only ``principalId`` must be given. What is left out grants nothing: without ``subjectType`` nobody is
    human, without scopes nothing wider than one's own requests can be read. One without a tenant that is
    ``tenant_bound`` acts on requests without one only (contract.md section 9.17). One that was made from the record of
    a person who signed in has the ``sign_in``; no field of a header gives it.
    """

    principal_id: str
    subject_type: SubjectType = "agent"
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    issuer: str = ""
    session_id: str = ""
    tenant_id: str = ""
    tenant_bound: bool = False
    sign_in: SignIn | None = None

    @property
    def assured(self) -> Assured:
        """Say on what it rests that the principal is who the envelope says (contract.md section 13)."""
        return Assured("oidc", self.sign_in) if self.sign_in else Assured("issuer_asserted")


def _name(value: Any) -> str:
    trimmed = value.strip() if isinstance(value, str) else value
    if fault := id_fault(trimmed):
        raise ValueError(fault)
    return cast("str", trimmed)


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("is not a list")  # noqa: TRY004 - a caller's wrong type is a wrong value like any other
    return tuple(sorted(set(map(_name, value))))


def _subject_type(value: Any) -> SubjectType:
    if value not in ("human", "service", "agent"):
        raise ValueError("is not human, service or agent")
    return cast("SubjectType", value)


class Field(NamedTuple):
    """The attribute of Envelope that a field of the header becomes, and what reads it.

    ``read`` raises ValueError, its text a predicate for the field.
    """

    attribute: str
    read: Callable[[Any], Any]


FIELDS: Final[Mapping[str, Field]] = {
    "principalId": Field("principal_id", _name),
    "subjectType": Field("subject_type", _subject_type),
    "roles": Field("roles", _names),
    "scopes": Field("scopes", _names),
    "issuer": Field("issuer", _name),
    "sessionId": Field("session_id", _name),
    "tenantId": Field("tenant_id", _name),
}
REQUIRED: Final = "principalId"


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
    except BadJsonError as fault:
        raise invalid_envelope(f"The identity envelope {fault}.") from None
    if not isinstance(fields, dict):
        raise invalid_envelope("The identity envelope is not an object.")
    read: dict[str, Any] = {}
    wrong = set() if REQUIRED in fields else {f"{REQUIRED} is missing"}
    for name, value in fields.items():
        field = FIELDS.get(name)
        if field is None:
            wrong.add("it has an unknown field")  # whose name is the caller's text, so it is not repeated
            continue
        try:
            read[field.attribute] = field.read(value)
        except ValueError as fault:
            wrong.add(f"{name} {fault}")
    if wrong:
        raise invalid_envelope(f"The identity envelope is refused: {'; '.join(sorted(wrong))}.")
    return Envelope(**read)


def invalid_envelope(message: str) -> HandshakeError:
    """Give the refusal of an envelope that is there but cannot be believed."""
    return HandshakeError(ReasonCode.SECURITY_INVALID_IDENTITY_ENVELOPE, message)
