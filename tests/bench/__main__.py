"""Numbers: `python -m tests.bench [NAME ...]`, all without a name. Each says what it measured and what follows."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Final

from tests.bench import cedar, contention, growth, load, read_cost, token_timing, warm_path
from tests.bench.cold_start import bench as cold_start
from tests.bench.cold_start import cedar as cold_start_with_cedar

# In the order in which they run, with how many minutes each takes on two idle cores.
_BENCHES: Final[Mapping[str, tuple[int, Callable[[], int]]]] = {
    "cold-start": (5, cold_start.main),
    "cold-start-with-cedar": (1, cold_start_with_cedar.main),
    "warm-path": (1, warm_path.main),
    "load": (3, load.main),
    "contention": (3, contention.main),
    "growth": (10, growth.main),
    "read-cost": (4, read_cost.main),
    "token-timing": (1, token_timing.main),
    "cedar": (1, cedar.main),
}


def main(names: list[str]) -> int:
    """Run the benches called ``names`` one after another, each in a process of its own where there are several.

    The exit code: 1 where one found a promise broken.
    """
    unknown = [name for name in names if name not in _BENCHES]
    if unknown:
        listed = "\n".join(f"  {name:<22}about {minutes} min" for name, (minutes, _) in _BENCHES.items())
        print(f"no such bench: {', '.join(unknown)}; there are\n{listed}", file=sys.stderr)
        return 2
    if len(names) == 1:
        return _BENCHES[names[0]][1]()
    broken = []
    for name in names or _BENCHES:
        print(f"== {name}", flush=True)
        began = time.monotonic()
        # What one imports may log, and what one silences would stay silent.
        if subprocess.run([sys.executable, "-m", "tests.bench", name], check=False).returncode:  # noqa: S603 - a name of ours
            broken.append(name)
        print(f"{name} took {time.monotonic() - began:.0f} s\n", flush=True)
    if broken:
        print(f"over target: {', '.join(broken)}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
