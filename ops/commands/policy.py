"""ops policy: show, compare, simulate, apply and roll back a stack's policy through its API."""

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn, cast

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.text import Text

from handshake.trust.token import Binding, mint_token
from handshake_client import Handshake, HandshakeError, models
from handshake_client.signing import SigV4
from ops.commands.common import AsJson, Stack, fail
from ops.local import deployment
from ops.local.deployment import Deployment
from ops.local.signing_edge import OPERATOR

DIFFERS: Final = 3
DECLINED: Final = 4
_PAGE: Final = 100
_console: Final = Console()

policy = typer.Typer(
    no_args_is_help=True,
    help="What agents may do. Changes are shown and simulated before they are made."
    " Ends with 0 when done, 1 when refused or not reached, 2 for a wrong command line,"
    f" {DIFFERS} when diff finds a difference, {DECLINED} when a change is declined.",
)

Agent = Annotated[str, typer.Option("--agent", help="This agent's own policy, not the global one.")]
Role = Annotated[
    str, typer.Option("--role", envvar="HANDSHAKE_ROLE", help="ARN of an envelope issuer to act as; else you are one.")
]
Principal = Annotated[str, typer.Option(envvar="HANDSHAKE_PRINCIPAL", help="Who the audit says did it.")]
RulesFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="Rules: a JSON array, or an object with `rules`; - for standard input.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
_OPERATOR: Final = str(OPERATOR["principalId"])


@dataclass(frozen=True)
class Desk:
    """A stack's API, and the scope of policy that a command works on."""

    client: Handshake
    agent: str

    @property
    def scope(self) -> dict[str, Any]:
        """Return the scope as bodies name it."""
        return {"scope": "agent", "scopeId": self.agent} if self.agent else {"scope": "global"}

    def config(self) -> models.PolicyConfig:
        """Read the rules and version that are stored for the scope."""
        return self.client.get_policy_config(scope=self.scope["scope"], scope_id=self.agent or None)

    def versions(self) -> Iterator[models.AppliedVersion]:
        """Yield every version of the scope, newest first."""
        cursor: str | None = None
        while True:
            page = self.client.list_policy_versions(
                scope=self.scope["scope"], scope_id=self.agent or None, limit=_PAGE, cursor=cursor
            )
            yield from page["versions"]
            cursor = page.get("nextCursor")
            if not cursor:
                return

    def simulate(self, rules: Any) -> models.Simulated:
        """Ask which recorded requests would be decided otherwise under ``rules``."""
        return self.client.simulate_policy(cast("models.PolicyProposal", self.scope | {"rules": rules}))

    def apply(self, change: Mapping[str, Any], *, over: str | None) -> models.PolicyApplied:
        """Make the change. Refused where another version than ``over`` is active by now."""
        expected = {"expectedPolicyVersion": over} if over else {}
        return self.client.apply_policy(cast("models.PolicyChange", {**self.scope, **change, **expected}))


@policy.command()
def show(
    stack: Stack = deployment.LOCAL,
    agent: Agent = "",
    versions: Annotated[bool, typer.Option("--versions", help="Every version there was, newest first.")] = False,
    role: Role = "",
    as_json: AsJson = False,
) -> None:
    """Show the policy in force, or every version of it."""
    with _desk(stack, agent=agent, role=role) as desk:
        if versions:
            stored: Any = list(desk.versions())
            lines = [f"{one['policyVersion']}  {_utc(one['appliedAt'])}  {_brief(one['rules'])}" for one in stored]
        else:
            stored = desk.config()
            version = stored.get("policyVersion", "no version yet" if agent else "no version yet: the defaults")
            lines = [version, *(f"  {line}" for line in _lines(stored["rules"]).values())]
    if as_json:
        print(json.dumps(stored))
        return
    for line in lines:
        _say(line)


@policy.command()
def diff(
    file: RulesFile, stack: Stack = deployment.LOCAL, agent: Agent = "", role: Role = "", as_json: AsJson = False
) -> None:
    """Compare rules with those in force. Ends with 3 where they differ."""
    rules = _read(file)
    with _desk(stack, agent=agent, role=role) as desk:
        differences = _differences(desk.config()["rules"], rules)
    _print_diff(differences, as_json=as_json)
    raise typer.Exit(DIFFERS if differences else 0)


@policy.command()
def simulate(
    file: RulesFile, stack: Stack = deployment.LOCAL, agent: Agent = "", role: Role = "", as_json: AsJson = False
) -> None:
    """Say which recorded requests would be decided otherwise under these rules. Changes nothing."""
    rules = _read(file)
    with _desk(stack, agent=agent, role=role) as desk:
        simulated = desk.simulate(rules)
    if as_json:
        print(json.dumps(simulated))
    else:
        _print_simulated(simulated)


@policy.command()
def apply(
    file: RulesFile,
    *,
    stack: Stack = deployment.LOCAL,
    agent: Agent = "",
    yes: Yes = False,
    role: Role = "",
    principal: Principal = _OPERATOR,
    as_json: AsJson = False,
) -> None:
    """Put rules in force, once you have seen what differs and what it would have decided."""
    rules = _read(file)
    with _desk(stack, agent=agent, role=role, principal=principal) as desk:
        _change(desk, {"rules": rules}, rules, yes=yes, as_json=as_json)


@policy.command()
def rollback(
    version: Annotated[str, typer.Argument(help="Which version, as `show --versions` names it.")],
    *,
    stack: Stack = deployment.LOCAL,
    agent: Agent = "",
    yes: Yes = False,
    role: Role = "",
    principal: Principal = _OPERATOR,
    as_json: AsJson = False,
) -> None:
    """Put an earlier version's rules in force again, as a new version, once you have seen what that changes."""
    with _desk(stack, agent=agent, role=role, principal=principal) as desk:
        rules = next((one["rules"] for one in desk.versions() if one["policyVersion"] == version), None)
        if rules is None:
            fail(f"this scope has no version {version}; `policy show --versions` lists them")
        _change(desk, {"policyVersion": version}, rules, yes=yes, as_json=as_json)


def _change(desk: Desk, change: Mapping[str, Any], rules: Any, *, yes: bool, as_json: bool) -> None:
    if as_json and not yes:
        fail("--json asks nothing: add --yes")
    active = desk.config()
    differences, simulated = _differences(active["rules"], rules), desk.simulate(rules)
    if not as_json:
        _print_diff(differences, as_json=False)
        _print_simulated(simulated)
    if not yes and not typer.confirm("put it in force?", err=True):
        raise typer.Exit(DECLINED)
    applied = desk.apply(change, over=active.get("policyVersion"))
    if as_json:
        print(json.dumps({"diff": differences, "simulation": simulated, "applied": applied}))
    else:
        _say(f"{applied['policyVersion']} is in force; audit event {applied['auditEventId']}")


def _read(file: Path) -> list[dict[str, Any]]:
    try:
        loaded = json.loads(typer.get_text_stream("stdin").read() if str(file) == "-" else file.read_text("utf-8"))
    except (OSError, ValueError) as fault:
        _misread(file, str(fault))
    rules = loaded.get("rules") if isinstance(loaded, dict) else loaded
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        _misread(file, "it holds no rules: write a JSON array of objects with id, key and value")
    return rules


def _misread(file: Path, why: str) -> NoReturn:
    raise typer.BadParameter(f"{file}: {why}", param_hint="FILE")


@contextmanager
def _desk(stack: str, *, agent: str, role: str, principal: str = _OPERATOR) -> Iterator[Desk]:
    """Yield the API of ``stack``; end the command where it refuses or cannot be reached."""
    try:
        target = deployment.find(stack)
        with _client(target, stack, role=role, principal=principal) as client:
            yield Desk(client, agent)
    except (deployment.NoDeploymentError, BotoCoreError, ClientError, HandshakeError, ValueError) as error:
        fail(str(error))


def _client(target: Deployment, stack: str, *, role: str, principal: str) -> Handshake:
    session = target.caller(role)

    def mint(body: bytes) -> str:
        secret = target.client("secretsmanager").get_secret_value(SecretId=target.outputs["TrustSecretArn"])
        key = secret["SecretString"].encode()
        binding = Binding.to(body, stack)
        return mint_token(key, now_s=int(time.time()), jti=str(uuid.uuid4()), principal_id=principal, binding=binding)

    return Handshake(
        target.api_url,
        envelope=cast("models.IdentityEnvelope", OPERATOR | {"principalId": principal}),
        bound_token=mint,
        auth=SigV4(str(session.region_name), session.get_credentials()),
    )


def _lines(rules: Any) -> dict[str, str]:
    return {
        str(rule.get("id")): f"{rule.get('id')}: {rule.get('key')} = {json.dumps(rule.get('value'))}" for rule in rules
    }


def _utc(at_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(at_ms / 1000))


def _brief(rules: Any) -> str:
    return ", ".join(f"{rule['key']} = {json.dumps(rule['value'])}" for rule in rules)


def _differences(before: Any, after: Any) -> list[str]:
    """List rules taken away (``-``) and put in (``+``), by id."""
    old, new = _lines(before), _lines(after)
    differences = []
    for name in sorted(old | new):
        if old.get(name) != new.get(name):
            differences += [f"- {old[name]}"] if name in old else []
            differences += [f"+ {new[name]}"] if name in new else []
    return differences


def _print_diff(differences: list[str], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"differs": bool(differences), "diff": differences}))
        return
    for line in differences or ["no difference"]:
        _console.print(Text(line, style={"-": "red", "+": "green"}.get(line[0], "")), soft_wrap=True)


def _print_simulated(simulated: models.Simulated) -> None:
    radius = simulated["blastRadius"]
    _say(
        f"of the recorded requests: {radius['affectedAgents']} agents affected, {radius['highRiskAgents']} at high risk"
    )
    for change in simulated["predictedChanges"]:
        _say(f"  {change['requestClass']}: {change['before']} -> {change['after']}")


def _say(text: str) -> None:
    _console.print(text, markup=False, highlight=False, soft_wrap=True)
