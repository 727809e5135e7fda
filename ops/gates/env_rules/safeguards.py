"""Check what production relies on when something goes wrong."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ops.gates.env_rules import Cell
from ops.local.translation import Translated

Properties = Mapping[str, Any]

# Contract section 6: the alarm's threshold by environment; local has the default's.
THRESHOLDS: Final[Mapping[str, Mapping[str, float]]] = {
    "alert_replay_guard_unavailable": {"local": 1, "staging": 1, "production": 1},
    "alert_denial_spike": {"local": 0.4, "staging": 0.6, "production": 0.3},
    "alert_tenant_mismatch_spike": {"local": 0.1, "staging": 0.2, "production": 0.05},
}
# What takes a release back: the alert, or the alarm that is the same once enough calls were denied.
_ROLL_BACK: Final = ("alert_replay_guard_unavailable", "release-denials", "release-tenant_mismatches")
_MIN_RETENTION_DAYS: Final = 365
_KEPT: Final = ("AWS::DynamoDB::Table", "AWS::SecretsManager::Secret", "AWS::Logs::LogGroup")
_AT_ONCE: Final = "AllAtOnce"
_FAILURE: Final = "DEPLOYMENT_FAILURE"
_ALARM: Final = "DEPLOYMENT_STOP_ON_ALARM"


def alerts(alarms: Translated) -> dict[str, Properties]:
    """Return the properties of every alarm, by its name without the stack's."""
    service = f"{alarms.parameters['Service']}-"
    return {
        str(one["Properties"]["AlarmName"]).removeprefix(service): one["Properties"]
        for one in alarms.of_type("AWS::CloudWatch::Alarm").values()
    }


def environment_variable(stack: Translated, environment: str) -> Cell:
    """Require the environment's name as ENVIRONMENT in every function."""
    wrong = [
        f"{name}: {value or 'not set'}"
        for name, one in stack.of_type("AWS::Lambda::Function").items()
        if (value := _variables(one["Properties"]).get("ENVIRONMENT")) != environment
    ]
    return Cell.without(wrong, environment)


def no_secret_override(stack: Translated, given: Mapping[str, str]) -> Cell:
    """Require that samconfig.toml, which is committed, sets no NoEcho parameter."""
    hidden = {name for name, one in stack.template["Parameters"].items() if one.get("NoEcho")}
    return Cell.without(sorted(hidden & given.keys()), "none")


def generated_secret(stacks: Iterable[Translated]) -> Cell:
    """Require that Secrets Manager generates every secret: who may read a processed template reads what it is given."""
    found = {name: one for stack in stacks for name, one in stack.of_type("AWS::SecretsManager::Secret").items()}
    wrong = [
        name
        for name, one in found.items()
        if "SecretString" in one["Properties"] or "GenerateSecretString" not in one["Properties"]
    ]
    return Cell.of(bool(found) and not wrong, "generated", f"given in the template: {', '.join(wrong) or 'no secret'}")


def thresholds(alarms: Translated | None, environment: str) -> Cell:
    """Require the three alerts with the environment's thresholds."""
    if alarms is None:
        return Cell("no alarms", "template.yaml nests no stack Alarms")
    found = alerts(alarms)
    wanted = {name: by_environment[environment] for name, by_environment in THRESHOLDS.items()}
    has = {name: found.get(name, {}).get("Threshold") for name in wanted}
    wrong = [f"{name} is {has[name] or 'missing'}, not {value}" for name, value in wanted.items() if has[name] != value]
    return Cell("/".join(str(value or "-") for value in has.values()), "; ".join(wrong))


def log_retention(stack: Translated) -> Cell:
    """Require that every log group keeps its lines for a year, and that every function has one."""
    days = {
        name: one["Properties"].get("RetentionInDays", 0) for name, one in stack.of_type("AWS::Logs::LogGroup").items()
    }
    wrong = [
        f"{name}: {kept}" for name, kept in days.items() if not isinstance(kept, int) or kept < _MIN_RETENTION_DAYS
    ]
    # Lambda makes an unnamed group that keeps its lines for ever, at a price and beyond reach of policy.
    wrong += [
        f"{name} has no group"
        for name, one in stack.of_type("AWS::Lambda::Function").items()
        if "LogGroup" not in one["Properties"].get("LoggingConfig", {})
    ]
    return Cell(str(min(days.values(), default=0)), ", ".join(wrong))


def kept(*stacks: Translated) -> Cell:
    """Require that data and logs outlive the stack and a replacement, and nothing of a create that failed."""
    wrong = [
        name
        for stack in stacks
        for name, one in stack.of_type(*_KEPT).items()
        if (one.get("DeletionPolicy"), one.get("UpdateReplacePolicy")) != ("RetainExceptOnCreate", "Retain")
    ]
    return Cell("deleted", f"not retained: {', '.join(wrong)}") if wrong else Cell("retained")


def deletion_protection(stack: Translated) -> Cell:
    """Require that nobody can delete a table by mistake."""
    tables = stack.of_type("AWS::DynamoDB::Table")
    wrong = [name for name, one in tables.items() if one["Properties"].get("DeletionProtectionEnabled") is not True]
    return Cell("on") if tables and not wrong else Cell("off", f"off for {', '.join(wrong) or 'want of tables'}")


def canary(stack: Translated, environment: str) -> Cell:
    """Require that every function of the API shifts in steps, behind a hook, and rolls back on any alert."""
    answering = sorted(_answering(stack))
    groups = {
        _logical(alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"].get("DeploymentGroupName")): (name, alias)
        for name, alias in stack.of_type("AWS::Lambda::Alias").items()
        if "CodeDeployLambdaAliasUpdate" in alias.get("UpdatePolicy", {})
    }
    shifted = {name: group for group, (name, _) in groups.items()}
    wrong = [f"{alias} shifts all traffic at once" for alias in answering if alias not in shifted]
    stack_name = stack.parameters.get("AWS::StackName", f"handshake-{environment}")
    for group, (alias, described) in groups.items():
        hooks = described["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        if "BeforeAllowTrafficHook" not in hooks:
            wrong.append(f"{alias} has no hook before traffic")
        wrong += [f"{alias}: {lack}" for lack in _lacks(stack, group, str(stack_name))]
    return Cell("off", "; ".join(wrong)) if wrong else Cell(f"{len(shifted)} functions")


def _lacks(stack: Translated, group: str, stack_name: str) -> Iterator[str]:
    properties = stack.resources.get(group, {}).get("Properties", {})
    if _AT_ONCE in str(properties.get("DeploymentConfigName", _AT_ONCE)):
        yield "its deployment is all at once"
    rollback = properties.get("AutoRollbackConfiguration", {})
    if not rollback.get("Enabled") or not {_FAILURE, _ALARM} <= set(rollback.get("Events", ())):
        yield "nothing rolls it back"
    watched = properties.get("AlarmConfiguration", {})
    named = {str(one.get("Name")) for one in watched.get("Alarms", ())} if watched.get("Enabled") else set()
    if missing := {f"{stack_name}-{alarm}" for alarm in _ROLL_BACK} - named:
        yield f"it is not rolled back by {', '.join(sorted(missing))}"


def _answering(stack: Translated) -> Iterator[str]:
    """Yield the aliases that methods of the API integrate with."""
    bodies = str([one["Properties"].get("Body") for one in stack.of_type("AWS::ApiGateway::RestApi").values()])
    return (alias for alias in stack.of_type("AWS::Lambda::Alias") if f"${{{alias}}}" in bodies)


def _variables(function: Properties) -> Properties:
    variables: Properties = function.get("Environment", {}).get("Variables", {})
    return variables


def _logical(reference: Any) -> str:
    return str(reference["Ref"]) if isinstance(reference, Mapping) and "Ref" in reference else str(reference)
