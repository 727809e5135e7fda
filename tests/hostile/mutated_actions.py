"""Actions changed a little, presented as the one that was approved: as text, and as values.

`python -m tests.hostile.mutated_actions [SEED]` makes HANDSHAKE_MUTATED_ACTIONS of them (100,000) and says how many
were accepted that are another action: of these there must be none.
"""

import json
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from handshake.agents.standing import AgentState
from handshake.core.errors import HandshakeError
from handshake.core.jsonio import BadJsonError, parse
from handshake.core.reasons import ReasonCode
from handshake.requests.decision import Decision
from handshake.requests.execution import decide_execution, parse_presented
from handshake.requests.record import RequestRecord, State
from handshake.requests.submission import Submission, parse_recorded
from tests.support.metrics_events import NOW_MS
from tests.support.workflow_requests import a_body, a_record, an_action

_MAX_BYTES: Final = 64 * 1024
_ARGUMENTS: Final[dict[str, Any]] = {
    "payee": {"name": "ACME Ltd", "iban": "DE02120300000000202051"},
    "currency": "EUR",
    "total": 19.99,
    "lines": [{"sku": "a-1", "count": 3, "gift": False}, {"sku": "b-2", "count": 0, "note": None}],
    "to": ["a@example.com", "b@example.com"],
}
APPROVED: Final = json.dumps(an_action(arguments=_ARGUMENTS))
# What changes a text a little: digits, quotes and brackets, what is not seen, and what looks like something else.
_PIECES: Final = (
    *('"', "\\", "{", "}", "[", "]", ",", ":", " ", "\t", "0", "1", "9", ".", "-", "e", "E+2", "e0", ".0", "null"),
    *("true", "false", "\\u0000", "\\u200b", "\\ud800", "\u200b", "\u202e", "\u0430", "\u00e9", "e\u0301", "\x00"),
    '"payee":1,',
)
_NUMBERS: Final = (0, 1, -1, 3, 19.99, 1e300, 2**53)
_VALUES: Final[tuple[Any, ...]] = (None, True, False, *_NUMBERS, "", "EUR", "19.99", "ACME Ltd ", "acme ltd", [], {})


def decided() -> RequestRecord:
    """Give the record of the approved action, as it is read from the store: without its arguments."""
    whole = parse_recorded(_body(APPROVED))
    kept = Submission(
        request_id=whole.request_id,
        principal_id=whole.principal_id,
        agent_id=whole.agent_id,
        tenant_id=whole.tenant_id,
        action_type=whole.action_type,
        payload_ref=whole.payload_ref,
        timestamp_ms=whole.timestamp_ms,
        facts=whole.facts,
        action=whole.action,
        kept_digest=whole.action_digest,
    )
    pending = Decision("escalate", ReasonCode.HITL_BOUNDARY_ESCALATED, 3)
    return a_record(pending, submission=kept).resolved(State.APPROVED, ReasonCode.HITL_APPROVED, now_ms=NOW_MS)


def mutations(seed: int) -> Iterator[str]:
    """Give texts of actions without end, each the approved one with one to three changes."""
    dice = random.Random(seed)  # noqa: S311 - dice, not secrecy
    while True:
        text = APPROVED
        for _ in range(dice.randint(1, 3)):
            text = dice.choice((_edited, _edited, _restructured))(dice, text)
        yield text


def is_accepted(record: RequestRecord, text: str) -> bool:
    """Say whether the effect of the action in ``text`` would go ahead, whatever hash comes along."""
    try:
        body = _body(text)
        own = parse_recorded(body).decision_context_hash
    except (HandshakeError, BadJsonError):
        return False
    return any(_goes_ahead(record, body, shown) for shown in (own, record.submission.decision_context_hash))


def is_another(text: str) -> bool:
    """Say whether ``text`` is another action than the approved one, by exact numbers; null members are absent."""
    return not _same(_exact(text), _exact(APPROVED))


def _is_action(text: str) -> bool:
    try:
        parse_recorded(_body(text))
    except (HandshakeError, BadJsonError):
        return False
    return True


def _goes_ahead(record: RequestRecord, body: Any, shown: str) -> bool:
    try:
        presented = parse_presented({"request": body, "artifact": {"decision": "allow", "decisionContextHash": shown}})
    except HandshakeError:
        return False
    return decide_execution(presented, record, AgentState.ACTIVE, paused=None, now_ms=NOW_MS) is None


def _body(text: str) -> Any:
    body = json.dumps(a_body("external_call", action="ACTION"))
    return parse(body.replace('"ACTION"', text), max_bytes=_MAX_BYTES)


def _exact(text: str) -> Any:
    action = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    return {name: value for name, value in action.items() if value is not None} if isinstance(action, dict) else action


def _same(value: Any, other: Any) -> bool:
    if type(value) is not type(other):
        return False
    if isinstance(value, dict):
        return value.keys() == other.keys() and all(_same(value[name], other[name]) for name in value)
    if isinstance(value, list):
        return len(value) == len(other) and all(map(_same, value, other))
    return bool(value == other)


def _edited(dice: random.Random, text: str) -> str:
    """Change some characters."""
    start = dice.randrange(len(text))
    end = min(len(text), start + dice.choice((0, 0, 1, 1, 2, 8)))
    piece = dice.choice((*_PIECES, text[start:end] * 2, text[start:end].swapcase()))
    return text[:start] + piece + text[end:]


def _restructured(dice: random.Random, text: str) -> str:
    """Change a value, exchange two, rename a member, or leave one out, somewhere in it."""
    try:
        action = json.loads(text)
    except ValueError:
        return text
    holders = [holder for holder in _containers(action) if holder]
    if not holders:
        return text
    holder = dice.choice(holders)
    places = sorted(holder) if isinstance(holder, dict) else list(range(len(holder)))
    place, other = dice.choice(places), dice.choice(places)
    match dice.randrange(4):
        case 0:
            holder[place] = dice.choice(_VALUES)
        case 1:
            holder[place], holder[other] = holder[other], holder[place]
        case 2:
            del holder[place]
        case _ if isinstance(holder, dict):
            holder[f"{place}{dice.choice(('', ' ', '_', 's'))}"] = holder.pop(place)
        case _:
            holder.append(holder[place])
    return json.dumps(action, ensure_ascii=dice.random() < 0.5)


def _containers(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        yield value
        for child in value.values() if isinstance(value, dict) else value:
            yield from _containers(child)


def main(seed: int) -> int:
    """Present them, and print what came of them. 1 if another action was accepted."""
    count = int(os.environ.get("HANDSHAKE_MUTATED_ACTIONS", "100000"))
    record, told = decided(), Counter[str]()
    for _, text in zip(range(count), mutations(seed), strict=False):
        accepted = is_accepted(record, text)
        if not accepted:
            told["another action" if _is_action(text) else "no action at all"] += 1
        else:
            told["ANOTHER, ACCEPTED" if is_another(text) else "the same, written otherwise: accepted"] += 1
    print(f"{count} mutated actions (seed {seed}): {dict(told)}")
    return int(bool(told["ANOTHER, ACCEPTED"]))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1))
