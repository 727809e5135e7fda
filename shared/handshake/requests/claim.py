"""Claim the one grant of a request: sign it, record the claim in one write, and only then give it out.

A grant that was signed for a claim which then lost never leaves this process.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple, assert_never

from handshake.agents.standing import AgentState
from handshake.core.errors import (
    Conflict,
    HandshakeError,
    Refuse,
    Replay,
    ReplayGuardUnavailableError,
    StoreUnavailableError,
)
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Key
from handshake.replay_guards.table import IDEMPOTENCY_KEY_LIFETIME_MS, guard_key, read_outcome
from handshake.requests.grant import (
    Eligible,
    Grant,
    GrantClaim,
    InForce,
    Repeat,
    decide_claim,
    decide_grant,
    decide_repeat,
    grant_claims,
)
from handshake.requests.grant_reads import read_for_claim, read_in_force
from handshake.requests.record import RequestRecord
from handshake.requests.recording import record_claim
from handshake.requests.transaction import RequestTransaction, origin
from handshake.trust.grant_signer import GrantSigner
from handshake.trust.identity import Envelope

# A lost race shows what the winner wrote: a claim, which refuses this one, or something else once.
_TRIES: Final = 5


class Claiming(NamedTuple):
    """Says how this stack grants: by what signer, in what name, and until when after a decision.

    ``unknown_agents`` is the state of an agent that nobody has named.
    """

    signer: GrantSigner
    issuer: str
    execute_within_ms: int
    unknown_agents: AgentState = AgentState.ACTIVE


class Granted(NamedTuple):
    """A grant that was claimed, by this call or by the same one before: its ``token``, and what that says."""

    request: RequestRecord
    claims: Mapping[str, Any]
    token: str


def claim_grant(context: Context, claim: GrantClaim, envelope: Envelope, claiming: Claiming) -> Granted:
    """Claim a request's grant for the principal of ``envelope``, once; with the same key it is told again.

    Raises HandshakeError as requests.grant refuses it, adapter_privileged_mutations_paused, SignerUnavailableError,
    which leaves nothing claimed, and where the store cannot be consulted ReplayGuardUnavailableError if there is a key
    to guard, StoreUnavailableError if there is none.
    """
    key = claim.idempotency_key
    guard = guard_key("grant_claim", envelope.tenant_id, envelope.principal_id, key) if key else None
    try:
        return _claim(context, claim, envelope, claiming, guard)
    except StoreUnavailableError as unavailable:
        if guard:
            raise ReplayGuardUnavailableError from unavailable
        raise


def _claim(context: Context, claim: GrantClaim, envelope: Envelope, claiming: Claiming, guard: Key | None) -> Granted:
    request, used = read_for_claim(context, claim.request_id, guard)
    in_force: InForce | None = None
    for _ in range(_TRIES):
        within = claiming.execute_within_ms
        looked = decide_claim(claim, request, envelope, used, context.now_ms(), execute_within_ms=within)
        if isinstance(looked, Conflict) and guard:
            # A batch reads its items one after another, so the key may have been used before the state was read.
            used = read_outcome(context, guard)
            looked = decide_claim(claim, request, envelope, used, context.now_ms(), execute_within_ms=within)
        match looked:
            case Refuse(refusal) | Conflict(refusal) | Replay(refusal):
                raise HandshakeError.of(refusal)
            case Eligible(eligible) | Repeat(eligible, _):
                in_force = in_force or read_in_force(context, eligible, unknown_agents=claiming.unknown_agents)
            case _:
                assert_never(looked)
        if isinstance(looked, Repeat):
            if refused := decide_repeat(claim, in_force, context.now_ms()):
                raise HandshakeError.of(refused)
            return Granted(eligible, looked.claims, claiming.signer.sign(looked.claims))
        granted = decide_grant(claim, eligible, envelope, in_force, context.now_ms(), execute_within_ms=within)
        match granted:
            case Refuse(refusal):
                raise HandshakeError.of(refusal)
            case Grant():
                won = _record(context, claim, granted, in_force=in_force, claiming=claiming, guard=guard)
            case _:
                assert_never(granted)
        if isinstance(won, Granted):
            return won
        request, used = won.request or request, won.used
    raise StoreUnavailableError


class _Lost(NamedTuple):
    """Shows what a claim lost to: the request as the winner left it, and what the key's use left."""

    request: RequestRecord | None
    used: Mapping[str, Any] | None


def _record(
    context: Context,
    claim: GrantClaim,
    granted: Grant,
    *,
    in_force: InForce,
    claiming: Claiming,
    guard: Key | None,
) -> Granted | _Lost:
    """Sign the grant and record the claim; where others were first, what to decide by now."""
    made = granted.claim
    claimed = replace(granted.seen, claim=made)
    recorded = record_claim(claimed, granted.says, granted.actor, origin(context), now_ms=made.at_ms)
    claims = grant_claims(recorded.record, made, in_force, issuer=claiming.issuer, audience=claim.audience)
    token = claiming.signer.sign(claims)
    tx = RequestTransaction(context)
    moving, key = tx.claim_grant(recorded, seen=granted.seen), None
    if guard:
        outlives = made.at_ms + IDEMPOTENCY_KEY_LIFETIME_MS
        outcome = {**claim.content, "claims": claims}
        key = tx.claim_key(guard, now_ms=made.at_ms, expires_at_ms=outlives, outcome=outcome)
    if tx.commit():
        return Granted(recorded.record, claims, token)
    return _Lost(moving.found if moving.lost else None, key.found if key and key.lost else None)
