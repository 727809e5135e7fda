"""test:prod-gate: run the tests of transport and invariants, which production may never do without.

On the stack as SAM builds and deploys it, so that signatures, roles and routes are the template's own, beside the
handlers in process where both are held to the same rows of the contract.
"""

from typing import Final

from ops.gates.gate import Options
from ops.gates.suite import Suite, run_suite
from ops.verdict import Verdict

SUITE: Final = Suite(
    paths={
        "tests/contract/test_protected_routes.py": "transport: nobody unsigned, no identity but an issuer's",
        "tests/contract/test_envelope.py": "transport: the envelope, on every route that needs it",
        "tests/contract/test_trust_token.py": "transport: the trust token on policy apply",
        "tests/contract/test_errors.py": "transport: every refusal has the contract's body and code",
        "tests/contract/test_idempotency.py": "invariant: a key is good for one action",
        "tests/contract/test_stricter_guards.py": "invariant: whose a key is, and when it is used up",
        "tests/contract/test_reads.py": "invariant: self, tenant and any, and no other tenant's",
        "tests/contract/test_decision_action.py": "invariant: authority, deadline, and terminal states",
        "tests/contract/test_authorize.py": "invariant: no execution without a decision that allows it",
        "tests/contract/test_fail_closed.py": "invariant: in doubt, nothing changes",
        "tests/stack/test_roles.py": "invariant: each function may do what it needs and no more",
    },
    at_least=1000,
)


def check(options: Options) -> Verdict:
    """See ``Gate``."""
    return run_suite(SUITE, options)
