"""The client has all that the document has."""

import inspect
import json
from typing import Any, Final
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.core.reasons import REGISTRY
from handshake_rail import REASONS, AsyncHandshake, Handshake, models
from handshake_rail._generated.operations import OPERATIONS
from ops.local.settings import ROOT
from ops.openapi.sdk import DOCUMENT
from tests.sdk.doubles import BASE_URL, Script, ok

DESCRIBED: Final[dict[str, Any]] = json.loads((ROOT / DOCUMENT).read_text())
ROUTES: Final = [
    (operation["operationId"], method.upper(), path, operation)
    for path, methods in DESCRIBED["paths"].items()
    for method, operation in methods.items()
]


def _method_of(operation_id: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation_id)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route[0])
def test_every_operation_is_a_method_of_both_clients(route: tuple[str, str, str, dict[str, Any]]) -> None:
    operation_id, _, path, operation = route
    blocking, awaited = (getattr(client, _method_of(operation_id)) for client in (Handshake, AsyncHandshake))

    assert not inspect.iscoroutinefunction(blocking)
    assert inspect.iscoroutinefunction(awaited)
    assert inspect.signature(blocking) == inspect.signature(awaited)
    taken = inspect.signature(blocking).parameters
    needs = {scheme for one in operation["security"] for scheme in one}
    assert ("request_id" in taken) == ("{requestId}" in path)
    assert ("body" in taken) == ("requestBody" in operation)
    assert ("envelope" in taken) == ("identityEnvelope" in needs)
    assert ("trust_token" in taken) == ("internalTrustContext" in needs)
    assert ("idempotency_key" in taken) == (
        {"$ref": "#/components/parameters/idempotencyKey"} in operation["parameters"]
    )
    assert inspect.getdoc(blocking)


def test_no_operation_is_the_clients_own() -> None:
    assert {(one.id, one.method, one.path) for one in OPERATIONS} == {route[:3] for route in ROUTES}


def test_every_reason_code_has_the_services_advice() -> None:
    registered = {code: reason[1:] for code, reason in REGISTRY.items()}

    assert {code: REASONS[code][:4] for code in registered} == registered


def test_every_reason_code_says_in_a_sentence_what_it_means() -> None:
    for code, reason in REASONS.items():
        assert reason.description.endswith("."), code
        assert code not in reason.description, code


def test_every_documented_refusal_is_known() -> None:
    refused = set()

    def collect(node: Any) -> None:
        if isinstance(node, dict):
            refused.update(node.get("x-reason-codes", ()))
            for value in node.values():
                collect(value)
        elif isinstance(node, list):
            for value in node:
                collect(value)

    for *_, operation in ROUTES:
        collect({status: answer for status, answer in operation["responses"].items() if status != "200"})

    assert len(refused) > 30
    assert refused <= set(REASONS)


def test_every_schema_that_an_operation_names_is_a_type() -> None:
    assert set(DESCRIBED["components"]["schemas"]) <= set(vars(models))


@given(request_id=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_any_id_arrives_as_it_is(request_id: str) -> None:
    script = Script([ok([])])
    with Handshake(BASE_URL, transport=httpx.MockTransport(script)) as client:
        client.get_evidence(request_id)

    path = script.requests[0].url.raw_path.decode("ascii")
    prefix = "/stage/workflow/evidence/"
    assert path.startswith(prefix)
    assert "/" not in path.removeprefix(prefix)
    assert unquote(path.removeprefix(prefix), errors="strict") == request_id


@given(scope_id=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40), limit=st.integers(1, 100))
def test_any_query_arrives_as_it_is(scope_id: str, limit: int) -> None:
    script = Script([ok({})])
    with Handshake(BASE_URL, transport=httpx.MockTransport(script)) as client:
        client.list_policy_versions(scope="agent", scope_id=scope_id, limit=limit)

    sent = script.requests[0].url.raw_path.decode("ascii").partition("?")[2].split("&")
    assert sorted(map(unquote, sent)) == sorted(["scope=agent", f"scopeId={scope_id}", f"limit={limit}"])
