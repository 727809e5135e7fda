"""What the bounds let through never ends the process, however small the stack (contract.md 15)."""

import subprocess
import sys

import pytest

from ops.local.settings import ROOT

NESTED = 20_000


@pytest.mark.parametrize("stack_mib", [1, 2, 8])
def test_texts_at_the_bounds_are_judged_on_every_stack(stack_mib: int) -> None:
    """Each pathological text is let through and judged, and three hundred scrambled ones end nothing.

    How long the hardest takes is `make bench BENCH=cedar`'s to say.
    """
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "tests.hostile.cedar_bounds", str(stack_mib), "300"],
        cwd=ROOT,
        env={"PYTHONPATH": "shared:.", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    _, within, read, *_ = done.stdout.split()
    assert int(within) >= int(read) >= 30


def test_what_the_bounds_keep_away_would_have_ended_the_process() -> None:
    """Without the bounds the engine's parser ends the process: that is what they are for."""
    nested = f"'permit (principal, action, resource) when {{' + '(' * {NESTED} + '1' + ')' * {NESTED} + '}};'"
    script = f"import cedarpy; cedarpy.PolicySet.from_str({nested})"
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", script], capture_output=True, check=False, timeout=60
    )
    assert done.returncode < 0
