"""Holds a stack on this machine to what it must not be given."""

import pytest

from ops.local.settings import LOCAL_TRUST_SECRET
from ops.local.stack import LocalStack


def test_no_environment_but_local_is_given_a_trust_secret() -> None:
    with pytest.raises(ValueError, match="generates the trust secret of production"):
        LocalStack(environment="production", trust_secret="known")

    assert LocalStack(environment="production").trust_secret == ""
    assert LocalStack().trust_secret == LOCAL_TRUST_SECRET
