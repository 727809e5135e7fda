"""Answers of a simulation (contract.md section 4)."""

from typing import Literal, TypedDict

from handshake.core.shapes import Count, Outcome, Tier, closed


@closed
class BlastRadius(TypedDict):
    """Counts the agents that a policy would decide otherwise for."""

    affectedAgents: Count
    highRiskAgents: Count


@closed
class PredictedChange(TypedDict):
    """A kind of request that would be decided otherwise."""

    requestClass: str
    before: Outcome
    after: Outcome


@closed
class Simulated(TypedDict):
    """Tells what recorded requests say of a proposal."""

    status: Literal["ok"]
    blastRadius: BlastRadius
    predictedChanges: list[PredictedChange]
    decision: Outcome
    tier: Tier
    reasons: list[str]
