"""Checks the members of a policy as a whole: what is refused beyond their shape, and what an operator is warned of."""

from dataclasses import dataclass

from handshake.core.errors import Refusal, refusal_of
from handshake.core.reasons import ReasonCode
from handshake.policy.cedar.tools import Tools
from handshake.policy.members import Members, warnings_of
from handshake.policy.rules import Scope


@dataclass(frozen=True)
class Sound:
    """Members that may be applied; ``warnings`` keep nobody from it."""

    warnings: tuple[str, ...] = ()


def check_members(scope: Scope, members: Members, tools: Tools) -> Sound | Refusal:
    """Check ``members`` for ``scope`` while ``tools`` are registered: sound, or refused as policy_invalid_policy.

    Only a text of Cedar loads the engine.
    """
    warnings = warnings_of(scope, members)
    if members.cedar:
        from handshake.policy.cedar.validate import Faults, validate  # noqa: PLC0415 - it brings the engine's library

        validated = validate(members.cedar, tools, unmatched=members.unmatched)
        if isinstance(validated, Faults):
            return refusal_of(ReasonCode.POLICY_INVALID_POLICY, f"cedar: {validated.message}.")
        warnings += map(str, validated.warnings)
    return Sound(tuple(warnings))
