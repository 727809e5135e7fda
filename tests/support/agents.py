"""Operators of agents: who may read and change their records, and how they do it."""

import json
from typing import Any, Final

from tests.support.service import Reply, Service, get

SCOPES: Final = ["agents:manage", "agents:read"]


def operator(tenant_id: str | None = "acme", **changes: Any) -> dict[str, Any]:
    """Give the envelope of somebody who may read and change agents, of a tenant or as an admin of all."""
    of_all = {} if tenant_id is not None else {"roles": ["admin"]}
    envelope = {"principalId": "operator", "subjectType": "human", "scopes": SCOPES, **of_all, **changes}
    return envelope | ({"tenantId": tenant_id} if tenant_id is not None else {})


def put(service: Service, agent_id: str, body: Any = None, *, envelope: Any = None, **changes: Any) -> Reply:
    """Stop an agent, unless ``body`` or ``changes`` of it say otherwise."""
    body = {"state": "stopped", "reason": "it pays strangers", **changes} if body is None else body
    headers = {"x-identity-envelope": json.dumps(envelope or operator())}
    return service.send("PUT", f"/agents/{agent_id}", headers=headers, body=json.dumps(body))


def read(service: Service, agent_id: str, *, envelope: Any = None, **query: str) -> Reply:
    """Read how an agent stands."""
    return get(service, f"/agents/{agent_id}", envelope=envelope or operator(), query=query)
