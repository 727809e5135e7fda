"""Policy: the rules a scope stores, and the one effective policy that several scopes make together.

Rules from contract.md sections 4 and 9. Policies only ever narrow: agent scope narrows global scope, and a
caller's own limits narrow both; the stricter value of each key wins.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal

from handshake.core.errors import HandshakeError
from handshake.core.jsonio import number
from handshake.core.reasons import ReasonCode
from handshake.core.text import folded, is_absent, is_id

if TYPE_CHECKING:
    from handshake.policy.answers import StoredRule

MAX_RULES: Final = 50
VERSION_DIGITS: Final = 8
MAX_CATEGORIES: Final = 100
MAX_CATEGORY_LENGTH: Final = 64
# Above any sum a payment rail sees, and small enough that a day's spend stays exact in DynamoDB's 38 digits.
MAX_AMOUNT: Final = Decimal(10) ** 15

MINUTES_PER_DAY: Final = 24 * 60
HOURS_PATTERN: Final = r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)"
_HOURS = re.compile(HOURS_PATTERN, re.ASCII)

Key = Literal["max_transaction", "daily_spend_limit", "allowed_hours", "allowed_categories"]
KEYS: Final[Mapping[str, Key]] = {
    "max_transaction": "max_transaction",
    "maxtransaction": "max_transaction",
    "max_payment": "max_transaction",
    "daily_spend_limit": "daily_spend_limit",
    "dailyspendlimit": "daily_spend_limit",
    "allowed_hours": "allowed_hours",
    "allowed_categories": "allowed_categories",
}

DEFAULT_RULES: "Final[Sequence[StoredRule]]" = (
    {"id": "default-max-transaction", "key": "max_transaction", "value": 100},
    {"id": "default-daily-spend-limit", "key": "daily_spend_limit", "value": 1000},
    {"id": "default-allowed-hours", "key": "allowed_hours", "value": "00:00-23:59"},
    {
        "id": "default-allowed-categories",
        "key": "allowed_categories",
        "value": ["ops", "infra", "subscriptions", "food", "transport"],
    },
)


@dataclass(frozen=True)
class Scope:
    """Where a policy applies: everywhere (``global``), or to one agent (``agent`` with its id)."""

    kind: Literal["global", "agent"]
    scope_id: str | None = None


GLOBAL: Final = Scope("global")


@dataclass(frozen=True)
class Window:
    """Minutes of the UTC day, both ends included; a window whose end is before its start spans midnight."""

    start: int
    end: int

    def holds(self, minute: int) -> bool:
        """Whether ``minute`` (0 to 1439) lies inside."""
        if self.start <= self.end:
            return self.start <= minute <= self.end
        return minute >= self.start or minute <= self.end


@dataclass(frozen=True)
class Limits:
    """What some rules demand; None is no demand. ``hours`` must all hold at once."""

    max_transaction: Decimal | None = None
    daily_spend_limit: Decimal | None = None
    hours: tuple[Window, ...] = ()
    categories: frozenset[str] | None = None

    def narrowed_by(self, other: "Limits") -> "Limits":
        """Both demands at once: the smaller number, the shared categories, every window."""
        return Limits(
            _smaller(self.max_transaction, other.max_transaction),
            _smaller(self.daily_spend_limit, other.daily_spend_limit),
            tuple(dict.fromkeys(self.hours + other.hours)),
            _shared(self.categories, other.categories),
        )

    def or_else(self, other: "Limits") -> "Limits":
        """These demands, and those of ``other`` for each key without one."""
        return Limits(
            other.max_transaction if self.max_transaction is None else self.max_transaction,
            other.daily_spend_limit if self.daily_spend_limit is None else self.daily_spend_limit,
            self.hours or other.hours,
            other.categories if self.categories is None else self.categories,
        )


NO_LIMITS: Final = Limits()


@dataclass(frozen=True)
class PolicyInForce:
    """Stored limits of the two scopes and the versions they came from (None: nothing stored)."""

    global_limits: Limits = NO_LIMITS
    agent_limits: Limits = NO_LIMITS
    global_version: str | None = None
    agent_version: str | None = None


@dataclass(frozen=True)
class EffectivePolicy:
    """The policy a payment is judged by: every key has a value. Amounts are in the caller's currency unit."""

    max_transaction: Decimal
    daily_spend_limit: Decimal
    hours: tuple[Window, ...]
    categories: frozenset[str]


def _smaller(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return min((value for value in (one, other) if value is not None), default=None)


def _shared(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def parse_scope(fields: Mapping[str, Any]) -> Scope:
    """The scope named by ``scope`` and ``scopeId``.

    Raises HandshakeError: trust_context_invalid_request_shape for an unknown scope or a malformed id,
    trust_context_missing_binding for agent scope without ``scopeId``.
    """
    kind, scope_id = fields.get("scope"), fields.get("scopeId")
    if kind == "global":
        return GLOBAL
    if kind != "agent":
        raise HandshakeError(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, "scope must be global or agent.")
    if is_absent(scope_id):
        raise HandshakeError(ReasonCode.TRUST_CONTEXT_MISSING_BINDING, "Agent scope needs a scopeId.")
    if not is_id(scope_id):
        raise HandshakeError(
            ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE,
            "scopeId must be 1 to 256 characters without control characters.",
        )
    return Scope("agent", scope_id)


def parse_rules(value: Any) -> "list[StoredRule]":
    """Well-formed, meaningful rules, each reduced to ``{id, key, value}`` as the caller wrote them.

    Raises HandshakeError: trust_context_invalid_request_shape when ``value`` is not an array of at most
    MAX_RULES objects with a distinct ``id``, a ``key`` and a ``value``; policy_invalid_policy for an unknown key
    or a value of the wrong type or range.
    """
    if not isinstance(value, list) or len(value) > MAX_RULES:
        raise _bad_shape(f"rules must be an array of at most {MAX_RULES} rules.")
    rules: list[StoredRule] = []
    for index, rule in enumerate(value):
        if not (isinstance(rule, dict) and is_id(rule.get("id")) and isinstance(rule.get("key"), str)):
            raise _bad_shape(f"rules[{index}] must be an object with an id, a key and a value.")
        if "value" not in rule:
            raise _bad_shape(f"rules[{index}] has no value.")
        rules.append({"id": rule["id"], "key": rule["key"], "value": rule["value"]})
    if len({rule["id"] for rule in rules}) != len(rules):
        raise _bad_shape("Two rules share an id.")
    limits_of(rules)
    return rules


def limits_of(rules: Iterable[Mapping[str, Any]]) -> Limits:
    """What ``rules`` demand together; of two rules with one key the stricter wins.

    Raises HandshakeError policy_invalid_policy for an unknown key or a value of the wrong type or range.
    """
    limits = NO_LIMITS
    for index, rule in enumerate(rules):
        key = KEYS.get(rule["key"].strip().lower())
        demand = _limits(key, rule["value"]) if key else None
        if demand is None:
            what = f"has a value that {key} does not take" if key else "names an unknown key"
            raise HandshakeError(ReasonCode.POLICY_INVALID_POLICY, f"rules[{index}] {what}.")
        limits = limits.narrowed_by(demand)
    return limits


_CONTEXT_KEYS: Final[Mapping[str, Key]] = {
    "maxTransaction": "max_transaction",
    "dailySpendLimit": "daily_spend_limit",
    "allowedHours": "allowed_hours",
    "allowedCategories": "allowed_categories",
}
CONTEXT_LIMITS: Final = tuple(_CONTEXT_KEYS)


def limits_in_context(context: Mapping[str, Any]) -> Limits | None:
    """The caller's own narrowing limits, or None when one of them cannot be understood."""
    limits = NO_LIMITS
    for name, key in _CONTEXT_KEYS.items():
        if context.get(name) is None:
            continue
        demand = _limits(key, context[name])
        if demand is None:
            return None
        limits = limits.narrowed_by(demand)
    return limits


def effective(global_limits: Limits, agent_limits: Limits, caller_limits: Limits) -> EffectivePolicy:
    """One policy out of three scopes. A key that global scope does not store takes its default."""
    limits = global_limits.or_else(DEFAULT_LIMITS).narrowed_by(agent_limits).narrowed_by(caller_limits)
    if limits.max_transaction is None or limits.daily_spend_limit is None or limits.categories is None:
        raise AssertionError("the defaults give every key a value")
    return EffectivePolicy(limits.max_transaction, limits.daily_spend_limit, limits.hours, limits.categories)


def _limits(key: Key, value: Any) -> Limits | None:
    if key in ("max_transaction", "daily_spend_limit"):
        amount = number(value)
        if amount is None or not 0 <= amount <= MAX_AMOUNT:
            return None
        return Limits(max_transaction=amount) if key == "max_transaction" else Limits(daily_spend_limit=amount)
    if key == "allowed_hours":
        match = _HOURS.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            return None
        start_hour, start_minute, end_hour, end_minute = map(int, match.groups())
        return Limits(hours=(Window(start_hour * 60 + start_minute, end_hour * 60 + end_minute),))
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list) or len(names) > MAX_CATEGORIES:
        return None
    if not all(isinstance(name, str) and is_id(name) and len(name) <= MAX_CATEGORY_LENGTH for name in names):
        return None
    return Limits(categories=frozenset(map(folded, names)))


def _bad_shape(message: str) -> HandshakeError:
    return HandshakeError(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, message)


DEFAULT_LIMITS: Final = limits_of(DEFAULT_RULES)
