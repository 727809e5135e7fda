"""Budgets: how much, or how often, within an hour, a day or a month, and what a call takes of it (contract.md 15).

Pure: which budgets a call counts towards, what it takes of each, and what becomes of it by what was taken before. The
counters themselves are the store's, and what is taken there is a condition of the write that decides.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Self, get_args

from handshake.core.agents import Agent
from handshake.core.errors import HandshakeError
from handshake.core.jsonio import digest, number, plain
from handshake.core.reasons import ReasonCode
from handshake.core.text import folded, id_fault, is_label
from handshake.core.tiers import DENIAL_TIER, ESCALATION_TIER
from handshake.policy.rule_keys import MAX_AMOUNT, Trigger
from handshake.policy.rules import Scope
from handshake.policy.verdict import Judgement, Named, join

if TYPE_CHECKING:
    from handshake.policy.answers import StoredBudget

Measure = Literal["count", "sum"]
Per = Literal["agent", "principal", "tenant", "tool"]
WindowSize = Literal["hour", "day", "month"]
Over = Literal["deny", "escalate"]

WINDOW_SIZES: Final[tuple[WindowSize, ...]] = get_args(WindowSize)
MAX_BUDGETS: Final = 4
MAX_SHARDS: Final = 16
MAX_CURRENCY_LENGTH: Final = 16
MAX_PATH_LENGTH: Final = 256
OF_AMOUNT: Final = "amount"
OF_INPUT: Final = "input."
OF_PATTERN: Final = rf"^({OF_AMOUNT}|{OF_INPUT.replace('.', '[.]')}[^.]+([.][^.]+)*)$"
# As finely as a day's spend is counted.
_UNIT: Final = Decimal("1e-9")
_KEY_DIGITS: Final = 32
_MEMBERS: Final = frozenset({"id", "measure", "of", "currency", "per", "window", "max", "over", "shards"})
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "measure": get_args(Measure),
    "per": get_args(Per),
    "window": WINDOW_SIZES,
    "over": get_args(Over),
}


@dataclass(frozen=True)
class Budget:
    """One budget of a ``version`` of a scope. ``of`` says what a sum is of, ``currency`` in which alone it is counted.

    ``maximum`` is what all ``shards`` of a window may hold together.
    """

    scope: Scope
    version: str
    name: str
    measure: Measure
    of: str | None
    currency: str | None
    per: Per
    window: WindowSize
    maximum: Decimal
    over: Over
    shards: int = 1

    @classmethod
    def stored(cls, scope: Scope, version: str, budget: Mapping[str, Any]) -> Self:
        """Read a budget as ``parse_budgets`` gave it."""
        maximum, currency = number(budget["max"]), budget.get("currency")
        return cls(
            scope=scope,
            version=version,
            name=budget["id"],
            measure=budget["measure"],
            of=budget.get("of"),
            currency=currency and folded(currency),
            per=budget["per"],
            window=budget["window"],
            maximum=maximum if maximum is not None else Decimal(0),
            over=budget["over"],
            shards=int(budget.get("shards") or 1),
        )

    @property
    def of_a_shard(self) -> Decimal:
        """Give what one shard may hold: together never more than the budget, and of a count only whole ones."""
        share = (self.maximum / self.shards).quantize(_UNIT, ROUND_DOWN)
        return share.to_integral_value(ROUND_DOWN) if self.measure == "count" else share


class Call(NamedTuple):
    """A call as budgets see it. ``amount`` and ``arguments`` are the caller's, ``at_ms`` (epoch ms) its time.

    ``shard_by`` spreads calls over the shards of a budget: the same text, the same shard.
    """

    agent: Agent
    principal_id: str
    at_ms: int
    shard_by: str
    tool: str | None = None
    amount: Any = None
    currency: Any = None
    arguments: Mapping[str, Any] | None = None


class Counter(NamedTuple):
    """Names what counts: the ``key`` of a budget's bucket, the window, and one of its shards."""

    key: str
    window: str
    shard: int


@dataclass(frozen=True)
class Reservation:
    """A share of a budget that a call takes: ``amount`` of ``counter``, which may hold ``limit``, one of ``shards``.

    ``names`` say to operators what is counted; they are kept with the counter alone.
    One that is not ``held`` was over the budget: it is taken once a person approves, past the limit.
    """

    scope: str
    budget: str
    counter: Counter
    amount: Decimal
    limit: Decimal
    over: Over
    held: bool = True
    shards: int = 1
    names: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def fits_alone(self) -> bool:
        """Say whether it fits where nothing was taken yet."""
        return self.amount <= self.limit

    @property
    def room(self) -> Decimal:
        """Give the most that may be taken already for it to fit."""
        return self.limit - self.amount

    def stored(self) -> dict[str, Any]:
        """Give it as evidence and state keep it."""
        kept: dict[str, Any] = {
            "scope": self.scope,
            "id": self.budget,
            "key": self.counter.key,
            "window": self.counter.window,
            "shard": self.counter.shard,
            "amount": f"{self.amount.normalize():f}",
            "limit": f"{self.limit.normalize():f}",
            "over": self.over,
        }
        kept |= {} if self.held else {"held": False}
        return kept | ({"shards": self.shards} if self.shards > 1 else {})

    @classmethod
    def of_stored(cls, kept: Mapping[str, Any]) -> Self:
        """Read it as ``stored`` gave it."""
        return cls(
            scope=kept["scope"],
            budget=kept["id"],
            counter=Counter(kept["key"], kept["window"], kept["shard"]),
            amount=Decimal(kept["amount"]),
            limit=Decimal(kept["limit"]),
            over=kept["over"],
            held=kept.get("held", True),
            shards=kept.get("shards", 1),
        )


Taken = Mapping[Counter, Decimal]
"""Tells what was taken of some counters, as far as it is known; of the others a write will say."""
NONE_KNOWN: Final[Taken] = MappingProxyType({})


class JudgedBudgets(NamedTuple):
    """Give what the budgets say together that a call would exceed, allow where none is; and what it takes of each."""

    judgement: Judgement
    reservations: tuple[Reservation, ...]


def judge_budgets(
    budgets: Iterable[Budget], call: Call, taken: Taken, *, own: Sequence[Reservation] = ()
) -> JudgedBudgets | None:
    """Judge ``call`` by ``budgets`` of all scopes that apply to it, the widest first, by what was ``taken`` before.

    A counter that is not known to be full is taken to have room. ``own`` is what this very call took already, which is
    left out. None where what a budget is to sum is there and is no amount.
    """
    own_by = {reservation.counter: reservation.amount for reservation in own if reservation.held}
    reservations, judgements = list[Reservation](), list[Judgement]()
    for budget in budgets:
        measured = _measured(budget, call)
        if measured is None:
            return None
        amount, currency = measured
        if amount is None:
            continue
        reservation = _reservation(budget, call, amount, currency)
        before = taken.get(reservation.counter, Decimal(0)) - own_by.get(reservation.counter, Decimal(0))
        if before > reservation.room:
            reservation = replace(reservation, held=False)
            judgements.append(_over(budget, reservation, before))
        reservations.append(reservation)
    judgement = join(judgements)
    return JudgedBudgets(judgement, () if judgement.outcome == "deny" else tuple(reservations))


def counters_for(budgets: Iterable[Budget], call: Call) -> list[Counter]:
    """Give the counters that ``call`` would take a share of, by these budgets."""
    judged = judge_budgets(budgets, call, NONE_KNOWN)
    return [reservation.counter for reservation in judged.reservations] if judged else []


def window_of(size: WindowSize, at_ms: int) -> str:
    """Name the UTC hour, day or month of ``at_ms`` (epoch ms)."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return at.strftime({"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "month": "%Y-%m"}[size])


def window_end_s(window: str) -> int:
    """Give when a window is over for certain, epoch seconds."""
    match len(window):
        case 13:
            end = datetime.fromisoformat(f"{window}:00:00+00:00") + timedelta(hours=1)
        case 10:
            end = datetime.fromisoformat(f"{window}T00:00:00+00:00") + timedelta(days=1)
        case _:
            end = datetime.fromisoformat(f"{window}-01T00:00:00+00:00") + timedelta(days=31)
    return int(end.timestamp())


def counters_of(reservation: Reservation) -> list[Counter]:
    """Give every counter of the bucket and window that ``reservation`` is of."""
    return [reservation.counter._replace(shard=shard) for shard in range(reservation.shards)]


def left_of(reservation: Reservation, taken: Taken) -> Decimal:
    """Give what the budget that ``reservation`` is of has left, in all its shards, by what was ``taken`` of each."""
    left = (reservation.limit - taken.get(counter, Decimal(0)) for counter in counters_of(reservation))
    return sum((max(share, Decimal(0)) for share in left), Decimal(0))


def parse_budgets(value: Any) -> "list[StoredBudget]":
    """Give well-formed, meaningful budgets as the caller wrote them; None is none of them.

    Raises HandshakeError: trust_context_invalid_request_shape where ``value`` is not an array of at most MAX_BUDGETS
    objects with a distinct ``id``; policy_invalid_policy for a member that no budget has, or a value without meaning.
    """
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > MAX_BUDGETS:
        raise _bad_shape(f"budgets must be an array of at most {MAX_BUDGETS} budgets.")
    for index, budget in enumerate(value):
        if not isinstance(budget, dict):
            raise _bad_shape(f"budgets[{index}] must be an object.")
        if fault := id_fault(budget.get("id")):
            raise _bad_shape(f"budgets[{index}].id {fault}.")
    if len({budget["id"] for budget in value}) != len(value):
        raise _bad_shape("Two budgets share an id.")
    for index, budget in enumerate(value):
        if fault := _fault(budget):
            raise HandshakeError(ReasonCode.POLICY_INVALID_POLICY, f"budgets[{index}] {fault}.")
    return [{**budget} for budget in value]  # type: ignore[typeddict-item]  # _fault has seen that it is one


def budgets_of(scope: Scope, version: str, stored: Iterable[Mapping[str, Any]]) -> tuple[Budget, ...]:
    """Read the budgets that a version of ``scope`` stores."""
    return tuple(Budget.stored(scope, version, budget) for budget in stored)


def _fault(budget: Mapping[str, Any]) -> str | None:
    """Say what keeps ``budget`` from having a meaning, as a predicate; None where nothing does."""
    if unknown := sorted(budget.keys() - _MEMBERS):
        return f"has {len(unknown)} members that no budget has"
    for name, words in _WORDS.items():
        if budget.get(name) not in words:
            return f"has a {name} that is none of {', '.join(words)}"
    of, currency, maximum, shards = (
        budget.get("of"),
        budget.get("currency"),
        number(budget.get("max")),
        budget.get("shards"),
    )
    if (budget["measure"] == "sum") != (of is not None):
        return "names what it is of" if of is not None else "does not name what it sums (of)"
    if of is not None and not _is_path(of):
        return f"sums neither {OF_AMOUNT} nor {OF_INPUT}<path>"
    if currency is not None and not is_label(currency, max_length=MAX_CURRENCY_LENGTH):
        return f"has a currency that is no name of at most {MAX_CURRENCY_LENGTH} characters"
    if maximum is None or not 0 <= maximum <= MAX_AMOUNT:
        return f"has a max that is not from 0 to {MAX_AMOUNT:f}"
    if budget["measure"] == "count" and maximum != maximum.to_integral_value():
        return "counts up to a fraction"
    if not (shards is None or (type(shards) is int and 1 <= shards <= MAX_SHARDS)):
        return f"has shards that are not from 1 to {MAX_SHARDS}"
    return None


def _is_path(of: Any) -> bool:
    if of == OF_AMOUNT:
        return True
    is_input = isinstance(of, str) and of.startswith(OF_INPUT) and len(of) <= MAX_PATH_LENGTH
    return is_input and all(is_label(part) for part in of.removeprefix(OF_INPUT).split("."))


def _measured(budget: Budget, call: Call) -> tuple[Decimal | None, str | None] | None:
    """Give what ``call`` takes of a budget and in which currency; no amount where it does not count towards it.

    None where what is to be summed is there and is no amount.
    """
    currency = folded(call.currency) if isinstance(call.currency, str) else None
    if budget.currency is not None and currency != budget.currency:
        return None, None
    if budget.measure == "count":
        return Decimal(1), currency
    value = _value(budget.of or OF_AMOUNT, call)
    if value is None:
        return None, None
    amount = number(value)
    if amount is None or not 0 <= amount <= MAX_AMOUNT:
        return None
    return amount.quantize(_UNIT, ROUND_UP), currency


def _value(of: str, call: Call) -> Any:
    if of == OF_AMOUNT:
        return call.amount
    value: Any = call.arguments
    for part in of.removeprefix(OF_INPUT).split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _reservation(budget: Budget, call: Call, amount: Decimal, currency: str | None) -> Reservation:
    bucket = {
        "agent": [call.agent.tenant_id, call.agent.agent_id],
        "principal": [call.agent.tenant_id, call.principal_id],
        "tenant": [call.agent.tenant_id],
        "tool": [call.tool],
    }[budget.per]
    scope = budget.scope
    # Whatever changes what is counted begins anew; a new limit, or another answer to it, does not.
    counted = [scope.kind, scope.scope_id, scope.tenant_id, budget.name, budget.measure, budget.of, budget.currency]
    # A count is of calls, whatever they cost, unless it is of one currency's.
    own_currency = currency if budget.measure == "sum" else budget.currency
    key = digest([*counted, budget.per, budget.window, bucket, own_currency, budget.shards])[:_KEY_DIGITS]
    shard = int(digest(call.shard_by)[:8], 16) % budget.shards
    counter = Counter(key, window_of(budget.window, call.at_ms), shard)
    limit = budget.of_a_shard
    names = {
        "scope": scope.partition.removeprefix("SCOPE#"),
        "id": budget.name,
        "per": budget.per,
        "whose": [name if name is not None else "-" for name in bucket],
        "currency": own_currency,
        "limit": f"{limit.normalize():f}",
        "shards": budget.shards,
    }
    return Reservation(scope.name, budget.name, counter, amount, limit, budget.over, shards=budget.shards, names=names)


def _over(budget: Budget, reservation: Reservation, before: Decimal) -> Judgement:
    trigger = Trigger(f"budget:{budget.name}", plain(reservation.limit), plain(before + reservation.amount))
    named = (Named(budget.scope.name, budget.version, budget.name),)
    if budget.over == "deny":
        return Judgement("deny", ReasonCode.POLICY_BUDGET_EXCEEDED, DENIAL_TIER, named, trigger=trigger)
    return Judgement("escalate", ReasonCode.HITL_BUDGET_ESCALATED, ESCALATION_TIER, named, trigger=trigger)


def _bad_shape(message: str) -> HandshakeError:
    return HandshakeError(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, message)
