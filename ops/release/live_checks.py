"""Check a deployed stack from outside: its tables and migrations, and that every route refuses what lacks a protection.

The gates run these with ``--live``, and a rehearsal on the stack that it deploys here.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import urllib3

from handshake.release.preflight import table_shortfalls, unapplied_migrations
from handshake.release.schema import SCHEMA
from handshake.trust.token import SUBJECT, TOOLS_SUBJECT, Subject
from ops.local.deployment import Deployment
from ops.local.signing_edge import Upstream
from ops.migrations.runner import Migration
from ops.verdict import CannotJudgeError, Finding, Verdict

Name = tuple[str, str]

# Contract section 8; the list of waiting requests is a workflow read too.
NEEDS_ENVELOPE: Final = frozenset(
    {
        ("GET", "/workflow/requests/{requestId}"),
        ("GET", "/workflow/evidence/{requestId}"),
        ("GET", "/workflow/decision-room/{requestId}"),
        ("GET", "/workflow/decision-room"),
        ("GET", "/workflow/decisions"),
        ("POST", "/workflow/decision-room/action"),
        ("POST", "/workflow/decision-room/extend"),
        ("POST", "/workflow/decision-room/revoke"),
        ("POST", "/workflow/grants"),
        ("POST", "/workflow/grants/{grantId}/outcome"),
        ("POST", "/policy/apply"),
        ("POST", "/policy/tools"),
        ("GET", "/agents"),
        ("GET", "/agents/{agentId}"),
        ("PUT", "/agents/{agentId}"),
    }
)
NEEDS_TOKEN: Final[Mapping[Name, Subject]] = {
    ("POST", "/policy/apply"): SUBJECT,
    ("POST", "/policy/tools"): TOOLS_SUBJECT,
}
"""Names what a trust token must be for, route by route."""

_UNSIGNED: Final = "security_missing_authorization_header"


def check_data(verdict: Verdict, stack: Deployment, migrations: Sequence[Migration]) -> None:
    """Require the tables that the code needs, ``migrations`` applied, and a trust secret.

    Raises BotoCoreError, ClientError or StoreUnavailableError.
    """
    client: Any = stack.client("dynamodb")
    verdict.findings += [
        Finding(f"as deployed, {lack}", "deploy template.yaml of the release that the code is of")
        for lack in table_shortfalls(client, stack.tables)
    ]
    verdict.checked.append(f"{len(SCHEMA)} tables as deployed")
    # Where a migration is recorded is one of those tables.
    if not verdict.findings:
        context = stack.context()
        verdict.findings += [
            Finding(lack, "python -m ops migrate --apply; see migrations/")
            for lack in unapplied_migrations(
                context.dynamo, context.tables, {one.name: one.checksum for one in migrations}
            )
        ]
        verdict.checked.append(f"{len(migrations)} migrations are recorded as applied")
    verdict.require(
        _has_trust_secret(stack),
        "the trust secret has no current value, so no policy can be applied",
        "deploy the stack, or give the secret a value: python -m ops rotate",
    )
    verdict.checked.append("the trust secret has a current value")


def check_routes(verdict: Verdict, stack: Deployment, served: Iterable[Name]) -> None:
    """Call each of ``served`` without each protection, and require that the deployed API refuses.

    Raises CannotJudgeError without AWS credentials, and urllib3's HTTPError.
    """
    names, upstream = sorted(served), _signed(stack)
    for name in names:
        target, body = re.sub(r"\{\w+\}", "probe", name[1]), b"{}" if name[0] == "POST" else b""
        unsigned = urllib3.request(name[0], stack.api_url + target, body=body, retries=False, timeout=30)
        _expect(verdict, name, "a signature", unsigned, {_UNSIGNED})
        if name in NEEDS_ENVELOPE:
            answer = upstream.send(name[0], target, headers={}, body=body)
            _expect(verdict, name, "an envelope", answer, {"security_missing_identity_envelope"})
        if name in NEEDS_TOKEN:
            envelope = {"x-identity-envelope": '{"principalId":"probe","subjectType":"human"}'}
            answer = upstream.send(name[0], target, headers=envelope, body=body)
            # Whose credentials these are decides which of the two refuses first.
            codes = {"security_missing_internal_trust_context", "security_invalid_identity_envelope"}
            _expect(verdict, name, "a trust token", answer, codes)
    verdict.checked.append(f"{len(names)} routes of {stack.api_url}, called over HTTP without each protection")


def _has_trust_secret(stack: Deployment) -> bool:
    client: Any = stack.client("secretsmanager")
    try:
        answer = client.get_secret_value(
            SecretId=stack.outputs.get("TrustSecretArn", "none"), VersionStage="AWSCURRENT"
        )
    except client.exceptions.ResourceNotFoundException:
        return False
    return bool(answer.get("SecretString"))


def _signed(stack: Deployment) -> Upstream:
    credentials = stack.session.get_credentials()
    if credentials is None:
        raise CannotJudgeError("there are no AWS credentials; set AWS_PROFILE or sign in first")
    return Upstream(stack.api_url, credentials=credentials, region=stack.region)


def _expect(verdict: Verdict, name: Name, without: str, answer: urllib3.BaseHTTPResponse, codes: set[str]) -> None:
    try:
        code = json.loads(answer.data).get("reasonCode")
    except (ValueError, AttributeError):
        code = None
    verdict.require(
        code in codes,
        f"{' '.join(name)} deployed, without {without}, answers {answer.status} {code},"
        f" not {' or '.join(sorted(codes))}",
        "deploy template.yaml of this release, and look who changed the API outside it",
    )
