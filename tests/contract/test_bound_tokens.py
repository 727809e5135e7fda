"""Contract section 2: a trust token is bound to the body and the stack that it names, and with a parameter must be."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from handshake.trust.token import Binding
from tests.support.service import InProcess, Reply, Service, apply_policy, for_agent, human, token, unique
from tests.support.store import everything

INVALID: Final = (401, "security_invalid_internal_trust_context")
APPLIED: Final = (200, None)
STACK: Final = "handshake-here"


@pytest.fixture
def here(in_process: InProcess) -> InProcess:
    """The service as a stack that knows its name."""
    return replace(in_process, settings={"stack": STACK})


@pytest.fixture
def strict(in_process: InProcess) -> InProcess:
    """The same with TrustTokenBinding=required."""
    return replace(in_process, settings={"stack": STACK, "binds_tokens": True})


def _change() -> str:
    return json.dumps(for_agent(unique("agent"), max_transaction=1))


def _apply(service: Service, body: str, bound_to: Binding) -> Reply:
    return apply_policy(service, body, token=token(service, binding=bound_to))


def test_a_token_bound_to_this_body_and_stack_is_taken(here: InProcess, strict: InProcess) -> None:
    for service in (here, strict):
        body = _change()
        assert _apply(service, body, Binding.to(body.encode(), STACK)).outcome == APPLIED


def test_a_stolen_token_changes_no_other_policy_and_no_other_stack(here: InProcess, strict: InProcess) -> None:
    """An agent without roles applied a policy of its own with a token that was made for somebody else's."""
    meant = _change()
    stolen = Binding.to(meant.encode(), STACK)
    for service in (here, strict):
        before = everything(service)
        assert _apply(service, _change(), stolen).outcome == INVALID
        assert _apply(service, meant + " ", stolen).outcome == INVALID
        assert _apply(service, "{", stolen).outcome == INVALID
        assert _apply(service, meant, replace(stolen, stack="handshake-there")).outcome == INVALID
        assert everything(service) == before


def test_where_binding_is_optional_an_unbound_token_is_taken_as_before(here: InProcess) -> None:
    assert _apply(here, _change(), Binding()).outcome == APPLIED


@pytest.mark.parametrize(
    "missing", [{"body_sha256": None}, {"stack": None}, {"body_sha256": None, "stack": None}], ids=str
)
def test_where_binding_is_required_an_unbound_token_is_refused(strict: InProcess, missing: Mapping[str, Any]) -> None:
    body = _change()

    assert _apply(strict, body, replace(Binding.to(body.encode(), STACK), **missing)).outcome == INVALID
    assert _apply(strict, body, Binding.to(body.encode(), STACK)).outcome == APPLIED


def test_it_is_the_bodys_bytes_that_count_however_the_gateway_hands_them_over(strict: InProcess) -> None:
    body = json.dumps(for_agent(unique("agent"), max_transaction=1) | {"note": "é"}, ensure_ascii=False).encode()
    shown = token(strict, binding=Binding.to(body, STACK))
    headers = {"x-identity-envelope": json.dumps(human("operator")), "x-internal-trust-context": shown}
    event, handler = strict.event("POST", "/policy/apply", headers=headers, body=base64.b64encode(body).decode())

    answer = handler.using(strict.runtime)(event | {"isBase64Encoded": True}, None)

    assert answer["statusCode"] == 200


@pytest.mark.parametrize("body", ["%%%", "A", "\ud800"], ids=ascii)
def test_a_body_that_is_no_bytes_is_what_no_token_is_bound_to(strict: InProcess, here: InProcess, body: str) -> None:
    for service, refused in ((strict, INVALID), (here, (400, "trust_context_invalid_request_shape"))):
        bound = Binding() if service is here else Binding.to(body.encode(errors="replace"), STACK)
        headers = {
            "x-identity-envelope": json.dumps(human("operator")),
            "x-internal-trust-context": token(service, binding=bound),
        }
        event, handler = service.event("POST", "/policy/apply", headers=headers, body=body)
        encoded = {"isBase64Encoded": body != "\ud800"}

        answer = handler.using(service.runtime)(event | encoded, None)

        assert (answer["statusCode"], json.loads(answer["body"])["reasonCode"]) == refused
