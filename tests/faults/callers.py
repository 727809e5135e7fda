"""Plays what callers want: agents submit, people act, operators apply, everybody reads, and some have no right to."""

import random
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Final

from handshake.core.reasons import ReasonCode, describe
from tests.support import service as api
from tests.support.ledger import GUARD_UNAVAILABLE, UNAVAILABLE, Intent, Outcome
from tests.support.service import InProcess, Reply

# Agents share their days' limits, so that sums reach them; some principals escalate too often.
_AGENTS: Final = 12
_PRINCIPALS: Final = 6
_REMEMBERED: Final = 400
_WORKED_ON: Final = 8
_SUBMITTED: Final[Sequence[tuple[str, Mapping[str, Any]]]] = (
    ("payment", {"amount": 7.25, "category": "ops"}),
    ("payment", {"amount": 60, "category": "infra"}),
    ("payment", {"amount": 150, "category": "ops"}),
    ("payment", {"amount": 250.5, "category": "food"}),
    ("payment", {"amount": 5000, "category": "ops"}),
    ("payment", {"amount": 10, "category": "weapons"}),
    ("data_access", {"sensitivity": "low"}),
    ("data_access", {"sensitivity": "confidential"}),
    ("data_access", {"sensitivity": "ambiguous"}),
    ("external_call", {}),
)
_SCOPES: Final = ({"scope": "global"}, {"scope": "agent", "scopeId": "a"}, {"scope": "agent", "scopeId": "b"})
_READS: Final = (
    "/workflow/decision-room",
    "/policy/config?scope=global",
    "/policy/versions?scope=agent&scopeId=a",
    "/metrics/summary",
    "/metrics/series?metric=gar&bucket=hour",
    "/metrics/reasons?window=7d",
)


@dataclass
class World:
    """Give what callers know of each other's doings, until it is ``over``."""

    over: Event = field(default_factory=Event)
    requests: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    pending: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    artifacts: deque[tuple[Mapping[str, Any], Any]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def learn(self, intent: Intent) -> None:
        """Let others act on what ``intent`` brought about."""
        if not intent.acknowledged:
            return
        body = intent.acknowledged[-1].body
        if intent.kind == "submit":
            self.requests.append(intent.asked)
            if body["decision"] == "escalate":
                self.pending.append(intent.asked)
            self.artifacts.append((intent.asked, body))
        elif intent.kind == "act":
            self.artifacts.append((intent.asked["request"], body["artifact"]))


Want = Callable[[random.Random, World, InProcess], Intent | None]


def submit(dice: random.Random, _world: World, _service: InProcess) -> Intent:
    """An agent asks for something; any decision may come of it."""
    action_type, context = dice.choice(_SUBMITTED)
    body = api.submission(
        action_type,
        requestId=_name(dice, "req"),
        agentId=f"agent-{dice.randrange(_AGENTS)}",
        principalId=f"principal-{dice.randrange(_PRINCIPALS)}",
        tenantId="tenant",
        context=context,
    )
    return Intent("submit", body["requestId"], body, lambda service: api.submit(service, body))


def act(dice: random.Random, world: World, _service: InProcess) -> Intent | None:
    """Somebody approves or rejects, mostly with an idempotency key, sometimes too late or with no right to."""
    request = _one_of(dice, world.pending, newest=_WORKED_ON)
    if request is None:
        return None
    name, keyed, stranger = _name(dice, "key"), dice.random() < 0.8, dice.random() < 0.1
    action = dice.choice(("approve", "approve", "reject"))
    envelope = api.human("stranger") if stranger else api.own(request)
    key = name if keyed else None

    def send(service: InProcess) -> Reply:
        # What a person says is kept in evidence: it tells which attempt it was that closed the request.
        return api.act(service, request, action, key=key, envelope=envelope, reason=name)

    known = (
        ReasonCode.SECURITY_REPLAY_DETECTED,
        ReasonCode.HITL_TERMINAL_STATE_IMMUTABLE,
        ReasonCode.HITL_TIMEOUT_FAIL_CLOSED,
        ReasonCode.POLICY_DAILY_LIMIT_EXCEEDED,
    )
    return Intent(
        "act",
        name,
        {
            "request": request,
            "action": action,
            "key": key,
            "actor": (envelope.get("tenantId", ""), envelope["principalId"]),
        },
        send,
        known=_told(ReasonCode.HITL_APPROVAL_UNAUTHORIZED) if stranger else _told(*known),
        unavailable=GUARD_UNAVAILABLE if keyed else UNAVAILABLE,
    )


def apply(dice: random.Random, _world: World, service: InProcess) -> Intent:
    """An operator applies a policy, by a trust token good for once."""
    jti = _name(dice, "jti")
    token = api.token(service, jti=jti)
    body = {**dice.choice(_SCOPES), "rules": api.rules(max_transaction=100)}
    return Intent(
        "apply",
        jti,
        body,
        lambda service: api.apply_policy(service, body, token=token),
        known=_told(ReasonCode.SECURITY_REPLAY_DETECTED, ReasonCode.POLICY_VERSION_CONFLICT),
        unavailable=GUARD_UNAVAILABLE,
    )


def project(dice: random.Random, _world: World, _service: InProcess) -> Intent:
    """Somebody reports an event of their own."""
    event_id = _name(dice, "event")
    body = {
        "eventId": event_id,
        "requestId": f"posted-{event_id}",
        "timestampMs": api.now_ms(),
        "decision": "deny",
        "reasonCode": "policy_denied",
        "reasonFamily": "policy",
        "riskTier": "low",
    }
    return Intent("project", event_id, body, lambda service: api.post(service, "/metrics/project", body))


def look(dice: random.Random, world: World, _service: InProcess) -> Intent | None:
    """Somebody reads a request that was acknowledged: it must be there."""
    request = _one_of(dice, world.requests)
    if request is None:
        return None
    place = dice.choice(("requests", "evidence", "decision-room"))
    path, envelope = f"/workflow/{place}/{request['requestId']}", api.own(request)
    return Intent("look", request["requestId"], request, lambda service: api.get(service, path, envelope=envelope))


def read(dice: random.Random, _world: World, _service: InProcess) -> Intent:
    """Somebody reads a queue, a policy or the metrics."""
    path = dice.choice(_READS)
    envelope = api.human(f"principal-{dice.randrange(_PRINCIPALS)}")
    return Intent("read", path, {}, lambda service: api.get(service, path, envelope=envelope))


def simulate(_dice: random.Random, _world: World, _service: InProcess) -> Intent:
    """An operator asks what a policy would do."""
    body = {"scope": "global", "rules": api.rules(max_transaction=50)}
    return Intent("read", "/policy/simulate", body, lambda service: api.post(service, "/policy/simulate", body))


def authorize(dice: random.Random, world: World, _service: InProcess) -> Intent | None:
    """An adapter asks whether to go ahead; some artifacts say allow that never did."""
    found = _one_of(dice, world.artifacts)
    if found is None:
        return None
    request, artifact = found
    body = {"request": request, "artifact": artifact | {"decision": "allow"}}
    return Intent(
        "authorize",
        request["requestId"],
        request,
        lambda service: api.post(service, "/workflow/authorize-execution", body),
        known=_told(ReasonCode.SECURITY_ARTIFACT_STATE_NOT_AUTHORIZED),
    )


def trespass(dice: random.Random, _world: World, _service: InProcess) -> Intent:
    """Somebody is refused before the store matters: it must not show in the answer."""
    bypass = api.submission(requestId=_name(dice, "bypass"), context={"sideChannelAttempt": True})
    ways: Sequence[tuple[ReasonCode, Callable[[InProcess], Reply]]] = (
        (ReasonCode.SECURITY_MISSING_IDENTITY_ENVELOPE, lambda service: api.get(service, "/workflow/decision-room")),
        (
            ReasonCode.SECURITY_MISSING_INTERNAL_TRUST_CONTEXT,
            lambda service: api.apply_policy(service, {}, token=None),
        ),
        (ReasonCode.SECURITY_SIDE_CHANNEL_DENIED, lambda service: api.submit(service, bypass)),
    )
    code, send = dice.choice(ways)
    [refusal] = _told(code)
    return Intent("trespass", bypass["requestId"], bypass, send, known=(refusal,), unavailable=refusal)


# How often each is wanted.
WANTS: Final[Mapping[Want, int]] = {
    submit: 32,
    act: 24,
    apply: 10,
    project: 8,
    look: 12,
    read: 10,
    simulate: 2,
    authorize: 6,
    trespass: 10,
}


def _told(*codes: ReasonCode) -> tuple[Outcome, ...]:
    return tuple((describe(code).status, code.value) for code in codes)


def _one_of(dice: random.Random, known: deque[Any], *, newest: int = _REMEMBERED) -> Any:
    found = tuple(known)[-newest:]
    return dice.choice(found) if found else None


def _name(dice: random.Random, kind: str) -> str:
    return f"{kind}-{uuid.UUID(int=dice.getrandbits(128))}"
