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
    """Rules, and the ``scope`` they are for as bodies name it.

    Where it is made of files of Cedar, ``members`` are what it changes, and rules stay as they are.
    """

    scope: Mapping[str, str]
    rules: Rules = field(default_factory=list)
    members: Mapping[str, Any] | None = None

    @classmethod
    def of_flags(cls, agent: str, rules: Rules = (), *, tenant: str = "") -> Self:
        """Make a proposal for ``agent``, in ``tenant`` alone where both are named, or for the tenant, or for all."""
        if agent:
            return cls({"scope": "agent", "scopeId": agent} | ({"tenantId": tenant} if tenant else {}), rules)
        return cls({"scope": "tenant", "scopeId": tenant} if tenant else _GLOBAL, rules)

    @property
    def body(self) -> dict[str, Any]:
        """Give the members of a body that propose it."""
        return {"rules": self.rules} if self.members is None else dict(self.members)

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

    def version(self, name: str) -> "models.PolicyConfig":
        """Read one version of the scope's policy, all of it."""
        return self._config(self.scope, name)

    def global_config(self) -> "models.PolicyConfig":
        """Read the rules and version that are stored for every agent."""
        return self._config(_GLOBAL)

    def _config(self, scope: Mapping[str, str], version: str | None = None) -> "models.PolicyConfig":
        kind, scope_id, tenant_id = cast("Any", scope["scope"]), scope.get("scopeId"), scope.get("tenantId")
        return self.client.get_policy_config(scope=kind, scope_id=scope_id, tenant_id=tenant_id, policy_version=version)

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

    def simulate(self, proposal: Proposal) -> "models.Simulated":
        """Ask which recorded requests would be decided otherwise under ``proposal``."""
        return self.client.simulate_policy(cast("models.PolicyProposal", {**self.scope, **proposal.body}))

    def tools(self) -> "models.RegisteredTools":
        """Read the registered tools."""
        return self.client.get_tools()

    def shadow(self) -> "models.PolicyShadow":
        """Read what the scope's shadow would have decided otherwise."""
        kind, scope_id, tenant_id = (
            cast("Any", self.scope["scope"]),
            self.scope.get("scopeId"),
            self.scope.get("tenantId"),
        )
        return self.client.get_policy_shadow(scope=kind, scope_id=scope_id, tenant_id=tenant_id)

    def register(self, given: Mapping[str, Any]) -> "models.ToolsRegistered":
        """Replace the tools of a type."""
        return self.client.register_tools(cast("models.ToolList", given))

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
    if proposal.members is not None:
        return _member_differences(config, proposal.members)
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


def _member_differences(config: Any, members: Mapping[str, Any]) -> list[str]:
    """List by policy, as each is written, and then by member what differs."""
    found: list[str] = []
    old, new = (_policies(text) for text in (config.get("cedar", ""), members.get("cedar", "")))
    for name in sorted(old | new):
        if old.get(name) != new.get(name):
            found += [f"- policy {name}: {old[name]}"] if name in old else []
            found += [f"+ policy {name}: {new[name]}"] if name in new else []
    for name, value in members.items():
        if name != "cedar" and config.get(name) != value:
            found += [f"- {name} = {json.dumps(config[name])}"] if name in config else []
            found += [f"+ {name} = {json.dumps(value)}"]
    return found


def members_in(config: Any) -> dict[str, Any]:
    """Give all members of a version as a body gives them, what it does not have as empty."""
    empty: dict[str, Any] = {"rules": [], "cedar": "", "budgets": [], "unmatched": None}
    if config["scope"] == "global":
        empty["unmatchedTools"] = None
    return {name: config.get(name, nothing) for name, nothing in empty.items()}


def others_in_words(config: Any) -> Iterator[str]:
    """Yield for people, a line each, what a policy has beside its rules."""
    for budget in config.get("budgets", ()):
        what = f"sum of {budget['of']}" if budget["measure"] == "sum" else "count"
        most = f"{budget['max']:g} per {budget['per']} and {budget['window']}, else {budget['over']}"
        yield f"  budget {budget['id']}: {what} up to {most}"
    for name in ("unmatched", "unmatchedTools"):
        if name in config:
            yield f"  {name} = {config[name]}"
    for name, written in _policies(config.get("cedar", "")).items():
        yield f"  policy {name}: {written}"


def _policies(text: str) -> dict[str, str]:
    """Give each policy of a text in one line, by its name; a text that cannot be read is one."""
    from handshake.policy.cedar.text import Fault, split

    policies = split(text)
    if isinstance(policies, Fault):
        return {"text": " ".join(text.split())}
    return {policy.name: " ".join(policy.text.split()) for policy in policies.texts}


def in_words(rules: Sequence[Mapping[str, Any]]) -> list[str]:
    """List ``rules`` for people, a line each."""
    return [f"  {_line(rule)}" for rule in rules] or ["  no rules"]


def simulated_in_words(simulated: "models.Simulated") -> Iterator[str]:
    """Yield for people, a line each, all that a simulation says."""
    radius = simulated["blastRadius"]
    yield from (f"  {reason}" for reason in simulated["reasons"])
    yield f"  {radius['affectedAgents']} agents affected, {radius['highRiskAgents']} at high risk"
    for change in simulated["predictedChanges"]:
        by = f" by {change['policy']}: {change['count']}" if "policy" in change else ""
        yield f"  {change['requestClass']}: {change['before']} -> {change['after']}{by}"
    looser = "it loosens what is held back now" if simulated["decision"] == "escalate" else "it loosens nothing"
    yield f"  advice on the change: {simulated['decision']}, tier {simulated['tier']}: {looser}"


def shadow_in_words(proposal: Proposal, report: "models.PolicyShadow") -> Iterator[str]:
    """Yield for people, a line each, what a shadow would have decided otherwise."""
    if "version" not in report:
        yield f"{proposal.whose} has no shadow"
        return
    yield f"{proposal.whose}, shadow {report['version']}: judged {report['judged']} requests"
    for change in report["changes"]:
        examples = f", such as {', '.join(change['examples'])}" if change["examples"] else ""
        yield f"  {change['from']} -> {change['to']} by {change['policy']}: {change['count']}{examples}"
    if not report["changes"]:
        yield "  it would have decided each alike"


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
