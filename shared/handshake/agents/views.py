"""Shows an agent: its record, and what was decided of its submissions of late."""

from typing import TYPE_CHECKING, NamedTuple

from handshake.agents.standing import AgentRecord
from handshake.metrics.agent_decisions import RecentDecisions

if TYPE_CHECKING:
    from handshake.agents import answers


class Shown(NamedTuple):
    """A record, and what was decided of its agent in the last 24 hours.

    Of a record of all tenants that is what was decided of the id where it named no tenant.
    """

    record: AgentRecord
    decisions: RecentDecisions

    def view(self, *, now_ms: int) -> "answers.Agent":
        """Show the agent as it stands at ``now_ms`` (epoch ms)."""
        record, counts = self.record, self.decisions.counts
        view: answers.Agent = {
            "agentId": record.agent_id,
            "state": record.state_at(now_ms),
            "reason": record.reason,
            "changedAt": record.changed_at_ms,
            "changedBy": record.changed_by,
            "decisions24h": {"allow": counts["allow"], "deny": counts["deny"], "escalate": counts["escalate"]},
        }
        if record.tenant_id is not None:
            view["tenantId"] = record.tenant_id
        if record.owner is not None:
            view["owner"] = record.owner
        if record.until_ms is not None:
            view["until"] = record.until_ms
        if self.decisions.last_at_ms is not None:
            view["lastDecisionAt"] = self.decisions.last_at_ms
        return view
