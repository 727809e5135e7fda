"""ops policy: show, compare, simulate, apply and roll back a stack's policy through its API."""

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer

from ops.commands.common import UNREACHABLE, AsJson, Commands, Stack, answered, fail, say
from ops.commands.policy_desk import Desk, Proposal, Rules, differences, effective, in_words, simulated_in_words
from ops.local.settings import STACK_NAME

if TYPE_CHECKING:
    from handshake_rail import Handshake
    from ops.local.deployment import Deployment

DIFFERS: Final = 3
DECLINED: Final = 4

policy = Commands(
    no_args_is_help=True,
    help="What agents may do. Changes are shown and simulated before they are made."
    " Ends with 0 when done, 1 when refused, 2 for a wrong command line,"
    f" {DIFFERS} when diff finds a difference, {DECLINED} when a change is declined,"
    f" {UNREACHABLE} when the stack cannot be reached.",
)

Agent = Annotated[
    str,
    typer.Option("--agent", show_default=False, help="This agent's own policy; else FILE's scope, or global."),
]
Role = Annotated[
    str, typer.Option("--role", envvar="HANDSHAKE_ROLE", help="ARN of an envelope issuer to act as; else you are one.")
]
Principal = Annotated[
    str, typer.Option(envvar="HANDSHAKE_PRINCIPAL", help="Who the audit says did it; your own AWS identity without it.")
]
RulesFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="Rules: a JSON array, or an object with rules, scope, scopeId and tenantId; - for standard input.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@policy.command()
def show(
    stack: Stack = STACK_NAME,
    agent: Agent = "",
    versions: Annotated[bool, typer.Option("--versions", help="Every version there was, newest first.")] = False,
    role: Role = "",
    as_json: AsJson = False,
) -> None:
    """Show the policy in force, stand-ins marked, or every version of it."""
    proposal = Proposal.of_flags(agent)
    with _desk(stack, proposal, role=role) as desk:
        if versions:
            stored: Any = list(desk.versions())
            lines = [f"{one['policyVersion']}  {_utc(one['appliedAt'])}  {_brief(one['rules'])}" for one in stored]
        else:
            config = desk.config()
            in_force = effective(desk, config)
            stored = {**config, "effective": in_force}
            lines = [f"{proposal.whose}, {config.get('policyVersion', 'no version yet')}", *in_words(in_force)]
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
    with _desk(stack, proposal, role=role) as desk:
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
    with _desk(stack, proposal, role=role) as desk:
        simulated = desk.simulate(proposal.rules)
    if as_json:
        print(json.dumps({**proposal.scope, **simulated}))
        return
    say(f"{proposal.whose}, if these {len(proposal.rules)} rules were in force:")
    for line in simulated_in_words(simulated):
        say(line)


@policy.command()
def apply(
    file: RulesFile,
    *,
    stack: Stack = STACK_NAME,
    agent: Agent = "",
    yes: Yes = False,
    role: Role = "",
    principal: Principal = "",
    as_json: AsJson = False,
) -> None:
    """Put rules in force, once you have seen what differs and what it would have decided."""
    proposal = _read(file, agent)
    with _desk(stack, proposal, role=role, principal=principal) as desk:
        _change(desk, {"rules": proposal.rules}, proposal, yes=yes, as_json=as_json)


@policy.command()
def rollback(
    version: Annotated[str, typer.Argument(help="Which version, as `show --versions` names it.")],
    *,
    stack: Stack = STACK_NAME,
    agent: Agent = "",
    yes: Yes = False,
    role: Role = "",
    principal: Principal = "",
    as_json: AsJson = False,
) -> None:
    """Put an earlier version's rules in force again, as a new version, once you have seen what that changes."""
    proposal = Proposal.of_flags(agent)
    with _desk(stack, proposal, role=role, principal=principal) as desk:
        rules = next((one["rules"] for one in desk.versions() if one["policyVersion"] == version), None)
        if rules is None:
            fail(f"{proposal.whose} has no version {version}; `policy show --versions` lists them")
        earlier = Proposal(proposal.scope, [dict(rule) for rule in rules])
        _change(desk, {"policyVersion": version}, earlier, yes=yes, as_json=as_json)


def _change(desk: Desk, change: Mapping[str, Any], proposal: Proposal, *, yes: bool, as_json: bool) -> None:
    if as_json and not yes:
        fail("--json asks nothing: add --yes")
    active = desk.config()
    found, simulated = differences(active, proposal), desk.simulate(proposal.rules)
    if not as_json:
        _print_diff(proposal, active.get("policyVersion"), found)
        for line in simulated_in_words(simulated):
            say(line)
    if not yes and not typer.confirm(f"put it in force: {proposal.whose}?", err=True):
        raise typer.Exit(DECLINED)
    applied = desk.apply(change, over=active.get("policyVersion"))
    if as_json:
        print(json.dumps({**proposal.scope, "diff": found, "simulation": simulated, "applied": applied}))
        return
    say(f"{proposal.whose}: {applied['policyVersion']} is in force")
    say(f"audit event {applied['auditEventId']} names {desk.principal()}")


def _read(file: Path, agent: str) -> Proposal:
    """Read the rules of ``file`` and whose they are, which must be the same as the flags say."""
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


def _misread(file: Path, why: str) -> NoReturn:
    raise typer.BadParameter(f"{file}: {why}", param_hint="FILE")


@contextmanager
def _desk(stack: str, proposal: Proposal, *, role: str, principal: str = "") -> Iterator[Desk]:
    """Yield the API of ``stack``; end the command where it refuses or cannot be reached."""
    from handshake_rail import NO_ANSWER, HandshakeError
    from ops.local import deployment

    with answered():
        target = deployment.find(stack)
        named = cache(lambda: principal or target.operator())
        with _client(target, stack, role=role, principal=named) as client:
            try:
                yield Desk(client, proposal.scope, named)
            except HandshakeError as error:
                code = UNREACHABLE if error.reason_code == NO_ANSWER else 1
                fail("; ".join([str(error), *proposal.unknown_keys()]), code=code)
            except ValueError as error:
                fail(str(error))


def _client(target: "Deployment", stack: str, *, role: str, principal: Any) -> "Handshake":
    from handshake.trust.token import Binding, mint_token
    from handshake_rail import Handshake
    from handshake_rail.signing import SigV4
    from ops.local.signing_edge import OPERATOR

    def mint(body: bytes) -> str:
        now_s, jti, binding = int(time.time()), str(uuid.uuid4()), Binding.to(body, stack)
        return mint_token(target.trust_secret(), now_s=now_s, jti=jti, principal_id=principal(), binding=binding)

    def envelope() -> Any:
        return OPERATOR | {"principalId": principal()}

    credentials = target.caller(role).get_credentials()
    signed = SigV4(target.region, credentials)
    return Handshake(target.api_url, envelope=envelope, bound_token=mint, auth=signed)


def _utc(at_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(at_ms / 1000))


def _brief(rules: Any) -> str:
    return ", ".join(f"{rule['key']} = {json.dumps(rule['value'])}" for rule in rules)


def _print_diff(proposal: Proposal, version: str | None, lines: list[str]) -> None:
    say(f"{proposal.whose}, against {version or 'no version yet'}:")
    for line in lines or ["no difference"]:
        say(line, style={"-": "red", "+": "green"}.get(line[0]))
