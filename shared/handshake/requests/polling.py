"""Says how often to ask for a decision that a person has yet to make (contract.md section 14)."""

from typing import Final

MIN_POLL_MS: Final = 1000
MAX_POLL_MS: Final = 60_000
_SHARE: Final = 4


def poll_after_ms(*, waited_ms: int, left_ms: int) -> int:
    """Give in how many ms to ask again for what has waited ``waited_ms`` and has ``left_ms`` to its deadline.

    A quarter of the time that it has waited: so who waits learns of a decision at most a quarter late, and asks 24
    times in five minutes and 79 in an hour, where a call each second would be 300 and 3600. Never sooner than after a
    second, which nobody misses who waits for a person; never later than after a minute, or than at the deadline, where
    the answer is another.
    """
    return max(MIN_POLL_MS, min(waited_ms // _SHARE, MAX_POLL_MS, left_ms))
