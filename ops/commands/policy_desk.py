"""Read, compare and change the policy of one scope through a stack's API, and say in words what it is."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self, cast

if TYPE_CHECKING:
    from handshake_rail import Handshake, models

Rules = Any
"""Rules as a file or the API has them: a list of objects with id, key and value."""

_PAGE: Final = 100
_GLOBAL: Final = {"scope": "global"}
_STANDS_IN: Final = {"default": "default, for no rule of this key is stored", "global": "global policy, holds too"}


@dataclass(frozen=True)
class Proposal:
    """Rules, and the ``scope`` they are for as bodies name it."""

    scope: Mapping[str, str]
    rules: Rules = field(default_factory=list)

    @classmethod
    def of_flags(cls, agent: str, rules: Rules = ()) -> Self:
        """Make a proposal for ``agent``, or for the global scope where it is empty."""
        return cls({"scope": "agent", "scopeId": agent} if agent else _GLOBAL, rules)

    @property
    def whose(self) -> str:
        """Say in words whose policy it is."""
        if self.scope == _GLOBAL:
            return "the global policy, every agent's"
        tenant = f" in tenant {self.scope['tenantId']}" if "tenantId" in self.scope else ""
        return f"the policy of {self.scope['scope']} {self.scope['scopeId']}{tenant} alone"

    def unknown_keys(self) -> Iterator[str]:
        """Name each rule with a key that this release does not know, for who was refused."""
        from handshake.policy.rule_keys import KEY_OF, RULE_KEYS

        for rule in self.rules:
            if _key(rule) not in KEY_OF:
                known = ", ".join(key.name for key in RULE_KEYS)
                yield f"rule {rule.get('id')} has the unknown key {rule.get('key')}: there are {known}"


@dataclass(frozen=True)
class Desk:
    """A stack's API, and the scope of policy that a command works on. ``principal`` says who does it."""

    client: "Handshake"
    scope: Mapping[str, str]
    principal: Callable[[], str]

    def config(self) -> "models.PolicyConfig":
        """Read the rules and version that are stored for the scope."""
        return self._config(self.scope)

    def global_config(self) -> "models.PolicyConfig":
        """Read the rules and version that are stored for every agent."""
        return self._config(_GLOBAL)

    def _config(self, scope: Mapping[str, str]) -> "models.PolicyConfig":
        kind, scope_id, tenant_id = cast("Any", scope["scope"]), scope.get("scopeId"), scope.get("tenantId")
        return self.client.get_policy_config(scope=kind, scope_id=scope_id, tenant_id=tenant_id)

    def versions(self) -> "Iterator[models.AppliedVersion]":
        """Yield every version of the scope, newest first."""
        kind, names, cursor = cast("Any", self.scope["scope"]), self.scope, None
        scope_id, tenant_id = names.get("scopeId"), names.get("tenantId")
        while True:
            page = self.client.list_policy_versions(
                scope=kind, scope_id=scope_id, tenant_id=tenant_id, limit=_PAGE, cursor=cursor
            )
            yield from page["versions"]
            cursor = page.get("nextCursor")
            if not cursor:
                return

    def simulate(self, rules: Rules) -> "models.Simulated":
        """Ask which recorded requests would be decided otherwise under ``rules``."""
        return self.client.simulate_policy(cast("models.PolicyProposal", {**self.scope, "rules": rules}))

    def apply(self, change: Mapping[str, Any], *, over: str | None) -> "models.PolicyApplied":
        """Make the change. Refused where another version than ``over`` is active by now."""
        expected = {"expectedPolicyVersion": over} if over else {}
        return self.client.apply_policy(cast("models.PolicyChange", {**self.scope, **change, **expected}))


def effective(desk: Desk, config: Any) -> list[dict[str, Any]]:
    """List the rules that hold in the scope, those that stand in for none of its own marked ``standsIn``.

    Where a scope is not the global one, the global policy holds too: of both the stricter counts.
    """
    if desk.scope == _GLOBAL:
        return _with_defaults(_stored(config))
    everybody = _with_defaults(_stored(desk.global_config()))
    return [*map(dict, config["rules"]), *({"standsIn": "global", **rule} for rule in everybody)]


def differences(config: Any, proposal: Proposal) -> list[str]:
    """List what ceases to hold (``-``) and what comes to hold (``+``) under the proposed rules, by id."""
    before, after = _stored(config), proposal.rules
    if proposal.scope == _GLOBAL:
        before, after = _with_defaults(before), _with_defaults(after)
    old, new = _lines(before), _lines(after)
    found = []
    for name in sorted(old | new):
        if old.get(name) != new.get(name):
            found += [f"- {old[name]}"] if name in old else []
            found += [f"+ {new[name]}"] if name in new else []
    return found


def in_words(rules: Sequence[Mapping[str, Any]]) -> list[str]:
    """List ``rules`` for people, a line each."""
    return [f"  {_line(rule)}" for rule in rules] or ["  no rules"]


def simulated_in_words(simulated: "models.Simulated") -> Iterator[str]:
    """Yield for people, a line each, all that a simulation says."""
    radius = simulated["blastRadius"]
    yield from (f"  {reason}" for reason in simulated["reasons"])
    yield f"  {radius['affectedAgents']} agents affected, {radius['highRiskAgents']} at high risk"
    for change in simulated["predictedChanges"]:
        yield f"  {change['requestClass']}: {change['before']} -> {change['after']}"
    looser = "it loosens what is held back now" if simulated["decision"] == "escalate" else "it loosens nothing"
    yield f"  advice on the change: {simulated['decision']}, tier {simulated['tier']}: {looser}"


def _stored(config: Any) -> list[dict[str, Any]]:
    # Without a version the API answers with the defaults, which are nobody's rules.
    return list(map(dict, config["rules"])) if "policyVersion" in config else []


def _with_defaults(rules: Rules) -> list[dict[str, Any]]:
    from handshake.policy.rule_keys import KEY_OF, RULE_KEYS

    given = {KEY_OF[_key(rule)] for rule in rules if _key(rule) in KEY_OF}
    keys = [key for key in RULE_KEYS if key not in given and key.default is not None]
    defaults = [{"standsIn": "default", **key.default_rule} for key in keys]
    return [*map(dict, rules), *defaults]


def _key(rule: Mapping[str, Any]) -> str:
    return str(rule.get("key")).strip().lower()


def _lines(rules: Rules) -> dict[str, str]:
    return {str(rule.get("id")): _line(rule) for rule in rules}


def _line(rule: Mapping[str, Any]) -> str:
    demand = f"{rule.get('key')} = {json.dumps(rule.get('value'))}"
    # A stand-in's id is made up; a global rule's own id may be an agent's rule's too.
    mark = _STANDS_IN.get(str(rule.get("standsIn")))
    return f"{demand} ({mark})" if mark else f"{rule.get('id')}: {demand}"
