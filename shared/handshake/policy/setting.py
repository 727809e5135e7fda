"""The setting that a call is judged in, beside the policy in force: environment, registered tools, prepared Cedar."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from handshake.policy.rules import PolicyInForce, ScopePolicy

if TYPE_CHECKING:
    from handshake.policy.cedar.engine import CedarSet
    from handshake.policy.cedar.tools import Tools


@dataclass(frozen=True)
class Setting:
    """Holds what calls are judged in.

    ``tools`` is None where none were ever registered, and where they are ``tools_unfit``: not those that were.
    ``sets`` are prepared texts of Cedar by their SHA-256, None where what is stored is not what was applied.
    ``believes_agents`` is the template's AgentAssertions=believed.
    """

    environment: str = ""
    believes_agents: bool = True
    tools: "Tools | None" = None
    tools_unfit: bool = False
    sets: "Mapping[str, CedarSet | None]" = field(default_factory=dict)

    @property
    def tools_version(self) -> str | None:
        """Name the version of the tools as evidence does, None where none were ever registered."""
        return self.tools.version if self.tools else None


BARE: Final = Setting()
"""A setting in which nothing was read. A policy that stores Cedar allows nothing in it."""


def with_cedar(policy: PolicyInForce) -> list[ScopePolicy]:
    """Give the policies with a text of Cedar among those in force and their shadows."""
    stored = [each for scope in policy.scopes for each in (scope, scope.shadow) if each]
    return [each for each in stored if each.cedar_sha256]
