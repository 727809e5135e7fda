"""Gives a service that grants, and orders to execute on it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from handshake_rail import Grant, models
from tests.sdk.grant_maker import Signer
from tests.support.service import InProcess, human, now_ms, unique
from tests.support.workflow_requests import a_body

STACK: Final = "tests"


@dataclass(frozen=True)
class LocalKey:
    """Signs grants with a key of the tests. KMS itself signs where the service's own tests look."""

    signer: Signer = field(default_factory=Signer)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """See GrantSigner."""
        return self.signer.sign(claims)

    def public_keys(self) -> list[Any]:
        """See GrantSigner."""
        return [self.signer.jwk]


@dataclass
class Effect:
    """Pays, or raises ``fault``, and remembers on which grants."""

    fault: Exception | None = None
    grants: list[Grant] = field(default_factory=list)

    def __call__(self, grant: Grant) -> str:
        self.grants.append(grant)
        if self.fault:
            raise self.fault
        return f"receipt {len(self.grants)}"


def granting(service: InProcess) -> InProcess:
    """Give ``service`` with a key that signs grants."""
    return replace(service, settings={**service.settings, "grant_signer": LocalKey(), "stack": STACK})


def an_order(amount: float) -> models.Submission:
    """Give a payment of an agent of its own."""
    ids = {"requestId": unique("pay"), "agentId": unique("buyer")}
    body = a_body("payment", **ids, timestamp=now_ms(), context={"amount": amount})
    return cast("models.Submission", body)


def agent_of(order: models.Submission) -> models.IdentityEnvelope:
    """Give the envelope of the agent that asks."""
    return {"principalId": order["agentId"], "subjectType": "agent", "tenantId": str(order.get("tenantId"))}


def events(service: InProcess, order: models.Submission, kind: str) -> list[dict[str, Any]]:
    """Give the events of a kind that the evidence of ``order`` has, as its principal reads them."""
    headers = {"x-identity-envelope": json.dumps(human(order["principalId"]))}
    reply = service.send("GET", f"/workflow/evidence/{order['requestId']}", headers=headers, body=None)
    assert reply.status == 200, reply
    return [event["payload"] for event in reply.body if event["payload"]["event"] == kind]


def claimed_by(service: InProcess, order: models.Submission) -> str | None:
    """Give the grant that evidence says was claimed, None without one."""
    return _only(event["grantId"] for event in events(service, order, "claimed") if "grantId" in event)


def outcome_of(service: InProcess, order: models.Submission) -> str | None:
    """Give the outcome that evidence has, None where nothing was reported."""
    return _only(event["outcome"] for event in events(service, order, "reported") if "outcome" in event)


def _only(values: Iterable[str]) -> str | None:
    listed = list(values)
    assert len(listed) <= 1
    return listed[0] if listed else None
