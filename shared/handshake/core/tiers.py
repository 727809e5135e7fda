"""Outcomes of a decision and the tiers of its risk (contract.md section 3)."""

from collections.abc import Mapping
from typing import Final, Literal

Outcome = Literal["allow", "deny", "escalate"]
STRICTNESS: Final[Mapping[Outcome, int]] = {"allow": 0, "escalate": 1, "deny": 2}
RiskTier = Literal["low", "medium", "high", "critical"]

# Of every denial, one outside a decision included.
DENIAL_TIER: Final = 4


def risk_tier(tier: int) -> RiskTier:
    """The name of a numeric tier: 4 critical, 3 high, 2 medium, below that low."""
    return "critical" if tier >= 4 else "high" if tier == 3 else "medium" if tier == 2 else "low"
