"""DynamoDB Local as it is started here: for whoever knows its path, on loopback alone."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import urllib3

from ops.local.dynamodb import Served, dynamodb_local
from tests.support import engines
from tests.support.processes import listening_at

LIST_TABLES = {
    "x-amz-target": "DynamoDB_20120810.ListTables",
    "content-type": "application/x-amz-json-1.0",
    "authorization": "AWS4-HMAC-SHA256 Credential=test/20200101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, "
    "Signature=0",
}


def _status(url: str, headers: Mapping[str, str] | None = None) -> int:
    return urllib3.request("POST", url, headers={**LIST_TABLES, **(headers or {})}, body=b"{}", retries=False).status


def test_it_listens_on_loopback_alone(dynamodb_local_endpoint: str) -> None:
    port = urlsplit(dynamodb_local_endpoint).port

    assert listening_at(port) == ["127.0.0.1"]


def test_who_does_not_know_its_path_reaches_nothing(dynamodb_local_endpoint: str) -> None:
    base = dynamodb_local_endpoint.rpartition("/")[0]

    assert _status(dynamodb_local_endpoint) == 200
    assert [_status(base + path) for path in ("", "/", "/shell/", "/other", "/%2e/")] == [404] * 5


def test_another_name_of_this_machine_reaches_nothing(dynamodb_local_endpoint: str) -> None:
    assert _status(dynamodb_local_endpoint, {"host": "evil.test"}) == 404


def test_its_answers_are_for_no_page(dynamodb_local_endpoint: str) -> None:
    preflight = {"origin": "http://evil.test", "access-control-request-method": "POST"}

    answer = urllib3.request("OPTIONS", dynamodb_local_endpoint, headers=preflight, retries=False)

    assert answer.status >= 400
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_its_path_is_in_a_file_of_its_owner_alone_and_on_no_command_line(tmp_path: Path) -> None:
    served = Served(1)

    command = served.command(tmp_path, home=Path("home"), data=None)

    assert Path(command[-1]).stat().st_mode & 0o777 == 0o600
    assert served.secret in Path(command[-1]).read_text()
    assert not [word for word in command if served.secret in word]
    assert Served(1).secret != served.secret


@pytest.mark.usefixtures("dynamodb_local_endpoint")
def test_what_it_keeps_in_a_folder_is_there_again(tmp_path: Path) -> None:
    home = engines.DYNAMODB_LOCAL
    with dynamodb_local(log=tmp_path / "log", home=home, data=tmp_path) as endpoint:
        tables = engines.create_tables(engines.client_of("dynamodb", endpoint), "policy")
    with dynamodb_local(log=tmp_path / "log", home=home, data=tmp_path) as endpoint:
        assert engines.client_of("dynamodb", endpoint).list_tables()["TableNames"] == [tables.policy]
