"""Register the hooks of Lambda SnapStart: what copies restored from one snapshot must not share.

Ids and keys are safe: ``uuid4`` and ``secrets`` ask the kernel each time. Credentials renew themselves by the clock.
"""

import random
from collections.abc import Callable


def register(*, forget: Callable[[], None]) -> None:
    """Have Lambda call ``forget`` before it takes a snapshot, and seed ``random`` in each copy it restores.

    No key or connection is in the snapshot then, so each copy reads and connects anew. Without its own seed each copy
    would jitter its retries as the others do, and rivals would collide in lockstep.
    """
    # Lambda's own runtime has it, and cannot take a snapshot without; nothing else does.
    from snapshot_restore_py import (  # type: ignore[import-untyped]  # noqa: PLC0415 - it publishes no types
        register_after_restore,
        register_before_snapshot,
    )

    register_before_snapshot(forget)
    register_after_restore(random.seed)
