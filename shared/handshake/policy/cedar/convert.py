"""What a call becomes for Cedar: built from the schema alone, or a misfit (contract.md section 15).

Nothing of a caller's reaches the engine but by a type that the schema names, so no text of its can be taken for one of
the engine's own values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Context, Decimal, Inexact
from typing import Any, Final, assert_never

from handshake.core.jsonio import number
from handshake.policy.cedar.call import Call
from handshake.policy.cedar.hosts import hosts_in
from handshake.policy.cedar.tools import Fields, Many, Member, Tools, Type

# A decimal of Cedar is a 64-bit whole number of ten-thousandths.
_TEN_THOUSANDTHS: Final = Decimal("0.0001")
_DECIMAL_MIN: Final = Decimal(-(2**63)) * _TEN_THOUSANDTHS
_DECIMAL_MAX: Final = Decimal(2**63 - 1) * _TEN_THOUSANDTHS
_EXACTLY: Final = Context(prec=28, traps=[Inexact])
_LONG_MIN: Final = -(2**63)
_LONG_MAX: Final = 2**63 - 1
# What a value of one of JSON's types is here, where that is all that can be asked of it.
_KINDS: Final[Mapping[str | None, type]] = {"array": list, "object": Mapping, "null": type(None)}


@dataclass(frozen=True)
class Misfit:
    """Why a call is not what its tool takes, or cannot be told Cedar: where, and what is wrong, never the value."""

    path: str
    fault: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.path or 'arguments'} {self.fault}."


@dataclass(frozen=True)
class Request:
    """A call as Cedar judges it: the action's id, and the context in the engine's own notation."""

    action: str
    context: Mapping[str, Any]


class _MisfitError(Exception):
    def __init__(self, path: str, fault: str) -> None:
        super().__init__(fault)
        self.misfit = Misfit(path, fault)


def ill_fitting(call: Call, tools: Tools) -> Misfit | None:
    """Hold a call to the registered tool that it names: its type, its members and their types; None where it fits.

    What names no registered tool is held to nothing.
    """
    try:
        _input_of(call, tools, exact=False)
    except _MisfitError as error:
        return error.misfit
    return None


def convert(call: Call, tools: Tools) -> Request | Misfit:
    """Make Cedar's request of a call. A number that Cedar cannot hold exactly is a misfit, never rounded."""
    try:
        given = _input_of(call, tools, exact=True)
        own = {} if call.action_type != "payment" else _payment(call)
    except _MisfitError as error:
        return error.misfit
    return Request(call.action_type if given is None else str(call.tool), {**_context(call), **own, **(given or {})})


def _input_of(call: Call, tools: Tools, *, exact: bool) -> dict[str, Any] | None:
    """Give ``input`` and ``unchecked`` of a call of a registered tool; None of any other. Raises _MisfitError."""
    tool = tools.by_name.get(call.tool) if call.tool is not None else None
    if tool is None:
        return None
    if tool.action_type != call.action_type:
        raise _MisfitError("actionType", f"is not {tool.action_type}, which the tool is registered under")
    conversion = _Conversion(exact=exact)
    fields = conversion.fields(call.arguments or {}, tool.input, "")
    return {"input": fields, "unchecked": sorted(set(conversion.unchecked))}


def _payment(call: Call) -> dict[str, Any]:
    if call.amount is None or call.category is None:
        raise _MisfitError("amount" if call.amount is None else "category", "is missing")
    return {"amount": _decimal(call.amount, "amount"), "category": call.category}


def _context(call: Call) -> dict[str, Any]:
    at = datetime.fromtimestamp(call.at_ms / 1000, UTC)
    always = {
        "principal": call.principal_id,
        "time": _extension("datetime", f"{at:%Y-%m-%dT%H:%M:%S}.{call.at_ms % 1000:03d}Z"),
        "hour": at.hour,
        "minute": at.minute,
        "weekday": at.isoweekday(),
        "environment": call.environment,
    }
    sometimes = {
        "operation": call.operation,
        "tool": call.tool,
        "toolVersion": call.tool_version,
        "currency": call.currency,
        "sensitivity": call.sensitivity,
        "hosts": None if call.arguments is None else hosts_in(call.arguments),
    }
    return always | {name: value for name, value in sometimes.items() if value is not None}


class _Conversion:
    """Converts the arguments of one call, and collects the paths of what Cedar is not told."""

    def __init__(self, *, exact: bool) -> None:
        self._exact = exact
        self.unchecked: list[str] = []

    def fields(self, value: Any, fields: Fields, path: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _MisfitError(path, "is not an object")
        converted: dict[str, Any] = {}
        for name, given in value.items():
            at = f"{path}.{name}" if path else name
            member = fields.members.get(name)
            if member is None:
                if not fields.open:
                    # Not by its name, which is the caller's text.
                    raise _MisfitError(path, "has a member that the tool's schema does not name")
                self.unchecked.append(at)
            elif given is None and member.nullable:
                pass
            else:
                self._member(name, given, member, at, converted)
        for name, member in fields.members.items():
            if member.required and name not in value:
                raise _MisfitError(f"{path}.{name}" if path else name, "is missing")
        return converted

    def _member(self, name: str, given: Any, member: Member, at: str, converted: dict[str, Any]) -> None:
        if member.allowed is not None and not any(_same(given, value) for value in member.allowed):
            raise _MisfitError(at, "has a value that the tool's schema does not list")
        if member.type is not None:
            converted[name] = self.typed(given, member.type, at)
            return
        if member.hidden is not None:
            _Conversion(exact=False).typed(given, member.hidden, at)
        elif member.kind in _KINDS and not isinstance(given, _KINDS[member.kind]):
            raise _MisfitError(at, f"is not of type {member.kind}")
        self.unchecked.append(at)

    def typed(self, value: Any, of: Type, path: str) -> Any:
        match of:
            case "string":
                if not isinstance(value, str):
                    raise _MisfitError(path, "is not a string")
                return value
            case "boolean":
                if not isinstance(value, bool):
                    raise _MisfitError(path, "is not true or false")
                return value
            case "integer":
                whole = number(value)
                if whole is None or whole != whole.to_integral_value():
                    raise _MisfitError(path, "is not a whole number")
                if not _LONG_MIN <= whole <= _LONG_MAX:
                    raise _MisfitError(path, "is not a number of 64 bits")
                return int(whole)
            case "number":
                amount = number(value)
                if amount is None:
                    raise _MisfitError(path, "is not a number")
                return _decimal(amount, path) if self._exact else None
            case Many(element):
                if not isinstance(value, list):
                    raise _MisfitError(path, "is not an array")
                return [self.typed(each, element, f"{path}[]") for each in value]
            case Fields():
                return self.fields(value, of, path)
            case _:
                assert_never(of)


def _decimal(value: Decimal, path: str) -> dict[str, Any]:
    # Compared before it is scaled: scaling 1e400000 would take the memory of its digits.
    if not _DECIMAL_MIN <= value <= _DECIMAL_MAX:
        raise _MisfitError(path, "is too large for a decimal of Cedar")
    if not value:
        return _extension("decimal", "0.0")
    try:
        four = value.quantize(_TEN_THOUSANDTHS, context=_EXACTLY)
    except Inexact:
        raise _MisfitError(path, "has more than four decimals") from None
    text = f"{four:f}".rstrip("0")
    return _extension("decimal", f"{text}0" if text.endswith(".") else text)


def _extension(kind: str, text: str) -> dict[str, Any]:
    return {"__extn": {"fn": kind, "arg": text}}


def _same(value: Any, other: Any) -> bool:
    """Tell whether two values are one to JSON Schema: 1 and 1.0 are, and 1 and true are not."""
    return value == other and isinstance(value, bool) == isinstance(other, bool)
