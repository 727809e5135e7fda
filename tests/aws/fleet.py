"""Every function of the template in this process, each with its own environment, and what each was seen to ask of AWS.

DynamoDB, Secrets Manager and CloudWatch are moto's; what else is asked is answered here: only the question matters.
"""

import base64
import io
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from types import SimpleNamespace
from typing import Any, Final, Self

import pytest
from moto import mock_aws

from functions.alarm_triage import app as alarm_triage
from functions.channels import app as channels
from functions.evidence_verification import app as evidence_verification
from functions.hitl_expiry import app as hitl_expiry
from functions.metrics_projector import app as metrics_projector
from functions.notifier import app as notifier
from functions.release_gate import app as release_gate
from functions.replay_retention import app as replay_retention
from handshake.api import runtime
from handshake.channels.channel import Channel, ChannelKind
from handshake.channels.delivery import Parcel
from handshake.channels.secrets import secret_name
from handshake.channels.table import ChannelsTransaction
from handshake.core.synthetic import MEMBER
from handshake.dynamo.client import Dynamo
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import unmarshal
from handshake.dynamo.tables import Tables
from handshake.notifications.event import Event, Kind
from handshake.release.schema import SCHEMA, migration_key
from handshake.trust.rotate import STEPS, Rotation
from handshake.trust.secret import TrustSecret
from tests.aws.translated import REGION, Deployment
from tests.support import engines
from tests.support.grants import Kms
from tests.support.metrics_stream import stream_of
from tests.support.recorder import Recorder
from tests.support.service import HANDLERS, ISSUER_ARN, SIGNER_ARN, STRANGER_ARN, TRUST_KEY, InProcess, Reply, now_ms
from tests.support.telling import record_of

_NAMES: Final = ("workflow", "decision_room", "grants", "policy_apply", "policy", "agents", "metrics")
HTTP: Final = dict(zip(_NAMES, HANDLERS, strict=True))

_CHECKSUM: Final = "a" * 64
_CACHED: Final = (
    runtime.process_runtime,
    alarm_triage._process_desk,
    notifier._process_clients,
    channels._process_office,
)


class Fleet:
    """A Service whose functions run in this process, each as the template's environment sets it up."""

    def __init__(self, of: Deployment, recorder: Recorder, secret: str) -> None:
        self._of = of
        self._recorder = recorder
        self._signer = SIGNER_ARN
        self._marked: Mapping[str, bool] = {}
        self._secret = secret
        self.topics_fail = False
        self.trust_key = TRUST_KEY
        self.dynamodb = engines.client_of("dynamodb")
        self.tables = Tables(
            **{name: self.environment("release_gate")[f"{name.upper()}_TABLE"] for name in vars(Tables())}
        )
        self._runtimes = {name: runtime.build_runtime(self.environment(name)) for name in HTTP}

    def environment(self, function: str) -> dict[str, str]:
        """Return what the function finds in its environment on AWS, with a secret and an issuer that are here."""
        logical_id = function.title().replace("_", "") + "Function"
        [path] = [one for one in self._of.of_type("AWS::Lambda::Function") if one.rpartition("/")[2] == logical_id]
        given: Mapping[str, Any] = self._of.properties(path)["Environment"]["Variables"]
        changed = {"TRUST_SECRET_ARN": self._secret, "ENVELOPE_ISSUERS": ISSUER_ARN}
        return {name: str(changed.get(name, value)) for name, value in given.items()}

    def send(self, method: str, path: str, *, headers: Mapping[str, str], body: str | None) -> Reply:
        """See Service."""
        event, handler = InProcess(self.dynamodb, self.tables, signer_arn=self._signer).event(
            method, path, headers=headers, body=body
        )
        [function] = [name for name, one in HTTP.items() if one is handler]
        answer = self._answer(function, event | dict(self._marked))
        return Reply(answer["statusCode"], answer["headers"], json.loads(answer["body"]))

    def by_stranger(self) -> Self:
        """See Service."""
        return self._but(_signer=STRANGER_ARN)

    def synthetically(self) -> Self:
        """The same functions, invoked as the release gate does it."""
        return self._but(_marked={MEMBER: True})

    def another(self) -> Self:
        """See Service."""
        return self

    def _but(self, **changes: Any) -> Self:
        other = object.__new__(type(self))
        vars(other).update(vars(self), **changes)
        return other

    def run(self, function: str) -> Any:
        """Invoke what no caller invokes: a schedule, the stream, the alarms' topic, CodeDeploy, Secrets Manager."""
        with self._recorder.on_behalf_of(function), pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment(function).items():
                patch.setenv(name, value)
            for cached in _CACHED:
                cached.cache_clear()
            try:
                return getattr(self, f"_{function}")()
            finally:
                for cached in _CACHED:
                    cached.cache_clear()

    def answer_invocation(self, function_arn: str, payload: bytes) -> bytes:
        """Answer Lambda's Invoke of one of the functions here, by its version's ARN."""
        name = function_arn.split(":")[6].removeprefix(f"{self._of.stack_name}-").replace("-", "_")
        return json.dumps(self._answer(name, json.loads(payload))).encode()

    def _answer(self, function: str, event: Any) -> Any:
        with self._recorder.on_behalf_of(function):
            return HTTP[function].using(self._runtimes[function])(event, None)

    def _evidence_verification(self) -> Any:
        return evidence_verification.handler({}, None)

    def _hitl_expiry(self) -> Any:
        return hitl_expiry.handler({}, None)

    def _replay_retention(self) -> Any:
        return replay_retention.handler({}, None)

    def _metrics_projector(self) -> Any:
        return metrics_projector.handler({"Records": stream_of(self.dynamodb, self.tables.metrics)}, None)

    def _notifier(self) -> Any:
        """Deliver all that both tables hold as if it were new, and a record that nobody can read."""
        records = [
            record_of(None, unmarshal(item), committed_ms=now_ms())
            for table in (self.tables.workflow, self.tables.policy)
            for page in self.dynamodb.get_paginator("scan").paginate(TableName=table)
            for item in page["Items"]
        ]
        unreadable = {**records[0], "dynamodb": {**records[0]["dynamodb"], "Keys": {}}}
        return notifier.handler({"Records": [unreadable, *records]}, None)

    def _channels(self) -> Any:
        """Tell by a channel of each kind what will be taken, fail, and be given up."""
        request = next(
            item["request_id"]["S"]
            for page in self.dynamodb.get_paginator("scan").paginate(TableName=self.tables.workflow)
            for item in page["Items"]
            if item["pk"]["S"].startswith("REQ#") and item["sk"]["S"] == "STATE"
        )
        failed = []
        for kind, self.topics_fail in [*((kind, False) for kind in ChannelKind), (ChannelKind.TOPIC, True)]:
            event = Event(Kind.REQUEST_ESCALATED, "e", now_ms(), {"requestId": request, "agentId": "a"})
            for body in (json.dumps(Parcel(kind.value, None, event).body()), "none"):
                record = {
                    "messageId": "m",
                    "receiptHandle": "r",
                    "body": body,
                    "eventSourceARN": f"arn:aws:sqs:{REGION}:1:{self._of.stack_name}-channel-{kind}.fifo",
                    "attributes": {
                        "ApproximateReceiveCount": "1",
                        "MessageGroupId": "g",
                        "MessageDeduplicationId": "d",
                    },
                }
                failed += channels.handler({"Records": [record]}, None)["batchItemFailures"]
        self.topics_fail = False
        return failed

    def register_channels(self) -> None:
        """Register a channel of each kind; nobody knows the names of those that are called."""
        context = Context(Dynamo(self.dynamodb), self.tables, now_ms, lambda: "id")
        secrets = engines.client_of("secretsmanager")
        kept = []
        for kind in ChannelKind:
            topic = f"arn:aws:sns:{REGION}:123456789012:{self._of.stack_name}-told-people"
            host = "hooks.slack.com" if kind is ChannelKind.SLACK else "nowhere.invalid"
            kept.append(Channel(kind.value, kind, None, topic if kind is ChannelKind.TOPIC else host, 1, "me"))
            secrets.create_secret(
                Name=secret_name(self._of.stack_name, kind.value),
                SecretString=json.dumps({"url": f"https://{host}/x", "key": "whsec_AAAA"}),
            )
        tx = ChannelsTransaction(context)
        tx.keep(kept, seen=0)
        tx.commit()

    def _release_gate(self) -> Any:
        # The build writes it beside the function.
        migrations = SimpleNamespace(read_text=lambda: json.dumps({"0001_one": _CHECKSUM}))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(release_gate, "_MIGRATIONS", migrations)
            return self._gate()

    def _gate(self) -> Any:
        return release_gate.handler({"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "e-1"}, None)

    def _secret_rotation(self) -> None:
        """Take the four steps, each minutes after the one before."""
        secret = TrustSecret(runtime.aws().create_client("secretsmanager"), self._secret)
        now_s = count(time.time(), 600.0)
        for step in STEPS.values():
            step(Rotation(secret, "b" * 36, lambda: next(now_s), lambda _: None))

    def _alarm_triage(self) -> Any:
        for second, (alert, state) in enumerate(
            (
                ("alert_replay_guard_unavailable", "ALARM"),
                ("alert_replay_guard_unavailable", "OK"),
                ("api_errors", "ALARM"),
            )
        ):
            change = {
                "AlarmName": f"{self._of.stack_name}-{alert}",
                "NewStateValue": state,
                "OldStateValue": "ALARM" if state == "OK" else "OK",
                "StateChangeTime": f"2026-11-24T00:31:{second:02}.345+0000",
                "AlarmDescription": "Look.",
                "Trigger": {
                    "Namespace": "Handshake",
                    "MetricName": "SecurityDenied",
                    "Dimensions": [{"name": "service", "value": self._of.stack_name}],
                    "Period": 60,
                    "Statistic": "AVERAGE",
                },
            }
            alarm_triage.handler({"Records": [{"Sns": {"Message": json.dumps(change), "MessageId": "m"}}]}, None)


@contextmanager
def running(of: Deployment) -> Iterator[tuple[Fleet, Recorder]]:
    """Run the functions of a deployment, on fresh tables; the recorder sees what each asks of AWS."""
    recorder = Recorder()
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        runtime.aws.cache_clear()
        secret = engines.client_of("secretsmanager").create_secret(Name="trust", SecretString=TRUST_KEY.decode())["ARN"]
        session = runtime.aws()
        session.register("provide-client-params", recorder.record)
        fleet = Fleet(of, recorder, secret)
        session.register("before-call", _answers(fleet))
        try:
            _create_tables(fleet)
            yield fleet, recorder
        finally:
            runtime.aws.cache_clear()


def _create_tables(fleet: Fleet) -> None:
    for name, described in engines.described_tables().items():
        fleet.dynamodb.create_table(TableName=getattr(fleet.tables, name), **described)
    for name, schema in SCHEMA.items():
        if schema.ttl:
            fleet.dynamodb.update_time_to_live(
                TableName=getattr(fleet.tables, name),
                TimeToLiveSpecification={"Enabled": True, "AttributeName": schema.ttl},
            )
    migrated = {name: {"S": text} for name, text in {**migration_key("0001_one"), "checksum": _CHECKSUM}.items()}
    fleet.dynamodb.put_item(TableName=fleet.tables.runtime_kv, Item=migrated | {"applied_at": {"N": "1"}})


def _answers(fleet: Fleet) -> Any:
    """Answer what moto does not play, or would import the whole of moto for."""
    now = datetime.now(UTC)
    answers: Mapping[str, Any] = {
        "DescribeStacks": {"Stacks": [{"CreationTime": now, "LastUpdatedTime": now, "StackStatus": "UPDATE_COMPLETE"}]},
        "FilterLogEvents": {"events": []},
        "Publish": {"MessageId": "m"},
        "SendMessage": {"MessageId": "m"},
        "ChangeMessageVisibility": {},
        "PutLifecycleEventHookExecutionStatus": {},
        # moto takes no condition of a PartiQL delete.
        "BatchExecuteStatement": {"Responses": [{}]},
    }

    keys: dict[str, Kms] = {}

    def answer(model: Any, params: Mapping[str, Any], **_: Any) -> tuple[Any, Any] | None:
        if model.name == "Publish" and fleet.topics_fail:
            return SimpleNamespace(status_code=500), {"Error": {"Code": "InternalError", "Message": "no"}}
        if model.name == "PutEvents":
            taken = [{"EventId": "e"} for _ in json.loads(params["body"])["Entries"]]
            return SimpleNamespace(status_code=200), {"FailedEntryCount": 0, "Entries": taken}
        if model.name in ("Sign", "GetPublicKey"):
            asked = json.loads(params["body"])
            arn = asked["KeyId"]
            kms = keys.setdefault(arn, Kms(arn))
            signed = {**asked, "Message": base64.b64decode(asked["Message"])} if model.name == "Sign" else {}
            return SimpleNamespace(status_code=200), kms.sign(**signed) if signed else kms.get_public_key(KeyId=arn)
        if model.name == "Invoke":
            arn = params["url_path"].split("/")[3].replace("%3A", ":")
            payload = fleet.answer_invocation(arn, params["body"])
            return SimpleNamespace(status_code=200), {"Payload": io.BytesIO(payload)}
        if model.name not in answers:
            return None
        return SimpleNamespace(status_code=200), answers[model.name]

    return answer
