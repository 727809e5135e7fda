"""The rule keys, one row each: what a key is called, how its value reads, narrows, and judges a payment.

Rules from contract.md sections 4 and 9. A new key is one more row; everything else is a loop over RULE_KEYS.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from functools import reduce
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, Self, TypeVar

from handshake.core.errors import HandshakeError
from handshake.core.jsonio import number, plain
from handshake.core.reasons import ReasonCode
from handshake.core.text import folded, is_label
from handshake.core.tiers import DENIAL_TIER, STRICTNESS, Outcome

if TYPE_CHECKING:
    from handshake.policy.answers import StoredRule

MAX_CATEGORIES: Final = 100
MAX_CATEGORY_LENGTH: Final = 64
# Above any sum a payment rail sees, and small enough that a day's spend stays exact in DynamoDB's 38 digits.
MAX_AMOUNT: Final = Decimal(10) ** 15
MINUTES_PER_DAY: Final = 24 * 60
MAX_ESCALATIONS_PER_WINDOW: Final = 1000
MIN_ESCALATION_TTL_S: Final = 60
MAX_ESCALATION_TTL_S: Final = 7 * 24 * 60 * 60
HOURS_PATTERN: Final = r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)"

_HOURS = re.compile(HOURS_PATTERN, re.ASCII)
# What a day's spend is counted in: fine enough for any currency, and within DynamoDB's 38 digits.
_SPEND_UNIT: Final = Decimal("1e-9")

T = TypeVar("T")


@dataclass(frozen=True)
class Window:
    """Minutes of the UTC day, both ends included; a window whose end is before its start spans midnight."""

    start: int
    end: int

    def holds(self, minute: int) -> bool:
        """Say whether ``minute`` (0 to 1439) lies inside."""
        if self.start <= self.end:
            return self.start <= minute <= self.end
        return minute >= self.start or minute <= self.end


class Payment(NamedTuple):
    """The facts of a payment that a rule judges; ``spent`` is what its agent has spent that UTC day."""

    amount: Decimal
    category: str
    minute: int
    spent: Decimal


class Spend(NamedTuple):
    """An amount, and the daily limit that the agent's spend of that day must stay within with it."""

    amount: Decimal
    daily_limit: Decimal

    @classmethod
    def of(cls, amount: Decimal, daily_limit: Decimal) -> Self:
        """Round both against the spender, so that no sum of fractions slips past the limit."""
        return cls(amount.quantize(_SPEND_UNIT, ROUND_UP), daily_limit.quantize(_SPEND_UNIT, ROUND_DOWN))


class Trigger(NamedTuple):
    """The rule that escalated an action: the policy key, its limit, and the value that crossed it."""

    rule: str
    limit: Any
    value: Any


@dataclass(frozen=True)
class Verdict:
    """The outcome that a rule gives a payment that crosses it."""

    outcome: Outcome
    reason: ReasonCode
    tier: int = DENIAL_TIER
    trigger: Trigger | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class RuleKey(Generic[T]):
    """One rule key, demanding a ``T``.

    ``name`` and ``aliases`` are what a rule may be keyed by, ``context_name`` what a caller's own narrowing limit is
    called, None where callers have none. ``parse`` reads a rule's value, None where it cannot be understood; ``narrow``
    makes one demand of two, the stricter; ``default`` is the value of global scope where it stores none, None where
    nothing stands in for it.

    ``judge`` says what becomes of a payment that crosses the demand, None where it does not; None of a key that is not
    about payments. Of several that a payment crosses the strictest counts, and among equals the one of the lowest
    ``precedence`` gives the code.
    """

    name: str
    parse: Callable[[Any], T | None]
    narrow: Callable[[T, T], T]
    default: Any
    context_name: str | None
    judge: Callable[[Payment, T], Verdict | None] | None
    precedence: int = 0
    aliases: tuple[str, ...] = ()

    @property
    def default_rule(self) -> "StoredRule":
        """Give the rule that stands in where global scope stores none."""
        return {"id": f"default-{self.name.replace('_', '-')}", "key": self.name, "value": self.default}


def _amount(value: Any) -> Decimal | None:
    amount = number(value)
    return amount if amount is not None and 0 <= amount <= MAX_AMOUNT else None


def _windows(value: Any) -> tuple[Window, ...] | None:
    match = _HOURS.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    start_hour, start_minute, end_hour, end_minute = map(int, match.groups())
    return (Window(start_hour * 60 + start_minute, end_hour * 60 + end_minute),)


def _categories(value: Any) -> frozenset[str] | None:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list) or len(names) > MAX_CATEGORIES:
        return None
    if not all(is_label(name) and len(name) <= MAX_CATEGORY_LENGTH for name in names):
        return None
    return frozenset(map(folded, names))


def _whole(least: int, most: int) -> Callable[[Any], int | None]:
    def read(value: Any) -> int | None:
        whole = number(value)
        in_range = whole is not None and whole == whole.to_integral_value() and least <= whole <= most
        return int(whole) if whole is not None and in_range else None

    return read


def _every_window(one: tuple[Window, ...], other: tuple[Window, ...]) -> tuple[Window, ...]:
    return tuple(dict.fromkeys(one + other))


def _judge_amount(payment: Payment, limit: Decimal) -> Verdict | None:
    if payment.amount <= limit:
        return None
    trigger = Trigger("max_transaction", plain(limit), plain(payment.amount))
    return Verdict("escalate", ReasonCode.HITL_BOUNDARY_ESCALATED, 4 if payment.amount > 2 * limit else 3, trigger)


def _judge_day(payment: Payment, limit: Decimal) -> Verdict | None:
    spend = Spend.of(payment.amount, limit)
    if payment.spent + spend.amount <= spend.daily_limit:
        return None
    return Verdict("deny", ReasonCode.POLICY_DAILY_LIMIT_EXCEEDED)


def _judge_hours(payment: Payment, windows: tuple[Window, ...]) -> Verdict | None:
    if all(window.holds(payment.minute) for window in windows):
        return None
    return Verdict("deny", ReasonCode.POLICY_OUTSIDE_ALLOWED_HOURS)


def _judge_category(payment: Payment, allowed: frozenset[str]) -> Verdict | None:
    return None if payment.category in allowed else Verdict("deny", ReasonCode.POLICY_CATEGORY_NOT_ALLOWED)


MAX_TRANSACTION: Final = RuleKey[Decimal](
    name="max_transaction",
    aliases=("maxtransaction", "max_payment"),
    context_name="maxTransaction",
    parse=_amount,
    narrow=min,
    judge=_judge_amount,
    default=100,
    precedence=4,
)
DAILY_SPEND_LIMIT: Final = RuleKey[Decimal](
    name="daily_spend_limit",
    aliases=("dailyspendlimit",),
    context_name="dailySpendLimit",
    parse=_amount,
    narrow=min,
    judge=_judge_day,
    default=1000,
    precedence=1,
)
ALLOWED_HOURS: Final = RuleKey[tuple[Window, ...]](
    name="allowed_hours",
    context_name="allowedHours",
    parse=_windows,
    narrow=_every_window,
    judge=_judge_hours,
    default="00:00-23:59",
    precedence=3,
)
ALLOWED_CATEGORIES: Final = RuleKey[frozenset[str]](
    name="allowed_categories",
    context_name="allowedCategories",
    parse=_categories,
    narrow=frozenset.intersection,
    judge=_judge_category,
    default=["ops", "infra", "subscriptions", "food", "transport"],
    precedence=2,
)
ESCALATIONS_PER_WINDOW: Final = RuleKey[int](
    name="escalations_per_window",
    context_name=None,
    parse=_whole(1, MAX_ESCALATIONS_PER_WINDOW),
    narrow=min,
    judge=None,
    default=5,
)
# The first deadline of an escalation. Where no scope says one, it is the template's EscalationTtlSeconds.
ESCALATION_TTL_SECONDS: Final = RuleKey[int](
    name="escalation_ttl_seconds",
    context_name=None,
    parse=_whole(MIN_ESCALATION_TTL_S, MAX_ESCALATION_TTL_S),
    narrow=min,
    judge=None,
    default=None,
)

# In the order in which policies list them.
RULE_KEYS: Final[tuple[RuleKey[Any], ...]] = (
    MAX_TRANSACTION,
    DAILY_SPEND_LIMIT,
    ALLOWED_HOURS,
    ALLOWED_CATEGORIES,
    ESCALATIONS_PER_WINDOW,
    ESCALATION_TTL_SECONDS,
)
KEY_OF: Final[Mapping[str, RuleKey[Any]]] = {word: key for key in RULE_KEYS for word in (key.name, *key.aliases)}
"""Every word that a rule may be keyed by, in lower case, with its key."""
_ABOUT_PAYMENTS: Final = tuple(key for key in RULE_KEYS if key.judge)
DEFAULT_RULES: Final = tuple(key.default_rule for key in _ABOUT_PAYMENTS)
"""Shown of global scope where it stores nothing (contract.md section 4)."""
CONTEXT_LIMITS: Final = tuple(key.context_name for key in RULE_KEYS if key.context_name)

_JUDGED: Final = tuple(sorted(_ABOUT_PAYMENTS, key=lambda key: key.precedence))


@dataclass(frozen=True)
class Limits:
    """The demands of some rules, by key; a key without one is not in it."""

    demands: Mapping[RuleKey[Any], Any] = field(default_factory=dict)

    def get(self, key: RuleKey[T]) -> T | None:
        """Give the demand of ``key``, or None."""
        demand: T | None = self.demands.get(key)
        return demand

    def __getitem__(self, key: RuleKey[T]) -> T:
        """Give the demand of ``key``, which must be there: an effective policy has that of every key with a default."""
        demand: T = self.demands[key]
        return demand

    def narrowed(self, key: RuleKey[T], demand: T) -> Self:
        """Add one more to these demands; where there is one of ``key``, the stricter of both."""
        there = self.demands.get(key)
        return type(self)({**self.demands, key: demand if there is None else key.narrow(there, demand)})

    def narrowed_by(self, other: "Limits") -> Self:
        """Make both demands at once: of each key the stricter."""
        limits = self
        for key, demand in other.demands.items():
            limits = limits.narrowed(key, demand)
        return limits

    def or_else(self, other: "Limits") -> Self:
        """Add to these demands those of ``other`` for each key without one."""
        return type(self)({**other.demands, **self.demands})

    def judge(self, payment: Payment) -> Verdict | None:
        """Give the strictest verdict of the demands that ``payment`` crosses, the first by precedence among equals."""
        verdicts = (key.judge(payment, self.demands[key]) for key in _JUDGED if key.judge and key in self.demands)
        return max(filter(None, verdicts), key=lambda verdict: STRICTNESS[verdict.outcome], default=None)


NO_LIMITS: Final = Limits()


def limits_of(rules: Iterable[Mapping[str, Any]]) -> Limits:
    """Combine what ``rules`` demand; of two rules with one key the stricter wins.

    Raises HandshakeError policy_invalid_policy for an unknown key or a value of the wrong type or range.
    """
    limits = NO_LIMITS
    for index, rule in enumerate(rules):
        key = KEY_OF.get(rule["key"].strip().lower())
        demand = key.parse(rule["value"]) if key else None
        if key is None or demand is None:
            what = f"has a value that {key.name} does not take" if key else "names an unknown key"
            raise HandshakeError(ReasonCode.POLICY_INVALID_POLICY, f"rules[{index}] {what}.")
        limits = limits.narrowed(key, demand)
    return limits


def limits_in_context(context: Mapping[str, Any]) -> Limits | None:
    """Give the caller's own narrowing limits, or None when one of them cannot be understood."""
    limits = NO_LIMITS
    for key in RULE_KEYS:
        value = context.get(key.context_name) if key.context_name else None
        if value is None:
            continue
        demand = key.parse(value)
        if demand is None:
            return None
        limits = limits.narrowed(key, demand)
    return limits


DEFAULT_LIMITS: Final = limits_of(key.default_rule for key in RULE_KEYS if key.default is not None)


class Judged(NamedTuple):
    """The judgement of a payment: the strictest verdict, None where nothing is crossed, and what it spends."""

    verdict: Verdict | None
    spend: Spend | None


def judge(payment: Payment, limits: Limits, own: Mapping[str, Any]) -> Judged | None:
    """Judge ``payment`` by the effective ``limits`` of all scopes, and those that its caller's ``own`` context sets.

    These only narrow. None where they cannot be understood.
    """
    callers = limits_in_context(own)
    if callers is None:
        return None
    if payment.amount > MAX_AMOUNT:
        return Judged(Verdict("deny", ReasonCode.POLICY_DAILY_LIMIT_EXCEEDED), None)
    limits = limits.narrowed_by(callers)
    return Judged(limits.judge(payment), Spend.of(payment.amount, limits[DAILY_SPEND_LIMIT]))


def effective(global_limits: Limits, *narrower: Limits) -> Limits:
    """Give one policy out of several scopes, with the default of each key that has one where global scope has none."""
    return reduce(Limits.narrowed_by, narrower, global_limits.or_else(DEFAULT_LIMITS))
