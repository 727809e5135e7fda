"""From an API Gateway event to a use case and back: routing, reading, and the one place errors become answers.

API Gateway has already matched the route, and says which in ``resource``; a look-up in a dictionary is all the
routing that is left.
"""

import base64
import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from handshake.api import telemetry
from handshake.api.runtime import Runtime, process_runtime, start
from handshake.core.errors import RETRY_AFTER_SECONDS, HandshakeError, Refusal, StoreUnavailableError
from handshake.core.jsonio import BadJsonError, parse, plain
from handshake.core.reasons import AGENT_STOPPED_DENIALS, SECURITY_DENIALS, ReasonCode
from handshake.core.synthetic import ensure_reserved, is_synthetic
from handshake.core.tiers import Outcome
from handshake.dynamo.context import Context
from handshake.metrics.event_table import EventTransaction
from handshake.metrics.events import denial_event
from handshake.trust.identity import Envelope, invalid_envelope, parse_envelope
from handshake.trust.keys import verify_with
from handshake.trust.signer import role_of, signer_arn
from handshake.trust.token import SUBJECT, Binding, Subject, TrustClaims

if TYPE_CHECKING:
    from handshake.core import shapes

MAX_BODY_BYTES: Final = 64 * 1024
MAX_CORRELATION_ID_LENGTH: Final = 128

# Headers of contract section 2, and the code that refuses a call which has one twice: to take either value, or both
# joined, is to choose whom to believe.
_GIVEN_ONCE: Final[Mapping[str, ReasonCode]] = {
    "x-identity-envelope": ReasonCode.SECURITY_INVALID_IDENTITY_ENVELOPE,
    "x-internal-trust-context": ReasonCode.SECURITY_INVALID_INTERNAL_TRUST_CONTEXT,
    "x-idempotency-key": ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE,
    "x-correlation-id": ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE,
}
_UNFORESEEN: Final = "The service could not complete the request; retry with backoff."

Event = Mapping[str, Any]
Answer = Mapping[str, Any] | list[Any]


def headers_of(event: Event) -> Mapping[str, Sequence[str]]:
    """Give every value of each header of an event, by the lower-case names."""
    given: defaultdict[str, list[str]] = defaultdict(list)
    for name, values in (event.get("multiValueHeaders") or {}).items():
        given[name.lower()] += values
    return given


@dataclass(frozen=True)
class Call:
    """One HTTP call, read on demand so that checks happen in the order a route asks for them.

    ``context`` is what a use case needs, in the name of this call. ``headers`` are those given once, by their
    lower-case names. ``identify`` makes the envelope of who calls: the function's door decides whom it believes.
    """

    runtime: Runtime
    context: Context
    event: Event
    headers: Mapping[str, str]
    record: telemetry.CallRecord
    identify: "Identify"

    def about(self, request_id: str) -> None:
        """Have the log line name, by its pseudonym, the request that this call is about."""
        self.record.request_id = request_id

    def acts_for(self, principal_id: str, tenant_id: str | None, *, request_id: str = "") -> None:
        """Have the log line say, in pseudonyms, whom and which request this call is about.

        Raises HandshakeError security_read_tenant_mismatch where a synthetic call is about a real tenant.
        """
        if self.record.synthetic:
            ensure_reserved(tenant_id)
        self.record.principal_id, self.record.tenant_id = principal_id, tenant_id or ""
        self.record.request_id = request_id

    def decided(self, reason: ReasonCode, outcome: Outcome | None = None, *, repeated: bool = False) -> None:
        """Have the log line and its metrics say what was decided; ``repeated`` where an earlier call decided it."""
        self.record.reason_code, self.record.decision = reason.value, outcome or ""
        self.record.repeated = repeated

    def shadowed(self, judged: int, changed: int) -> None:
        """Have the metrics say how many shadows were judged beside what was decided, and how many differ from it."""
        self.record.shadows_judged, self.record.shadows_changed = judged, changed

    def path(self, name: str) -> str:
        """Give a URL-decoded path parameter. API Gateway's REST APIs hand it over as it was encoded.

        What is not UTF-8 is not repaired into some other name: it holds lone surrogates, which nothing stored does.
        """
        return unquote((self.event.get("pathParameters") or {}).get(name, ""), errors="surrogateescape")

    def query_values(self, name: str) -> list[str]:
        """Give every value a query parameter was given."""
        return list((self.event.get("multiValueQueryStringParameters") or {}).get(name) or [])

    def query(self, name: str) -> str | None:
        """Give a query parameter, or None. Raises trust_context_invalid_request_shape when it is given twice."""
        values = self.query_values(name)
        if len(values) > 1:
            raise _bad_shape(f"{name} is given more than once.")
        return values[0] if values else None

    def json_body(
        self,
        refusal_fields: Mapping[str, Any] | None = None,
        *,
        denies: bool = False,
        max_bytes: int = MAX_BODY_BYTES,
    ) -> Any:
        """Give the body, of at most ``max_bytes``, strictly parsed.

        Raises HandshakeError trust_context_invalid_request_shape, its answer with ``refusal_fields`` in it; it
        ``denies`` where the refusal is a decision against a request.
        """
        try:
            return parse(self._raw_body().decode(), max_bytes=max_bytes)
        except BadJsonError as fault:
            raise _bad_shape(f"The body {fault}.", refusal_fields, denies=denies) from None
        except UnicodeError:
            raise _bad_shape("The body is not UTF-8 text.", refusal_fields, denies=denies) from None
        except ValueError:
            raise _bad_shape("The body is not valid base64.", refusal_fields, denies=denies) from None

    def _raw_body(self) -> bytes:
        """Give the body's bytes. Raises UnicodeError for text that no encoding can write, ValueError for bad base64."""
        body: str = self.event.get("body") or ""
        return base64.b64decode(body, validate=True) if self.event.get("isBase64Encoded") else body.encode()

    def envelope(self) -> Envelope:
        """Give the identity envelope of who calls. Raises HandshakeError, as the function's door does."""
        envelope = self.identify(self)
        self.acts_for(envelope.principal_id, envelope.tenant_id)
        return replace(envelope, tenant_bound=True) if self.runtime.binds_tenantless else envelope

    def submitter(self) -> Envelope | None:
        """Give the identity envelope of who submits or asks to execute (contract.md section 9.15).

        None where the call carries none from an envelope issuer, and none is needed. Raises as ``envelope``.
        """
        carried = (self.headers.get("x-identity-envelope") or "").strip()
        return self.envelope() if self.runtime.needs_submitter or (carried and self.signed_by_issuer()) else None

    def signed_by_issuer(self) -> bool:
        """Say whether an envelope issuer signed this call."""
        return role_of(_signer(self.event)) in self.runtime.issuers

    def trust_claims(self, envelope: Envelope, *, subject: Subject = SUBJECT) -> TrustClaims:
        """Give the verified trust token of this call, made out to the envelope's principal or to nobody by name.

        ``subject`` is what it must be good for.

        Raises HandshakeError as verify_token does, or security_identity_subject_mismatch.
        """
        now_s, runtime = self.context.now_ms() / 1000, self.runtime
        try:
            binding = Binding.to(self._raw_body(), runtime.stack, required=runtime.binds_tokens)
        except ValueError:  # a body that is no bytes, so nothing is bound to it
            binding = Binding(None, runtime.stack, runtime.binds_tokens)
        token = self.headers.get("x-internal-trust-context")
        claims = verify_with(runtime.trust_keys, token, now_s=now_s, binding=binding, subject=subject)
        if claims.principal_id not in (None, envelope.principal_id):
            raise HandshakeError(
                ReasonCode.SECURITY_IDENTITY_SUBJECT_MISMATCH,
                "The trust token names another principal than the envelope.",
            )
        return claims


Identify = Callable[[Call], Envelope]


def asserted_envelope(call: Call) -> Envelope:
    """Give the envelope that a call carries, believed only from an envelope issuer.

    Raises HandshakeError security_missing_identity_envelope or security_invalid_identity_envelope.
    """
    envelope = parse_envelope(call.headers.get("x-identity-envelope"))
    if not call.signed_by_issuer():
        raise invalid_envelope("The caller is not an envelope issuer of this service.")
    return envelope


@dataclass(frozen=True)
class Route:
    """One route, as API Gateway names it (``/workflow/requests/{requestId}``), and what answers it with 200.

    An answer that is a Refusal was left in the store by its own transaction, with its metrics event. ``refused`` is
    what the body of a refused shape has beside a refusal's own members.
    """

    method: str
    resource: str
    answer: Callable[[Call], Answer | Refusal]
    refused: Mapping[str, Any] = field(default_factory=dict)


class HttpHandler:
    """A Lambda handler for some routes. ``identify`` makes the envelope of who calls them."""

    def __init__(self, *routes: Route, identify: Identify = asserted_envelope) -> None:
        self.routes = {(route.method, route.resource): route for route in routes}
        self._identify = identify
        start(process_runtime)

    def using(self, runtime: Runtime) -> Callable[[Event, object], dict[str, Any]]:
        """Give the same handler on a given runtime."""
        return lambda event, _context: self._handle(event, runtime)

    def __call__(self, event: Event, _context: object) -> dict[str, Any]:
        """Handle one API Gateway event (REST, payload 1.0)."""
        return self._handle(event, process_runtime())

    def _handle(self, event: Event, runtime: Runtime) -> dict[str, Any]:
        started = time.perf_counter()
        method, resource = event.get("httpMethod", ""), event.get("resource", "")
        given, synthetic = headers_of(event), is_synthetic(event)
        headers = {name: values[0] for name, values in given.items() if len(values) == 1}
        repeated = [name for name, values in given.items() if len(values) > 1]
        signer, gateway_id = signer_arn(_signer(event)), (event.get("requestContext") or {}).get("requestId") or ""
        with runtime.invocation(
            _correlation_id(headers), synthetic=synthetic, signer=signer, gateway_request_id=gateway_id
        ) as context:
            record = telemetry.CallRecord(
                context.correlation_id,
                f"{method} {resource}",
                synthetic=synthetic,
                signer=signer,
                gateway_request_id=gateway_id,
            )
            call = Call(runtime, context, event, headers, record, self._identify)
            body = _answer(self.routes.get((method, resource)), call, repeated)
            record.store_calls = len(context.dynamo.calls)
        record.latency_ms = (time.perf_counter() - started) * 1000
        telemetry.publish(record, pseudonym_key=runtime.pseudonym_key)
        answered = {
            "content-type": "application/json",
            "cache-control": "no-store",
            "x-correlation-id": record.correlation_id,
        }
        if record.status == 503:
            answered["retry-after"] = str(RETRY_AFTER_SECONDS)
        return {"statusCode": record.status, "headers": answered, "body": body}


def _answer(route: Route | None, call: Call, repeated: Sequence[str]) -> str:
    """Give the body of the call's answer; whatever happens, a refusal has a reason code."""
    try:
        for name, code in _GIVEN_ONCE.items():
            if name in repeated:
                message = f"The {name} header is given more than once."
                if route is None or code is not ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE:
                    raise HandshakeError(code, message)
                raise _bad_shape(message, route.refused, denies="decision" in route.refused)
        if route is None:
            raise _bad_shape("There is no such route.")
        answer = route.answer(call)
        return _to_json(_refused(answer, call.record) if isinstance(answer, Refusal) else answer)
    except Exception as error:  # noqa: BLE001 - whatever happens, the caller gets a reason code
        raised = error if isinstance(error, HandshakeError) else StoreUnavailableError(_UNFORESEEN)
        body = _to_json(_refused(raised.refusal, call.record))
        if call.record.status == 503:
            telemetry.unavailable(call.record, error)
        _record_denial(call, raised.refusal)
        return body


def _refused(refusal: Refusal, record: telemetry.CallRecord) -> dict[str, Any]:
    reason = refusal.reason
    record.status, record.reason_code = reason.status, reason.code
    record.decision = "deny" if refusal.denies else ""
    record.request_id = refusal.request_id or record.request_id
    body: shapes.Refusal = {
        "status": "error",
        "error": reason.code,
        "reasonCode": reason.code,
        "responseClass": reason.response_class,
        "message": refusal.message,
    }
    return {**body, **refusal.fields}


def _record_denial(call: Call, refusal: Refusal) -> None:
    """Append the metrics event of a refusal that no transaction carried."""
    code = refusal.reason.code
    if not (code in SECURITY_DENIALS | AGENT_STOPPED_DENIALS or refusal.denies):
        return
    context, now = call.context, call.context.now_ms()
    request_id = refusal.request_id or context.correlation_id
    event = denial_event(code, event_id=context.new_id(), request_id=request_id, now_ms=now)
    tx = EventTransaction(context)
    tx.append_event(event, now_ms=now)
    try:
        tx.commit()  # lost, a try whose answer was lost had written it
    except Exception as error:  # noqa: BLE001 - the refusal stands, and its alarm signal does not depend on the store
        telemetry.unavailable(call.record, error)


def _signer(event: Event) -> str:
    """Give the ARN of the AWS principal that signed a call, as API Gateway has it; "" where it names none."""
    arn: str = ((event.get("requestContext") or {}).get("identity") or {}).get("userArn") or ""
    return arn


def _correlation_id(headers: Mapping[str, str]) -> str:
    """Give the caller's correlation id where it is usable, else ""."""
    given = headers.get("x-correlation-id") or ""
    usable = 0 < len(given) <= MAX_CORRELATION_ID_LENGTH and given.isascii() and given.isprintable()
    return given if usable else ""


def _to_json(body: Answer) -> str:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_number)


def _number(value: Any) -> int | float:
    if isinstance(value, Decimal):
        return plain(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _bad_shape(message: str, fields: Mapping[str, Any] | None = None, *, denies: bool = False) -> HandshakeError:
    return HandshakeError(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, message, fields=fields, denies=denies)
