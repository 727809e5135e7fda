"""check:schema-preflight: the tables, in the template and with --live as deployed, are what the code needs."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from handshake.core.errors import StoreUnavailableError
from handshake.release.preflight import table_shortfalls, unapplied_migrations
from handshake.release.schema import SCHEMA, read_schema, shortfalls
from ops.commands import deployment
from ops.gates.gate import CannotJudgeError, Finding, Options, Verdict
from ops.gates.translation import environment_of, nested

MIGRATIONS: Final = "migrations"
_MIGRATION: Final = re.compile(r"(\d{4})_[a-z0-9_]+")


def check(options: Options) -> Verdict:
    """See ``Gate``. Looks at the deployed stack too when ``options`` name one."""
    verdict = Verdict()
    _check_template(verdict, options.root)
    migrations = migrations_of(options.root)
    _check_numbers(verdict, list(migrations))
    if options.stack:
        try:
            judge_stack(verdict, deployment.find(options.stack), migrations)
        except (deployment.NoDeploymentError, BotoCoreError, ClientError, StoreUnavailableError) as fault:
            raise CannotJudgeError(f"the stack {options.stack} cannot be read: {fault}") from fault
    return verdict


def migrations_of(root: Path) -> dict[str, str]:
    """The migrations of the checkout in their order: ``NNNN_name``, and the SHA-256 of the file."""
    files = sorted(path for path in (root / MIGRATIONS).glob("*.py") if path.stem[0] != "_")
    return {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def logical_id(table: str) -> str:
    """The template's, and the output's, name of a table: ``ReplayGuardsTable`` for ``replay_guards``."""
    return f"{table.title().replace('_', '')}Table"


def _check_template(verdict: Verdict, root: Path) -> None:
    resources = nested(environment_of(root, "production"), "State").of_type("AWS::DynamoDB::Table")
    for name, needed in SCHEMA.items():
        properties = resources.get(logical_id(name), {}).get("Properties")
        if properties is None:
            verdict.findings.append(
                Finding(f"state/template.yaml has no {logical_id(name)}", f"declare the table {name}")
            )
            continue
        ttl = properties.get("TimeToLiveSpecification") or {}
        found = read_schema(properties, ttl=ttl["AttributeName"] if ttl.get("Enabled") else "")
        verdict.findings += [
            Finding(
                f"{logical_id(name)} in state/template.yaml: {lack}",
                "make it as shared/handshake/release/schema.py needs it",
            )
            for lack in shortfalls(needed, found)
        ]
        verdict.checked.append(f"{name}: key, {len(needed.indexes)} indexes, TTL, stream, in the template")
    for unused in resources.keys() - set(map(logical_id, SCHEMA)):
        verdict.findings.append(
            Finding(f"{unused} is a table no code needs", "describe it in store/schema.py or remove it")
        )


def _check_numbers(verdict: Verdict, migrations: list[str]) -> None:
    for number, name in enumerate(migrations, start=1):
        shape = _MIGRATION.fullmatch(name)
        verdict.require(
            shape and int(shape[1]) == number,
            f"{MIGRATIONS}/{name}.py is not number {number:04}",
            "number migrations from 0001 without a gap, as NNNN_lower_case_name.py",
        )
    verdict.checked.append(f"{len(migrations)} migrations are numbered in order")


def judge_stack(verdict: Verdict, stack: deployment.Deployment, migrations: Mapping[str, str]) -> None:
    """The deployed tables are what the code needs, ``migrations`` are applied and there is a trust secret.

    Raises BotoCoreError, ClientError or StoreUnavailableError.
    """
    client: Any = stack.session.client("dynamodb", endpoint_url=stack.endpoint_url)
    verdict.findings += [
        Finding(f"as deployed, {lack}", "deploy template.yaml of the release that the code is of")
        for lack in table_shortfalls(client, stack.tables)
    ]
    verdict.checked.append(f"{len(SCHEMA)} tables as deployed")
    # Where a migration is recorded is one of those tables.
    if not verdict.findings:
        context = stack.context()
        verdict.findings += [
            Finding(lack, f"python -m ops migrate --apply; see {MIGRATIONS}/")
            for lack in unapplied_migrations(context.dynamo, context.tables, migrations)
        ]
        verdict.checked.append(f"{len(migrations)} migrations are recorded as applied")
    verdict.require(
        _has_trust_secret(stack),
        "the trust secret has no current value, so no policy can be applied",
        "deploy the stack, or give the secret a value: python -m ops rotate",
    )
    verdict.checked.append("the trust secret has a current value")


def _has_trust_secret(stack: deployment.Deployment) -> bool:
    client: Any = stack.session.client("secretsmanager", endpoint_url=stack.endpoint_url)
    try:
        answer = client.get_secret_value(
            SecretId=stack.outputs.get("TrustSecretArn", "none"), VersionStage="AWSCURRENT"
        )
    except client.exceptions.ResourceNotFoundException:
        return False
    return bool(answer.get("SecretString"))
