"""Failures of the store that another try may get past: which they are, how often to try, and what to wait between."""

from typing import Any, Final

from botocore.exceptions import ClientError

_TRIES: Final = 8
_PAUSE_S: Final = 0.03
# Whoever loses to rivals is served as soon as they are, so tries go on as long as time allows; the number bounds them
# only where no time passes.
_TRIES_IN_CONFLICT: Final = 32
_LONGEST_PAUSE_S: Final = 0.4
_FINAL: Final = frozenset(
    {
        "AccessDeniedException",
        "ResourceNotFoundException",
        "ValidationException",
        "UnrecognizedClientException",
    }
)
_THROTTLES: Final = frozenset({"ThrottlingError", "ProvisionedThroughputExceeded"})


class TransientError(Exception):
    """A throttle, fault or silence: tried again a few times, for pressing a store in trouble does not mend it."""

    tries: int = _TRIES

    def longest_pause_s(self, tried: int, *, left_s: float) -> float:  # noqa: ARG002 - it makes no difference here
        """Say the longest wait after ``tried`` tries, with ``left_s`` for more of them."""
        return _PAUSE_S * tried


class ConflictError(TransientError):
    """Another transaction is at work on an item of this one."""

    tries = _TRIES_IN_CONFLICT

    def longest_pause_s(self, tried: int, *, left_s: float) -> float:
        """Back off exponentially, at most 0.4 s and a quarter of the time left.

        So many rivals leave each other room, and who has waited longest tries most often.
        """
        return max(0.0, min(_PAUSE_S * 2.0 ** (tried - 1), _LONGEST_PAUSE_S, left_s / 4))


def transient(error: ClientError) -> TransientError | None:
    """Give the error to try again after, or None where another try would end alike."""
    response: Any = error.response
    code = response["Error"]["Code"]
    if code == "TransactionConflictException":
        return ConflictError()
    if code != "TransactionCanceledException":
        return None if code in _FINAL else TransientError()
    reasons = {reason.get("Code") for reason in response.get("CancellationReasons", [])}
    if reasons & _THROTTLES:
        return TransientError()
    return ConflictError() if "TransactionConflict" in reasons else None
