"""A rule that the code lost fails the gate whose selection of tests guards it."""

from pathlib import Path
from typing import Final

import pytest

from ops.gates import ap6_suite, prod_suite
from ops.gates.gate import Options
from ops.gates.suite import Suite, run_suite
from tests.ops.gates.findings import problems
from tests.support import engines
from tests.support.checkouts import copy_to, replace_in

TRUST: Final = "tests/trust/test_token.py"
AUTHORIZE: Final = "tests/contract/test_authorize.py"

pytestmark = [pytest.mark.usefixtures("dynamodb_local_endpoint"), pytest.mark.timeout(300)]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of this one, which uses the same DynamoDB Local."""
    monkeypatch.setenv("HANDSHAKE_DYNAMODB_LOCAL", str(engines.DYNAMODB_LOCAL))
    return copy_to(tmp_path / "checkout")


def _found(checkout: Path, selection: Suite, path: str) -> str:
    """Give what the gate finds by one file of its selection, in process and up to a failure."""
    one = Suite({path: selection.paths[path]}, at_least=1)
    return problems(run_suite(one, Options(checkout), more=("-m", "not deployed", "-x")))


def test_a_trust_token_whose_signature_nobody_minds_fails_the_ap6_gate(checkout: Path) -> None:
    assert _found(checkout, ap6_suite.SUITE, TRUST) == ""

    replace_in(checkout / "shared/handshake/trust/token.py", "if not any(matches):", "if not matches:")

    assert "tests failed (pytest: 1)" in _found(checkout, ap6_suite.SUITE, TRUST)


def test_an_execution_that_nobody_approved_yet_fails_the_prod_gate(checkout: Path) -> None:
    assert _found(checkout, prod_suite.SUITE, AUTHORIZE) == ""

    rule = "shared/handshake/requests/execution.py"
    replace_in(
        checkout / rule, "if not record.state.authorizes:", "if record.state.terminal and not record.state.authorizes:"
    )

    assert "tests failed (pytest: 1)" in _found(checkout, prod_suite.SUITE, AUTHORIZE)
