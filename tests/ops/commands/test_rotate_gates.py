"""The last step of a rotation runs the gates themselves: another process, on a checkout of its own."""

import json
import re
import shutil
import time
from functools import partial
from pathlib import Path

import pytest

from ops.commands.rotate import STEPS, StepFailedError, first_step, run_gates
from ops.gates.registry import CANNOT_JUDGE, GATES, READINESS_RUNS
from ops.local.build import build
from ops.local.settings import ROOT
from tests.ops.commands.test_rotate_walk import a_walk
from tests.support.checkouts import commit_all, copy_to
from tests.support.secrets_manager import SecretsManager

# Readiness runs two of them itself.
RUN = len(GATES) - len(READINESS_RUNS)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this one, no clone yet, whose two selections of tests are a quick file each: they take minutes."""
    copy = copy_to(tmp_path / "checkout")
    for name in ("ap6_suite", "prod_suite"):
        path = copy / "ops" / "gates" / f"{name}.py"
        quick = 'paths={"tests/requests/test_access.py": "quick"},\n    at_least=1'
        cut, changed = re.subn(r"paths=\{.*?\},\n    at_least=\d+", quick, path.read_text(), flags=re.DOTALL)
        assert changed == 1
        path.write_text(cut)
    # None of this changes what SAM builds.
    built = build().parent
    shutil.copytree(built, copy / built.relative_to(ROOT))
    return copy


@pytest.mark.timeout(400)
def test_a_rotation_is_over_once_the_gates_of_the_checkout_pass(
    checkout: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    secrets = SecretsManager(now_s=time.time())
    secrets.add("two", "key-of-two", "AWSCURRENT")
    secrets.add("one", "key-of-one", "HANDSHAKE_REVOKED")
    walk = a_walk(secrets, gates=partial(run_gates, checkout))

    # Receipts name a commit, so where there is none no gate can judge.
    with pytest.raises(StepFailedError, match=f"gates failed with {CANNOT_JUDGE}"):
        STEPS[5].take(walk)
    assert f"0 of {RUN} gates passed" in capfd.readouterr().err
    assert first_step(walk) == 6

    commit_all(checkout)
    STEPS[5].take(walk)
    assert f"{RUN} of {RUN} gates passed" in capfd.readouterr().err
    assert first_step(walk) == 1
    kept = [json.loads(path.read_text()) for path in (checkout / ".handshake" / "receipts").glob("*.json")]
    assert {one["gate"]: one["exit_code"] for one in kept} == dict.fromkeys(GATES, 0)
