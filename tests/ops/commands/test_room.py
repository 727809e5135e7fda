"""ops room publish: what a stack's bucket holds afterwards, and as what."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from ops.commands import approvals
from ops.commands.app import app
from ops.commands.room import KEYS
from ops.local import deployment
from ops.local.page import CACHE_CONTROL, page_files
from ops.local.settings import ROOT_KEY
from tests.support import engines

_OUTPUTS: Final = {
    "PageUrl": "https://approve.example.com",
    "SignInUrl": "https://acme.auth.us-east-1.amazoncognito.com",
    "UserPoolClientId": "client",
}
_KEYS: Final = {"keys": [{"kid": "first"}]}


@dataclass
class _Target:
    """A deployment, as far as publishing asks for one."""

    s3: Any
    outputs: dict[str, str] = field(default_factory=dict)

    def client(self, _service: str) -> Any:
        return self.s3


class _Api:
    def get_grant_keys(self) -> Any:
        return _KEYS


@pytest.fixture
def target(ministack_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> _Target:
    """A stack with a bucket for its page, on the emulated S3."""
    made = _Target(engines.client_of("s3", ministack_endpoint, key=ROOT_KEY), dict(_OUTPUTS))

    @contextmanager
    def client_of(*_: object) -> Iterator[_Api]:
        yield _Api()

    monkeypatch.setattr(deployment, "find", lambda _stack: made)
    monkeypatch.setattr(approvals, "client_of", client_of)
    return made


def _published(target: _Target) -> dict[str, tuple[bytes, str, str]]:
    names = [kept["Key"] for kept in target.s3.list_objects_v2(Bucket=target.outputs["PageBucket"])["Contents"]]
    read = {name: target.s3.get_object(Bucket=target.outputs["PageBucket"], Key=name) for name in names}
    return {name: (one["Body"].read(), one["ContentType"], one["CacheControl"]) for name, one in read.items()}


def test_the_bucket_holds_the_page_its_sign_in_and_the_keys_and_nothing_of_before(target: _Target) -> None:
    target.outputs["PageBucket"] = "a-page"
    target.s3.create_bucket(Bucket="a-page")
    target.s3.put_object(Bucket="a-page", Key="of-another-release.js", Body=b"old")

    ran = CliRunner().invoke(app, ["room", "publish", "--stack", "handshake-staging"])

    assert ran.exit_code == 0, ran.output
    assert "https://approve.example.com, 1 old ones are gone" in ran.stdout
    published = _published(target)
    files = page_files(None)
    assert set(published) == {*files, "signin.json", KEYS}
    for name, file in files.items():
        assert published[name] == (file.body, file.content_type, CACHE_CONTROL)
    assert b'"token": "https://acme.auth.us-east-1.amazoncognito.com/oauth2/token"' in published["signin.json"][0]
    assert published[KEYS] == (b'{"keys": [{"kid": "first"}]}', "application/json", CACHE_CONTROL)


def test_a_stack_without_a_page_is_named_as_that(target: _Target) -> None:
    del target.outputs["PageUrl"]

    ran = CliRunner().invoke(app, ["room", "publish"])

    assert ran.exit_code == 1
    assert "PeopleSignIn=true" in ran.stderr
