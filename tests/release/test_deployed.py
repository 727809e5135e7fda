"""Release rails on the deployed stack: the gate invoked directly, rotation under load, the watch."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from handshake.core.synthetic import RESERVED
from handshake.metrics.event_table import PARTITION_PREFIX, SYNTHETIC_PREFIX
from handshake.trust.token import mint_token
from ops.commands.app import app
from ops.local.settings import STACK_NAME
from ops.local.stack import LocalStack
from tests.support.service import Deployed, apply_policy, for_agent, unique


@pytest.fixture
def service(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    """The deployed service, migrated, with an operator's credentials in the environment."""
    return _operated(stack, monkeypatch)


@pytest.fixture
def own_stack() -> Iterator[LocalStack]:
    """A stack whose secret may change: tests on the shared one sign with the secret it began with."""
    with LocalStack() as running:
        yield running


def _operated(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    for name, value in stack.operator.items():
        monkeypatch.setenv(name, value)
    assert _ops("migrate", "--apply").exit_code == 0
    return Deployed.on(stack)


def _ops(*words: str) -> Any:
    return CliRunner().invoke(app, [*words, "--stack", STACK_NAME])


def _gate(stack: LocalStack) -> Any:
    answer = stack.client("lambda").invoke(FunctionName=stack.functions["release_gate"], Payload=b"{}")
    assert "FunctionError" not in answer
    return json.loads(answer["Payload"].read())


def _of_the_gate(stack: LocalStack, prefix: str) -> int:
    """Count how many metrics events under ``prefix`` come from calls of the gate's."""
    pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.tables["metrics"])
    events = (item for page in pages for item in page["Items"] if item["pk"]["S"].startswith(prefix))
    return sum(event.get("correlation_id", {}).get("S", "").startswith(RESERVED) for event in events)


@pytest.mark.usefixtures("service")
def test_the_gate_finds_the_deployed_versions_ready_and_leaves_nothing_in_metrics(stack: LocalStack) -> None:
    said = _gate(stack)

    assert (said["ready"], said["problem"], len(said["checked"])) == (True, "", 8)
    assert _of_the_gate(stack, SYNTHETIC_PREFIX) > 0
    assert _of_the_gate(stack, PARTITION_PREFIX) == 0


@pytest.mark.usefixtures("service")
def test_the_gate_refuses_once_a_table_lacks_what_the_code_needs(stack: LocalStack) -> None:
    dynamodb, table = stack.client("dynamodb"), stack.tables["replay_guards"]
    dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification={"Enabled": False, "AttributeName": "ttl"})
    try:
        said = _gate(stack)
    finally:
        dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})

    assert (said["ready"], said["problem"]) == (False, "table replay_guards: its TTL attribute is none, not ttl")


def test_only_the_gate_and_the_gateway_may_invoke_what_answers_the_api(stack: LocalStack) -> None:
    iam = stack.client("iam")
    target = stack.client("lambda").get_function_configuration(FunctionName=stack.functions["workflow"])["FunctionArn"]
    may = set()
    for folder, name in stack.functions.items():
        role = stack.client("lambda").get_function_configuration(FunctionName=name)["Role"]
        [answer] = iam.simulate_principal_policy(
            PolicySourceArn=role, ActionNames=["lambda:InvokeFunction"], ResourceArns=[f"{target}:1"]
        )["EvaluationResults"]
        if answer["EvalDecision"] == "allowed":
            may.add(folder)

    assert may == {"release_gate"}


class Signers(threading.Thread):
    """Apply policies until stopped, each token by a signer that reads the key every ``lag_s`` seconds."""

    def __init__(self, stack: LocalStack, *, lag_s: float) -> None:
        super().__init__(daemon=True)
        self.answers: Counter[tuple[int, str | None]] = Counter()
        self.keys: set[str] = set()
        self._service = Deployed.on(stack)
        self._secrets = stack.client("secretsmanager")
        self._secret_id = stack.trust_secret_arn
        self._lag_s = lag_s
        self._ended = threading.Event()

    def run(self) -> None:
        """See Thread."""
        key, read_at = "", float("-inf")
        while not self._ended.wait(0.25):
            if time.monotonic() - read_at > self._lag_s:
                key = self._secrets.get_secret_value(SecretId=self._secret_id)["SecretString"]
                read_at = time.monotonic()
                self.keys.add(key)
            token = mint_token(key.encode(), now_s=int(time.time()), jti=unique("jti"))
            reply = apply_policy(self._service, for_agent(unique("agent"), max_transaction=1), token=token)
            self.answers[reply.outcome] += 1

    def end(self) -> None:
        """Stop, and wait."""
        self._ended.set()
        self.join(30)


@pytest.mark.waits
@pytest.mark.timeout(400)
def test_no_apply_is_refused_while_the_secret_is_rotated_and_the_revoked_key_is_after_it(
    own_stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Takes two and a half minutes, because a rotation does: keys are kept for a minute."""
    stack, service = own_stack, _operated(own_stack, monkeypatch)
    old = stack.client("secretsmanager").get_secret_value(SecretId=stack.trust_secret_arn)["SecretString"]
    signers = [Signers(stack, lag_s=0), Signers(stack, lag_s=20)]
    for signer in signers:
        signer.start()
    try:
        rotated = _ops("rotate", "--yes", "--until", "4", "--json")
        time.sleep(21)  # until whoever lags has read the new key
        revoked = _ops("rotate", "--yes", "--until", "5", "--json")
    finally:
        for signer in signers:
            signer.end()
    current = stack.client("secretsmanager").get_secret_value(SecretId=stack.trust_secret_arn)["SecretString"]

    assert rotated.exit_code == 0, rotated.output
    assert json.loads(rotated.stdout)["taken"] == [
        "prepare and announce",
        "rotate the secret",
        "refresh signers and verifiers",
        "verify the /policy/apply path",
    ]
    assert revoked.exit_code == 0, revoked.output
    assert json.loads(revoked.stdout)["taken"][-1] == "revoke the old key"
    for signer in signers:
        assert set(signer.answers) == {(200, None)}
        assert signer.answers.total() > 50
        assert signer.keys == {old, current}
    late = mint_token(old.encode(), now_s=int(time.time()), jti=unique("jti"))
    refused = apply_policy(service, for_agent(unique("agent"), max_transaction=1), token=late)
    assert refused.outcome == (401, "security_invalid_internal_trust_context")
    for key in (old, current):
        assert key not in rotated.output + revoked.output


@pytest.mark.usefixtures("service")
def test_the_watch_follows_the_three_alarms_of_the_deployed_stack() -> None:
    alarmed = {one["alarm"] for one in json.loads(_ops("watch", "--for", "1s", "--json").stdout)["signals"]}

    assert alarmed == {"alert_replay_guard_unavailable", "alert_denial_spike", "alert_tenant_mismatch_spike"}
