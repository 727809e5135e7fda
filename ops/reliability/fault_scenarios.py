"""Fault scenarios: inject what sets an alert off, in the midst of traffic that does nothing wrong."""

import json
import time
import uuid
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Any, Final, Self

import urllib3

from handshake.channels.channel import Channel, ChannelKind, host_of
from handshake.channels.secrets import secret_name, secret_of
from handshake.channels.table import ChannelsTransaction, read_channels, without
from ops.local.deployment import Deployment
from ops.local.signing_edge import OPERATOR, Upstream

_THREADS: Final = 3
_PAUSE_S: Final = 0.3
_FRESH_S: Final = 200.0  # an escalation is acted on well before its deadline
_DENY: Final = "drill-deny-replay-guards"
LOCAL: Final = "local"
_GUARDED_ROLES: Final = ("DecisionRoomRole", "PolicyApplyRole")

Answer = tuple[int, str]


class Callers:
    """Call a stack's API in an envelope issuer's name. Each call returns status and reason code."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._name = f"drill-{uuid.uuid4().hex[:8]}"
        self._escalated = ("", float("-inf"))
        self._known = ""

    def do_nothing_wrong(self) -> Answer:
        """Submit an action that policy allows."""
        return self._submit(self._request())

    def show_a_bad_token(self) -> Answer:
        """Try to apply a policy on a token that nobody signed."""
        body = {"scope": "agent", "scopeId": self._name, "rules": []}
        return self._send("POST", "/policy/apply", body, OPERATOR, {"x-internal-trust-context": "e30.e30.e30"})

    def read_across_tenants(self) -> Answer:
        """Ask for a request of one tenant with another's read scope."""
        if not self._known:
            request = self._request()
            self._submit(request)
            self._known = request["requestId"]
        stranger = {
            "principalId": f"{self._name}-reader",
            "subjectType": "human",
            "roles": [],
            "scopes": ["workflow:read:tenant"],
            "tenantId": f"{self._name}-other",
        }
        return self._send("GET", f"/workflow/requests/{self._known}", None, stranger, {})

    def ask_a_person(self) -> Answer:
        """Submit an action that policy leaves to a person, and that expires by itself."""
        return self._submit(self._request(context={"amount": 150, "category": "ops"}))

    def approve_once(self) -> Answer:
        """Approve an escalation under an idempotency key."""
        request_id, at = self._escalated
        if time.monotonic() - at > _FRESH_S:
            request = self._request(context={"amount": 150, "category": "ops"})
            self._submit(request)
            request_id = request["requestId"]
            self._escalated = (request_id, time.monotonic())
        body = {"requestId": request_id, "action": "approve"}
        envelope = {"principalId": request_id, "subjectType": "human", "roles": [], "scopes": []}
        path, key = "/workflow/decision-room/action", {"x-idempotency-key": uuid.uuid4().hex}
        return self._send("POST", path, body, envelope, key)

    def _request(self, **changes: Any) -> dict[str, Any]:
        # A principal and an agent of its own, so that no drill spends or escalates for another.
        name = f"{self._name}-{uuid.uuid4().hex[:12]}"
        return {
            "requestId": name,
            "principalId": name,
            "agentId": name,
            "tenantId": self._name,
            "actionType": "payment",
            "payloadRef": "drill",
            "timestamp": time.time_ns() // 1_000_000,
            "context": {"amount": 1, "category": "ops"},
            **changes,
        }

    def _submit(self, request: Mapping[str, Any]) -> Answer:
        return self._send("POST", "/workflow/requests", request, None, {})

    def _send(self, method: str, path: str, body: Any, envelope: Any, headers: Mapping[str, str]) -> Answer:
        identity = {} if envelope is None else {"x-identity-envelope": json.dumps(envelope)}
        content = b"" if body is None else json.dumps(body).encode()
        answer = self._upstream.send(method, path, headers={**identity, **headers}, body=content)
        return answer.status, json.loads(answer.data).get("reasonCode", "")


@dataclass(frozen=True)
class FaultScenario:
    """A fault that sets ``alert`` off. ``share`` of twenty calls are ``call``, and are answered ``refused``.

    An alert of several subjects names the ``alarm`` that is watched; one that does not ``page`` wakes nobody.
    """

    alert: str
    description: str
    share: int
    call: Callable[[Callers], Answer]
    refused: Answer
    denies_the_store: bool = False
    kills_a_channel: bool = False
    pages: bool = True
    subject: str = ""

    @property
    def alarm(self) -> str:
        """Name the alarm, without the stack's name."""
        return f"{self.alert}-{self.subject}" if self.subject else self.alert


SCENARIOS: Final = {
    scenario.alert: scenario
    for scenario in (
        FaultScenario(
            "alert_replay_guard_unavailable",
            "the functions' roles may no longer use the replay_guards table, while people go on deciding",
            1,
            Callers.approve_once,
            (503, "security_replay_guard_unavailable"),
            denies_the_store=True,
        ),
        FaultScenario(
            "alert_denial_spike",
            "a caller hammers policy apply with tokens that nobody signed",
            11,
            Callers.show_a_bad_token,
            (401, "security_invalid_internal_trust_context"),
        ),
        FaultScenario(
            "alert_tenant_mismatch_spike",
            "a caller reads across tenants",
            4,
            Callers.read_across_tenants,
            (403, "security_read_tenant_mismatch"),
        ),
        FaultScenario(
            "dead_channel",
            "a webhook of everybody's is registered where nobody listens, while agents ask for approvals",
            1,
            Callers.ask_a_person,
            (200, "hitl_boundary_escalated"),
            kills_a_channel=True,
            pages=False,
            subject="webhook-failing",
        ),
    )
}


@contextmanager
def dead_channel(target: Deployment, stack: str) -> Iterator[None]:
    """Have a webhook be registered for all tenants where nobody listens, and remove it in the end."""
    at_home = target.outputs["ApiStage"] == LOCAL
    url = "http://127.0.0.1:9/" if at_home else "https://handshake-drill.invalid/"
    name, context, secrets = f"drill-{uuid.uuid4().hex[:8]}", target.context(), target.client("secretsmanager")
    key = f"whsec_{b64encode(uuid.uuid4().bytes).decode()}"
    secret = secret_name(stack, name)
    channel = Channel(name, ChannelKind.WEBHOOK, None, host_of(url), context.now_ms(), "ops drill")
    text = secret_of(url=url, key=key, added_at_ms=channel.added_at_ms)
    secrets.create_secret(Name=secret, SecretString=text)
    _change_channels(target, lambda kept: [*kept, channel])
    try:
        yield
    finally:
        _change_channels(target, lambda kept: without(kept, name))
        secrets.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)


def _change_channels(target: Deployment, change: Callable[[Sequence[Channel]], Sequence[Channel]]) -> None:
    committed = False
    while not committed:
        context = target.context()
        kept, version = read_channels(context)
        tx = ChannelsTransaction(context)
        tx.keep(change(kept), seen=version)
        committed = tx.commit()


@contextmanager
def broken_store(target: Deployment, stack: str) -> Iterator[None]:
    """Deny the replay guards to the functions that use them, as a bad deployment or policy would, until exit."""
    iam, cloudformation = target.client("iam"), target.client("cloudformation")
    table = target.client("dynamodb").describe_table(TableName=target.tables.replay_guards)["Table"]["TableArn"]
    deny = {"Effect": "Deny", "Action": "dynamodb:*", "Resource": [table, f"{table}/*"]}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    roles = [
        cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId=role)["StackResourceDetail"][
            "PhysicalResourceId"
        ]
        for role in _GUARDED_ROLES
    ]
    try:
        for role in roles:
            iam.put_role_policy(RoleName=role, PolicyName=_DENY, PolicyDocument=policy)
        yield
    finally:
        for role in roles:
            iam.delete_role_policy(RoleName=role, PolicyName=_DENY)


class Traffic:
    """A steady mix of calls until exit: ``share`` of twenty for each scenario while injecting, the rest good."""

    def __init__(self, upstream: Upstream, scenarios: Sequence[FaultScenario]) -> None:
        self._callers = Callers(upstream)
        self._good: list[Callable[[Callers], Answer]] = [Callers.do_nothing_wrong]
        bad = [scenario.call for scenario in scenarios for _ in range(scenario.share)]
        self._mixed = [*bad, *self._good * (20 - len(bad))]
        self._injecting, self._ended, self._lock = Event(), Event(), Lock()
        self._sent = 0
        self.answers: Counter[Answer] = Counter()
        self.failed = 0
        """Calls that got no answer at all."""
        self._threads = [Thread(target=self._call, daemon=True) for _ in range(_THREADS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def inject(self, *, on: bool) -> None:
        """Begin or end the scenarios' share of the mix."""
        (self._injecting.set if on else self._injecting.clear)()

    def _call(self) -> None:
        while not self._ended.wait(_PAUSE_S):
            mix = self._mixed if self._injecting.is_set() else self._good
            with self._lock:
                self._sent += 1
                # A step that shares no factor with twenty spreads each kind over the mix.
                call = mix[self._sent * 7 % len(mix)]
            try:
                answer = call(self._callers)
            except (urllib3.exceptions.HTTPError, ValueError):
                with self._lock:
                    self.failed += 1
                continue
            with self._lock:
                self.answers[answer] += 1
