"""check:schema-preflight: hold the tables, in the template and with --live as deployed, to the code's needs."""

import re
from pathlib import Path
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from handshake.core.errors import StoreUnavailableError
from handshake.release.schema import SCHEMA, UNDEFINED, read_schema, shortfalls
from ops.gates.gate import Options
from ops.local import deployment
from ops.local.translation import environment_of, nested
from ops.migrations.runner import FOLDER, migrations_in
from ops.release.live_checks import check_data
from ops.verdict import CannotJudgeError, Finding, Verdict, place

_TEMPLATE: Final = "state/template.yaml"
_MIGRATION: Final = re.compile(r"(\d{4})_[a-z0-9_]+")


def check(options: Options) -> Verdict:
    """Check the template, and with a stack in ``options`` the deployed tables too. See ``Gate``."""
    verdict = Verdict()
    _check_template(verdict, options.root)
    migrations = migrations_in(options.root / FOLDER.name)
    _check_numbers(verdict, [one.name for one in migrations])
    if options.stack:
        try:
            check_data(verdict, deployment.find(options.stack), migrations)
        except (deployment.NoDeploymentError, BotoCoreError, ClientError, StoreUnavailableError) as fault:
            raise CannotJudgeError(f"the stack {options.stack} cannot be read: {fault}") from fault
    return verdict


def logical_id(table: str) -> str:
    """Return a table's name in template and outputs: ``ReplayGuardsTable`` for ``replay_guards``."""
    return f"{table.title().replace('_', '')}Table"


def _check_template(verdict: Verdict, root: Path) -> None:
    resources = nested(environment_of(root, "production"), "State").of_type("AWS::DynamoDB::Table")
    for name, needed in SCHEMA.items():
        properties = resources.get(logical_id(name), {}).get("Properties")
        if properties is None:
            verdict.findings.append(Finding(f"{_TEMPLATE} has no {logical_id(name)}", f"declare the table {name}"))
            continue
        ttl = properties.get("TimeToLiveSpecification") or {}
        found = read_schema(properties, ttl=str(ttl.get("AttributeName", "")) if ttl.get("Enabled") else "")
        for lack in shortfalls(needed, found):
            named = UNDEFINED in lack and "AttributeDefinitions" in properties
            part = "AttributeDefinitions" if named else "Type: AWS::DynamoDB::Table"
            where = place(root / _TEMPLATE, f"{logical_id(name)}:", part)
            verdict.findings.append(
                Finding(
                    f"{where}: {logical_id(name)}: {lack}", "make it as shared/handshake/release/schema.py needs it"
                )
            )
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
            f"{FOLDER.name}/{name}.py is not number {number:04}",
            "number migrations from 0001 without a gap, as NNNN_lower_case_name.py",
        )
    verdict.checked.append(f"{len(migrations)} migrations are numbered in order")
