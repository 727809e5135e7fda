"""Decides recorded requests again, under two policies (contract.md 4 and 9.12)."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from handshake.core.agents import Agent
from handshake.core.tiers import STRICTNESS, Outcome
from handshake.policy.budgets import Counter
from handshake.policy.rules import PolicyInForce
from handshake.policy.setting import BARE, Setting
from handshake.requests.decision import Decision, decide, utc_day
from handshake.requests.submission import Submission

if TYPE_CHECKING:
    from handshake.simulation.answers import PredictedChange, Simulated

PolicyOf = Callable[[Agent], PolicyInForce]

_HIGH_RISK_TIER = 3
_EXAMPLES = 5


@dataclass(frozen=True)
class Change:
    """One recorded request that the proposed policy decides otherwise."""

    agent: Agent
    request_id: str
    request_class: str
    before: Decision
    after: Decision

    @property
    def high_risk(self) -> bool:
        """Tell whether either decision is of a high or critical tier."""
        return max(self.before.tier, self.after.tier) >= _HIGH_RISK_TIER

    @property
    def policy(self) -> str:
        """Name the policy that decides it now, or decided it before where none does now; "" where rules alone do."""
        by = self.after.policies or self.before.policies
        return by[0].policy if by else ""

    @property
    def loosens(self) -> bool:
        """Tell whether the proposed policy lets through what the present one holds back."""
        return STRICTNESS[self.after.outcome] < STRICTNESS[self.before.outcome]


@dataclass(frozen=True)
class Simulation:
    """The outcome of a replay of ``replayed`` requests; ``sampled`` when there were more."""

    changes: Sequence[Change]
    replayed: int
    sampled: bool

    def view(self) -> "Simulated":
        """Show what would have changed, with advice on the change.

        ``decision`` is advice on the change itself: escalate when it loosens anything, else allow. ``tier``
        is 1 without changes, 2 with stricter ones only, 3 when something loosens, 4 when that is of high risk.
        """
        loosened = [change for change in self.changes if change.loosens]
        tier = 4 if any(change.high_risk for change in loosened) else 3 if loosened else 2 if self.changes else 1
        predicted: defaultdict[tuple[str, Outcome, Outcome, str], list[str]] = defaultdict(list)
        for change in self.changes:
            kind = (change.request_class, change.before.outcome, change.after.outcome, change.policy)
            predicted[kind].append(change.request_id)
        return {
            "status": "ok",
            "blastRadius": {
                "affectedAgents": len({change.agent for change in self.changes}),
                "highRiskAgents": len({change.agent for change in self.changes if change.high_risk}),
            },
            "predictedChanges": [_predicted(*kind, predicted[kind]) for kind in sorted(predicted)],
            "decision": "escalate" if loosened else "allow",
            "tier": tier,
            "reasons": self._reasons(len(loosened)),
        }

    def _reasons(self, loosened: int) -> list[str]:
        what = "the newest recorded requests" if self.sampled else "all recorded requests of the window"
        reasons = [f"Replayed {self.replayed} requests: {what}."]
        if self.changes:
            stricter = len(self.changes) - loosened
            reasons.append(f"{len(self.changes)} would be decided otherwise: {loosened} looser, {stricter} stricter.")
        return reasons


def _predicted(
    request_class: str, before: Outcome, after: Outcome, policy: str, requests: Sequence[str]
) -> "PredictedChange":
    predicted: PredictedChange = {"requestClass": request_class, "before": before, "after": after}
    if policy:
        predicted |= {"policy": policy, "count": len(requests), "examples": sorted(requests)[:_EXAMPLES]}
    return predicted


def simulate(
    requests: Iterable[Submission], *, before: PolicyOf, after: PolicyOf, sampled: bool, setting: Setting = BARE
) -> Simulation:
    """Decide ``requests`` again in the order of their time, under each policy with spend and budgets of its own."""
    ordered = sorted(requests, key=lambda request: request.timestamp_ms)
    changes: list[Change] = []
    for request, present, proposed in zip(
        ordered, _replay(ordered, before, setting), _replay(ordered, after, setting), strict=True
    ):
        if present.outcome != proposed.outcome:
            changes.append(Change(request.agent, request.request_id, _request_class(request), present, proposed))
    return Simulation(changes, len(ordered), sampled)


def _replay(ordered: Iterable[Submission], policy_of: PolicyOf, setting: Setting) -> Iterable[Decision]:
    spent: defaultdict[tuple[Agent, str], Decimal] = defaultdict(Decimal)
    taken: defaultdict[Counter, Decimal] = defaultdict(Decimal)
    for request in ordered:
        day = request.agent, utc_day(request.timestamp_ms)
        decision = decide(request, policy=policy_of(request.agent), spent=spent[day], taken=taken, setting=setting)
        if decision.outcome == "allow" and decision.spend:
            spent[day] += decision.spend.amount
        for reservation in decision.reservations:
            taken[reservation.counter] += reservation.amount if reservation.held else 0
        yield decision


def _request_class(request: Submission) -> str:
    category = request.facts.get("category")
    return f"{request.action_type}:{category}" if isinstance(category, str) else request.action_type
