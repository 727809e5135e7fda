"""test:ap6-gate: run the tests of trust, replay and evidence, which must hold whatever else does.

In process, on DynamoDB Local where a race or a transaction decides, so it needs no stack.
"""

from typing import Final

from ops.gates.gate import Options
from ops.gates.suite import Suite, run_suite
from ops.verdict import Verdict

SUITE: Final = Suite(
    paths={
        "tests/trust/test_token.py": "trust: only well-formed, signed, current tokens are believed",
        "tests/trust/test_token_times.py": "trust: validity, skew and the life of a guard",
        "tests/trust/test_keys.py": "trust: current and previous key, revocation, no key",
        "tests/trust/test_identity.py": "trust: only well-formed envelopes are believed",
        "tests/requests/test_access.py": "trust: self, tenant and any, and nothing beyond",
        "tests/replay_guards/test_table.py": "replay: a key is used once while its guard lives",
        "tests/contract/test_fail_closed.py": "replay: without its guard nothing privileged happens",
        "tests/contract/test_lost_answers.py": "replay: a lost answer is settled by its key",
        "tests/requests/test_evidence.py": "evidence: an edited, dropped or reordered event shows",
        "tests/requests/test_execution.py": "evidence: execution needs the decision's own artifact",
        "tests/faults/test_races.py": "replay and evidence: one winner of many, whatever the race",
    },
    at_least=800,
)


def check(options: Options) -> Verdict:
    """See ``Gate``."""
    return run_suite(SUITE, options)
