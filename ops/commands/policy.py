"""ops policy: show, compare, simulate, apply and roll back a stack's policy through its API."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer

from ops.commands import policy_budgets, policy_cedar
from ops.commands.common import UNREACHABLE, AsJson, Commands, Stack, fail, say
from ops.commands.policy_desk import (
    Desk,
    Proposal,
    Rules,
    differences,
    effective,
    in_words,
    members_in,
    others_in_words,
    simulated_in_words,
)
from ops.commands.policy_door import DECLINED, Agent, Principal, Role, Tenant, Yes, open_desk
from ops.commands.policy_folder import SUFFIX, UnreadableError, members_of, scope_of, sources_of
from ops.local.settings import STACK_NAME

DIFFERS: Final = 3

policy = Commands(
    no_args_is_help=True,
    help="What agents may do. Changes are shown and simulated before they are made."
    " Ends with 0 when done, 1 when refused, 2 for a wrong command line,"
    f" {DIFFERS} when diff finds a difference, {DECLINED} when a change is declined,"
    f" {UNREACHABLE} when the stack cannot be reached.",
)

RulesFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="Rules: a JSON array, or an object with rules, scope, scopeId and tenantId; - for standard input."
        " Or Cedar: a file of policies, or a folder of them.",
    ),
]
Shadow = Annotated[
    bool, typer.Option("--shadow", help="Judge it beside the active policy, where it decides nothing: `policy shadow`.")
]


policy.command()(policy_cedar.fmt)
policy.command()(policy_cedar.validate)
policy.command("test")(policy_cedar.run_tests)
policy.command()(policy_cedar.tools)
policy.command()(policy_cedar.shadow)
policy.command()(policy_budgets.budgets)


@policy.command()
def show(
    *,
    stack: Stack = STACK_NAME,
    agent: Agent = "",
    tenant: Tenant = "",
    versions: Annotated[bool, typer.Option("--versions", help="Every version there was, newest first.")] = False,
    role: Role = "",
    as_json: AsJson = False,
) -> None:
    """Show the policy in force, stand-ins marked, or every version of it."""
    proposal = Proposal.of_flags(agent, tenant=tenant)
    with open_desk(stack, proposal, role=role) as desk:
        if versions:
            stored: Any = list(desk.versions())
            lines = [f"{one['policyVersion']}  {_utc(one['appliedAt'])}  {_brief(one['rules'])}" for one in stored]
        else:
            config = desk.config()
            in_force = effective(desk, config)
            stored = {**config, "effective": in_force}
            lines = [f"{proposal.whose}, {config.get('policyVersion', 'no version yet')}", *in_words(in_force)]
            lines += others_in_words(config)
    if as_json:
        print(json.dumps(stored))
        return
    for line in lines:
        say(line)


@policy.command()
def diff(
    file: RulesFile, stack: Stack = STACK_NAME, agent: Agent = "", role: Role = "", as_json: AsJson = False
) -> None:
    """Compare rules with those in force, stand-ins marked. Ends with 3 where they differ."""
    proposal = _read(file, agent)
    with open_desk(stack, proposal, role=role) as desk:
        config = desk.config()
        found = differences(config, proposal)
    if as_json:
        print(json.dumps({**proposal.scope, "differs": bool(found), "diff": found}))
    else:
        _print_diff(proposal, config.get("policyVersion"), found)
    raise typer.Exit(DIFFERS if found else 0)


@policy.command()
def simulate(
    file: RulesFile, stack: Stack = STACK_NAME, agent: Agent = "", role: Role = "", as_json: AsJson = False
) -> None:
    """Say which recorded requests would be decided otherwise under these rules. Changes nothing."""
    proposal = _read(file, agent)
    with open_desk(stack, proposal, role=role) as desk:
        simulated = desk.simulate(proposal)
    if as_json:
        print(json.dumps({**proposal.scope, **simulated}))
        return
    what = f"these {len(proposal.rules)} rules" if proposal.members is None else "these policies"
    say(f"{proposal.whose}, if {what} were in force:")
    for line in simulated_in_words(simulated):
        say(line)


@policy.command()
def apply(
    file: RulesFile,
    *,
    stack: Stack = STACK_NAME,
    agent: Agent = "",
    shadow: Shadow = False,
    yes: Yes = False,
    role: Role = "",
    principal: Principal = "",
    as_json: AsJson = False,
) -> None:
    """Put rules or policies in force, once you have seen what differs and what it would have decided."""
    proposal = _read(file, agent)
    change = proposal.body | ({"mode": "shadow"} if shadow else {})
    with open_desk(stack, proposal, role=role, principal=principal) as desk:
        _change(desk, change, proposal, yes=yes, as_json=as_json)


@policy.command()
def rollback(
    version: Annotated[str, typer.Argument(help="Which version, as `show --versions` names it.")],
    *,
    stack: Stack = STACK_NAME,
    agent: Agent = "",
    tenant: Tenant = "",
    yes: Yes = False,
    role: Role = "",
    principal: Principal = "",
    as_json: AsJson = False,
) -> None:
    """Put an earlier version in force again, all of it, as a new version, once you have seen what that changes."""
    proposal = Proposal.of_flags(agent, tenant=tenant)
    with open_desk(stack, proposal, role=role, principal=principal) as desk:
        if version not in {one["policyVersion"] for one in desk.versions()}:
            fail(f"{proposal.whose} has no version {version}; `policy show --versions` lists them")
        earlier = Proposal(proposal.scope, members=members_in(desk.version(version)))
        _change(desk, {"policyVersion": version}, earlier, yes=yes, as_json=as_json)


def _change(desk: Desk, change: Mapping[str, Any], proposal: Proposal, *, yes: bool, as_json: bool) -> None:
    if as_json and not yes:
        fail("--json asks nothing: add --yes")
    active = desk.config()
    is_shadow = change.get("mode") == "shadow"
    found, simulated = differences(active, proposal), desk.simulate(proposal)
    if not as_json:
        _print_diff(proposal, active.get("policyVersion"), found)
        for line in simulated_in_words(simulated):
            say(line)
    what = "put it in the shadow" if is_shadow else "put it in force"
    if not yes and not typer.confirm(f"{what}: {proposal.whose}?", err=True):
        raise typer.Exit(DECLINED)
    applied = desk.apply(change, over=active.get("policyVersion"))
    if as_json:
        print(json.dumps({**proposal.scope, "diff": found, "simulation": simulated, "applied": applied}))
        return
    say(f"{proposal.whose}: {applied['policyVersion']} is in {'the shadow' if is_shadow else 'force'}")
    for warning in applied.get("warnings", ()):
        say(f"warning: {warning}", style="yellow")
    say(f"audit event {applied['auditEventId']} names {desk.principal()}")


def _read(file: Path, agent: str) -> Proposal:
    """Read the rules of ``file`` and whose they are, which must be the same as the flags say."""
    if file.is_dir() or file.suffix == SUFFIX:
        return _read_cedar(file, agent)
    try:
        loaded = json.loads(typer.get_text_stream("stdin").read() if str(file) == "-" else file.read_text("utf-8"))
    except (OSError, ValueError) as fault:
        _misread(file, str(fault))
    fields = loaded if isinstance(loaded, dict) else {"rules": loaded}
    rules: Rules = fields.get("rules")
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        _misread(file, "it holds no rules: write a JSON array of objects with id, key and value")
    if unknown := sorted(fields.keys() - {"rules", "scope", "scopeId", "tenantId"}):
        known = "rules, scope, scopeId and tenantId"
        _misread(file, f"it has {', '.join(unknown)}, which this command does not know: write {known}")
    kind, scope_id, tenant_id = fields.get("scope"), fields.get("scopeId"), fields.get("tenantId")
    for name, value in (("scope", kind), ("scopeId", scope_id), ("tenantId", tenant_id)):
        if name in fields and not (isinstance(value, str) and value.strip()):
            _misread(file, f"its {name} is no name")
    if kind is None and scope_id is not None:
        _misread(file, f"it has a scopeId, {scope_id}, and no scope")
    if tenant_id is not None and kind != "agent":
        _misread(file, f"it has a tenantId, {tenant_id}, which goes with agent scope only")
    if kind is None:
        return Proposal.of_flags(agent, rules)
    if (kind == "global") != (scope_id is None):
        _misread(file, f"scope {kind} with{'' if scope_id else 'out'} a scopeId")
    named = {"scopeId": scope_id, "tenantId": tenant_id}
    proposal = Proposal({"scope": kind} | {name: value for name, value in named.items() if value}, rules)
    if agent and (kind, scope_id) != ("agent", agent):
        _misread(file, f"it is for {proposal.whose}, and --agent says {agent}: they must agree")
    return proposal


def _read_cedar(path: Path, agent: str) -> Proposal:
    """Read files of Cedar; what their tables say of the scope must be the same in all, and as the flags say."""
    try:
        sources = sources_of(path)
        members = members_of(sources)
        scope = scope_of(sources)
    except UnreadableError as error:
        _misread(path, str(error))
    if agent and scope not in ({}, {"scope": "agent", "scopeId": agent}):
        _misread(path, f"its table is for another scope, and --agent says {agent}")
    return Proposal(Proposal.of_flags(agent).scope if agent or not scope else scope, members=members)


def _misread(file: Path, why: str) -> NoReturn:
    raise typer.BadParameter(f"{file}: {why}", param_hint="FILE")


def _utc(at_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(at_ms / 1000))


def _brief(rules: Any) -> str:
    return ", ".join(f"{rule['key']} = {json.dumps(rule['value'])}" for rule in rules)


def _print_diff(proposal: Proposal, version: str | None, lines: list[str]) -> None:
    say(f"{proposal.whose}, against {version or 'no version yet'}:")
    for line in lines or ["no difference"]:
        say(line, style={"-": "red", "+": "green"}.get(line[0]))
