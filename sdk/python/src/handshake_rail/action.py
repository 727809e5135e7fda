"""Computes the digest that binds a request to what is done, as the service does: openapi/vectors/action-digest.json."""

import hashlib
import json
import math
import string
import unicodedata
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import rfc8785

from handshake_rail._generated.models import Submission

MAX_BYTES: Final = 32 * 1024
MAX_LEVELS: Final = 16
MAX_INTEGER: Final = 2**53 - 1
MAX_NAME_LENGTH: Final = 128
MAX_ID_LENGTH: Final = 256

_MEMBERS: Final = ("operation", "tool", "toolVersion", "resource", "arguments")
_NAME_CHARACTERS: Final = frozenset(string.ascii_letters + string.digits + "._:/-")
_UNSEEN: Final = ("Cc", "Cf", "Co", "Cs")
_BINDINGS: Final = ("tenantId", "principalId", "agentId", "actionType", "payloadRef")
_LIMITS: Final = ("maxTransaction", "dailySpendLimit", "allowedHours", "allowedCategories")
_FACTS: Final[Mapping[str, tuple[str, ...]]] = {
    "payment": ("amount", "category", *_LIMITS),
    "data_access": ("sensitivity", "authorizedSensitiveScope"),
}
_ALSO_IN_ARGUMENTS: Final[Mapping[str, tuple[str, ...]]] = {"payment": ("amount", "category")}
_WORDS: Final = ("category", "sensitivity")
# Longer integers are read as doubles, as the service reads them.
_MAX_INT_DIGITS: Final = 18


class ActionError(ValueError):
    """A request of which there is no digest, because the service refuses it. The message says why."""


def action_digest(request: Submission) -> str:
    """Give the digest of ``request``: ``sha256:`` and the hex of all of it but its id and time. Raises ActionError."""
    return f"sha256:{hashlib.sha256(canonical_action(request).encode()).hexdigest()}"


def canonical_action(request: Submission) -> str:
    """Give the text whose digest binds ``request``, which the decision room shows. Raises ActionError."""
    body = _as_sent(request)
    context, action = body.get("context") or {}, body.get("action")
    if action is not None:
        _ensure_action(action)
    arguments = (action or {}).get("arguments") or {}
    members = {
        "v": 1,
        **{name: body.get(name) for name in _BINDINGS},
        "tenantId": body.get("tenantId") or None,  # "" is none
        "facts": _facts(str(body.get("actionType")), context, arguments),
        "action": None if action is None else _present(action),
    }
    return rfc8785.dumps(_present(members)).decode()


def _as_sent(request: Submission) -> dict[str, Any]:
    """Read ``request`` as the service reads what is sent of it."""
    try:
        body = json.loads(json.dumps(request), parse_int=_bounded_int)
        json.dumps(body, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as fault:
        raise ActionError(f"the request is no JSON: {fault}") from None
    if not isinstance(body, dict) or not isinstance(body.get("context") or {}, dict):
        raise ActionError("the request and its context are objects")
    return body


def _bounded_int(text: str) -> int | float:
    return int(text) if len(text.lstrip("-")) <= _MAX_INT_DIGITS else float(text)


def _facts(action_type: str, context: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Give the facts that decide: of the context, and a payment's of its action's arguments, too."""
    facts = _kept(context, _FACTS.get(action_type, ()))
    stated = _kept(arguments, _ALSO_IN_ARGUMENTS.get(action_type, ()))
    for name in stated.keys() & facts.keys():
        if json.dumps(stated[name], sort_keys=True) != json.dumps(facts[name], sort_keys=True):
            raise ActionError(f"{name} differs between context and action.arguments")
    default = {"category": "ops"} if action_type == "payment" else {}
    return {name: _numbers_as_text(value) for name, value in (default | stated | facts).items()}


def _kept(given: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Give the facts called ``names``: equal numbers written alike, words trimmed and in lower case."""
    facts = {name: _normal(given[name]) for name in names if given.get(name) is not None}
    return {
        name: value.strip().lower() if name in _WORDS and isinstance(value, str) else value
        for name, value in facts.items()
    }


def _normal(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _normal(child) for name, child in value.items()}
    if isinstance(value, list):
        return [_normal(child) for child in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"notFinite": str(value)}
    return int(Decimal(str(value))) if isinstance(value, float) and value.is_integer() else value


def _numbers_as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _numbers_as_text(child) for name, child in value.items()}
    if isinstance(value, list):
        return [_numbers_as_text(child) for child in value]
    return f"{Decimal(str(value)).normalize():f}" if _is_number(value) else value


def _ensure_action(action: Any) -> None:
    """Hold ``action`` to what the service takes. Raises ActionError."""
    if not isinstance(action, dict):
        raise ActionError("action is not an object")
    if action.keys() - set(_MEMBERS):
        raise ActionError(f"action has another member than {', '.join(_MEMBERS)}")
    if not _within(action, MAX_LEVELS):
        raise ActionError(f"action nests deeper than {MAX_LEVELS} levels")
    members = _present(action)
    for name in ("operation", "tool"):
        if (name in members or name == "operation") and not _is_name(members.get(name)):
            raise ActionError(f"action.{name} is not 1 to {MAX_NAME_LENGTH} characters of A-Z a-z 0-9 . _ : / -")
    for name in ("toolVersion", "resource"):
        if name in members and not _is_id(members[name]):
            raise ActionError(f"action.{name} is not 1 to {MAX_ID_LENGTH} visible characters in NFC, trimmed")
    if not isinstance(members.get("arguments", {}), dict):
        raise ActionError("action.arguments is not an object")
    if not _is_exact(action):
        raise ActionError("action holds a number beyond what every reader keeps; send it as a string")
    if len(rfc8785.dumps(members)) > MAX_BYTES:
        raise ActionError(f"action has more than {MAX_BYTES} bytes as canonical JSON")


def _present(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _within(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    children = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_within(child, levels - 1) for child in children)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= MAX_NAME_LENGTH and _NAME_CHARACTERS.issuperset(value)


def _is_id(value: Any) -> bool:
    """Say whether ``value`` looks like an id. The service knows more characters that nobody sees, and says so."""
    return (
        isinstance(value, str)
        and 1 <= len(value) <= MAX_ID_LENGTH
        and value == value.strip()
        and unicodedata.is_normalized("NFC", value)
        and not any(unicodedata.category(character) in _UNSEEN for character in value)
    )


def _is_exact(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_exact, value.values()))
    if isinstance(value, list):
        return all(map(_is_exact, value))
    return not _is_number(value) or abs(value) <= MAX_INTEGER


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
