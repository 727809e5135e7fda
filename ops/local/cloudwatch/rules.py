"""Evaluate the rules of composite alarms: AND, OR, NOT over the states of other alarms.

Not modelled: AT_LEAST, and suppression by another alarm.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from ops.local.cloudwatch.alarms import State, UnmodelledAlarmError

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"(?P<quoted>[^"]+)"|(?P<bare>[^\s()"]+))\s*\)
    |(?P<word>AND|OR|NOT|TRUE|FALSE)\b|(?P<bracket>[()]))""",
    re.VERBOSE,
)


def holds(rule: str, states: Mapping[str, State]) -> bool:
    """Tell whether ``rule`` is true of ``states``, by alarm name; a rule names alarms by name or ARN.

    NOT binds closest, then AND, then OR. Raises UnmodelledAlarmError where the rule cannot be read, and KeyError where
    it names an alarm that is not there.
    """
    tokens = _tokens(rule)
    waiting = next(tokens, None)

    def take() -> tuple[str, str] | None:
        nonlocal waiting
        taken, waiting = waiting, next(tokens, None)
        return taken

    def any_of() -> bool:
        value = all_of()
        while waiting == ("word", "OR"):
            take()
            value = all_of() or value  # the right side is read whatever the left was
        return value

    def all_of() -> bool:
        value = one()
        while waiting == ("word", "AND"):
            take()
            value = one() and value
        return value

    def one() -> bool:
        match take():
            case ("word", "NOT"):
                return not one()
            case ("word", "TRUE" | "FALSE" as word):
                return word == "TRUE"
            case ("bracket", "("):
                value = any_of()
                if take() != ("bracket", ")"):
                    raise UnmodelledAlarmError(f"a bracket is not closed in: {rule}")
                return value
            case (("ALARM" | "OK" | "INSUFFICIENT_DATA") as state, name):
                return states[name.rpartition(":alarm:")[2]] is State(state)
            case other:
                raise UnmodelledAlarmError(f"{other} stands where a condition should, in: {rule}")

    value = any_of()
    if waiting is not None:
        raise UnmodelledAlarmError(f"{waiting} is left over in: {rule}")
    return value


def _tokens(rule: str) -> Iterator[tuple[str, str]]:
    position, rule = 0, rule.strip()
    while position < len(rule):
        found = _TOKEN.match(rule, position)
        if found is None:
            raise UnmodelledAlarmError(f"cannot read: {rule[position:]}")
        position = found.end()
        if state := found["state"]:
            yield state, found["quoted"] or found["bare"]
        elif word := found["word"]:
            yield "word", word
        else:
            yield "bracket", found["bracket"]
