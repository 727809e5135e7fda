"""Names an agent: its id, and the tenant it acts in (contract.md section 9.23)."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from handshake.core.jsonio import digest

_PSEUDONYM_DIGITS: Final = 32


@dataclass(frozen=True)
class Agent:
    """An agent: what it spends, its flood window and its policy are the pair's; without a tenant, the bare id's."""

    agent_id: str
    tenant_id: str | None = None

    @cached_property
    def key(self) -> str:
        """Give the end of each key of what is kept of this agent alone, to put after what it is.

        Ids may hold any separator, so a pair is digested as JSON: two ids of 256 characters would not fit a key of
        2048 bytes. A bare id's keys are those that it has always had.
        """
        if self.tenant_id is None:
            return f"#{self.agent_id}"
        return f"@tenant#{digest([self.tenant_id, self.agent_id])}"

    @cached_property
    def pseudonym(self) -> str:
        """Give what metrics call the agent: enough to count what is decided of it, and not its name."""
        return digest([self.tenant_id, self.agent_id])[:_PSEUDONYM_DIGITS]
