"""ops policy fmt, validate and test: Cedar policies in a folder, before any stack sees them."""

import json
from pathlib import Path
from typing import Annotated, Final

import typer

from ops.commands.common import AsJson, fail, say

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
