"""May a release have traffic? Asked before it has any and once it has all, by CodeDeploy, or by direct invocation."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from handshake.api import telemetry
from handshake.api.runtime import aws, build_runtime, client_config, start
from handshake.dynamo.context import Context
from handshake.release.release_gate import NotReadyError, Release, ensure_ready
from handshake.trust.secret import TrustSecret

_FUNCTIONS: Final = ("workflow", "decision_room", "grants", "policy_apply", "policy", "agents", "people", "metrics")
_MIGRATIONS: Final = Path(__file__).with_name("migrations.json")
# A version that does not answer in the time it would have fails; asking again would hide that it sometimes does.
_CLIENTS: Final = client_config(connect_s=2, read_s=12, attempts=1)


@dataclass(frozen=True)
class LambdaVersions:
    """See release_gate.Versions. ``arns`` are those of published versions, by folder."""

    client: Any
    arns: Mapping[str, str]

    def invoke(self, function: str, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Invoke the version; one that crashes or times out is not ready."""
        answer = self.client.invoke(FunctionName=self.arns[function], Payload=json.dumps(event).encode())
        payload: Mapping[str, Any] = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise NotReadyError(f"{function} failed: {payload.get('errorType', 'unknown')}")
        return payload


def build_release(environment: Mapping[str, str], context: Context) -> Release:
    """Give the release that ``environment`` describes, with real clients. Raises NotReadyError without an issuer."""
    issuer = environment["ENVELOPE_ISSUERS"].split(",")[0]
    if not issuer:
        raise NotReadyError("EnvelopeIssuers is empty: nobody's identity would be believed")
    return Release(
        context=context,
        dynamodb=aws().create_client("dynamodb", config=_CLIENTS),
        secret=TrustSecret(aws().create_client("secretsmanager", config=_CLIENTS), environment["TRUST_SECRET_ARN"]),
        versions=LambdaVersions(
            aws().create_client("lambda", config=_CLIENTS),
            {name: arn for name in _FUNCTIONS if (arn := environment.get(f"{name.upper()}_VERSION"))},
        ),
        migrations=json.loads(_MIGRATIONS.read_text()),
        issuer=issuer,
        serves_people="PEOPLE_VERSION" in environment,
        stack=environment["POWERTOOLS_SERVICE_NAME"],
    )


def check() -> tuple[list[str], str]:
    """Check the release: what holds, and "" or why it may not have traffic. Raises nothing."""
    try:
        with build_runtime(os.environ).invocation() as context:
            return ensure_ready(build_release(os.environ, context)), ""
    except NotReadyError as error:
        return [], str(error)
    except Exception as error:  # noqa: BLE001 - what could not be checked has not passed
        return [], f"the check itself failed: {type(error).__name__}"


def respond(event: Mapping[str, str], *, check: Callable[[], tuple[list[str], str]], codedeploy: Any) -> dict[str, Any]:
    """Check, log and answer; tell CodeDeploy where it asked. Raises where it cannot be told, which is no permission."""
    checked, problem = check()
    deployment = event.get("DeploymentId")
    log = telemetry.logger.error if problem else telemetry.logger.info
    log("refused" if problem else "ready", correlation_id=deployment, checked=checked, cause=problem or None)
    if deployment:
        codedeploy.put_lifecycle_event_hook_execution_status(
            deploymentId=deployment,
            lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
            status="Failed" if problem else "Succeeded",
        )
    return {"ready": not problem, "checked": checked, "problem": problem}


def handler(event: Mapping[str, str], _context: object) -> dict[str, Any]:
    """Answer a lifecycle hook, or who invokes it directly."""
    return respond(event, check=check, codedeploy=aws().create_client("codedeploy", config=_CLIENTS))


start(aws)
