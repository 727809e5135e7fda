"""Mistakes that the next change may bring: each is made on a copy of the checkout, and the check that is there for it
must fail.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from ops.local.settings import ROOT
from tests.support.checkouts import copy_to, replace_in

_MYPY: Final = ("-m", "mypy", "shared/handshake", "functions")  # where each of them is made
_DOCUMENT: Final = ("-m", "ops.openapi", "--check")
_ACTIONS: Final = "shared/handshake/requests/decision_action.py"
_RULE_KEYS: Final = "shared/handshake/policy/rule_keys.py"
_HANDLER: Final = "functions/workflow/app.py"
_KEY: Final = """ALLOWED_PAYEES: Final = RuleKey[frozenset[str]](
    name="allowed_payees",
    context_name="allowedPayees",
    parse=_categories,
    narrow=frozenset.intersection,
    judge=_judge_category,
    default=[],
    precedence=5,
)

# In the order"""
_REJECT: Final = '    Action.REJECT: ActionRow(words=("reject", "deny")),\n'
_TIER: Final = '            "tier": self.tier,\n'
_LISTED: Final = "    ALLOWED_CATEGORIES,\n"


class Mistake(NamedTuple):
    """Edits of a copy (file, text, instead), the check that they must fail, and what it says of them."""

    edits: Sequence[tuple[str, str, str]]
    check: Sequence[str]
    says: str


MISTAKES: Final = {
    "a rule key that does not say how two scopes narrow it": Mistake(
        [(_RULE_KEYS, "# In the order", _KEY.replace("    narrow=frozenset.intersection,\n", ""))],
        _MYPY,
        'Missing named argument "narrow" for "RuleKey"',
    ),
    "a rule key that does not say what it makes of a payment": Mistake(
        [(_RULE_KEYS, "# In the order", _KEY.replace("    judge=_judge_category,\n", ""))],
        _MYPY,
        'Missing named argument "judge" for "RuleKey"',
    ),
    "a rule key whose demand another kind of rule judges": Mistake(
        [(_RULE_KEYS, "# In the order", _KEY.replace("judge=_judge_category", "judge=_judge_amount"))],
        _MYPY,
        'Argument "judge" to "RuleKey" has incompatible type',
    ),
    "a rule key that the document does not know": Mistake(
        [
            (_RULE_KEYS, "# In the order", _KEY),
            (_RULE_KEYS, _LISTED, _LISTED + "    ALLOWED_PAYEES,\n"),
        ],
        ("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/ops/openapi/test_document.py", "-k", "rule_key"),
        "allowed_payees",
    ),
    "an action that nothing decides": Mistake(
        [
            (_ACTIONS, "    REJECT = auto()\n", "    REJECT = auto()\n    DEFER = auto()\n"),
            (_ACTIONS, _REJECT, _REJECT + _REJECT.replace("REJECT", "DEFER").replace('"reject", "deny"', '"defer",')),
        ],
        _MYPY,
        'Argument 1 to "assert_never" has incompatible type "Literal[Action.DEFER]"',
    ),
    "an action's word that the document and the client do not know": Mistake(
        [(_ACTIONS, 'words=("reject", "deny")', 'words=("reject", "deny", "refuse")')],
        _DOCUMENT,
        "is not what the code says",
    ),
    "a member of an answer that its type does not name": Mistake(
        [("shared/handshake/requests/record.py", _TIER, _TIER + '            "risk": self.risk_tier,\n')],
        _MYPY,
        'Extra key "risk" for TypedDict "Artifact"',
    ),
    "a handler that reaches the store outside an invocation": Mistake(
        [(_HANDLER, "submit(\n        call.context,", "submit(\n        call.runtime.context,")],
        _MYPY,
        '"Runtime" has no attribute "context"',
    ),
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy whose types are checked once, so that a mistake is looked for in what changed."""
    copy = copy_to(tmp_path_factory.mktemp("mistakes") / "checkout")
    assert _run(copy, _MYPY) == (0, "")
    return copy


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_the_mistake_fails_the_check_that_is_there_for_it(checkout: Path, mistake: Mistake) -> None:
    before = {path: (checkout / path).read_text() for path, _, _ in mistake.edits}
    try:
        for path, text, instead in mistake.edits:
            replace_in(checkout / path, text, instead)
        code, said = _run(checkout, mistake.check)
    finally:
        for path, text in before.items():
            (checkout / path).write_text(text)

    assert code != 0
    assert mistake.says in said


def _run(checkout: Path, arguments: Sequence[str]) -> tuple[int, str]:
    """The exit code of a command in the copy, and what it says where it fails."""
    environment = os.environ | {"PYTHONPATH": f"{checkout}/shared:{checkout}/sdk/python/src:{checkout}", "CI": "true"}
    done = subprocess.run(  # noqa: S603 - a command of ours
        [sys.executable, *arguments], cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr if done.returncode else ""


def test_the_copy_is_of_this_checkout(checkout: Path) -> None:
    assert (checkout / _ACTIONS).read_text() == (ROOT / _ACTIONS).read_text()
