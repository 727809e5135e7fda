"""Tests what handlers read of a call is what its operation describes: no member more, none less."""

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Final, NotRequired, Union, get_args, get_origin, is_typeddict

import pytest

from handshake.api.http import Call
from handshake.core.errors import HandshakeError
from handshake.requests.bodies import PresentedArtifact
from handshake.trust.identity import Envelope
from handshake.trust.token import TrustClaims
from ops.openapi.document import routes
from ops.openapi.operations import OPERATIONS
from ops.openapi.schemas import members_of
from tests.support.metrics_events import NOW_MS
from tests.support.policies import a_budget

SUBMISSION: Final = {
    "requestId": "r",
    "principalId": "alice",
    "agentId": "agent-1",
    "tenantId": "t",
    "actionType": "payment",
    "payloadRef": "tool:do",
    "timestamp": NOW_MS,
    "privilegedPath": True,
    "context": {"amount": 1},
    "action": {"operation": "o", "tool": "t", "toolVersion": "1", "resource": "r", "arguments": {"amount": 1}},
}
BUDGETS: Final = [a_budget()]
RULES: Final = [{"id": "r", "key": "max_transaction", "value": 1}]
# One call of each route that takes a body or a query, in which everything is read.
BODIES: Final[dict[tuple[str, str], dict[str, Any]]] = {
    ("POST", "/workflow/requests"): SUBMISSION,
    ("POST", "/workflow/authorize-execution"): {"request": SUBMISSION, "artifact": {"decision": "allow"}},
    ("POST", "/workflow/decision-room/action"): {"requestId": "r", "action": "approve"},
    ("POST", "/workflow/decision-room/extend"): {"requestId": "r", "seconds": 60},
    ("POST", "/workflow/decision-room/revoke"): {"requestId": "r", "reason": "why"},
    ("POST", "/workflow/grants"): {"requestId": "r", "actionDigest": "d", "audience": "executor"},
    ("POST", "/workflow/grants/{grantId}/outcome"): {"status": "failed", "resultDigest": "d", "detail": "why"},
    ("POST", "/policy/tools"): {"actionType": "other", "tools": [{"name": "send", "inputSchema": {}}]},
    ("PUT", "/agents/{agentId}"): {"state": "stopped", "reason": "r"},
    ("POST", "/policy/apply"): {"scope": "agent", "scopeId": "agent-1", "rules": RULES, "budgets": BUDGETS},
    ("POST", "/policy/simulate"): {"scope": "agent", "scopeId": "agent-1", "rules": RULES, "budgets": BUDGETS},
}
QUERY: Final = {"scope": "agent", "scopeId": "agent-1"}
# An artifact is sent along as it was answered; of these members no more than the requestId is looked at, if that.
SENT_ALONG: Final = {
    f"artifact.{name}" for name in PresentedArtifact.__annotations__ if name not in ("decision", "decisionContextHash")
}

HANDLERS: Final = {key: route for table in routes().values() for key, route in table.items()}
# pydantic reads a reported event, by the very model that describes it.
READ: Final = sorted(key for key in HANDLERS if key != ("POST", "/metrics/project"))


class StoreReachedError(Exception):
    """The handler has read its call."""


class Object(dict[str, Any]):
    """A JSON object that notes in ``read`` which of its members were asked for, by their path in the body."""

    def __init__(self, members: dict[str, Any], read: set[str], path: str = "") -> None:
        super().__init__({name: _noting(value, read, f"{path}{name}.") for name, value in members.items()})
        self._read, self._path = read, path

    def get(self, name: str, default: Any = None) -> Any:
        self._read.add(f"{self._path}{name}")
        return super().get(name, default)

    def __getitem__(self, name: str) -> Any:
        self._read.add(f"{self._path}{name}")
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self._read.add(f"{self._path}{name}")
        return super().__contains__(name)


def _noting(value: Any, read: set[str], path: str) -> Any:
    if isinstance(value, dict):
        # What an agent says of its action is its own; a test of decisions holds it to what decides. So is a tool's
        # schema, which is JSON Schema.
        own = ("context.", "action.arguments.", "tools.inputSchema.")
        return value if path.endswith(own) else Object(value, read, path)
    return [_noting(one, read, path) for one in value] if isinstance(value, list) else value


class NoStore:
    """A context with a clock, and a runtime of no strict parameter, and nothing else."""

    binds_actions = False

    def now_ms(self) -> int:
        return NOW_MS

    def __getattr__(self, name: str) -> Any:
        raise StoreReachedError(name)


class ReadCall(Call):
    """A call that notes what is read of its body and its query."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.of_body: set[str] = set()
        self.of_query: set[str] = set()
        self._body = Object(body, self.of_body)

    def decided(self, *_: object, **__: object) -> None:
        pass

    @property
    def context(self) -> Any:
        return NoStore()

    @property
    def runtime(self) -> Any:
        return NoStore()

    def json_body(self, *_: object, **__: object) -> Any:
        return self._body

    def query(self, name: str) -> str | None:
        self.of_query.add(name)
        return QUERY.get(name)

    def query_values(self, name: str) -> list[str]:
        self.of_query.add(name)
        return []

    @property
    def headers(self) -> Mapping[str, str]:
        return {}

    def path(self, name: str) -> str:
        return name

    def envelope(self) -> Envelope:
        return Envelope("alice", "human", scopes=("agents:manage", "agents:read"), tenant_id="acme")

    def submitter(self) -> Envelope | None:
        return None

    def trust_claims(self, envelope: Envelope, **_: object) -> TrustClaims:
        return TrustClaims("j" * 8, "issuer", 1, envelope.principal_id, None)

    def about(self, request_id: str) -> None:
        pass

    def acts_for(self, principal_id: str, tenant_id: str | None, *, request_id: str = "") -> None:
        pass


def _paths(hint: Any, path: str = "") -> Iterator[str]:
    """The members that a type describes, by their path."""
    if is_typeddict(hint):
        for name, member in members_of(hint).items():
            yield f"{path}{name}"
            yield from _paths(member, f"{path}{name}.")
    elif get_origin(hint) in (Annotated, NotRequired, list):
        yield from _paths(get_args(hint)[0], path)
    elif get_origin(hint) in (Union, UnionType):
        for one in get_args(hint):
            yield from _paths(one, path)


@pytest.mark.parametrize("key", READ, ids=" ".join)
def test_a_handler_reads_what_its_operation_describes(key: tuple[str, str]) -> None:
    call = ReadCall(BODIES.get(key, {}))

    # The artifact is of no decision, which is found once it is read; every other call comes as far as the store.
    with pytest.raises((StoreReachedError, HandshakeError)):
        HANDLERS[key].answer(call)

    assert call.of_body - SENT_ALONG == set(_paths(OPERATIONS[key].body)) - SENT_ALONG
    assert call.of_query == set(_paths(OPERATIONS[key].query))
