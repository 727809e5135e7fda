"""Gives what hostile callers send: strategies for texts and JSON, and a well-formed body of every route to spoil."""

import json
import operator
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from hypothesis import strategies as st

from handshake.policy.rule_keys import CONTEXT_LIMITS
from handshake.requests.submission import parse_recorded
from tests.hostile.calls import SCHEMAS
from tests.support.service import InProcess, escalated, for_agent, now_ms, submission, unique

ODD_TEXTS: Final = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "\r\nx-injected: 1",
    "\x85",
    "\ud800",
    "\udfff tail",
    "\ufeff",
    "\u202egnp.exe",
    "I\u0307\u0130",
    "\U0001f600" * 256,
    "\U0001f600" * 257,
    "a" * 256,
    "a" * 257,
    "REQ#1",
    "__proto__",
    "9" * 400,
    "=" * 64,
)
ODD_NUMBERS: Final = (0, -0.0, 5e-324, 1e308, 2**53 + 1, 10**18, -(10**18), 10**400, 1e15, 1e15 + 1, True)
TEXTS: Final = st.text() | st.sampled_from(ODD_TEXTS)
NUMBERS: Final = st.integers() | st.floats() | st.sampled_from(ODD_NUMBERS)
JSON: Final[st.SearchStrategy[Any]] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)
# As json.dumps writes it: NaN and lone surrogates included, which no parser of ours may take.
JSON_TEXTS: Final = JSON.map(json.dumps)

# Every field that some body has, from the document itself.
FIELDS: Final = sorted({name for schema in SCHEMAS.values() for name in schema.get("properties", ())})
FACTS: Final = (
    "amount",
    "category",
    "sensitivity",
    "authorizedSensitiveScope",
    "sideChannelAttempt",
    "directAdapterCall",
    *CONTEXT_LIMITS,
)
KEYS: Final = ("max_transaction", " Daily_Spend_Limit", "allowed_hours", "allowed_categories", "other")

_CONTEXTS: Final = st.dictionaries(st.sampled_from(FACTS), JSON, max_size=4)
_RULES: Final = st.lists(
    st.fixed_dictionaries({"id": TEXTS, "key": st.sampled_from(KEYS) | TEXTS, "value": JSON}), max_size=3
)
SPOILED_FIELDS: Final = st.builds(
    operator.or_,
    st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=2),
    st.fixed_dictionaries({}, optional={"context": _CONTEXTS, "rules": _RULES}),
)


def _action(service: InProcess) -> dict[str, Any]:
    request = escalated(service, principalId="operator", agentId=unique("agent"))
    return {"requestId": request["requestId"], "action": "approve", "reason": "seen"}


def _execution(_: InProcess) -> dict[str, Any]:
    request = submission()
    context_hash = parse_recorded(request).decision_context_hash
    return {"request": request, "artifact": {"decision": "allow", "decisionContextHash": context_hash}}


def _event(_: InProcess) -> dict[str, Any]:
    return {
        "eventId": str(uuid.uuid4()),
        "requestId": unique("req"),
        "timestampMs": now_ms(),
        "decision": "deny",
        "reasonCode": "policy_denied",
        "reasonFamily": "policy",
        "riskTier": "high",
    }


def _policy(_: InProcess) -> dict[str, Any]:
    return for_agent(unique("agent"), max_transaction=50)


WELL_FORMED: Final[Mapping[str, Callable[[InProcess], dict[str, Any]]]] = {
    "/workflow/requests": lambda _: submission(),
    "/workflow/authorize-execution": _execution,
    "/workflow/decision-room/action": _action,
    "/policy/apply": _policy,
    "/policy/simulate": _policy,
    "/metrics/project": _event,
}
