"""check:env-matrix: require that production has no development exposure, and has its safeguards on.

Each rule is held against template.yaml translated for each environment. The matrix shows what every environment has;
the rule decides where it must hold.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from ops.gates.env_rules import Cell, exposure, safeguards
from ops.gates.gate import Options
from ops.local.translation import (
    CONFIG,
    ENVIRONMENTS,
    Translated,
    deploy_parameters,
    environment_of,
    nested,
    override_place,
    overrides,
    stacks_of,
)
from ops.verdict import Finding, Verdict, place

_WIDTH: Final = 77  # and three of the report's margin


@dataclass(frozen=True)
class Environment:
    """One environment: its parameters in samconfig.toml, its stack and the nested ones as they would be deployed."""

    name: str
    root: Path
    stack: Translated
    state: Translated
    alarms: Translated | None


@dataclass(frozen=True)
class Rule:
    """A rule, which holds for the environments in ``must``; the others are shown."""

    title: str
    cell: Callable[[Environment], Cell]
    fix: str
    must: tuple[str, ...] = ("production",)


_DEPLOYED: Final = ENVIRONMENTS
_SETTINGS: Final = "settings in samconfig.toml"
_RULES: Final = (
    Rule(
        "ENVIRONMENT of every function",
        lambda one: safeguards.environment_variable(one.stack, one.name),
        "ENVIRONMENT: !Ref Environment in Globals of template.yaml, overridden nowhere",
        _DEPLOYED,
    ),
    Rule(
        "no secret in samconfig.toml",
        lambda one: safeguards.no_secret_override(one.stack, overrides(one.root, one.name)),
        "leave NoEcho parameters out of samconfig.toml: Secrets Manager generates the secret",
        _DEPLOYED,
    ),
    Rule(
        "value of the trust secret",
        lambda one: safeguards.generated_secret(stacks_of(one.root, one.name).values()),
        "give no TrustSecretValue outside local: Secrets Manager generates the secret (GenerateSecretString)",
        ("staging", "production"),
    ),
    Rule(
        "routes open to anonymous callers",
        lambda one: exposure.open_routes(one.stack),
        "leave DefaultAuthorizer: AWS_IAM to every route",
        _DEPLOYED,
    ),
    Rule(
        "function URLs, public permissions",
        lambda one: exposure.side_doors(one.stack),
        "remove FunctionUrlConfig and permissions for anyone: the API is the one way in",
        _DEPLOYED,
    ),
    Rule(
        "stages",
        lambda one: exposure.stages(one.stack, one.name),
        "keep one stage, named after the environment, without a canary's own URL",
        _DEPLOYED,
    ),
    Rule(
        "routes to unpublished code",
        lambda one: exposure.unpublished(one.stack),
        "AutoPublishAlias: live in Globals of template.yaml",
        _DEPLOYED,
    ),
    Rule(
        "default endpoint",
        lambda one: exposure.default_endpoint(one.stack),
        "DisableExecuteApiEndpoint: true where the API has a domain of its own",
        _DEPLOYED,
    ),
    Rule(
        "request data in gateway logs",
        lambda one: exposure.data_traces(one.stack),
        "DataTraceEnabled: false for every method",
        _DEPLOYED,
    ),
    Rule(
        "alert thresholds",
        lambda one: safeguards.thresholds(one.alarms, one.name),
        "make Thresholds in alarms/template.yaml those of contract section 6",
        _DEPLOYED,
    ),
    Rule(
        "log retention, days",
        lambda one: safeguards.log_retention(one.stack),
        "RetentionInDays of every log group, from Settings",
    ),
    Rule(
        "tables, secret and logs kept",
        lambda one: safeguards.kept(one.stack, one.state),
        "DeletionPolicy RetainExceptOnCreate and UpdateReplacePolicy Retain for tables, secret and log groups",
    ),
    Rule(
        "deletion protection",
        lambda one: safeguards.deletion_protection(one.state),
        "DeletionProtectionEnabled for every table",
    ),
    Rule(
        "canary, hook, rollback alarms",
        lambda one: safeguards.canary(one.stack, one.name),
        "DeploymentPreference with a canary, the release_gate hook and the three alerts on every function of the API",
    ),
)


def check(options: Options) -> Verdict:
    """See ``Gate``. Of an environment whose settings are another's, or none, nothing else is judged."""
    verdict, root = Verdict(), options.root
    mistaken = {name: mistake for name in ENVIRONMENTS if (mistake := _mistake(root, name))}
    verdict.findings += mistaken.values()
    environments = {name: _environment(root, name) for name in ENVIRONMENTS if name not in mistaken}
    rows = [[_SETTINGS, *("! wrong" if name in mistaken else "its own" for name in ENVIRONMENTS)]]
    for rule in _RULES:
        cells = {name: rule.cell(one) for name, one in environments.items()}
        broken = [name for name in rule.must if name in cells and cells[name].wrong]
        verdict.findings += [
            Finding(f"{name}: {rule.title}: {cells[name].wrong}", rule.fix.replace("NAME", name)) for name in broken
        ]
        seen = {name: ("! " if name in broken else "") + cell.shown for name, cell in cells.items()}
        rows.append([rule.title, *(seen.get(name, "") for name in ENVIRONMENTS)])
    verdict.checked += [f"{title}, in {', '.join(must)}" for title, must in _titles()]
    verdict.notes.append(_text(rows))
    return verdict


def _titles() -> Iterator[tuple[str, tuple[str, ...]]]:
    yield _SETTINGS, _DEPLOYED
    yield from ((rule.title, rule.must) for rule in _RULES)


def _mistake(root: Path, name: str) -> Finding | None:
    """Find why what samconfig.toml has for an environment is not that environment's."""
    if not deploy_parameters(root, name):
        return Finding(
            f"{place(root / CONFIG, '')}: {name}: section in samconfig.toml: missing",
            f"write [{name}.deploy.parameters] in samconfig.toml",
        )
    # The local stack's parameters are given by ops/local, which deploys no other environment.
    given = overrides(root, name).get("Environment", name if name == "local" else "")
    if given == name:
        return None
    where = override_place(root, name, f"Environment={given}" if given else "")
    return Finding(
        f"{where}: {name}: Environment parameter: it is {given or 'not set'}, not {name}",
        f'parameter_overrides = "Environment={name} ..." there; the rest of {name} is judged once it is right',
    )


def _environment(root: Path, name: str) -> Environment:
    stack = environment_of(root, name)
    alarms = nested(stack, "Alarms") if "Alarms" in stack.resources else None
    return Environment(name, root, stack, nested(stack, "State"), alarms)


def _text(rows: list[list[str]]) -> str:
    table = Table("rule", *ENVIRONMENTS, title="environments; ! breaks a rule", box=SIMPLE_HEAD)
    for row in rows:
        table.add_row(*row)
    out = StringIO()
    Console(file=out, width=_WIDTH, color_system=None, markup=False).print(table)
    return out.getvalue()
