"""Reach a deployed stack from the operator's machine, with the operator's own credentials."""

import json
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from handshake.dynamo.client import Dynamo
from handshake.dynamo.context import Context
from handshake.dynamo.tables import Tables
from ops.local.running import read_running
from ops.local.settings import ISSUER_ARN, STACK_NAME

LOCAL: Final = STACK_NAME
# The longest answer is a rotation step's, and a function that was asked once is not asked again.
_PATIENT: Final = Config(read_timeout=200, retries={"mode": "standard", "total_max_attempts": 1})


class NoDeploymentError(Exception):
    """The stack does not exist, or these credentials do not reach it."""


class FunctionFailedError(Exception):
    """A function of the stack ended with an error. The message names both."""


@dataclass(frozen=True)
class Deployment:
    """One stack. ``outputs`` are template.yaml's, by name."""

    session: boto3.Session
    endpoint_url: str | None
    outputs: dict[str, str]

    @property
    def tables(self) -> Tables:
        """Return the physical names of its tables."""
        names = ("workflow", "policy", "metrics", "replay_guards", "runtime_kv")
        return Tables(**{name: self.outputs[f"{name.title().replace('_', '')}Table"] for name in names})

    @property
    def api_url(self) -> str:
        """Return the API's stage, without a trailing slash; sign calls to it for ``execute-api``."""
        endpoint = self.endpoint_url or os.environ.get("AWS_ENDPOINT_URL")
        if endpoint:
            return f"{endpoint}/restapis/{self.outputs['ApiId']}/{self.outputs['ApiStage']}/_user_request_"
        return self.outputs["ApiUrl"]

    def caller(self, role: str = "") -> boto3.Session:
        """Return a session that calls the API: as ``role`` (an ARN), else the local issuer, else the operator."""
        if not role and self.outputs["ApiStage"] == "local":
            role = ISSUER_ARN
        if not role:
            return self.session
        assumed = self.client("sts").assume_role(RoleArn=role, RoleSessionName="handshake-ops")["Credentials"]
        return boto3.Session(
            assumed["AccessKeyId"],
            assumed["SecretAccessKey"],
            assumed["SessionToken"],
            region_name=self.session.region_name,
        )

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
            "AWS_DEFAULT_REGION": str(self.session.region_name),
        }

    def client(self, service: str) -> Any:
        """Make a client of an AWS service, with the operator's credentials."""
        return self.session.client(service, endpoint_url=self.endpoint_url)  # type: ignore[call-overload]  # stubs want a literal name

    def invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        """Invoke a function, named as its output is, and return its answer. Raises FunctionFailedError."""
        client: Any = self.session.client("lambda", endpoint_url=self.endpoint_url, config=_PATIENT)
        answer = client.invoke(FunctionName=self.outputs[function], Payload=json.dumps(event).encode())
        answered = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise FunctionFailedError(f"{function}: {answered.get('errorMessage', answer['FunctionError'])}")
        return answered

    def context(self) -> Context:
        """Make what the service's own use cases need to run on this stack's tables."""
        return Context(
            Dynamo(self.client("dynamodb")), self.tables, lambda: time.time_ns() // 1_000_000, lambda: str(uuid.uuid4())
        )


def find(stack: str = LOCAL) -> Deployment:
    """Find the stack of that name in the account of the credentials, or the one that ``make run`` runs.

    Raises NoDeploymentError.
    """
    session, endpoint_url = boto3.Session(), None
    if stack == LOCAL and "AWS_ENDPOINT_URL" not in os.environ:
        running = read_running()
        if running is None:
            raise NoDeploymentError("no local stack is running; start one with make run, or name one with --stack")
        session, endpoint_url = boto3.Session(*running.root_key, region_name=running.region), running.endpoint_url
    try:
        cloudformation: Any = session.client("cloudformation", endpoint_url=endpoint_url)
        [found] = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except (BotoCoreError, ClientError) as error:
        raise NoDeploymentError(f"stack {stack} cannot be read: {error}") from error
    return Deployment(session, endpoint_url, {item["OutputKey"]: item["OutputValue"] for item in found["Outputs"]})
