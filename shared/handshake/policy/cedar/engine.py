"""Judges calls by prepared sets of policies (contract.md section 15).

It imports the engine's library, which is in a layer of its own: who may need it imports this module where it does, so a
function pays for it once a scope stores Cedar. A set is kept by the digest of its text and a schema by that of its
tools, so a process prepares each once, whatever number of scopes and versions has it.
"""

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import cedarpy

from handshake.core.reasons import ReasonCode
from handshake.core.tiers import DENIAL_TIER
from handshake.policy.cedar.call import Call
from handshake.policy.cedar.convert import Misfit, Request, convert
from handshake.policy.cedar.policy import Policy, policy_from
from handshake.policy.cedar.schema import schema_of
from handshake.policy.cedar.text import Fault, sha256_of, split
from handshake.policy.cedar.tools import Tools
from handshake.policy.verdict import ALLOWED, Judgement, Named, Unmatched, unmatched

# A set of 200 policies takes 1.3 MB, and a schema of 200 tools about as much.
_SETS_KEPT: Final = 64
_SCHEMAS_KEPT: Final = 4
_AGENTS_KEPT: Final = 256


class UnfitTextError(ValueError):
    """A stored text is not what was applied: it has another digest, or lies outside what apply takes."""


@dataclass(frozen=True)
class CedarSet:
    """A prepared text: the engine's own form of it, and each policy by the name that the engine has for it."""

    parsed: cedarpy.PolicySet
    policies: Mapping[str, Policy]

    @property
    def named_actions(self) -> frozenset[str]:
        """List every action that an action constraint names, tools and types alike."""
        return frozenset(name for policy in self.policies.values() for name in policy.actions or ())


NO_POLICIES: Final = CedarSet(cedarpy.PolicySet.from_str(""), {})
"""The set of a scope that stores no text, and says what becomes of what nothing matches."""


@dataclass(frozen=True)
class ScopeSet:
    """The Cedar of one scope that applies to a call: which version of which scope, and what becomes of no match.

    ``policies`` is None where the stored text is unfit: nothing is judged by what nobody applied.
    """

    scope: str
    version: str
    policies: CedarSet | None
    unmatched: Unmatched = "allow"


@dataclass(frozen=True)
class _Prepared:
    """The engine's forms of a registry: the schema, and the entities of its actions, alone and with an agent each."""

    schema: cedarpy.Schema
    entities: cedarpy.Entities
    with_agent: "OrderedDict[tuple[str, str | None], cedarpy.Entities]"

    def entities_of(self, call: Call) -> cedarpy.Entities:
        """Give the entities of a call: its agent in its tenant, and every action in its type."""
        agent = call.agent_id, call.tenant_id
        entities = self.with_agent.get(agent)
        if entities is None:
            # Held to the schema, which takes three times what the judgement does: so an agent's are kept.
            entities = self.with_agent[agent] = self.entities.with_added_json_str(_entities(call), self.schema)
            while len(self.with_agent) > _AGENTS_KEPT:
                self.with_agent.popitem(last=False)
        return entities


_sets: "OrderedDict[str, CedarSet]" = OrderedDict()
_schemas: "OrderedDict[str, _Prepared]" = OrderedDict()


def kept_set(sha256: str) -> CedarSet | None:
    """Give the set that this process prepared of a text with this digest, None where it has not, or not kept it."""
    if sha256 in _sets:
        _sets.move_to_end(sha256)
    return _sets.get(sha256)


def prepare_set(sha256: str, text: str) -> CedarSet:
    """Prepare a stored text, and keep it. Raises UnfitTextError where it is not the one with this digest, or unfit."""
    if sha256_of(text) != sha256:
        raise UnfitTextError("has another digest")
    if isinstance(fault := split(text), Fault):
        raise UnfitTextError(str(fault))
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"]
        prepared = CedarSet(
            cedarpy.PolicySet.from_str(text), {name: policy_from(policy) for name, policy in parsed.items()}
        )
    except ValueError as error:
        raise UnfitTextError(str(error)) from error
    _sets[sha256] = prepared
    while len(_sets) > _SETS_KEPT:
        _sets.popitem(last=False)
    return prepared


def judge(
    call: Call, scopes: Sequence[ScopeSet], tools: Tools, *, unmatched_tools: Unmatched = "deny"
) -> list[Judgement]:
    """Judge a call by the Cedar of each scope, which come in the order in which they give the code.

    Nothing where no scope has any. A call that Cedar cannot be told is denied before anything is asked.
    """
    if not scopes:
        return []
    request = convert(call, tools)
    if isinstance(request, Misfit):
        return [Judgement("deny", ReasonCode.POLICY_INVALID_REQUEST, DENIAL_TIER, message=str(request))]
    judgements = [_judge_scope(call, request, scope, tools) for scope in scopes]
    if unmatched_tools == "deny" and call.tool not in tools.by_name:
        unnamed = [scope for scope in scopes if scope.policies and _governs_tools(scope.policies, call, tools)]
        judgements[:0] = [_unmatched_tool(scope) for scope in unnamed]
    return judgements


def _governs_tools(policies: CedarSet, call: Call, tools: Tools) -> bool:
    named = (tools.by_name.get(name) for name in policies.named_actions)
    return any(tool.action_type == call.action_type for tool in named if tool)


def _unmatched_tool(scope: ScopeSet) -> Judgement:
    named = Named(scope.scope, scope.version, "unmatchedTools")
    return Judgement("deny", ReasonCode.POLICY_UNMATCHED_DENIED, DENIAL_TIER, (named,))


def _judge_scope(call: Call, request: Request, scope: ScopeSet, tools: Tools) -> Judgement:
    failed = Judgement(
        "deny", ReasonCode.POLICY_EVALUATION_FAILED, DENIAL_TIER, (Named(scope.scope, scope.version, ""),)
    )
    if scope.policies is None:
        return failed
    if not scope.policies.policies:
        return unmatched(scope.unmatched, scope.scope, scope.version)
    prepared = _schema_of(tools)
    try:
        entities = prepared.entities_of(call)
        answer = cedarpy.is_authorized(
            {
                "principal": {"type": "Agent", "id": call.agent_id},
                "action": {"type": "Action", "id": request.action},
                "resource": {"type": "Payload", "id": call.payload_ref},
                "context": request.context,
            },
            scope.policies.parsed,
            entities,
            prepared.schema,
        )
    except ValueError:
        return failed
    errors, decision = answer.diagnostics.errors, answer.decision
    if errors or decision is cedarpy.Decision.NoDecision:
        return failed
    matched = [scope.policies.policies[name] for name in sorted(answer.diagnostics.reasons, key=_place)]
    if decision is cedarpy.Decision.Allow:
        return Judgement("allow", ReasonCode.POLICY_ALLOW, ALLOWED.tier, tuple(_named(scope, matched)))
    if not matched:
        return unmatched(scope.unmatched, scope.scope, scope.version)
    denying = [policy for policy in matched if not policy.escalates]
    deciding = denying or matched
    return Judgement(
        "deny" if denying else "escalate",
        ReasonCode.POLICY_DENIED if denying else ReasonCode.HITL_POLICY_ESCALATED,
        DENIAL_TIER if denying else max(policy.tier for policy in deciding),
        tuple(_named(scope, deciding)),
        message=next((policy.message for policy in deciding if policy.message), None),
        notify=tuple(dict.fromkeys(path for policy in deciding for path in policy.notify)),
    )


def _named(scope: ScopeSet, policies: Sequence[Policy]) -> Iterator[Named]:
    return (Named(scope.scope, scope.version, policy.id) for policy in policies)


def _place(name: str) -> int:
    return int(name.removeprefix("policy"))


def _entities(call: Call) -> str:
    tenant = [] if call.tenant_id is None else [{"type": "Tenant", "id": call.tenant_id}]
    return json.dumps([{"uid": {"type": "Agent", "id": call.agent_id}, "attrs": {}, "parents": tenant}])


def _schema_of(tools: Tools) -> _Prepared:
    kept = _schemas.get(tools.digest)
    if kept is None:
        schema = cedarpy.Schema.from_json_str(json.dumps(schema_of(tools)))
        # Without the schema it would know no tool to be of a type, and what is asked of a type would never hold.
        kept = _schemas[tools.digest] = _Prepared(schema, cedarpy.Entities.from_json_str("[]", schema), OrderedDict())
        while len(_schemas) > _SCHEMAS_KEPT:
            _schemas.popitem(last=False)
    return kept
