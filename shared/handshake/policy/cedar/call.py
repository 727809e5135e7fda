"""A call that Cedar judges, in terms of its own: what a submission becomes before the converter sees it."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Call:
    """What an agent asks to do. ``at_ms`` is the request's own time, epoch ms; ``arguments`` are as they were parsed.

    ``amount`` and ``category`` are a payment's; ``tool`` names a tool exactly as it was submitted.
    """

    action_type: str
    agent_id: str
    principal_id: str
    payload_ref: str
    at_ms: int
    environment: str
    tenant_id: str | None = None
    operation: str | None = None
    tool: str | None = None
    tool_version: str | None = None
    arguments: Mapping[str, Any] | None = None
    amount: Decimal | None = None
    category: str | None = None
    currency: str | None = None
    sensitivity: str | None = None
