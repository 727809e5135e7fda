"""Build contests for callers at once: an action on a request of their own, or one item that all of them add to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, Final

from handshake.core.agents import Agent
from handshake.dynamo.client import Dynamo
from handshake.dynamo.marshalling import Item, Key, Write
from handshake.requests import table as requests
from handshake.requests.decision import utc_day
from handshake.requests.submission import parse_submission
from handshake.requests.submit import submit as decide
from tests.support.service import InProcess, Reply, act, now_ms, submission, submit, tenant_of, unique

_PATIENCE_S: Final = 60.0
_ITEMS_A_TRANSACTION: Final = 100

Attempt = Callable[[InProcess], Reply]


@dataclass(frozen=True)
class Contest:
    """Hold what callers try, and a judge of who was told yes: it returns what is wrong, or nothing."""

    attempts: Sequence[Attempt]
    fault: Callable[[InProcess, Sequence[Reply]], str]


def approvals_apart(service: InProcess, count: int) -> list[Attempt]:
    """So many approvals, of different requests, principals and agents."""
    bodies = [submission(context={"amount": 150, "category": "ops"}) for _ in range(count)]
    _escalate(service, bodies)
    return [partial(act, request=body, key=unique("key")) for body in bodies]


def _payments(_service: InProcess, clients: int) -> Contest:
    agent = unique("agent")
    bodies = [submission(agentId=agent, context={"amount": 1.25, "category": "ops"}) for _ in range(_tries(clients))]
    return Contest([partial(submit, body=body) for body in bodies], partial(_spend_fault, agent=agent))


def _approvals(service: InProcess, clients: int) -> Contest:
    agent, asked = unique("agent"), {"amount": 1.25, "category": "ops", "maxTransaction": 1}
    bodies = [submission(agentId=agent, context=asked) for _ in range(_tries(clients))]
    _escalate(service, bodies)
    attempts = [partial(act, request=body, key=unique("key")) for body in bodies]
    return Contest(attempts, partial(_spend_fault, agent=agent))


def _escalations(_service: InProcess, clients: int) -> Contest:
    who = [{"principalId": unique("principal"), "agentId": unique("agent")} for _ in range(4)]
    asked = {"amount": 150, "category": "ops"}
    # One window after the other, each of them tried for by everybody at once.
    bodies = [submission(**pair, context=asked) for pair in who for _ in range(max(clients, 8))]
    return Contest([partial(submit, body=body) for body in bodies], partial(_window_fault, who=who))


# By what it is about, a contest of so many clients, made ready in a service.
CONTESTS: Final[Mapping[str, Callable[[InProcess, int], Contest]]] = {
    "payments of an agent": _payments,
    "approvals of an agent": _approvals,
    "escalations of a pair": _escalations,
}


def _tries(clients: int) -> int:
    """So many that every client comes back for more; within one day's limit of 1000."""
    return max(40, 4 * clients)


def _spend_fault(service: InProcess, told: Sequence[Reply], *, agent: str) -> str:
    acknowledged = Decimal("1.25") * sum(reply.body.get("decision") == "allow" for reply in told)
    kept = requests.spent(_stored(service, requests.spend_key(Agent(agent, tenant_of(agent)), utc_day(now_ms()))))
    return "" if kept == acknowledged else f"{acknowledged} was allowed and {kept} is kept as spent"


def _window_fault(service: InProcess, told: Sequence[Reply], *, who: Sequence[Mapping[str, str]]) -> str:
    acknowledged = sum(reply.body.get("decision") == "escalate" for reply in told)
    windows = [
        requests.escalations_from(_stored(service, requests.escalations_key(pair["principalId"], agent)))
        for pair in who
        for agent in [Agent(pair["agentId"], tenant_of(pair["agentId"]))]
    ]
    kept = [len(window.times_ms) for window in windows]
    return "" if sum(kept) == acknowledged and max(kept) <= 5 else f"{acknowledged} escalated, {kept} are remembered"


class _Bulk(Dynamo):
    """Finds nothing, and keeps what it should write for later."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.writes: list[Write] = []

    def batch_get(self, keys: Sequence[tuple[str, Key]]) -> list[Item | None]:
        """See Dynamo."""
        return [None] * len(keys)

    def write(self, *writes: Write) -> None:
        """See Dynamo."""
        self.writes += writes


def _escalate(service: InProcess, bodies: Sequence[Mapping[str, Any]]) -> None:
    """Store ``bodies`` as their submission would, in a few large transactions."""
    bulk = _Bulk(service.dynamodb)
    context = service.context._replace(dynamo=bulk)
    for body in bodies:
        made = decide(
            context, parse_submission(body, now_ms=now_ms()), escalation_ttl_ms=service.runtime.escalation_ttl_ms
        )
        assert made.record.outcome == "escalate", made
    store = Dynamo(service.dynamodb)
    for first in range(0, len(bulk.writes), _ITEMS_A_TRANSACTION):
        store.within(_PATIENCE_S).write(*bulk.writes[first : first + _ITEMS_A_TRANSACTION])


def _stored(service: InProcess, key: Key) -> Item | None:
    [item] = Dynamo(service.dynamodb).batch_get([(service.tables.workflow, key)])
    return item
