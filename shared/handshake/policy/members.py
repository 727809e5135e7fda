"""The members of a policy: what a scope stores, what a body gives of it, and what becomes of what it leaves out.

Rules from contract.md section 15: at apply an absent member stays as it is, an empty one is removed.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from handshake.core.errors import HandshakeError
from handshake.core.reasons import ReasonCode
from handshake.core.text import has_lone_surrogates
from handshake.policy.budgets import Budget, budgets_of, parse_budgets
from handshake.policy.rules import GLOBAL, Scope, Unmatched, UnmatchedTools, parse_rules

if TYPE_CHECKING:
    from handshake.policy.answers import StoredBudget, StoredRule

Mode = Literal["active", "shadow"]

MAX_CEDAR_BYTES: Final = 64 * 1024
MEMBERS: Final = ("rules", "cedar", "budgets", "unmatched", "unmatchedTools")
"""The members that a body may give, by the names that it has for them."""

# How often a second an item is written before its writers get into each other's way (docs/performance.md).
_HOT_ITEM_PER_SECOND: Final = "90 to 350"


@dataclass(frozen=True)
class Members:
    """Everything that a policy version holds, as its operator wrote it; Cedar's text is "" where there is none."""

    rules: "tuple[StoredRule, ...]" = ()
    cedar: str = ""
    budgets: "tuple[StoredBudget, ...]" = ()
    unmatched: Unmatched | None = None
    unmatched_tools: UnmatchedTools | None = None

    @property
    def empty(self) -> bool:
        """Say whether it holds nothing at all."""
        return not (self.rules or self.cedar or self.budgets or self.unmatched or self.unmatched_tools)

    @property
    def cedar_sha256(self) -> str:
        """Give the SHA-256, in hex, of Cedar's text; "" where there is none."""
        return sha256_of(self.cedar)

    def changed_by(self, given: "Given") -> "Members":
        """Give these members with those in ``given`` in place of them."""
        return replace(self, **given)

    def same_as(self, other: "Members", *, cedar_sha256: str) -> bool:
        """Say whether ``other``, whose text of Cedar has that SHA-256, holds the same."""
        return self.cedar_sha256 == cedar_sha256 and replace(self, cedar="") == replace(other, cedar="")


Given = Mapping[str, Any]
"""Some members of Members, by their names there."""
NO_MEMBERS: Final = Members()


def sha256_of(cedar: str) -> str:
    """Give the SHA-256, in hex, of Cedar's text; "" where there is none."""
    return hashlib.sha256(cedar.encode()).hexdigest() if cedar else ""


def parse_members(fields: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    """Give the members that a body gives for ``scope``, by their names in Members; an empty one is as a new policy's.

    Raises HandshakeError: trust_context_invalid_request_shape where there is none, or one is not what it should be;
    policy_invalid_policy for rules and budgets without meaning and for a text of Cedar that is too long.
    """
    given: dict[str, Any] = {}
    if not fields.keys() & set(MEMBERS):
        raise _bad_shape(f"Give at least one of {', '.join(MEMBERS)}.")
    if "rules" in fields:
        given["rules"] = () if fields["rules"] is None else tuple(parse_rules(fields["rules"]))
    if "cedar" in fields:
        given["cedar"] = _cedar(fields["cedar"])
    if "budgets" in fields:
        given["budgets"] = tuple(parse_budgets(fields["budgets"]))
    if "unmatched" in fields:
        given["unmatched"] = _word("unmatched", fields["unmatched"], get_args(Unmatched))
    if "unmatchedTools" in fields:
        given["unmatched_tools"] = _word("unmatchedTools", fields["unmatchedTools"], get_args(UnmatchedTools))
        if given["unmatched_tools"] and scope != GLOBAL:
            raise _bad_shape("unmatchedTools goes with global scope only.")
    return given


def parse_mode(fields: Mapping[str, Any]) -> Mode:
    """Give the mode that a body names. Raises HandshakeError trust_context_invalid_request_shape for another word."""
    mode = fields.get("mode")
    if mode is None:
        return "active"
    if mode not in get_args(Mode):
        raise _bad_shape("mode must be active or shadow.")
    known: Mode = mode
    return known


def warnings_of(scope: Scope, members: Members) -> list[str]:
    """Say what an operator may not expect of ``members``: a sentence for each."""
    return [warning for budget in budgets_of(scope, "", members.budgets) for warning in _warnings(budget)]


def _warnings(budget: Budget) -> list[str]:
    name, found = budget.name, list[str]()
    if budget.shards > 1:
        share = f"{budget.of_a_shard.normalize():f}"
        if budget.measure == "sum":
            found.append(f"Budget {name}: with {budget.shards} shards a sum over {share} is never let through.")
        elif budget.of_a_shard < 1:
            found.append(f"Budget {name}: with {budget.shards} shards nothing is let through.")
        found.append(f"Budget {name}: with {budget.shards} shards it may be exceeded before {budget.maximum:f}.")
    elif budget.per in ("tenant", "tool"):
        every = "every call of a tenant" if budget.per == "tenant" else "every call of a tool"
        found.append(
            f"Budget {name}: {every} writes one item, which takes {_HOT_ITEM_PER_SECOND} calls a second;"
            " shards spread it."
        )
    return found


def _cedar(text: Any) -> str:
    if text is None:
        return ""
    if not isinstance(text, str) or has_lone_surrogates(text):
        raise _bad_shape("cedar must be a string.")
    # Characters are at least one byte each, so the cheap test bounds the work of the exact one.
    if len(text) > MAX_CEDAR_BYTES or len(text.encode()) > MAX_CEDAR_BYTES:
        raise HandshakeError(ReasonCode.POLICY_INVALID_POLICY, f"cedar is longer than {MAX_CEDAR_BYTES} bytes.")
    return text if text.strip() else ""


def _word(name: str, value: Any, words: Sequence[str]) -> Any:
    if value is None or value == "":
        return None
    if value not in words:
        raise _bad_shape(f"{name} must be one of {', '.join(words)}.")
    return value


def _bad_shape(message: str) -> HandshakeError:
    return HandshakeError(ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, message)
