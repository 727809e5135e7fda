"""Numbers: `python -m tests.bench NAME`. Each bench measures on this machine, and says what follows from it."""

import sys
from collections.abc import Callable, Mapping
from typing import Final

from tests.bench import read_cost, token_timing, warm_path
from tests.bench.cold_start import bench as cold_start

_BENCHES: Final[Mapping[str, Callable[[], int]]] = {
    "cold-start": cold_start.main,
    "read-cost": read_cost.main,
    "token-timing": token_timing.main,
    "warm-path": warm_path.main,
}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in _BENCHES:
        sys.exit(f"usage: python -m tests.bench {'|'.join(_BENCHES)}")
    sys.exit(_BENCHES[sys.argv[1]]())
