"""Build, deploy and run the whole service on this machine, for `make run`, rehearsals and the tests."""

import json
import re
import secrets
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import boto3
from botocore.credentials import Credentials, DeferredRefreshableCredentials, create_assume_role_refresher

from handshake.dynamo.client import Dynamo
from handshake.dynamo.context import Context
from handshake.dynamo.tables import Tables
from ops.local.build import SAM, build, sam_environment
from ops.local.cloudwatch.definitions import COMPOSITE_ALARM, METRIC_ALARM, alarm_properties
from ops.local.cloudwatch.service import running
from ops.local.commands import run_logged, spare_loopback
from ops.local.emulator import emulator
from ops.local.settings import (
    ACCOUNT,
    ISSUER_ARN,
    ISSUER_ROLE,
    LOCAL_TRUST_SECRET,
    PAGE_ORIGIN,
    REGION,
    ROOT,
    ROOT_KEY,
    RUNTIME,
    STATE,
    private,
)
from ops.local.translation import scheduled_functions
from ops.migrations.runner import apply_pending

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient

LOCAL: Final = "local"
_BUCKET: Final = "handshake-artifacts"
_STRANGER_ROLE: Final = "handshake-stranger"
_RUNS_KEPT: Final = 5

Step = Callable[[str], AbstractContextManager[object]]
Parameters = Mapping[str, str | int]
Prepare = Callable[[Path, Parameters, Path], Path]


def _silent(_: str) -> AbstractContextManager[object]:
    return nullcontext()


def _as_built(built: Path, _: Parameters, __: Path) -> Path:
    return built


class LocalStack:
    """Handshake built by SAM and deployed to a ministack of its own, from entry to exit.

    ``environment`` is one of samconfig.toml's, with ``parameters`` besides those that every run here sets itself.
    ``trust_secret`` is what the trust secret starts as, by default a known one in the environment local; where it is
    empty, and in every other environment, Secrets Manager generates one. ``migrated`` says whether migrations are
    applied on entry. ``prepare`` makes the template that is deployed of the built one and the parameters, in a folder
    of the run's own. ``step`` wraps each phase, named for people to read.
    Raises ValueError for a ``trust_secret`` outside the environment local: a processed template shows it to whoever
    may read that. Raises CommandFailedError on entry where ministack, the build or the deployment fails.
    """

    name: str
    """The stack's, which names its functions and alarms too."""
    endpoint_url: str
    """The emulated AWS, for every service."""
    api_url: str
    """The API's stage, without a trailing slash. Sign what is sent there for ``execute-api`` in ``region``."""
    people_url: str = ""
    """The stage of the people's API, whose callers show an ID token; "" where the stack has none."""
    tables: Mapping[str, str]
    """Physical names by what they hold: workflow, policy, metrics, replay_guards, runtime_kv."""
    functions: Mapping[str, str]
    """Physical names by folder: workflow, decision_room, policy_apply, policy, metrics, metrics_projector."""
    outputs: Mapping[str, str]
    """Every output of the stack, as template.yaml names it."""
    issuer: Credentials
    """A caller whose identity envelopes are believed."""
    stranger: Credentials
    """A caller the API admits and whose identity envelopes are not believed."""
    logs: Path
    """Folder of this run's logs; ministack.log has the functions' too."""

    def __init__(
        self,
        *,
        environment: str = LOCAL,
        parameters: Parameters = MappingProxyType({}),
        trust_secret: str | None = None,
        migrated: bool = True,
        prepare: Prepare = _as_built,
        step: Step = _silent,
    ) -> None:
        if trust_secret is None:
            trust_secret = LOCAL_TRUST_SECRET if environment == LOCAL else ""
        if trust_secret and environment != LOCAL:
            raise ValueError(f"Secrets Manager generates the trust secret of {environment}; give none")
        self.name = f"handshake-{environment}"
        self.region = REGION
        self.trust_secret = trust_secret
        self._environment = environment
        self._parameters = {
            **parameters,
            "Environment": environment,
            "PythonRuntime": RUNTIME,
            "EnvelopeIssuers": ISSUER_ARN,
            "TrustSecretValue": trust_secret,
        }
        if environment == LOCAL:
            self._parameters = {"PeopleSignIn": "true", "PageOrigin": PAGE_ORIGIN, **self._parameters}
        self._migrated = migrated
        self._prepare = prepare
        self._step = step
        # Several stacks may run at once, say `make run` and `make test`; only builds are shared.
        self.logs = STATE / "runs" / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
        spare_loopback()
        self._session = boto3.Session(*ROOT_KEY, region_name=REGION)

    def __enter__(self) -> Self:
        private(STATE)
        self.logs.mkdir(parents=True)
        for old in sorted(self.logs.parent.iterdir())[:-_RUNS_KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        with ExitStack() as resources:
            with self._step("build with SAM"):
                self._built = build()
            with self._step("start a local AWS"):
                events = self.logs / "events.jsonl"
                self.endpoint_url = resources.enter_context(emulator(log=self.logs / "ministack.log", events=events))
            self.client("s3").create_bucket(Bucket=_BUCKET)
            with self._step("deploy with SAM"):
                self.deploy()
            secret = self.client("secretsmanager").get_secret_value(SecretId=self.trust_secret_arn)
            self.trust_secret = secret["SecretString"]
            if self._migrated:
                with self._step("apply migrations"):
                    apply_pending(self.context(), operator="local stack")
            extra = self._complete_alarms()
            resources.enter_context(running(self.client, events, extra=extra, log=self.logs / "cloudwatch.log"))
            self._start_schedules()
            self.issuer = self._role(ISSUER_ROLE)
            self.stranger = self._role(_STRANGER_ROLE)
            self._resources = resources.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    def client(self, service: str) -> Any:
        """Make a boto3 client of the account's root: for looking behind the API, not for using it."""
        return self._session.client(service, endpoint_url=self.endpoint_url)  # type: ignore[call-overload]  # stubs want a literal name

    @property
    def operator(self) -> dict[str, str]:
        """Return the environment variables of an operator of this stack."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": ROOT_KEY[0],
            "AWS_SECRET_ACCESS_KEY": ROOT_KEY[1],
        }

    @property
    def trust_secret_arn(self) -> str:
        return self.outputs["TrustSecretArn"]

    def deploy(self, **changed: str | int) -> None:
        """Deploy what was built, with parameters ``changed`` since the last time. Raises CommandFailedError."""
        self._parameters |= changed
        template = self._prepare(self._built, self._parameters, self.logs / "template")
        # A file, so that the secret is on no command line. JSON is YAML, which SAM wants.
        parameters = self.logs / "parameters.yaml"
        parameters.touch(mode=0o600)
        parameters.write_text(json.dumps(self._parameters))
        try:
            run_logged(
                [
                    *(*SAM, "deploy", "--config-file", str(ROOT / "samconfig.toml"), "--config-env", self._environment),
                    *("--template-file", str(template), "--parameter-overrides", f"file://{parameters}"),
                    "--no-confirm-changeset",
                ],
                cwd=ROOT,
                environment=sam_environment() | self.operator,
                log=self.logs / "deploy.log",
            )
        finally:
            parameters.unlink()
        self._read_outputs()
        self._apply_gateway_responses()
        self._complete_tables()

    def _read_outputs(self) -> None:
        (stack,) = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        self.tables = self._named("Table")
        self.functions = self._named("Function")
        api_id, stage = self.outputs["ApiId"], self.outputs["ApiStage"]
        self.api_url = f"{self.endpoint_url}/restapis/{api_id}/{stage}/_user_request_"
        if "PeopleApiId" in self.outputs:
            self.people_url = f"{self.endpoint_url}/restapis/{self.outputs['PeopleApiId']}/{stage}/_user_request_"

    def context(self) -> Context:
        """Give what the service's own use cases need to run on this stack's tables."""
        dynamo = Dynamo(self.client("dynamodb"))
        return Context(dynamo, Tables(**self.tables), lambda: time.time_ns() // 1_000_000, lambda: str(uuid.uuid4()))

    def _named(self, suffix: str) -> dict[str, str]:
        return {
            re.sub(r"(?<!^)(?=[A-Z])", "_", name.removesuffix(suffix)).lower(): value
            for name, value in self.outputs.items()
            if name.endswith(suffix)
        }

    def _apply_gateway_responses(self) -> None:
        """Give the API the error bodies of template.yaml: ministack does not read them from the definition."""
        template = self.client("cloudformation").get_template(StackName=self.name, TemplateStage="Processed")
        gateway, resources = self.client("apigateway"), template["TemplateBody"]["Resources"]
        for name, output in (("Api", "ApiId"), ("PeopleApi", "PeopleApiId")):
            if output not in self.outputs:
                continue
            api_id, definition = self.outputs[output], resources[name]["Properties"]["Body"]
            for kind, response in definition["x-amazon-apigateway-gateway-responses"].items():
                bodies = response["responseTemplates"]
                found = {of: _found(body, template["TemplateBody"]["Mappings"]) for of, body in bodies.items()}
                given = response | {"responseTemplates": found}
                gateway.put_gateway_response(restApiId=api_id, responseType=kind, **given)
            gateway.create_deployment(restApiId=api_id, stageName=self.outputs["ApiStage"])

    def _complete_tables(self) -> None:
        """Switch TTL and point-in-time recovery on as state/template.yaml does: ministack's CloudFormation does not."""
        state = self.outputs["StateStack"]
        template = self.client("cloudformation").get_template(StackName=state, TemplateStage="Processed")
        dynamodb = self.client("dynamodb")
        for logical_id, resource in template["TemplateBody"]["Resources"].items():
            if resource["Type"] != "AWS::DynamoDB::Table":
                continue
            table, properties = self.outputs[logical_id], resource["Properties"]
            if ttl := properties.get("TimeToLiveSpecification"):
                dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=ttl)
            if recovery := properties.get("PointInTimeRecoverySpecification"):
                dynamodb.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=recovery)

    def _complete_alarms(self) -> dict[str, dict[str, Any]]:
        """Create the composite alarms, which ministack's CloudFormation does not know.

        Returns each metric alarm's properties that it does not keep.
        """
        topic = {"Incidents": self.outputs["IncidentsTopic"]}
        given = {"Service": self.name, "Environment": self._environment}
        found = alarm_properties(ROOT / "alarms" / "template.yaml", given, names=topic)
        for composite in found[COMPOSITE_ALARM]:
            self.client("cloudwatch").put_composite_alarm(**composite)
        lost = ("EvaluateLowSampleCountPercentile", "EvaluationWindow")
        return {one["AlarmName"]: {name: one[name] for name in lost if name in one} for one in found[METRIC_ALARM]}

    def _start_schedules(self) -> None:
        """Run scheduled work once: a rate's first run is due at once, and ministack waits for an interval to pass."""
        for function in scheduled_functions(ROOT):
            self.client("lambda").invoke(
                FunctionName=self.functions[function], Qualifier="live", InvocationType="Event"
            )

    def _role(self, name: str) -> Credentials:
        """Create a role that may call the API and nothing else. Returns credentials that renew themselves."""
        iam = self.client("iam")
        may_assume = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ACCOUNT}}
        may_call = {
            "Effect": "Allow",
            "Action": "execute-api:Invoke",
            "Resource": f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{self.outputs['ApiId']}/*",
        }
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(may_assume))
        iam.put_role_policy(RoleName=name, PolicyName="call-the-api", PolicyDocument=_policy(may_call))
        sts: STSClient = self.client("sts")
        arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
        renew = create_assume_role_refresher(sts, {"RoleArn": arn, "RoleSessionName": "local"})
        return DeferredRefreshableCredentials(renew, "assume-role")


def _found(value: Any, mappings: Mapping[str, Any]) -> str:
    """Give a text, looked up in the template's mappings where it is said to be there."""
    if isinstance(value, str):
        return value
    mapping, first, second = value["Fn::FindInMap"]
    return str(mappings[mapping][first][second])


def _policy(statement: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
