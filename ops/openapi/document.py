"""The OpenAPI 3.1 document: the handlers' routes, what each of them answers, and what ``operations`` says beside it."""

import importlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args, get_type_hints

from handshake.agents import answers as agents
from handshake.api.http import MAX_BODY_BYTES, MAX_CORRELATION_ID_LENGTH, Answer, HttpHandler, Route
from handshake.api.people import PREFIX
from handshake.core.jsonio import MAX_DEPTH
from handshake.core.reasons import REGISTRY, REGISTRY_VERSION, Reason, ReasonCode
from handshake.core.shapes import Id, Refusal
from handshake.core.text import MAX_ID_LENGTH
from handshake.metrics import answers as metrics
from handshake.metrics.query import INVALID_METRIC_QUERY
from handshake.metrics.reported_event import INVALID_METRICS_EVENT
from handshake.people import answers as people
from handshake.people.id_token import MAX_TOKEN_BYTES as MAX_ID_TOKEN_BYTES
from handshake.policy import answers as policy
from handshake.requests import answers as requests
from handshake.requests.action_bodies import MAX_IDEMPOTENCY_KEY_LENGTH
from handshake.requests.record import GRANT_PREFIX
from handshake.simulation import answers as simulation
from handshake.trust.bodies import IdentityEnvelope, TrustClaims
from handshake.trust.identity import MAX_ENVELOPE_BYTES
from handshake.trust.token import MAX_LIFETIME_S, MAX_TOKEN_BYTES
from ops.local.signing_edge import MAX_HEADERS_BYTES
from ops.openapi.examples import load_examples, with_examples
from ops.openapi.openness import opened
from ops.openapi.operations import OPERATIONS, PEOPLES_OPERATIONS, Operation
from ops.openapi.reason_texts import REASON_TEXTS
from ops.openapi.schemas import Schemas, UndescribedError, members_of

ROOT: Final = Path(__file__).parents[2]
COMMITTED: Final = ROOT / "openapi" / "handshake.json"
PEOPLES: Final = ROOT / "openapi" / "people.json"
VERSION: Final = "1.0.0"

SIGV4: Final = "sigv4"
ENVELOPE: Final = "identityEnvelope"
TOKEN: Final = "internalTrustContext"  # noqa: S105 - what a scheme is called
ID_TOKEN: Final = "idToken"  # noqa: S105 - as above
_JSON: Final = "application/json"
_TOGETHER: Final = (
    f"All headers together, signature and session token included, may have {MAX_HEADERS_BYTES} bytes, names and line"
    " ends counted: API Gateway refuses more without a reason code."
)

_SECURITY_SCHEMES: Final = {
    SIGV4: {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "x-amazon-apigateway-authtype": "awsSigv4",
        "description": "AWS Signature Version 4 for execute-api. No route is open to anonymous callers.",
    },
    ENVELOPE: {
        "type": "apiKey",
        "in": "header",
        "name": "x-identity-envelope",
        "description": (
            f"An IdentityEnvelope as JSON, at most {MAX_ENVELOPE_BYTES} bytes, believed when an envelope issuer signed"
            f" the call. {_TOGETHER}"
        ),
    },
    TOKEN: {
        "type": "apiKey",
        "in": "header",
        "name": "x-internal-trust-context",
        "description": (
            f"A compact JWT of TrustClaims, HS256, at most {MAX_TOKEN_BYTES} bytes, valid for at most"
            f" {MAX_LIFETIME_S // 60} minutes and good for one call. {_TOGETHER}"
        ),
    },
}
_PEOPLES_SECURITY_SCHEMES: Final = {
    ID_TOKEN: {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "x-amazon-apigateway-authtype": "cognito_user_pools",
        "description": (
            "An ID token of the stack's user pool for the page's app client, with or without Bearer before it, at most"
            f" {MAX_ID_TOKEN_BYTES} bytes. What its bearer may do is what operators keep in their record."
        ),
    },
}
_PARAMETERS: Final = {
    "requestId": {
        "name": "requestId",
        "in": "path",
        "required": True,
        "schema": {"$ref": "#/components/schemas/Id"},
    },
    "grantId": {
        "name": "grantId",
        "in": "path",
        "required": True,
        "description": "As the claim answered it.",
        "schema": {"type": "string", "minLength": 1, "maxLength": len(GRANT_PREFIX) + MAX_ID_LENGTH},
    },
    "agentId": {
        "name": "agentId",
        "in": "path",
        "required": True,
        "schema": {"$ref": "#/components/schemas/Id"},
    },
    # Beside their security schemes, which few generators make anything of.
    ENVELOPE: {
        "name": "x-identity-envelope",
        "in": "header",
        "description": "Who is asking, as JSON. Demanded where the operation's security names it.",
        "schema": {
            "type": "string",
            "contentMediaType": _JSON,
            "contentSchema": {"$ref": "#/components/schemas/IdentityEnvelope"},
        },
    },
    TOKEN: {
        "name": "x-internal-trust-context",
        "in": "header",
        "description": "A compact JWT of TrustClaims. Demanded where the operation's security names it.",
        "schema": {"type": "string", "maxLength": MAX_TOKEN_BYTES},
    },
    "idempotencyKey": {
        "name": "x-idempotency-key",
        "in": "header",
        "description": "Good for one action of the principal who sends it.",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_IDEMPOTENCY_KEY_LENGTH},
    },
    "correlationId": {
        "name": "x-correlation-id",
        "in": "header",
        "description": (
            f"Echoed when it has 1 to {MAX_CORRELATION_ID_LENGTH} printable ASCII characters; else one is made."
        ),
        "schema": {"type": "string"},
    },
}
_HEADERS: Final = {
    "CorrelationId": {
        "required": True,
        "description": "Names the call in logs and traces.",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_CORRELATION_ID_LENGTH},
    },
    "RetryAfter": {"required": True, "description": "Seconds.", "schema": {"type": "integer", "minimum": 1}},
}

# Handlers import the shapes they name for type checkers only.
_ANSWERS: Final = {
    name: shape
    for room in (requests, policy, metrics, simulation, agents, people)
    for name, shape in vars(room).items()
}

Routes = Mapping[tuple[str, str], Route]


class Door(NamedTuple):
    """Says how those come in whom a document is for: by ``scheme`` alone, or with more beside it."""

    title: str
    summary: str
    servers: Sequence[Mapping[str, Any]]
    schemes: Mapping[str, Any]
    scheme: str
    named: Sequence[Any]
    """Shapes that no route refers to: headers hold them, or whoever generates from the document needs them."""


_CALLERS_DOOR: Final = Door(
    title="Handshake",
    summary="Decides what an AI agent may do.",
    servers=[
        {"url": "http://127.0.0.1:3000", "description": "python -m ops up, or ops edge: signs what it passes on"},
        {
            "url": "https://{apiId}.execute-api.{region}.amazonaws.com/{environment}",
            "description": "a deployed stack",
            "variables": {
                "apiId": {"default": "api-id"},
                "region": {"default": "us-east-1"},
                "environment": {"default": "production", "enum": ["staging", "production"]},
            },
        },
    ],
    schemes=_SECURITY_SCHEMES,
    scheme=SIGV4,
    named=(IdentityEnvelope, TrustClaims, ReasonCode, Id),
)
_PEOPLES_DOOR: Final = Door(
    title="Handshake for people",
    summary="What people do who have signed in: the API of the page, under the page's own origin.",
    servers=[{"url": "/", "description": "the page's own origin; http://127.0.0.1:3001 for python -m ops up"}],
    schemes=_PEOPLES_SECURITY_SCHEMES,
    scheme=ID_TOKEN,
    named=(ReasonCode, Id),
)


def peoples_routes() -> dict[str, Routes]:
    """Collect the routes of the function that serves people who have signed in."""
    return {name: served for name, served in _every_route().items() if _is_peoples(served)}


def routes(functions: Path = ROOT / "functions") -> dict[str, Routes]:
    """Collect the routes of every function that answers callers over HTTP, by the function's name."""
    return {name: served for name, served in _every_route(functions).items() if not _is_peoples(served)}


def _is_peoples(served: Routes) -> bool:
    return all(resource.startswith(f"{PREFIX}/") for _, resource in served)


def _every_route(functions: Path = ROOT / "functions") -> dict[str, Routes]:
    modules = {
        app.parent.name: importlib.import_module(f"functions.{app.parent.name}.app")
        for app in sorted(functions.glob("*/app.py"))
    }
    return {name: module.handler.routes for name, module in modules.items() if isinstance(module.handler, HttpHandler)}


def document(
    routes: Mapping[str, Routes],
    operations: Mapping[tuple[str, str], Operation] = OPERATIONS,
    door: Door = _CALLERS_DOOR,
) -> dict[str, Any]:
    """Make the OpenAPI document of ``routes``, for those who come in by ``door``; answers are open to what is added.

    Raises UndescribedError as ``exact_document`` does, and where an object is both taken and answered.
    """
    return with_examples(opened(exact_document(routes, operations, door)), load_examples())


def exact_document(
    routes: Mapping[str, Routes],
    operations: Mapping[tuple[str, str], Operation] = OPERATIONS,
    door: Door = _CALLERS_DOOR,
) -> dict[str, Any]:
    """Make the document that handlers are held to: what each answers today, and nothing else.

    Raises UndescribedError when a route has no description, a description no route, or a handler does not say what it
    answers.
    """
    served = {key: (function, route) for function, table in routes.items() for key, route in table.items()}
    _ensure_described(served.keys(), operations.keys())
    schemas = Schemas()
    for named in door.named:
        schemas.of(named)
    paths: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for (method, resource), (function, route) in served.items():
        paths[resource][method.lower()] = _operation(
            route, function, operations[method, resource], schemas, door.scheme
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": door.title,
            "version": VERSION,
            "description": (
                f"{door.summary} Bodies are JSON in UTF-8, at most {MAX_BODY_BYTES} bytes and"
                f" {MAX_DEPTH} levels deep, and can be read one way only: no key twice in an object, no NaN or"
                " Infinity, no lone surrogate. Every refusal carries a reason code; x-reason-codes says what each"
                " means to a program. Answers may gain members, values and codes: pass over what you do not know, and"
                " act on nothing but what you do."
            ),
        },
        "servers": list(door.servers),
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": door.schemes,
            "parameters": _PARAMETERS,
            "headers": _HEADERS,
        },
        "security": [{door.scheme: []}],
        "x-reason-codes": {
            "version": REGISTRY_VERSION,
            "codes": {
                reason.code: {
                    "description": _text_of(reason.code),
                    "family": reason.family,
                    "status": reason.status,
                    "responseClass": reason.response_class,
                    "retry": reason.retry,
                }
                for reason in (*REGISTRY.values(), INVALID_METRIC_QUERY, INVALID_METRICS_EVENT)
            },
        },
    }


def _text_of(code: str) -> str:
    if code not in REASON_TEXTS:
        raise UndescribedError(f"{code} has no sentence: add it to ops/openapi/reason_texts.py")
    return REASON_TEXTS[code]


def text_of(document: Mapping[str, Any]) -> str:
    """Write ``document`` as it is committed: one text for one meaning, and one change a line."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _ensure_described(served: AbstractSet[tuple[str, str]], described: AbstractSet[tuple[str, str]]) -> None:
    for method, resource in sorted(served - described):
        raise UndescribedError(f"{method} {resource} has no description: add it to ops/openapi/operations.py")
    for method, resource in sorted(described - served):
        raise UndescribedError(f"{method} {resource} is no route: remove it from ops/openapi/operations.py")


def peoples_document() -> dict[str, Any]:
    """Make the OpenAPI document of the API for people who have signed in. Raises UndescribedError, as ``document``."""
    return document(peoples_routes(), PEOPLES_OPERATIONS, _PEOPLES_DOOR)


def _operation(route: Route, function: str, operation: Operation, schemas: Schemas, scheme: str) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [function],
        "summary": operation.summary,
        "description": operation.description,
        "parameters": [
            *({"$ref": f"#/components/parameters/{name}"} for name in re.findall(r"{(\w+)}", route.resource)),
            *(_parameters(operation.query, schemas) if operation.query else ()),
            *({"$ref": f"#/components/parameters/{name}"} for name in _headers_of(operation)),
        ],
        "security": [
            {scheme: []} | ({ENVELOPE: []} if operation.envelope else {}) | ({TOKEN: []} if operation.token else {})
        ],
        "responses": {
            "200": _answer(route, operation, schemas),
            **_refusals(operation.refusals, schemas),
        },
    }
    if operation.body:
        described["requestBody"] = {"required": True, "content": {_JSON: {"schema": schemas.of(operation.body)}}}
    return {name: value for name, value in described.items() if value}


def _headers_of(operation: Operation) -> Iterator[str]:
    """Name the parameters that are headers which ``operation`` takes."""
    if operation.envelope or operation.submitter:
        yield ENVELOPE
    if operation.token:
        yield TOKEN
    if operation.idempotency_key:
        yield "idempotencyKey"
    yield "correlationId"


def _parameters(query: Any, schemas: Schemas) -> list[dict[str, Any]]:
    """Describe the members of ``query`` as query parameters, whose words stand beside their schemas."""
    parameters = []
    for name, hint in members_of(query).items():
        schema = schemas.of(hint)
        words = {"description": schema.pop("description")} if "description" in schema else {}
        required = name in query.__required_keys__
        parameters.append({"name": name, "in": "query", "required": required, "schema": schema, **words})
    return parameters


def _type_answered(route: Route) -> Any:
    """Find the type that a route's handler says it answers. Raises UndescribedError."""
    answered = get_type_hints(route.answer, localns=_ANSWERS, include_extras=True).get("return")
    if Refusal in get_args(answered):  # a refusal's status and body are its code's, as operations say
        [answered] = (shape for shape in get_args(answered) if shape is not Refusal)
    if answered in (None, Any, Answer):
        raise UndescribedError(f"{route.answer.__name__} does not say what it answers: annotate it with a shape")
    return answered


def _answer(route: Route, operation: Operation, schemas: Schemas) -> dict[str, Any]:
    answer = _response(operation.summary, schemas.of(_type_answered(route)))
    links = {
        opened: {"operationId": opened, "parameters": {"requestId": "$response.body#/requestId"}}
        for opened in operation.opens
    }
    return answer | ({"links": links} if links else {})


def _refusals(refusals: Mapping[Reason, type], schemas: Schemas) -> dict[str, Any]:
    """Describe one response for each status: its codes, in the shapes of their bodies."""
    by_status: defaultdict[int, defaultdict[type, list[Reason]]] = defaultdict(lambda: defaultdict(list))
    for reason, shape in refusals.items():
        by_status[reason.status][shape].append(reason)
    responses = {}
    for status, by_shape in sorted(by_status.items()):
        # The one that says most first: readers of several take the first that fits.
        bodies = [
            _refusal(reasons, schemas.of(shape))
            for shape, reasons in sorted(by_shape.items(), key=lambda row: -len(members_of(row[0])))
        ]
        codes = [reason.code for reasons in by_shape.values() for reason in reasons]
        response = _response(f"Refused: {', '.join(codes)}.", bodies[0] if len(bodies) == 1 else {"anyOf": bodies})
        response["x-reason-codes"] = codes
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            response["headers"] |= {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}
        responses[str(status)] = response
    return responses


def _refusal(reasons: Sequence[Reason], shape: Mapping[str, Any]) -> dict[str, Any]:
    codes = {"enum": [reason.code for reason in reasons]}
    classes = {"enum": sorted({reason.response_class for reason in reasons})}
    return {"allOf": [shape, {"properties": {"reasonCode": codes, "responseClass": classes}}]}


def _response(description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "description": description,
        "headers": {"x-correlation-id": {"$ref": "#/components/headers/CorrelationId"}},
        "content": {_JSON: {"schema": schema}},
    }
