"""Calls as a hostile caller makes them, each answer held against what the document promises."""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any, Final
from urllib.parse import quote

import jsonschema_rs

from handshake.api.http import MAX_CORRELATION_ID_LENGTH
from handshake.core.reasons import REGISTRY
from handshake.metrics.query import INVALID_METRIC_QUERY
from handshake.metrics.reported_event import INVALID_METRICS_EVENT
from ops.openapi.document import exact_document, routes
from tests.support.service import InProcess, Reply

Headers = Iterable[tuple[str, str]]

DOCUMENT: Final = exact_document(routes())
SCHEMAS: Final = DOCUMENT["components"]["schemas"]
_REASONS: Final = REGISTRY | {reason.code: reason for reason in (INVALID_METRIC_QUERY, INVALID_METRICS_EVENT)}


def send(
    service: InProcess, method: str, path: str, *, headers: Headers = (), body: str | None = None, **event: Any
) -> Reply:
    """One call, its headers as they were written and as often; ``event`` changes what API Gateway hands over.

    Whatever is sent, the answer is one that the document promises, and never says that the service failed.
    """
    made, handler = service.event(method, path, headers={}, body=body)
    lists: dict[str, list[str]] = {}
    for name, value in headers:
        lists.setdefault(name, []).append(value)
    answer = handler.using(service.runtime)(made | {"multiValueHeaders": lists} | event, None)
    reply = Reply(answer["statusCode"], answer["headers"], json.loads(answer["body"].encode()))
    _hold_to_promises(method, made["resource"], reply)
    return reply


def _hold_to_promises(method: str, resource: str, reply: Reply) -> None:
    assert reply.status < 500, reply
    correlation_id = reply.headers["x-correlation-id"]
    assert 0 < len(correlation_id) <= MAX_CORRELATION_ID_LENGTH
    assert correlation_id.isascii()
    assert correlation_id.isprintable()
    promised = _promised(method, resource, reply.status)
    assert promised.is_valid(reply.body), ([error.message for error in promised.iter_errors(reply.body)], reply)
    if reply.status != 200:
        reason = _REASONS[reply.body["reasonCode"]]
        assert reply.status == reason.status
        assert reply.body["error"] == reason.code
        assert reply.body["responseClass"] == reason.response_class


@cache
def _promised(method: str, resource: str, status: int) -> jsonschema_rs.Draft202012Validator:
    place = ["paths", resource, method.lower(), "responses", str(status), "content", "application/json", "schema"]
    pointer = "/".join(quote(step.replace("/", "~1")) for step in place)
    return jsonschema_rs.Draft202012Validator(DOCUMENT | {"$ref": f"#/{pointer}"})
