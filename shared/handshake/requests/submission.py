"""A submitted action: its checks in the contract's order, and the hash of what decides it (contract.md section 3)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from handshake.core.agents import Agent
from handshake.core.errors import HandshakeError
from handshake.core.jsonio import canonical, digest, normal, number
from handshake.core.reasons import ReasonCode
from handshake.core.text import folded, id_faults, lowered
from handshake.core.tiers import DENIAL_TIER
from handshake.policy.rule_keys import CONTEXT_LIMITS
from handshake.requests.access import decide_submitter
from handshake.requests.action import Action, action_fault, action_of, canonical_action, digest_of
from handshake.trust.identity import Envelope

if TYPE_CHECKING:
    from handshake.requests.answers import RefusedSubmission

ACTION_TYPES: Final = ("payment", "data_access", "credential_use", "external_call", "other")
MAX_CLOCK_SKEW_MS: Final = 5 * 60 * 1000
MAX_FACTS_LENGTH: Final = 4096
DEFAULT_CATEGORY: Final = "ops"
_MS_PER_MINUTE: Final = 60_000

_REQUIRED_IDS: Final = ("requestId", "agentId", "principalId", "payloadRef")
# The part of `context` that decides each action type. Everything else a surface sends is channel noise.
_DECIDING_FACTS: Final[Mapping[str, tuple[str, ...]]] = {
    "payment": ("amount", "category", *CONTEXT_LIMITS),
    "data_access": ("sensitivity", "authorizedSensitiveScope"),
}
# Compared trimmed and without case, where they are text.
_WORDS: Final = ("category", "sensitivity")
# Those that may stand in an action's arguments instead, or there alike.
_ALSO_IN_ARGUMENTS: Final[Mapping[str, tuple[str, ...]]] = {"payment": ("amount", "category")}


@dataclass(frozen=True)
class Submission:
    """An action that passed every check of shape. ``timestamp_ms`` is the caller's clock, epoch ms.

    ``facts`` is the decision-relevant part of the caller's context, normalised so that two surfaces that
    send the same facts give the same hash. Of a stored request with an ``action``, whose arguments are kept beside it,
    ``kept_digest`` is the digest of both.
    """

    request_id: str
    principal_id: str
    agent_id: str
    tenant_id: str | None
    action_type: str
    payload_ref: str
    timestamp_ms: int
    facts: Mapping[str, Any]
    action: Action | None = None
    kept_digest: str | None = None

    @cached_property
    def agent(self) -> Agent:
        """Name whom limits are kept for."""
        return Agent(self.agent_id, self.tenant_id)

    @cached_property
    def canonical_action(self) -> str | None:
        """Give the text whose digest binds the request; None of a stored one that keeps it beside itself."""
        if self.kept_digest is not None:
            return None
        return canonical_action(
            tenant_id=self.tenant_id,
            principal_id=self.principal_id,
            agent_id=self.agent_id,
            action_type=self.action_type,
            payload_ref=self.payload_ref,
            facts=self.facts,
            action=self.action,
        )

    @cached_property
    def action_digest(self) -> str:
        """Give ``sha256:`` and the digest that binds the request: all of it but its id and time (section 10)."""
        return self.kept_digest or digest_of(self.canonical_action or "")

    @property
    def facts_digest(self) -> str:
        """Digest what the same requestId must repeat to be the same request: all but its timestamp (9.10)."""
        return digest([self.tenant_id, *self._deciding(), self.action_digest])

    @property
    def spellings(self) -> Sequence["Submission"]:
        """Give the request as it is kept, and as releases before actions kept it: they folded its words further."""
        facts = _spelled(self.facts, folded)
        return (self,) if self.action or facts == self.facts else (self, replace(self, facts=facts))

    @cached_property
    def decision_context_hash(self) -> str:
        """Give ``ctx_`` and a SHA-256 over what decides, with the timestamp's minute; of an action, with its digest."""
        bound = [self.action_digest] if self.action else []
        return "ctx_" + digest([*self._deciding(), self.timestamp_ms // _MS_PER_MINUTE, *bound])

    def _deciding(self) -> list[Any]:
        return [self.principal_id, self.agent_id, self.action_type, self.payload_ref, dict(self.facts)]


def parse_submission(body: Any, *, now_ms: int, needs_action: bool = False) -> Submission:
    """Check ``body`` in the contract's order; with ``needs_action`` it must carry one (ActionBinding=required).

    Raises HandshakeError with the first failed check's code and the refusal's extra body fields.
    """
    submission, bypass = _parse(body, needs_action=needs_action)
    if abs(submission.timestamp_ms - now_ms) > MAX_CLOCK_SKEW_MS:
        raise _refusal(
            ReasonCode.TRUST_CONTEXT_TIMESTAMP_SKEW_FAIL_CLOSED,
            "timestamp is more than 5 minutes from the server's clock.",
            submission.request_id,
            submission.decision_context_hash,
        )
    if bypass is not None:
        raise _bypass_refusal(bypass, submission)
    return submission


def parse_recorded(body: Any) -> Submission:
    """Read a request as it was submitted earlier, held neither to the present time nor to the present rule for ids.

    Raises HandshakeError for the same faults of shape as parse_submission, and for a declared bypass or side channel.
    """
    submission, bypass = _parse(body, stored=True)
    if bypass is not None:
        raise _bypass_refusal(bypass, submission)
    return submission


def ensure_submitted_by(envelope: Envelope, submission: Submission) -> None:
    """Hold ``submission`` to the envelope that it came with (contract.md section 9.15).

    Raises HandshakeError security_identity_subject_mismatch or security_read_tenant_mismatch.
    """
    refused = decide_submitter(
        envelope,
        principal_id=submission.principal_id,
        agent_id=submission.agent_id,
        tenant_id=submission.tenant_id,
    )
    if refused:
        raise _refusal(*refused, submission.request_id, submission.decision_context_hash)


def _parse(body: Any, *, stored: bool = False, needs_action: bool = False) -> tuple[Submission, ReasonCode | None]:
    shape, binding = ReasonCode.TRUST_CONTEXT_INVALID_REQUEST_SHAPE, ReasonCode.TRUST_CONTEXT_MISSING_BINDING
    if not isinstance(body, dict):
        raise _refusal(shape, "The body must be a JSON object.", None)
    absent, wrong = id_faults(body, _REQUIRED_IDS, optional=("tenantId",), stored=stored)
    request_id = body["requestId"] if "requestId" not in wrong else None
    if body.get("actionType") not in ACTION_TYPES:
        raise _refusal(shape, f"actionType must be one of {', '.join(ACTION_TYPES)}.", request_id)
    if absent:
        code = shape if absent == ["payloadRef"] else binding
        raise _refusal(code, f"{absent[0]} is required.", request_id)
    if needs_action and body.get("action") is None:
        raise _refusal(binding, "action is required.", request_id)
    if wrong:
        name, fault = next(iter(wrong.items()))
        raise _refusal(shape, f"{name} {fault}.", request_id)
    timestamp = number(body.get("timestamp"))
    if timestamp is None:
        raise _refusal(
            ReasonCode.TRUST_CONTEXT_INVALID_TIMESTAMP,
            "timestamp must be finite epoch milliseconds.",
            request_id,
        )
    context = body.get("context")
    if not (context is None or isinstance(context, dict)):
        raise _refusal(shape, "context must be an object.", request_id)
    if not (body.get("privilegedPath") is None or isinstance(body["privilegedPath"], bool)):
        raise _refusal(shape, "privilegedPath must be true or false.", request_id)
    action = body.get("action")
    if action is not None and (unfit := action_fault(action)):
        raise _refusal(shape, unfit, request_id)
    context = context or {}
    facts, disagreeing = _facts(body["actionType"], context, (action or {}).get("arguments") or {})
    if disagreeing:
        raise _refusal(shape, f"{disagreeing[0]} differs between context and action.arguments.", request_id)
    if len(canonical(facts)) > MAX_FACTS_LENGTH:
        raise _refusal(shape, f"The deciding context is over {MAX_FACTS_LENGTH} characters.", request_id)
    submission = Submission(
        request_id=body["requestId"],
        principal_id=body["principalId"],
        agent_id=body["agentId"],
        tenant_id=body.get("tenantId") or None,
        action_type=body["actionType"],
        payload_ref=body["payloadRef"],
        timestamp_ms=int(timestamp),
        facts=facts,
        action=None if action is None else action_of(action),
    )
    if body.get("privilegedPath") is False:
        return submission, ReasonCode.SECURITY_HANDSHAKE_REQUIRED_BYPASS_DENIED
    if context.get("sideChannelAttempt") is True or context.get("directAdapterCall") is True:
        return submission, ReasonCode.SECURITY_SIDE_CHANNEL_DENIED
    return submission, None


def _facts(
    action_type: str, context: Mapping[str, Any], arguments: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Give the facts of ``context``, a payment's also of its action's ``arguments``, and where the two disagree."""
    facts = _kept(context, _DECIDING_FACTS.get(action_type, ()))
    stated = _kept(arguments, _ALSO_IN_ARGUMENTS.get(action_type, ())) if arguments else {}
    disagreeing = [name for name, value in stated.items() if canonical(facts.get(name, value)) != canonical(value)]
    facts = stated | facts
    if action_type == "payment":
        facts.setdefault("category", DEFAULT_CATEGORY)
    return facts, disagreeing


def _kept(given: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Give the facts called ``names`` as they are kept: numbers that are equal alike, words as they are compared."""
    facts: dict[str, Any] = normal({name: given[name] for name in names if given.get(name) is not None})
    return _spelled(facts, lowered)


def _spelled(facts: Mapping[str, Any], spell: Callable[[str], str]) -> dict[str, Any]:
    return {name: spell(value) if name in _WORDS and isinstance(value, str) else value for name, value in facts.items()}


def refusal_fields(request_id: str | None, decision_context_hash: str | None = None) -> "RefusedSubmission":
    """Give the members that the refusal of a submission adds to its body; without a hash, that of no facts."""
    return {
        "requestId": request_id,
        "decision": "deny",
        "tier": DENIAL_TIER,
        "decisionContextHash": decision_context_hash or refused_hash(request_id),
        "state": "denied_terminal",
    }


def refused_hash(request_id: str | None) -> str:
    """Give what stands for the hash of facts that could not be read, or may not be told (contract.md section 9.22).

    It depends on nothing but the requestId, and is no decision's: those are of a list.
    """
    return "ctx_" + digest({"refused": request_id})


REFUSED: Final = refusal_fields(None)
"""The body fields of a submission that was refused before it was known."""


def _bypass_refusal(bypass: ReasonCode, submission: Submission) -> HandshakeError:
    message = (
        "A privileged path cannot opt out of the handshake."
        if bypass is ReasonCode.SECURITY_HANDSHAKE_REQUIRED_BYPASS_DENIED
        else "The context declares a side channel around the handshake."
    )
    return _refusal(bypass, message, submission.request_id, submission.decision_context_hash)


def _refusal(
    reason: ReasonCode, message: str, request_id: str | None, decision_context_hash: str | None = None
) -> HandshakeError:
    return HandshakeError(
        reason,
        message,
        request_id=request_id,
        fields=refusal_fields(request_id, decision_context_hash),
        denies=True,
    )
