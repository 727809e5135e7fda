"""Asks Cedar of a submission: its call in Cedar's terms, and what each scope that applies says (contract.md 15)."""

from typing import Any

from handshake.core.jsonio import number
from handshake.core.reasons import ReasonCode
from handshake.core.tiers import DENIAL_TIER
from handshake.policy.cedar.call import Call
from handshake.policy.cedar.convert import ill_fitting
from handshake.policy.cedar.tools import NO_TOOLS
from handshake.policy.rules import GLOBAL, PolicyInForce
from handshake.policy.setting import Setting
from handshake.policy.verdict import Judgement, unmatched
from handshake.requests.submission import Submission


def judge(submission: Submission, policy: PolicyInForce, setting: Setting) -> list[Judgement]:
    """Give what each scope's Cedar says of a submission, in the order in which they give the code.

    A call of a registered tool is held to its schema whether or not any scope has Cedar, and nothing matches in a scope
    without: its ``unmatched`` holds all the same. Where the tools are not those registered, no call of one can be held
    to them.
    """
    call, tools = call_of(submission, setting.environment), setting.tools or NO_TOOLS
    if setting.tools_unfit and call.tool is not None:
        return [Judgement("deny", ReasonCode.POLICY_EVALUATION_FAILED, DENIAL_TIER)]
    if not any(each.cedar_sha256 for each in policy.judging):
        if misfit := ill_fitting(call, tools):
            return [Judgement("deny", ReasonCode.POLICY_INVALID_REQUEST, DENIAL_TIER, message=str(misfit))]
        return [unmatched(each.unmatched or "allow", each.scope.name, each.version or "") for each in policy.judging]
    from handshake.policy.cedar import engine  # noqa: PLC0415 - it brings the engine's library

    scopes = [
        engine.ScopeSet(
            each.scope.name,
            each.version or "",
            setting.sets.get(each.cedar_sha256) if each.cedar_sha256 else engine.NO_POLICIES,
            each.unmatched or "allow",
        )
        for each in policy.judging
    ]
    of_all = next((each.unmatched_tools for each in policy.applies if each.scope == GLOBAL), None)
    return engine.judge(call, scopes, tools, unmatched_tools=of_all or "deny")


def call_of(submission: Submission, environment: str) -> Call:
    """Give a submission as Cedar sees it. Its currency is what the arguments of its action say, in capitals."""
    action, facts = submission.action, submission.facts
    arguments = action.arguments if action else None
    return Call(
        action_type=submission.action_type,
        agent_id=submission.agent_id,
        principal_id=submission.principal_id,
        payload_ref=submission.payload_ref,
        at_ms=submission.timestamp_ms,
        environment=environment,
        tenant_id=submission.tenant_id,
        operation=action.operation if action else None,
        tool=action.tool if action else None,
        tool_version=action.tool_version if action else None,
        arguments=arguments,
        amount=number(facts.get("amount")),
        category=_text(facts.get("category")),
        currency=_currency(arguments.get("currency") if arguments else None),
        sensitivity=_text(facts.get("sensitivity")),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _currency(value: Any) -> str | None:
    return value.strip().upper() if isinstance(value, str) and value.strip() else None
