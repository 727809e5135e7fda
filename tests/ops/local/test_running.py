"""Tests that commands on this machine find the local stack, and nobody else its key."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ops.local import running
from ops.local.deployment import NoDeploymentError, find
from ops.local.running import Running, read_running, running_here
from ops.local.settings import ISSUER_ARN, REGION, ROOT, ROOT_KEY, STACK_NAME

URL = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The record of a checkout of the test's own."""
    folder = tmp_path / "state"
    monkeypatch.setattr(running, "STATE", folder)
    monkeypatch.setattr(running, "RUNNING", folder / "running.json")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    return folder / "running.json"


def test_a_running_stack_is_found_with_its_key(record: Path) -> None:
    with running_here(URL):
        assert read_running() == Running(URL, REGION, STACK_NAME, ROOT_KEY, ISSUER_ARN)
        assert json.loads(record.read_text()) == {
            "endpointUrl": URL,
            "region": REGION,
            "stack": STACK_NAME,
            "rootKey": list(ROOT_KEY),
            "issuerRole": ISSUER_ARN,
        }

    assert read_running() is None
    assert not record.exists()


def test_the_record_and_its_folder_are_their_owners_alone(record: Path) -> None:
    record.parent.mkdir(mode=0o755)

    with running_here(URL):
        assert [path.stat().st_mode & 0o777 for path in (record, record.parent)] == [0o600, 0o700]


def test_the_key_is_made_for_the_run_and_no_known_one() -> None:
    script = "from ops.local.settings import ROOT_KEY; print(*ROOT_KEY)"
    command = [sys.executable, "-c", script]
    of_another = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - our own

    assert len(ROOT_KEY[1]) == 40
    assert of_another.stdout.split() != list(ROOT_KEY)


def test_what_a_killed_stack_left_behind_is_no_running_stack(record: Path) -> None:
    script = f"""
import sys, time
from pathlib import Path
from ops.local import running
running.STATE, running.RUNNING = Path({str(record.parent)!r}), Path({str(record)!r})
with running.running_here({URL!r}):
    print("running", flush=True)
    time.sleep(60)
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as killed:  # noqa: S603 - our own words
        assert killed.stdout is not None
        assert killed.stdout.readline() == "running\n"
        found = read_running()
        assert found is not None
        assert found.root_key != ROOT_KEY
        os.kill(killed.pid, signal.SIGKILL)

    assert record.exists()
    assert read_running() is None
    with pytest.raises(NoDeploymentError, match="no local stack is running"):
        find()


def test_a_stack_that_ends_leaves_the_record_of_a_later_one() -> None:
    earlier = running_here("http://127.0.0.1:2")
    earlier.__enter__()
    with running_here(URL):
        earlier.__exit__(None, None, None)
        found = read_running()

    assert found is not None
    assert found.endpoint_url == URL
