"""check:security-parity, against a template, a document and handlers that lost a protection."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from functions.policy_apply import app as policy_apply
from handshake.api import reads
from handshake.api.http import Answer, Call, Route
from handshake.requests.read import read_request
from ops.gates.openapi import COMMITTED, load
from ops.gates.parity import judge_document, judge_handlers, judge_template
from ops.local.settings import ROOT
from ops.local.translation import environment_of
from ops.openapi.document import routes
from ops.verdict import Verdict
from tests.ops.gates.conftest import Edit
from tests.ops.gates.findings import problems

SERVED = {name: route for table in routes().values() for name, route in table.items()}
READ = ("GET", "/workflow/requests/{requestId}")
APPLY = ("POST", "/policy/apply")


def _template(tree: Path) -> str:
    verdict = Verdict()
    judge_template(verdict, environment_of(tree, "production"), SERVED)
    return problems(verdict)


def _document(change: Callable[[Any], Any]) -> str:
    described = copy.deepcopy(load(ROOT / COMMITTED))
    change(described["paths"])
    verdict = Verdict()
    judge_document(verdict, described, SERVED)
    return problems(verdict)


def _handlers(changed: dict[tuple[str, str], Callable[[Call], Answer]]) -> str:
    verdict = Verdict()
    judge_handlers(verdict, SERVED | {name: Route(*name, answer) for name, answer in changed.items()})
    return problems(verdict)


def test_template_document_and_handlers_agree(tree: Path) -> None:
    assert (_template(tree), _document(lambda _: None), _handlers({})) == ("", "", "")


def test_a_route_of_the_template_that_admits_anybody_is_found(tree: Path, edit: Edit) -> None:
    edit("template.yaml", "Path: /policy/apply}", "Path: /policy/apply, Auth: {Authorizer: NONE}}")

    assert "POST /policy/apply in template.yaml admits by" in _template(tree)


def test_an_api_without_an_authorizer_is_found(tree: Path, edit: Edit) -> None:
    edit("template.yaml", "        DefaultAuthorizer: AWS_IAM\n", "")

    assert _template(tree).count("admits by nothing") == len(SERVED)


def test_a_route_of_the_template_that_no_handler_answers_is_found(tree: Path, edit: Edit) -> None:
    edit("template.yaml", "Path: /metrics/reasons}", "Path: /metrics/causes}")

    assert "GET /metrics/causes is in template.yaml and no handler answers it" in _template(tree)
    assert "GET /metrics/reasons is answered by the code and not in template.yaml" in _template(tree)


@pytest.mark.parametrize("scheme", ["sigv4", "identityEnvelope", "internalTrustContext"])
def test_a_protection_that_the_document_forgets_is_found(scheme: str) -> None:
    said = _document(lambda paths: paths["/policy/apply"]["post"]["security"][0].pop(scheme))

    assert said.startswith("POST /policy/apply in openapi/handshake.json demands")


def test_a_route_that_the_document_leaves_open_is_found() -> None:
    assert "demands nothing" in _document(lambda paths: paths["/metrics/series"]["get"].update(security=[]))


def test_a_handler_that_reads_before_it_asks_for_the_envelope_is_found() -> None:
    def early(call: Call) -> Answer:
        call.context.dynamo.batch_get([("workflow", {"pk": "x", "sk": "x"})])
        return reads.get_request(call)

    said = _handlers({READ: early})

    assert "without an envelope answers adapter_store_unavailable" in said
    assert "reached the store: batch_get_item" in said


def test_a_handler_that_believes_an_authorization_header_is_found() -> None:
    def lenient(call: Call) -> Answer:
        if call.headers.get("authorization"):
            return {}
        return reads.get_request(call)

    assert "without an envelope, Authorization in its place answers no reason code" in _handlers({READ: lenient})


def test_a_handler_that_believes_any_signers_envelope_is_found() -> None:
    def gullible(call: Call) -> Answer:
        call.event["requestContext"]["identity"]["userArn"] = (
            "arn:aws:sts::000000000000:assumed-role/handshake-edge/probe"
        )
        record = read_request(call.context, call.path("requestId"), call.envelope())
        return record.status_view(call.context.now_ms())

    assert "without a signer who is an envelope issuer answers" in _handlers({READ: gullible})


def test_a_handler_that_forgot_the_trust_token_is_found() -> None:
    def forgetful(call: Call) -> Answer:
        call.envelope()
        return {"status": "ok"}

    said = _handlers({APPLY: forgetful})

    for lack in ("a trust token", "signed with the trust key", "that is whole", "still valid", "15 minutes", "key"):
        assert f"{lack} answers no reason code" in said


def test_a_handler_that_asks_for_the_token_before_the_envelope_is_found() -> None:
    def turned(call: Call) -> Answer:
        if call.headers.get("x-internal-trust-context") is None or call.headers.get("x-identity-envelope") is None:
            return policy_apply.apply(call)
        return {"status": "ok"}

    assert "without a signer who is an envelope issuer answers no reason code" in _handlers({APPLY: turned})


def test_an_envelope_that_the_contract_does_not_ask_for_is_found() -> None:
    def strict(call: Call) -> Answer:
        call.envelope()
        return {}

    said = _handlers({("GET", "/metrics/summary"): strict})

    assert said.startswith("GET /metrics/summary refuses a call that lacks envelope and token: security_missing_iden")


def test_a_protected_route_that_is_not_served_is_found() -> None:
    verdict = Verdict()
    judge_handlers(verdict, {name: route for name, route in SERVED.items() if name != APPLY})

    assert problems(verdict) == "POST /policy/apply is protected by the contract and not served"
