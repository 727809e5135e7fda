"""The payment agent, the executor and the curl script: run as they are, against the handlers over HTTP."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from ops.local.settings import REGION, ROOT
from tests.sdk.serving import Answer, handlers_of, served
from tests.support.gateway import KEY, Received
from tests.support.service import InProcess, claim, decided, get, human, post, unique

EXAMPLES: Final = ROOT / "examples"
WITH_SDK: Final = {"PYTHONPATH": str(ROOT / "sdk/python/src")}


def _run(*command: str | Path, env: Mapping[str, str], stdin: str = "") -> tuple[int, str]:
    ran = subprocess.run(  # noqa: S603 - our own words
        [str(part) for part in command], env={"PATH": os.environ["PATH"], **env}, input=stdin, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in ran.stderr, ran.stderr
    return ran.returncode, ran.stdout + ran.stderr


# -- the payment agent


@pytest.fixture
def pays(url: str, tmp_path: Path) -> Iterator[Any]:
    """Start the payment agent on an invoice of this amount and say how it ended; what it paid is in ``ledger``."""
    number = unique("no")
    started: list[subprocess.Popen[str]] = []

    def start(amount: float, *, wait_s: float = 0) -> subprocess.Popen[str]:
        invoice = {"number": number, "payee": "ACME GmbH", "amount": amount, "currency": "EUR"}
        (tmp_path / "invoice.json").write_text(json.dumps(invoice))
        started.append(
            subprocess.Popen(  # noqa: S603 - our own words
                [sys.executable, EXAMPLES / "payment_agent/pay.py", tmp_path / "invoice.json", tmp_path / "ledger"],
                env={**WITH_SDK, "HANDSHAKE_URL": url, "WAIT_S": str(wait_s)},
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    start.request_id = f"invoice-{number}"  # type: ignore[attr-defined]  # what a person is asked about
    yield start
    for process in started:
        process.kill()
        process.communicate()


def _ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    said, _ = process.communicate(timeout=60)
    return process.returncode, said


def _ledger(tmp_path: Path) -> list[dict[str, Any]]:
    file = tmp_path / "ledger"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_the_payment_agent_pays_what_is_allowed_once(pays: Any, tmp_path: Path) -> None:
    first, second = _ended(pays(40)), _ended(pays(40))

    assert (first[0], second) == (0, (4, "not paid: security_grant_consumed\n"))
    [paid] = _ledger(tmp_path)
    assert paid == {"idempotencyKey": f"grant_{pays.request_id}", "payee": "ACME GmbH", "amount": 40, "currency": "EUR"}


def test_the_payment_agent_pays_nothing_that_is_denied(pays: Any, tmp_path: Path) -> None:
    code, said = _ended(pays(5000))

    assert (code, _ledger(tmp_path)) == (3, [])
    assert "over what the agent may spend in a day" in said


def test_the_payment_agent_waits_for_a_person(pays: Any, tmp_path: Path, service: InProcess) -> None:
    waiting = pays(150, wait_s=30)
    person = human("accounts-payable", tenantId="acme")
    deadline = time.monotonic() + 20
    while get(service, f"/workflow/decision-room/{pays.request_id}", envelope=person).status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert _ledger(tmp_path) == []
    body = {"requestId": pays.request_id, "action": "approve"}
    assert post(service, "/workflow/decision-room/action", body, envelope=person).status == 200

    code, _ = _ended(waiting)

    assert (code, len(_ledger(tmp_path))) == (0, 1)


# -- the executor


@pytest.fixture
def executor(service: InProcess, tmp_path: Path) -> Any:
    """Run the executor on these lines. It may open no socket: its grants are verified offline."""
    (tmp_path / "jwks.json").write_text(json.dumps(get(service, "/.well-known/jwks.json").body))
    offline = "import pytest_socket, runpy, sys; pytest_socket.disable_socket(); sys.argv.pop(0);"
    run_it = f"{offline} runpy.run_path(sys.argv[0], run_name='__main__')"

    def run(*lines: str) -> list[str]:
        program = EXAMPLES / "executor/execute.py"
        given = (tmp_path / "jwks.json", tmp_path / "used")
        code, said = _run(sys.executable, "-c", run_it, program, *given, env=WITH_SDK, stdin="\n".join(lines))
        assert code == 0, said
        return said.splitlines()

    return run


def _order(service: InProcess, **changes: Any) -> tuple[str, str]:
    """Give an order that is allowed and claimed, as a line; and its grant's id."""
    action = {"operation": "bank.transfer", "arguments": {"payee": "ACME", "amount": 10, "currency": "EUR"}}
    request = decided(service, "allow", context={}, action=action)
    granted = claim(service, request)
    assert granted.status == 200, granted
    line = json.dumps({"request": request | changes, "grant": granted.body["grant"]})
    return line, granted.body["grantId"]


def test_the_executor_does_what_a_grant_says_once(service: InProcess, executor: Any) -> None:
    (first, grant_id), (second, other_id) = _order(service), _order(service)

    said = executor(first, first, second)
    again = executor(first)

    assert said == [
        f"{grant_id}: transferred 10 EUR to ACME",
        "refused: the grant was used before",
        f"{other_id}: transferred 10 EUR to ACME",
    ]
    assert again == ["refused: the grant was used before"]


def test_the_executor_does_nothing_else(service: InProcess, executor: Any) -> None:
    more = {"operation": "bank.transfer", "arguments": {"payee": "ACME", "amount": 11, "currency": "EUR"}}
    unknown = {"operation": "bank.close", "arguments": {}}
    changed, other, forged = _order(service, action=more)[0], _order(service, action=unknown)[0], _order(service)[0]
    forged = forged[:-6] + ("A" if forged[-6] != "A" else "B") + forged[-5:]

    said = executor(changed, other, forged, "{}", "no JSON", "[]")

    assert len(said) == 6
    assert all(line.startswith("refused: ") for line in said)
    assert "another action" in said[0]


# -- curl


@pytest.fixture
def signed_url(service: InProcess) -> Iterator[tuple[str, list[Received]]]:
    """Say where handlers answer who signs, as API Gateway does, and what arrived there."""
    answering, arrived = handlers_of(service), list[Received]()

    def answer(method: str, target: str, headers: dict[str, str], body: str | None) -> Answer | None:
        call = Received(method, target, tuple(headers.items()), (body or "").encode())
        arrived.append(call)
        if not call.is_signed(KEY.get_frozen_credentials()):
            return 401, {}, b'{"reasonCode": "security_token_invalid"}'
        return answering(method, target, headers, body)

    with served(answer) as url:
        yield url, arrived


def _curl(url: str, **env: str) -> tuple[int, str]:
    key = KEY.get_frozen_credentials()
    given = {
        "HANDSHAKE_URL": url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": str(key.access_key),
        "AWS_SECRET_ACCESS_KEY": str(key.secret_key),
        "AWS_SESSION_TOKEN": str(key.token),
    }
    return _run("bash", EXAMPLES / "curl/calls.sh", env=given | env)


def test_curl_asks_claims_and_reports(signed_url: tuple[str, list[Received]], service: InProcess) -> None:
    url, arrived = signed_url
    request_id = unique("curl")

    code, said = _curl(url, REQUEST_ID=request_id)

    assert (code, said.splitlines()) == (
        0,
        [
            f"{request_id}: allowed_terminal",
            f"claimed grant_{request_id}; here the payment would be made, with that as its idempotency key",
            "reported: succeeded",
        ],
    ), said
    assert {"x-identity-envelope", "x-amz-security-token", "content-type"} <= set(arrived[0].signed_headers)
    seen = get(service, f"/workflow/requests/{request_id}", envelope=human("curl-user", tenantId="acme"))
    assert seen.body["state"] == "allowed_terminal"


def test_curl_does_nothing_that_is_denied(signed_url: tuple[str, list[Received]]) -> None:
    url, arrived = signed_url

    code, said = _curl(url, AMOUNT="5000", REQUEST_ID=unique("curl"))

    assert (code, "denied_terminal" in said, len(arrived)) == (3, True, 1)


def test_curl_with_another_key_is_refused(signed_url: tuple[str, list[Received]]) -> None:
    code, said = _curl(signed_url[0], AWS_SECRET_ACCESS_KEY="of somebody else", REQUEST_ID=unique("curl"))

    assert (code, "security_token_invalid" in said) == (3, True)
