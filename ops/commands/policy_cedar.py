"""ops policy fmt, validate, test: Cedar in a folder, before a stack sees it; tools, shadow: what a stack has of it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ops.commands.common import AsJson, Stack, fail, say
from ops.commands.policy_desk import Proposal, shadow_in_words
from ops.commands.policy_door import DECLINED, Agent, Principal, Role, Tenant, Yes, open_desk
from ops.commands.policy_folder import tools_from_lists
from ops.local.settings import STACK_NAME

FAILS: Final = 5

Paths = Annotated[
    list[Path],
    typer.Argument(metavar="PATH...", exists=True, help="Files of Cedar, or folders of them with tables beside them."),
]


def fmt(
    paths: Paths,
    *,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; end with 5 where it would.")] = False,
) -> None:
    """Format policies, in place."""
    from ops.commands.policy_folder import UnreadableError, formatted, sources_of

    changed = []
    try:
        for source in (source for path in paths for source in sources_of(path)):
            text = formatted(source)
            if text != source.text:
                changed.append(source.path)
                if not check:
                    source.path.write_text(text, "utf-8")
    except UnreadableError as error:
        fail(str(error))
    for path in changed:
        say(f"{path}: {'would be formatted' if check else 'formatted'}")
    raise typer.Exit(FAILS if check and changed else 0)


def validate(paths: Paths, as_json: AsJson = False) -> None:
    """Say whether policies may be applied, by policy, line and reason, and what their author may not have meant."""
    from handshake.policy.cedar.validate import Faults
    from ops.commands.policy_folder import UnreadableError, sources_of, validated

    found: dict[str, dict[str, list[str]]] = {}
    try:
        for source in (source for path in paths for source in sources_of(path)):
            outcome = validated(source)
            faults = list(map(str, outcome.faults)) if isinstance(outcome, Faults) else []
            warnings = [] if isinstance(outcome, Faults) else list(map(str, outcome.warnings))
            found[str(source.path)] = {"faults": faults, "warnings": warnings}
    except UnreadableError as error:
        fail(str(error))
    if as_json:
        print(json.dumps(found))
    else:
        for path, outcomes in found.items():
            say(f"{path}: {'may not be applied' if outcomes['faults'] else 'in order'}")
            for fault in outcomes["faults"]:
                say(f"  {fault}", style="red")
            for warning in outcomes["warnings"]:
                say(f"  warning: {warning}", style="yellow")
    raise typer.Exit(1 if any(outcomes["faults"] for outcomes in found.values()) else 0)


def run_tests(paths: Paths, as_json: AsJson = False) -> None:
    """Decide the requests of each table as a stack would, and end with 5 where one is decided otherwise."""
    from ops.commands.policy_folder import UnreadableError, lines_of, sources_of, tested

    try:
        outcomes = {source.path: tested(source) for path in paths for source in sources_of(path)}
    except UnreadableError as error:
        fail(str(error))
    if as_json:
        shown = {
            str(path): {
                "tests": outcome.count,
                "failures": [failure.__dict__ for failure in outcome.failures],
                "unreached": list(outcome.unreached),
            }
            for path, outcome in outcomes.items()
        }
        print(json.dumps(shown))
    else:
        for line in lines_of(outcomes):
            say(line)
    raise typer.Exit(FAILS if any(outcome.failures or outcome.unreached for outcome in outcomes.values()) else 0)


def shadow(
    *,
    stack: Stack = STACK_NAME,
    agent: Agent = "",
    tenant: Tenant = "",
    promote: Annotated[
        bool, typer.Option("--promote", help="Put the shadow in force, once you have seen this.")
    ] = False,
    yes: Yes = False,
    role: Role = "",
    principal: Principal = "",
    as_json: AsJson = False,
) -> None:
    """Show what the shadow of a policy would have decided otherwise, or put it in force."""
    if as_json and promote and not yes:
        fail("--json asks nothing: add --yes")
    proposal, applied = Proposal.of_flags(agent, tenant=tenant), None
    with open_desk(stack, proposal, role=role, principal=principal) as desk:
        report = desk.shadow()
        version = report.get("version")
        if not as_json:
            for line in shadow_in_words(proposal, report):
                say(line)
        if promote:
            if version is None:
                fail(f"{proposal.whose} has no shadow")
            if not yes and not typer.confirm(f"put {version} in force: {proposal.whose}?", err=True):
                raise typer.Exit(DECLINED)
            applied = desk.apply({"policyVersion": version}, over=desk.config().get("policyVersion"))
    if as_json:
        print(json.dumps({**report, "applied": applied} if promote else report))
    elif applied:
        say(f"{proposal.whose}: {applied['policyVersion']} is in force")


def tools(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="Lists to register: {actionType, tools}, or an array of such; none shows."
        ),
    ] = None,
    *,
    stack: Stack = STACK_NAME,
    yes: Yes = False,
    role: Role = "",
    principal: Principal = "",
    as_json: AsJson = False,
) -> None:
    """Show the registered tools, or register a type's list in place of the one that it has."""
    lists = _read_lists(file) if file else []
    with open_desk(stack, Proposal.of_flags(""), role=role, principal=principal, for_tools=True) as desk:
        for given in lists:
            listed = f"{len(given['tools'])} tools of {given['actionType']}"
            if not yes and not typer.confirm(f"register {listed} in place of those that it has?", err=True):
                raise typer.Exit(DECLINED)
            registered = desk.register(given)
            if not as_json:
                say(f"{listed}: {registered['toolsVersion']} is in force")
        shown = desk.tools()
    if as_json:
        print(json.dumps(shown))
        return
    say(f"tools, {shown.get('toolsVersion', 'no version yet')}:")
    for tool in shown["tools"]:
        unchecked = f", unchecked: {', '.join(tool['unchecked'])}" if tool["unchecked"] else ""
        say(f"  {tool['actionType']}: {tool['name']}{unchecked}")


def _read_lists(file: Path) -> list[Mapping[str, Any]]:
    try:
        loaded = json.loads(file.read_text("utf-8"))
        lists = loaded if isinstance(loaded, list) else [loaded]
        tools_from_lists(lists, file)
    except (OSError, ValueError) as fault:
        raise typer.BadParameter(f"{file}: {fault}", param_hint="FILE") from None
    return lists
