"""`ops channels`: what it registers, what it keeps secret, and what it refuses."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from handshake.channels.channel import MAX_CHANNELS
from handshake.channels.table import read_channels
from handshake.dynamo.client import Dynamo
from handshake.dynamo.context import Context
from ops.commands.app import app
from ops.local import deployment
from tests.conftest import Engine
from tests.support.metrics_events import NOW_MS

URL = "https://hooks.example/people/secret-part"
SLACK = "https://hooks.slack.com/services/T/B/secret-part"


@dataclass
class Target:
    """A deployment whose AWS is here."""

    engine: Engine
    outputs: dict[str, str] = field(default_factory=lambda: {"ApiStage": "production"})
    secrets: dict[str, str] = field(default_factory=dict)
    sent: list[dict[str, Any]] = field(default_factory=list)

    def context(self) -> Context:
        """Give a context on the tables."""
        client, tables = self.engine
        return Context(Dynamo(client), tables, lambda: NOW_MS, lambda: "id-1")

    def operator(self) -> str:
        """Name the operator."""
        return "arn:aws:iam::1:user/me"

    def client(self, _: str) -> "Target":
        """Give itself, as any client."""
        return self

    def create_secret(self, Name: str, SecretString: str, **_: Any) -> None:  # noqa: N803 - botocore's own names
        """Keep a secret."""
        self.secrets[Name] = SecretString

    def delete_secret(self, SecretId: str, **_: Any) -> None:  # noqa: N803 - botocore's own name
        """Delete a secret."""
        del self.secrets[SecretId]

    def send_message(self, QueueUrl: str, **entry: Any) -> None:  # noqa: N803 - botocore's own name
        """Take a message."""
        self.sent.append({"queue": QueueUrl, **entry})


@pytest.fixture
def target(moto_tables: Engine, monkeypatch: pytest.MonkeyPatch) -> Target:
    found = Target(moto_tables)
    found.outputs |= {f"{kind}Queue": f"queue-{kind}" for kind in ("Topic", "Slack", "Webhook")}
    monkeypatch.setattr(deployment, "find", lambda _: found)
    return found


def _ops(*words: str, url: str = "") -> Result:
    return CliRunner().invoke(app, ["channels", *words, "--stack", "handshake-x"], input=f"{url}\n")


def test_a_webhook_is_registered_by_a_secret_and_its_key_is_shown_once(target: Target) -> None:
    added = _ops("add", "webhook", "people", "--tenant", "acme", url=URL)

    assert added.exit_code == 0, added.output
    [channel] = read_channels(target.context())[0]
    assert (channel.kind, channel.tenant_id, channel.address) == ("webhook", "acme", "hooks.example")
    kept = json.loads(target.secrets["handshake-x/channels/people"])
    assert (kept["url"], kept["addedAt"]) == (URL, channel.added_at_ms)
    assert kept["key"].startswith("whsec_")
    assert kept["key"] in added.stdout
    assert URL not in added.output
    listed = _ops("list").stdout + _ops("list", "--json").stdout
    assert "people: webhook, of acme, hooks.example" in listed
    assert "secret-part" not in listed
    assert kept["key"] not in listed


def test_slack_has_a_secret_without_a_key_and_a_topic_none(target: Target) -> None:
    assert _ops("add", "slack", "chat", url=SLACK).exit_code == 0
    arn = "arn:aws:sns:us-east-1:1:handshake-x-told-mail"
    assert _ops("add", "topic", "mail", "--topic-arn", arn).exit_code == 0

    assert {name: sorted(json.loads(text)) for name, text in target.secrets.items()} == {
        "handshake-x/channels/chat": ["addedAt", "url"]
    }
    assert [channel.address for channel in read_channels(target.context())[0]] == ["hooks.slack.com", arn]


@pytest.mark.parametrize(
    ("words", "url"),
    [
        (("add", "pigeon", "x"), URL),
        (("add", "webhook", "No Capitals"), URL),
        (("add", "webhook", "x"), "http://hooks.example/"),
        (("add", "webhook", "x"), "http://127.0.0.1:1/"),
        (("add", "webhook", "x"), ""),
        (("add", "slack", "x"), URL),
        (("add", "topic", "x"), ""),
        (("add", "topic", "x", "--topic-arn", "arn:aws:sns:us-east-1:1:another"), ""),
        (("add", "webhook", "x", "--topic-arn", "arn:aws:sns:us-east-1:1:handshake-x-told-x"), URL),
    ],
)
def test_what_cannot_be_a_channel_is_refused_and_nothing_is_kept(
    target: Target, words: tuple[str, ...], url: str
) -> None:
    refused = _ops(*words, url=url)

    assert refused.exit_code == 2, refused.output
    assert "secret-part" not in refused.output
    assert target.secrets == {}
    assert read_channels(target.context())[0] == ()


def test_this_machine_is_a_channel_of_the_local_stack_alone(target: Target) -> None:
    target.outputs["ApiStage"] = "local"

    assert _ops("add", "webhook", "here", url="http://127.0.0.1:9/x").exit_code == 0


def test_an_id_is_registered_once_and_may_be_again_once_it_is_removed(target: Target) -> None:
    assert _ops("add", "webhook", "people", url=URL).exit_code == 0
    again = _ops("add", "webhook", "people", url=URL)
    assert again.exit_code == 1
    assert "remove it first" in again.output

    assert _ops("remove", "people").exit_code == 0
    assert (target.secrets, read_channels(target.context())[0]) == ({}, ())
    assert _ops("remove", "people").exit_code == 1
    assert _ops("add", "webhook", "people", url=URL).exit_code == 0


def test_a_test_is_put_on_the_channels_own_queue(target: Target) -> None:
    _ops("add", "webhook", "people", url=URL)

    assert _ops("test", "people").exit_code == 0
    assert _ops("test", "nobody").exit_code == 1
    [sent] = target.sent
    assert sent["queue"] == "queue-Webhook"
    assert json.loads(sent["MessageBody"]) == {
        "channel": "people",
        "addedAt": NOW_MS,
        "test": "id-1",
        "at": NOW_MS,
    }


@pytest.mark.usefixtures("target")
def test_without_channels_the_list_says_so() -> None:
    assert "no channel" in _ops("list").stdout
    assert json.loads(_ops("list", "--json").stdout) == []


def test_there_is_room_for_so_many(target: Target) -> None:
    from dataclasses import replace  # noqa: PLC0415 - of this test alone

    from handshake.channels.table import ChannelsTransaction  # noqa: PLC0415 - as above

    _ops("add", "webhook", "c", url=URL)
    [channel], version = read_channels(target.context())
    many = [replace(channel, channel_id=f"c-{number}") for number in range(MAX_CHANNELS)]
    tx = ChannelsTransaction(target.context())
    tx.keep(many, seen=version)
    assert tx.commit()

    refused = _ops("add", "slack", "one-more", url=SLACK)

    assert refused.exit_code == 1
    assert f"at most {MAX_CHANNELS}" in refused.output
    assert len(read_channels(target.context())[0]) == MAX_CHANNELS
    assert "handshake-x/channels/one-more" not in target.secrets
