"""The OpenAPI 3.1 document: the handlers' routes, described by ``operations``, with the schemas of ``models``."""

import importlib
import inspect
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from handshake.api.http import MAX_BODY_BYTES, MAX_CORRELATION_ID_LENGTH, HttpHandler, Route
from handshake.core.jsonio import MAX_DEPTH
from handshake.core.reasons import REGISTRY, REGISTRY_VERSION, Reason, ReasonCode
from handshake.metrics.query import INVALID_METRIC_QUERY
from handshake.metrics.reported_event import INVALID_METRICS_EVENT
from handshake.requests.decision_action import MAX_IDEMPOTENCY_KEY_LENGTH
from handshake.trust.identity import MAX_ENVELOPE_BYTES
from handshake.trust.token import MAX_LIFETIME_S, MAX_TOKEN_BYTES
from ops.openapi.models.caller import IdentityEnvelope, TrustClaims
from ops.openapi.models.common import Id
from ops.openapi.operations import OPERATIONS, Operation

ROOT: Final = Path(__file__).parents[2]
COMMITTED: Final = ROOT / "openapi" / "handshake.json"
VERSION: Final = "1.0.0"

SIGV4: Final = "sigv4"
ENVELOPE: Final = "identityEnvelope"
TOKEN: Final = "internalTrustContext"  # noqa: S105 - what a scheme is called
_JSON: Final = "application/json"
_REF: Final = "#/components/schemas/{model}"

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
            " the call."
        ),
    },
    TOKEN: {
        "type": "apiKey",
        "in": "header",
        "name": "x-internal-trust-context",
        "description": (
            f"A compact JWT of TrustClaims, HS256, at most {MAX_TOKEN_BYTES} bytes, valid for at most"
            f" {MAX_LIFETIME_S // 60} minutes and good for one call."
        ),
    },
}
_PARAMETERS: Final = {
    "requestId": {
        "name": "requestId",
        "in": "path",
        "required": True,
        "schema": {"$ref": _REF.format(model="Id")},
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

Routes = Mapping[tuple[str, str], Route]


class UndescribedError(Exception):
    """The routes and their descriptions are not of the same API. The message names the fix."""


def routes(functions: Path = ROOT / "functions") -> dict[str, Routes]:
    """The routes of every function that answers HTTP, by the function's name."""
    modules = {
        app.parent.name: importlib.import_module(f"functions.{app.parent.name}.app")
        for app in sorted(functions.glob("*/app.py"))
    }
    return {name: module.handler.routes for name, module in modules.items() if isinstance(module.handler, HttpHandler)}


def document(
    routes: Mapping[str, Routes], operations: Mapping[tuple[str, str], Operation] = OPERATIONS
) -> dict[str, Any]:
    """The OpenAPI document of ``routes``.

    Raises UndescribedError when a route has no description, a description no route, or a route's docstring names
    another route.
    """
    served = {key: (function, route) for function, table in routes.items() for key, route in table.items()}
    _ensure_described(served.keys(), operations.keys())
    schemas = _Schemas(operations.values())
    paths: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for (method, resource), (function, route) in served.items():
        paths[resource][method.lower()] = _operation(route, function, operations[method, resource], schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Handshake",
            "version": VERSION,
            "description": (
                f"Decides what an AI agent may do. Bodies are JSON in UTF-8, at most {MAX_BODY_BYTES} bytes and"
                f" {MAX_DEPTH} levels deep, and can be read one way only: no key twice in an object, no NaN or"
                " Infinity, no lone surrogate. Every refusal carries a reason code; x-reason-codes says what each"
                " means to a program."
            ),
        },
        "servers": [
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
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": _SECURITY_SCHEMES,
            "parameters": _PARAMETERS,
            "headers": _HEADERS,
        },
        "security": [{SIGV4: []}],
        "x-reason-codes": {
            "version": REGISTRY_VERSION,
            "codes": {
                reason.code: {
                    "family": reason.family,
                    "status": reason.status,
                    "responseClass": reason.response_class,
                    "retry": reason.retry,
                }
                for reason in (*REGISTRY.values(), INVALID_METRIC_QUERY, INVALID_METRICS_EVENT)
            },
        },
    }


def text_of(document: Mapping[str, Any]) -> str:
    """``document`` as it is committed: one text for one meaning, and one change a line."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


class _Plain(GenerateJsonSchema):
    """Without titles of fields, which only repeat their names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - whatever it is
        return False


class _Schemas:
    """The schemas of the types that operations name, and the components that those refer to."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        types = {IdentityEnvelope, TrustClaims, ReasonCode, Id}
        for operation in operations:
            types |= {operation.body, operation.answer, *operation.refusals.values()} - {None}
        self._made, shared = TypeAdapter.json_schemas(
            [(one, "validation", TypeAdapter(one)) for one in sorted(types, key=repr)],
            ref_template=_REF,
            schema_generator=_Plain,
        )
        self.components: dict[str, Any] = shared["$defs"]

    def of(self, wanted: Any) -> dict[str, Any]:
        """The schema of a type: a reference where it is a component."""
        return self._made[wanted, "validation"]

    def parameters(self, query: Any) -> list[dict[str, Any]]:
        """The fields of ``query`` as query parameters."""
        schema = TypeAdapter(query).json_schema(ref_template=_REF, schema_generator=_Plain)
        self.components |= schema.get("$defs", {})
        return [
            {
                "name": name,
                "in": "query",
                "required": name in schema.get("required", ()),
                "description": field.pop("description", schema["description"]),
                "schema": field,
            }
            for name, field in schema["properties"].items()
        ]


def _ensure_described(served: AbstractSet[tuple[str, str]], described: AbstractSet[tuple[str, str]]) -> None:
    for method, resource in sorted(served - described):
        raise UndescribedError(f"{method} {resource} has no description: add it to ops/openapi/operations.py")
    for method, resource in sorted(described - served):
        raise UndescribedError(f"{method} {resource} is no route: remove it from ops/openapi/operations.py")


def _operation(route: Route, function: str, operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [function],
        "summary": operation.summary,
        "description": _remark(route),
        "parameters": [
            *({"$ref": "#/components/parameters/requestId"} for _ in range("{requestId}" in route.resource)),
            *(schemas.parameters(operation.query) if operation.query else ()),
            *({"$ref": "#/components/parameters/idempotencyKey"} for _ in range(operation.idempotency_key)),
            {"$ref": "#/components/parameters/correlationId"},
        ],
        "security": [
            {SIGV4: []} | ({ENVELOPE: []} if operation.envelope else {}) | ({TOKEN: []} if operation.token else {})
        ],
        "responses": {"200": _answer(operation, schemas), **_refusals(operation.refusals, schemas)},
    }
    if operation.body:
        described["requestBody"] = {"required": True, "content": {_JSON: {"schema": schemas.of(operation.body)}}}
    return {name: value for name, value in described.items() if value}


def _remark(route: Route) -> str:
    """What the handler's docstring says beyond the route, which it must name rightly."""
    named, remark = f"``{route.method} {route.resource}``", inspect.getdoc(route.answer) or ""
    if not remark.startswith(named):
        raise UndescribedError(f"{route.answer.__name__} answers {named}: let its docstring begin so")
    return remark.removeprefix(named).strip(" ;,:.")


def _answer(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    answer = _response(operation.summary, schemas.of(operation.answer))
    links = {
        opened: {"operationId": opened, "parameters": {"requestId": "$response.body#/requestId"}}
        for opened in operation.opens
    }
    return answer | ({"links": links} if links else {})


def _refusals(refusals: Mapping[Reason, type], schemas: _Schemas) -> dict[str, Any]:
    """One response a status: its codes, in the shapes of their bodies."""
    by_status: defaultdict[int, defaultdict[type, list[Reason]]] = defaultdict(lambda: defaultdict(list))
    for reason, shape in refusals.items():
        by_status[reason.status][shape].append(reason)
    responses = {}
    for status, by_shape in sorted(by_status.items()):
        bodies = [_refusal(reasons, schemas.of(shape)) for shape, reasons in by_shape.items()]
        codes = ", ".join(reason.code for reasons in by_shape.values() for reason in reasons)
        response = _response(f"Refused: {codes}.", bodies[0] if len(bodies) == 1 else {"anyOf": bodies})
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
