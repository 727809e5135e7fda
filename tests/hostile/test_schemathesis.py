"""Schemathesis over the exact document: what it promises is what the handlers do, and nothing breaks them."""

import json
from typing import Any, Final
from unicodedata import normalize

import pytest
import schemathesis
from schemathesis import Case
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig

from handshake.core.text import MAX_ID_LENGTH, MAX_PAYLOAD_REF_LENGTH, id_fault, is_seen
from handshake.trust.identity import ROLE_ADMIN, SCOPE_READ_ANY, SCOPE_RESOLVE, SCOPE_SUBMIT_ANY
from handshake.trust.token import SUBJECT, TOOLS_SUBJECT, Subject
from ops.openapi.document import ENVELOPE, TOKEN, exact_document, routes
from tests.hostile.bounds import EXAMPLES, SEED, TIMEOUT
from tests.hostile.wsgi import SIGNED, Gateway
from tests.support.service import InProcess, human, now_ms, token

pytestmark = pytest.mark.timeout(TIMEOUT)

OPERATOR: Final = human(
    "operator", tenantId="t", roles=[ROLE_ADMIN], scopes=[SCOPE_READ_ANY, SCOPE_RESOLVE, SCOPE_SUBMIT_ANY]
)
_IDS: Final = (
    "requestId",
    "principalId",
    "agentId",
    "payloadRef",
    "scopeId",
    "id",
    "eventId",
    "reasonCode",
    "reasonFamily",
    "version",
    "actor",
)
TOOLS: Final = "/policy/tools"
FORBIDDING: Final = '@id("nobody") forbid (principal == Agent::"nobody", action, resource);'
BUDGET: Final = {"measure": "count", "per": "agent", "window": "hour"}
GATEWAY: Final = Gateway()
GENERATION: Final = GenerationConfig(max_examples=EXAMPLES, with_security_parameters=False)


def _exact() -> dict[str, Any]:
    """Give the exact document without the headers of identity, which every call here has."""
    exact = exact_document(routes())
    given = [{"$ref": f"#/components/parameters/{name}"} for name in (ENVELOPE, TOKEN)]
    for methods in exact["paths"].values():
        for operation in methods.values():
            operation["parameters"] = [one for one in operation["parameters"] if one not in given]
    return exact


documented: Final = schemathesis.openapi.from_dict(
    _exact(),
    config=SchemathesisConfig(seed=SEED, projects=ProjectsConfig(default=ProjectConfig(generation=GENERATION))),
)
documented.app = GATEWAY


@pytest.fixture(autouse=True)
def _behind_the_gateway(service: InProcess) -> None:
    GATEWAY.service = service


@documented.parametrize()
def test_the_document_is_what_the_handlers_do(case: Case[Any]) -> None:
    _heed_what_no_schema_says(case)
    case.call_and_validate(headers=_credentials(GATEWAY.service, TOOLS_SUBJECT if case.path == TOOLS else SUBJECT))


def _heed_what_no_schema_says(case: Case[Any]) -> None:
    """Rules that span fields, or know the time. Each is tested by name elsewhere."""
    body: Any = case.body
    query: Any = case.query or {}
    for fields in (body, query):
        if isinstance(fields, dict) and fields.get("scope", "global" if fields is query else None) == "global":
            # Global scope is nobody's in particular, so the id of somebody beside it is not read.
            fields.pop("scopeId", None)
    if case.meta and case.meta.generation.mode.is_negative:
        return
    _heed_query(query)
    if isinstance(body, dict):
        _heed_body(body)


def _heed_query(query: dict[str, Any]) -> None:
    if query.get("scope", "global") != "agent":
        # Nor that a tenant goes with agent scope only.
        query.pop("tenantId", None)
    if query.get("scope", "global") != "global":
        # A query string has no schema of its own, so none can say that the scopes of one need an id.
        query.setdefault("scopeId", "agent-1")
    if "from" in query:
        # Nor that what begins ends later.
        query.pop("to", None)
    _heed_spelling(query)
    # Only a list makes its cursors.
    query.pop("cursor", None)


def _heed_body(body: dict[str, Any]) -> None:
    for fields in (body, body.get("request"), *(body.get("rules") or ())):
        _heed_spelling(fields)
    if "timestamp" in body:
        # Five minutes around the server's clock.
        body["timestamp"] = now_ms()
    for index, rule in enumerate(body.get("rules") or ()):
        # A schema can ask for distinct rules, not for distinct ids.
        rule["id"] = f"{index} {rule['id']}"[:MAX_ID_LENGTH]
    if body.get("cedar"):
        # A schema knows no grammar.
        body["cedar"] = FORBIDDING
    for index, budget in enumerate(body.get("budgets") or ()):
        # Nor what a budget's members have to do with one another.
        body["budgets"][index] = {"id": str(index), "max": 100, "over": budget["over"]} | BUDGET
    for index, tool in enumerate(body.get("tools") or ()):
        # Nor that names are distinct, and what a schema of a schema is.
        _heed_spelling(tool)
        tool |= {"name": f"tool-{index}", "inputSchema": {"type": "object"}}
    if "timestampMs" in body:
        # Since 2020, five minutes ahead of the server's clock at most; and an incident ends after it began.
        body["timestampMs"] = now_ms()
        for name in ("incidentDetectedTsMs", "terminalDecisionTsMs"):
            body.pop(name, None)


def _heed_spelling(fields: Any) -> None:
    """Spell ids as no pattern can say: in NFC, and of characters that Unicode assigned. The operator has a tenant."""
    if not isinstance(fields, dict):
        return
    if fields.get("tenantId"):
        fields["tenantId"] = "t"
    for name in _IDS:
        value = fields.get(name)
        if isinstance(value, str) and id_fault(value, max_length=MAX_PAYLOAD_REF_LENGTH):
            fields[name] = "".join(char for char in normalize("NFC", value) if is_seen(char)).strip() or "a"


def _credentials(service: InProcess, subject: Subject) -> dict[str, str]:
    """Everything that any route asks for, anew: a token is good for one call."""
    return {
        **SIGNED,
        "x-identity-envelope": json.dumps(OPERATOR),
        "x-internal-trust-context": token(service, subject=subject),
    }
