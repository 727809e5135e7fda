"""Answers of a simulation (contract.md section 4)."""

from typing import Annotated, Literal, NotRequired, TypedDict

from handshake.core.shapes import Count, Id, Outcome, Tier, closed


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
    policy: NotRequired[Annotated[str, "The policy or budget that makes the difference, where it is no rule."]]
    count: NotRequired[Count]
    examples: NotRequired[Annotated[list[Id], "Some requests that it is so for."]]


@closed
class Simulated(TypedDict):
    """Tells what recorded requests say of a proposal."""

    status: Literal["ok"]
    blastRadius: BlastRadius
    predictedChanges: list[PredictedChange]
    decision: Outcome
    tier: Tier
    reasons: list[str]
