"""ops token mint: a token for one body, on one stack."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import pytest
from typer.testing import CliRunner

from handshake.core.errors import HandshakeError
from handshake.trust.token import Binding, verify_token
from ops.commands.app import app
from ops.local import deployment
from ops.local.settings import LOCAL_TRUST_SECRET, STACK_NAME

BODY: Final = '{"scope": "global", "rules": []}'


def _mint(*words: str, stdin: bytes | None = None) -> str:
    done = CliRunner().invoke(app, ["token", "mint", *words], input=stdin)
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def _takes(token: str, body: bytes, stack: str = STACK_NAME) -> bool:
    binding = Binding.to(body, stack, required=True)
    try:
        return bool(verify_token(token, keys=[LOCAL_TRUST_SECRET.encode()], now_s=time.time(), binding=binding))
    except HandshakeError:
        return False


def test_what_is_minted_is_bound_to_the_body_and_the_stack() -> None:
    token = _mint("--body", BODY)

    assert _takes(token, BODY.encode())
    assert not _takes(token, b"{}")
    assert not _takes(token, BODY.encode(), "handshake-production")
    elsewhere = _mint("--body", BODY, "--stack", "handshake-production", "--secret", LOCAL_TRUST_SECRET)
    assert _takes(elsewhere, BODY.encode(), "handshake-production")


def test_the_stack_that_it_is_for_is_asked_for_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> SimpleNamespace:
        return SimpleNamespace(trust_secret=f"the secret of {name}".encode)

    monkeypatch.setattr(deployment, "find", find)

    token, keys = _mint("--body", BODY, "--stack", "handshake-production"), [b"the secret of handshake-production"]

    binding = Binding.to(BODY.encode(), "handshake-production", required=True)
    verify_token(token, keys=keys, now_s=time.time(), binding=binding)


def test_the_body_is_read_to_the_byte_from_a_file_or_from_standard_input(tmp_path: Path) -> None:
    body = (BODY + "\r\n").encode()
    (tmp_path / "policy.json").write_bytes(body)

    assert _takes(_mint("--body", f"@{tmp_path / 'policy.json'}"), body)
    assert _takes(_mint("--body", "@-", stdin=body), body)


@pytest.mark.parametrize("words", [[], ["--body", "@/no/such/file"]], ids=str)
def test_without_a_body_nothing_is_minted(words: list[str]) -> None:
    done = CliRunner().invoke(app, ["token", "mint", *words])

    assert done.exit_code in {1, 2}
    assert "." not in done.stdout.strip() or "eyJ" not in done.stdout
