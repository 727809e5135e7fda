"""python -m ops edge, as a person runs it against a deployed stack."""

import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import urllib3

from ops.local.commands import free_port
from ops.local.settings import REGION, ROOT
from tests.support.gateway import KEY, Gateway, gateway


class Edge(NamedTuple):
    """A running command, and what it says of itself."""

    url: str
    header_file: Path
    api: Gateway

    def post(self, **headers: str) -> tuple[int, str | None]:
        """Ask for an action. Returns the status, and the reason code of a refusal."""
        answer = urllib3.request(
            "POST",
            f"{self.url}/workflow/decision-room/action",
            body=b"{}",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            retries=False,
        )
        return answer.status, answer.json().get("reasonCode")

    @property
    def token(self) -> str:
        """The value of the header that the file has."""
        return self.header_file.read_text().strip().removeprefix("authorization: ")


@contextmanager
def running(*options: str) -> Iterator[Edge]:
    """Run the command until the end of the block, then interrupt it and see that it ends well."""
    key = KEY.get_frozen_credentials()
    environment = os.environ | {
        "AWS_ACCESS_KEY_ID": str(key.access_key),
        "AWS_SECRET_ACCESS_KEY": str(key.secret_key),
        "AWS_SESSION_TOKEN": str(key.token),
        "HANDSHAKE_ENVELOPE": '{"principalId": "me"}',
    }
    command = [sys.executable, "-m", "ops", "edge", "--region", REGION, "--port", str(free_port()), *options]
    with (
        gateway() as api,
        subprocess.Popen(  # noqa: S603 - our own command
            [*command, "--api-url", f"{api.url}/production"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stdout
        [file] = re.findall(r"header in (.+?): curl", process.stdout.readline())
        [url] = re.findall(r"ready (\S+)", process.stdout.readline())
        try:
            yield Edge(url, Path(file), api)
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
        assert not Path(file).exists()


def test_only_who_can_read_the_token_calls_and_only_as_the_operator() -> None:
    with running() as edge:
        assert stat.S_IMODE(edge.header_file.stat().st_mode) == 0o600
        assert edge.post() == (401, "security_missing_authorization_header")
        assert edge.post(authorization="Bearer guess") == (401, "security_token_invalid")
        assert edge.post(authorization=edge.token, x_identity_envelope='{"principalId": "ana"}') == (
            403,
            "security_identity_subject_mismatch",
        )
        assert edge.api.received == []

        assert edge.post(authorization=edge.token) == (200, None)
        [passed_on] = edge.api.received

    assert (passed_on.target, passed_on.header("x-identity-envelope")) == (
        "/production/workflow/decision-room/action",
        '{"principalId": "me"}',
    )
    assert passed_on.is_signed(KEY.get_frozen_credentials())


def test_envelopes_of_callers_are_passed_on_where_that_was_asked_for() -> None:
    with running("--accept-envelopes") as edge:
        assert edge.post(x_identity_envelope='{"principalId": "ana"}') == (401, "security_missing_authorization_header")
        assert edge.post(authorization=edge.token, x_identity_envelope='{"principalId": "ana"}') == (200, None)
        assert edge.api.last.header("x-identity-envelope") == '{"principalId": "ana"}'
