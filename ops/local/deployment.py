"""Reach a deployed stack from the operator's machine, with the operator's own credentials."""

import json
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ops.local.commands import spare_loopback
from ops.local.running import read_running
from ops.local.settings import ISSUER_ARN, STACK_NAME

if TYPE_CHECKING:
    from botocore.session import Session

    from handshake.dynamo.context import Context
    from handshake.dynamo.tables import Tables

LOCAL: Final = STACK_NAME
# The longest answer is a rotation step's, and a function that was asked once is not asked again.
_PATIENT: Final = {"read_timeout": 200, "retries": {"mode": "standard", "total_max_attempts": 1}}
_NOT_RUNNING: Final = "no local stack is running; start one with make run, or name one with --stack"


class NoDeploymentError(Exception):
    """The stack does not exist, or these credentials do not reach it."""


class FunctionFailedError(Exception):
    """A function of the stack ended with an error. The message names both."""


@dataclass(frozen=True)
class Deployment:
    """One stack. ``outputs`` are template.yaml's, by name."""

    session: "Session"
    endpoint_url: str | None
    outputs: dict[str, str]

    @property
    def region(self) -> str:
        """Return the Region of the stack, for signatures."""
        return region_of(self.session)

    @property
    def tables(self) -> "Tables":
        """Return the physical names of its tables."""
        from handshake.dynamo.tables import Tables  # noqa: PLC0415 - not every command reads tables

        names = ("workflow", "policy", "metrics", "replay_guards", "runtime_kv")
        return Tables(**{name: self.outputs[f"{name.title().replace('_', '')}Table"] for name in names})

    @property
    def api_url(self) -> str:
        """Return the API's stage, without a trailing slash; sign calls to it for ``execute-api``."""
        endpoint = self.endpoint_url or os.environ.get("AWS_ENDPOINT_URL")
        if endpoint:
            return f"{endpoint}/restapis/{self.outputs['ApiId']}/{self.outputs['ApiStage']}/_user_request_"
        return self.outputs["ApiUrl"]

    def caller(self, role: str = "") -> "Session":
        """Return a session that calls the API: as ``role`` (an ARN), else the local issuer, else the operator."""
        if not role and self.outputs["ApiStage"] == "local":
            role = ISSUER_ARN
        if not role:
            return self.session
        assumed = self.client("sts").assume_role(RoleArn=role, RoleSessionName="handshake-ops")["Credentials"]
        key = assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"]
        return new_session(*key, region=self.region)

    @property
    def variables(self) -> dict[str, str]:
        """Return the environment variables of an operator of the local stack; none for another, who has some."""
        key = self.session.get_credentials()
        if self.endpoint_url is None or key is None:
            return {}
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": key.access_key,
            "AWS_SECRET_ACCESS_KEY": key.secret_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
        }

    def operator(self) -> str:
        """Return the ARN of the operator's own identity, which audits name. Raises ClientError."""
        arn: str = self.client("sts").get_caller_identity()["Arn"]
        return arn

    def trust_secret(self) -> bytes:
        """Read the key that signs trust tokens now. Raises ClientError."""
        secret = self.client("secretsmanager").get_secret_value(SecretId=self.outputs["TrustSecretArn"])
        return str(secret["SecretString"]).encode()

    def client(self, service: str, **config: Any) -> Any:
        """Make a client of an AWS service, with the operator's credentials and botocore's ``config``."""
        from botocore.config import Config  # noqa: PLC0415 - --help asks no AWS

        return self.session.create_client(service, endpoint_url=self.endpoint_url, config=Config(**config))

    def invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        """Invoke a function, named as its output is, and return its answer. Raises FunctionFailedError."""
        answer = self.client("lambda", **_PATIENT).invoke(
            FunctionName=self.outputs[function], Payload=json.dumps(event).encode()
        )
        answered = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise FunctionFailedError(f"{function}: {answered.get('errorMessage', answer['FunctionError'])}")
        return answered

    def context(self) -> "Context":
        """Make what the service's own use cases need to run on this stack's tables."""
        from handshake.dynamo.client import Dynamo  # noqa: PLC0415 - not every command reads tables
        from handshake.dynamo.context import Context  # noqa: PLC0415 - as above

        return Context(
            Dynamo(self.client("dynamodb")), self.tables, lambda: time.time_ns() // 1_000_000, lambda: str(uuid.uuid4())
        )


def find(stack: str = LOCAL) -> Deployment:
    """Find the stack of that name in the account of the credentials, or the one that ``make run`` runs.

    Raises NoDeploymentError.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - --help asks no AWS

    spare_loopback()
    session, endpoint_url = new_session(), None
    if stack == LOCAL and "AWS_ENDPOINT_URL" not in os.environ:
        running = read_running()
        if running is None:
            raise NoDeploymentError(_NOT_RUNNING)
        session, endpoint_url = new_session(*running.root_key, region=running.region), running.endpoint_url
    try:
        cloudformation: Any = session.create_client("cloudformation", endpoint_url=endpoint_url)
        [found] = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except (BotoCoreError, ClientError) as error:
        raise NoDeploymentError(f"stack {stack} cannot be read: {error}") from error
    return Deployment(session, endpoint_url, {item["OutputKey"]: item["OutputValue"] for item in found["Outputs"]})


def new_session(*key: str, region: str = "") -> "Session":
    """Make a session with ``key`` (id, secret, token), else the operator's own credentials.

    The Region is ``region``, else AWS_REGION's as in AWS's own command line, else AWS_DEFAULT_REGION's or the
    profile's.
    """
    from botocore.session import Session  # noqa: PLC0415 - boto3 takes as long again to import

    session = Session()
    if key:
        session.set_credentials(*key)
    if region := region or os.environ.get("AWS_REGION", ""):
        session.set_config_variable("region", region)
    return session


def region_of(session: "Session") -> str:
    """Return the Region that ``session`` calls."""
    return str(session.get_config_variable("region"))
