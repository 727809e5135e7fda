"""check:env-matrix: production has no development exposure, and what keeps it safe is on.

Each rule is held against template.yaml translated for each environment. The matrix shows what every environment has;
the rule decides where it must hold.
"""

from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from ops.gates.env_rules import Cell, exposure, safeguards
from ops.gates.gate import Finding, Options, Verdict
from ops.gates.translation import ENVIRONMENTS, Translated, deploy_parameters, environment_of, nested, overrides

_WIDTH: Final = 118


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
    """``must`` names the environments it is a rule for; the others are shown."""

    title: str
    cell: Callable[[Environment], Cell]
    fix: str
    must: tuple[str, ...] = ("production",)


_DEPLOYED: Final = ENVIRONMENTS
_RULES: Final = (
    Rule(
        "section in samconfig.toml",
        lambda one: Cell.of(bool(deploy_parameters(one.root, one.name)), "there", "missing"),
        "write [NAME.deploy.parameters] in samconfig.toml",
        _DEPLOYED,
    ),
    Rule(
        "Environment parameter",
        lambda one: Cell.equal(overrides(one.root, one.name).get("Environment", _implied(one)), one.name),
        'parameter_overrides = "Environment=NAME" in samconfig.toml',
        _DEPLOYED,
    ),
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
        "point-in-time recovery",
        lambda one: safeguards.recovery(one.state),
        "PointInTimeRecoverySpecification for every table",
    ),
    Rule(
        "canary, hook, rollback alarms",
        lambda one: safeguards.canary(one.stack, one.name),
        "DeploymentPreference with a canary, the release_gate hook and the three alerts on every function of the API",
    ),
)


def check(options: Options) -> Verdict:
    """See ``Gate``."""
    verdict = Verdict()
    environments = [_environment(options.root, name) for name in ENVIRONMENTS]
    table = Table("rule", *ENVIRONMENTS, title="environments; ! breaks a rule")
    for rule in _RULES:
        cells = {one.name: rule.cell(one) for one in environments}
        broken = [name for name in rule.must if cells[name].wrong]
        verdict.findings += [
            Finding(f"{name}: {rule.title}: {cells[name].wrong}", rule.fix.replace("NAME", name)) for name in broken
        ]
        table.add_row(rule.title, *(("! " if name in broken else "") + cells[name].shown for name in ENVIRONMENTS))
        verdict.checked.append(f"{rule.title}, in {', '.join(rule.must)}")
    verdict.notes.append(_text(table))
    return verdict


def _environment(root: Path, name: str) -> Environment:
    stack = environment_of(root, name)
    alarms = nested(stack, "Alarms") if "Alarms" in stack.resources else None
    return Environment(name, root, stack, nested(stack, "State"), alarms)


def _implied(one: Environment) -> str:
    # The local stack's parameters are given by ops/local, which deploys no other environment.
    return one.name if one.name == "local" else ""


def _text(table: Table) -> str:
    out = StringIO()
    Console(file=out, width=_WIDTH, color_system=None).print(table)
    return out.getvalue()
