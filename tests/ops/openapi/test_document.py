"""The document: made from the code, valid, complete, and committed as it is made."""

import base64
import inspect
import json
import re
import subprocess
import sys
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from handshake.api.http import Answer, Call, Route
from handshake.core.errors import HandshakeError
from handshake.core.reasons import REGISTRY
from handshake.core.shapes import ID_PATTERN, NEW_ID_PATTERN
from handshake.core.text import MAX_ID_LENGTH, id_fault, is_label
from handshake.policy.bodies import CATEGORIES_PATTERN, HOURS_PATTERN
from handshake.policy.rule_keys import KEY_OF, MAX_CATEGORY_LENGTH
from handshake.policy.rules import parse_rules
from handshake.trust import identity
from handshake.trust.token import Binding, mint_token
from ops.openapi import __main__ as command
from ops.openapi.document import (
    COMMITTED,
    ENVELOPE,
    ID_TOKEN,
    PEOPLES,
    ROOT,
    SIGV4,
    TOKEN,
    document,
    peoples_document,
    peoples_routes,
    routes,
    text_of,
)
from ops.openapi.operations import OPERATIONS
from ops.openapi.schemas import UndescribedError

MADE: Final = document(routes())
OPERATIONS_MADE: Final = {
    f"{method.upper()} {path}": operation
    for path, operations in MADE["paths"].items()
    for method, operation in operations.items()
}
every_operation: Final = pytest.mark.parametrize("operation", OPERATIONS_MADE.values(), ids=OPERATIONS_MADE.keys())

# Contract section 8, and the queue that the decision room has beside it.
NEEDS_ENVELOPE: Final = {
    "GET /workflow/requests/{requestId}",
    "GET /workflow/evidence/{requestId}",
    "GET /workflow/decision-room/{requestId}",
    "GET /workflow/decision-room",
    "GET /workflow/decisions",
    "POST /workflow/decision-room/action",
    "POST /workflow/decision-room/extend",
    "POST /workflow/decision-room/revoke",
    "POST /workflow/grants",
    "POST /workflow/grants/{grantId}/outcome",
    "POST /policy/apply",
    "POST /policy/tools",
    "GET /agents",
    "GET /agents/{agentId}",
    "PUT /agents/{agentId}",
}
NEEDS_TOKEN: Final = {"POST /policy/apply", "POST /policy/tools"}


def test_the_document_is_valid() -> None:
    OpenAPIV31SpecValidator(MADE).validate()


def test_the_committed_document_is_the_codes() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == text_of(MADE), "run python -m ops.openapi"


def test_peoples_document_is_valid_committed_and_admits_by_id_tokens_alone() -> None:
    made = peoples_document()
    OpenAPIV31SpecValidator(made).validate()

    assert PEOPLES.read_text(encoding="utf-8") == text_of(made), "run python -m ops.openapi"
    served = {(method, resource) for table in peoples_routes().values() for method, resource in table}
    described = {(method.upper(), path) for path, operations in made["paths"].items() for method in operations}
    assert described == served
    for operations in made["paths"].values():
        for operation in operations.values():
            assert operation["security"] == [{ID_TOKEN: []}]
            codes = json.dumps(operation["responses"]["403"])
            assert "security_person_unknown" in codes
            assert "security_person_disabled" in codes


def test_people_answer_what_the_same_routes_answer_elsewhere() -> None:
    elsewhere = {key: route for table in routes().values() for key, route in table.items()}
    [served] = peoples_routes().values()

    for (method, resource), route in served.items():
        path = resource.removeprefix("/api")
        assert path == "/me" or inspect.unwrap(route.answer) is elsewhere[method, path].answer


def test_the_same_code_makes_the_same_text() -> None:
    backwards = {name: dict(reversed(list(table.items()))) for name, table in reversed(routes().items())}

    assert text_of(document(backwards)) == text_of(document(routes()))


def test_every_route_of_every_function_is_in_it() -> None:
    served = {f"{method} {resource}" for table in routes().values() for method, resource in table}

    assert set(OPERATIONS_MADE) == served


def test_a_route_without_a_description_fails() -> None:
    described = {key: operation for key, operation in OPERATIONS.items() if key != ("GET", "/policy/config")}

    with pytest.raises(UndescribedError, match=r"GET /policy/config .* add it to ops/openapi/operations\.py"):
        document(routes(), described)


def test_a_description_without_a_route_fails() -> None:
    served = {name: table for name, table in routes().items() if name != "policy_apply"}

    with pytest.raises(UndescribedError, match=r"POST /policy/apply .* remove it from ops/openapi/operations\.py"):
        document(served)


def test_a_handler_that_does_not_say_what_it_answers_fails() -> None:
    def silent(_: Call) -> Answer:
        return {}

    route = Route("GET", "/policy/config", silent)

    with pytest.raises(UndescribedError, match="silent does not say what it answers"):
        document(routes() | {"policy": {**routes()["policy"], ("GET", "/policy/config"): route}})


@every_operation
def test_every_answer_names_its_call_and_says_when_to_come_back(operation: Mapping[str, Any]) -> None:
    for status, response in operation["responses"].items():
        assert "x-correlation-id" in response["headers"]
        assert ("Retry-After" in response["headers"]) == (status == "503")


def test_every_route_needs_a_signature_and_what_section_8_asks_for_beside_it() -> None:
    for name, operation in OPERATIONS_MADE.items():
        needed = [SIGV4, *([ENVELOPE] if name in NEEDS_ENVELOPE else []), *([TOKEN] if name in NEEDS_TOKEN else [])]
        assert [list(alternative) for alternative in operation["security"]] == [needed], name


def test_retry_advice_is_served_for_every_code() -> None:
    advice = MADE["x-reason-codes"]["codes"]

    assert {code: row["retry"] for code, row in advice.items() if code in REGISTRY} == {
        code: reason.retry for code, reason in REGISTRY.items()
    }
    assert set(advice) - set(REGISTRY) == {"invalid_metric_query", "invalid_metrics_event"}


def test_an_envelope_has_the_members_that_the_code_reads() -> None:
    described = MADE["components"]["schemas"]["IdentityEnvelope"]

    assert set(described["properties"]) == set(identity.FIELDS)
    assert described["required"] == [identity.REQUIRED]


def test_a_trust_token_claims_what_is_described() -> None:
    described = MADE["components"]["schemas"]["TrustClaims"]
    binding = Binding.to(b"{}", "handshake")
    token = mint_token(b"key", now_s=1, jti="j" * 8, principal_id="alice", trace_id="trace", binding=binding)

    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))

    assert set(described["properties"]) == claims.keys()


def test_every_word_for_a_rule_key_is_in_the_shape_of_one_rule() -> None:
    shapes = [
        MADE["components"]["schemas"][name]
        for name in ("AmountRule", "HoursRule", "CategoriesRule", "CountRule", "DeadlineRule")
    ]

    assert sorted(word for shape in shapes for word in shape["properties"]["key"]["enum"]) == sorted(KEY_OF)


TEXTS: Final = st.text(st.characters(codec="utf-8")) | st.text("ab \t\x00\x1c\x85\xa0\u3000\ufeff\n,", max_size=6)


@given(text=TEXTS)
def test_the_pattern_of_what_is_stored_is_the_codes(text: str) -> None:
    bounded = 1 <= len(text) <= MAX_ID_LENGTH

    assert (bounded and _matches(ID_PATTERN, text)) == is_label(text)


@given(
    text=TEXTS | st.text("a\u00ad\u200b\u2800\u3164\ue000\ufe0f\ufeff\uffa0\uffff\u0600\u2027 \u2029é日", max_size=6)
)
def test_the_pattern_of_new_ids_refuses_nothing_that_the_code_takes_and_what_it_can(text: str) -> None:
    bounded = 1 <= len(text) <= MAX_ID_LENGTH
    taken = bounded and _matches(NEW_ID_PATTERN, text)

    if id_fault(text) is None:
        assert taken
    elif taken:
        # What no pattern says: what is unassigned, in another plane, or not composed.
        assert any(unicodedata.category(char)[0] == "C" or ord(char) > 0xFFFF for char in text) or (
            not unicodedata.is_normalized("NFC", text)
        )
        assert not any(char in "\u00ad\u200b\u2800\u3164\ue000\ufe0f\ufeff\uffa0\uffff\u0600" for char in text)


@given(text=TEXTS)
def test_the_pattern_of_categories_is_the_codes(text: str) -> None:
    bounded = all(len(name) <= MAX_CATEGORY_LENGTH for name in text.split(","))

    assert (bounded and _matches(CATEGORIES_PATTERN, text)) == _is_rule("allowed_categories", text)


@given(text=st.from_regex(r"\A[0-2]\d:[0-6]\d-[0-2]\d:[0-6]\d\Z") | st.from_regex(HOURS_PATTERN).map(str.strip))
def test_the_pattern_of_hours_is_the_codes(text: str) -> None:
    assert _matches(HOURS_PATTERN, text) == _is_rule("allowed_hours", text)


def _matches(pattern: str, text: str) -> bool:
    # As JSON Schema has it: $ is the very end.
    return re.search(pattern.removesuffix("$") + r"\Z", text) is not None


def _is_rule(key: str, value: str) -> bool:
    try:
        return bool(parse_rules([{"id": "r", "key": key, "value": value}]))
    except HandshakeError:
        return False


@pytest.fixture
def another_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    monkeypatch.setattr(command, "ROOT", tmp_path)
    file = tmp_path / "openapi" / "handshake.json"
    monkeypatch.setattr(command, "COMMITTED", file)
    monkeypatch.setattr(command, "PEOPLES", tmp_path / "openapi" / "people.json")
    return file


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str | None:
    monkeypatch.setattr("sys.argv", ["ops.openapi", *arguments])
    return command.main()


@pytest.mark.usefixtures("another_file")
def test_the_command_writes_the_document_and_then_finds_it_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = _run(monkeypatch, "--check")
    written = _run(monkeypatch)
    checked = _run(monkeypatch, "--check")

    assert (bool(missing), written, checked) == (True, None, None)


def test_the_check_names_the_fix_when_the_committed_document_differs(
    monkeypatch: pytest.MonkeyPatch, another_file: Any
) -> None:
    _run(monkeypatch)
    edited = json.loads(another_file.read_text()) | {"openapi": "3.1.1"}
    another_file.write_text(text_of(edited))

    refusal = _run(monkeypatch, "--check")

    assert refusal == "error: openapi/handshake.json is not what the code says: run python -m ops.openapi and commit it"
    assert json.loads(another_file.read_text()) == edited, "a check writes nothing"


def test_no_function_imports_a_shape_to_start() -> None:
    apps = ", ".join(f"functions.{name}.app" for name in routes())
    code = f"import sys, {apps}; print(*(name for name in sys.modules if name.startswith(('handshake.', 'pydantic'))))"
    path = {"PYTHONPATH": f"{ROOT / 'shared'}:{ROOT}"}

    done = subprocess.run(  # noqa: S603 - this Python, on the checkout
        [sys.executable, "-c", code], env=path, capture_output=True, text=True, check=True
    )

    imported = set(done.stdout.split())
    assert "handshake.api.http" in imported
    assert not {name for name in imported if re.search(r"\.(shapes|answers|bodies)$|^pydantic", name)}
