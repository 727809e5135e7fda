"""Outcomes of a decision and the tiers of its risk (contract.md section 3)."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

Outcome = Literal["allow", "deny", "escalate"]
STRICTNESS: Final[Mapping[Outcome, int]] = {"allow": 0, "escalate": 1, "deny": 2}
RiskTier = Literal["low", "medium", "high", "critical"]
UNKNOWN_TIER: Final = "unknown"
EventTier = RiskTier | Literal["unknown"]
"""The risk tier of a metrics event: who reports a decision that was made elsewhere may not know it."""

ESCALATION_TIER: Final = 3
"""The tier of what is escalated, where nothing names another."""
# Of every denial, one outside a decision included.
DENIAL_TIER: Final = 4


RISK_TIERS: Final[Sequence[RiskTier]] = ("low", "low", "medium", "high", "critical")
"""The name of each numeric tier, 0 to 4."""
