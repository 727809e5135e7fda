"""Callers as they come: agents that submit what was recorded of such agents, and who deals with the answers.

An allowed action is authorized before its effect. An escalated one is looked at by a person of its tenant, who
approves it, or every fourth time rejects it, with an idempotency key; an approved one is authorized too. After every
tenth action somebody reads the request and its evidence; after every twenty-fifth, the queue, the metrics summary and a
series. Who is told 503 waits as long as the answer says and tries again, twice at most.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, Final

from urllib3.exceptions import HTTPError

from tests.support import service as api
from tests.support.ledger import Call
from tests.support.service import Reply, Service

Action = Mapping[str, Any]

_RETRIES: Final = 2
_EVERY_REJECTED: Final = 4
_EVERY_READ: Final = 10
_EVERY_WATCHED: Final = 25
_APART: Final = 37
_NOT_ANSWERED: Final = 0
_SCOPES: Final = ("workflow:resolve", "workflow:read:tenant")
_SERIES: Final = "/metrics/series?metric=security_denial_total&bucket=hour&window=24h"


@dataclass
class Caller:
    """Client ``number`` of a ``run``, whose agents are nobody else's; so each agent's actions come in their order.

    ``calls`` are what it was told, by what it wanted; ``submitted`` the request ids it was told a decision of.
    """

    service: Service
    run: str
    number: int
    calls: list[Call] = field(default_factory=list)
    submitted: list[str] = field(default_factory=list)
    _until: float = 0.0
    _actions_acted_on: Iterator[int] = field(default_factory=lambda: count(1))

    def work(self, actions: Sequence[Action], *, until: float, enough: int | None = None) -> None:
        """Go through ``actions`` over and over until the monotonic clock says ``until``, or ``enough`` are decided."""
        self._until = until
        # Not everybody begins at the same one.
        for position in count(self.number * _APART % len(actions)):
            if time.monotonic() >= until or (enough is not None and len(self.submitted) >= enough):
                return
            round_number, index = divmod(position, len(actions))
            suffix = f"~{self.run}-{self.number}-{round_number}"
            own = {name: f"{actions[index][name]}{suffix}" for name in ("requestId", "principalId", "agentId")}
            self._submit({**actions[index], **own, "timestamp": api.now_ms()}, position)

    def _submit(self, request: dict[str, Any], position: int) -> None:
        reply = self._ask("submit", partial(api.submit, body=request))
        if reply.status != 200:
            return
        self.submitted.append(request["requestId"])
        tenant = request["tenantId"]
        person = api.human(f"person-of-{tenant}", tenantId=tenant, scopes=_SCOPES)
        if reply.body["decision"] == "allow":
            self._authorize(request, reply.body)
        elif reply.body["decision"] == "escalate":
            self._decide(request, person)
        if position % _EVERY_READ == 0:
            for kind, path in (("request", "/workflow/requests"), ("evidence", "/workflow/evidence")):
                self._ask(kind, partial(api.get, path=f"{path}/{request['requestId']}", envelope=api.own(request)))
        if position % _EVERY_WATCHED == 0:
            self._ask("queue", partial(api.get, path="/workflow/decision-room", envelope=person))
            self._ask("summary", partial(api.get, path="/metrics/summary?window=24h"))
            self._ask("series", partial(api.get, path=_SERIES))

    def _decide(self, request: dict[str, Any], person: dict[str, Any]) -> None:
        request_id = request["requestId"]
        self._ask("room", partial(api.get, path=f"/workflow/decision-room/{request_id}", envelope=person))
        action = "approve" if next(self._actions_acted_on) % _EVERY_REJECTED else "reject"
        act = partial(api.act, request=request, action=action, key=f"key-{request_id}", envelope=person)
        reply = self._ask("action", act)
        if reply.status == 200 and action == "approve":
            self._authorize(request, reply.body["artifact"])

    def _authorize(self, request: dict[str, Any], artifact: Any) -> None:
        body = {"request": request, "artifact": artifact}
        self._ask("authorize", partial(api.post, path="/workflow/authorize-execution", body=body))

    def _ask(self, kind: str, send: Callable[[Service], Reply]) -> Reply:
        reply = self._hear(kind, send)
        for _ in range(_RETRIES):
            if reply.status != 503 or time.monotonic() >= self._until:
                break
            time.sleep(float(reply.headers.get("retry-after", 1)))
            reply = self._hear(kind, send)
        return reply

    def _hear(self, kind: str, send: Callable[[Service], Reply]) -> Reply:
        began = time.monotonic()
        try:
            reply = send(self.service)
        except (HTTPError, ValueError) as error:  # silence, or an answer that is not JSON
            reply = Reply(_NOT_ANSWERED, {}, {"reasonCode": f"no answer: {type(error).__name__}"})
        self.calls.append(Call(kind, reply, time.monotonic() - began))
        return reply
