"""Authorize an execution: hold the presented artifact against the stored decision."""

from handshake.agents.standing import AgentState
from handshake.core.errors import HandshakeError
from handshake.dynamo.context import Context
from handshake.requests.access import decide_submitter
from handshake.requests.execution import NOT_ALLOWED, decide_execution, grant_required
from handshake.requests.submission import Submission
from handshake.requests.table import read_for_execution
from handshake.trust.identity import Envelope


def authorize_execution(
    context: Context,
    presented: Submission,
    envelope: Envelope | None,
    *,
    needs_grant: bool,
    unknown_agents: AgentState = AgentState.ACTIVE,
) -> None:
    """Return if the effect of the request that was ``presented`` may go ahead.

    It is for the principal of ``envelope``, where one came with the call. With ``needs_grant`` no effect goes ahead by
    this alone (ActionBinding=required); ``unknown_agents`` is the state of an agent that nobody has named.

    Raises HandshakeError as requests.execution refuses it, security_identity_subject_mismatch,
    security_read_tenant_mismatch, security_grant_required, StoreUnavailableError.
    """
    refused = envelope and decide_submitter(
        envelope,
        principal_id=presented.principal_id,
        agent_id=presented.agent_id,
        tenant_id=presented.tenant_id,
    )
    if refused:
        raise HandshakeError(*refused, request_id=presented.request_id, fields=NOT_ALLOWED)
    if needs_grant:
        raise HandshakeError.of(grant_required(presented.request_id))
    record, agent, paused = read_for_execution(context, presented, unknown_agents=unknown_agents)
    refusal = decide_execution(presented, record, agent, paused=paused, now_ms=context.now_ms())
    if refusal:
        raise HandshakeError.of(refusal)
