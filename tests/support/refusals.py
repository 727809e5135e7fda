"""Make an attempt, and return the refusal that it ends in."""

from collections.abc import Callable
from typing import TypeVar

import pytest

from handshake.core.errors import HandshakeError, Refusal

T = TypeVar("T")


def refusal(attempt: Callable[[], object]) -> Refusal:
    """Give the refusal that ``attempt`` ends in; a test fails when it succeeds."""
    with pytest.raises(HandshakeError) as refused:
        attempt()
    return refused.value.refusal


def reason(attempt: Callable[[], object]) -> str:
    """Give the reason code that ``attempt`` is refused with."""
    return refusal(attempt).reason.code


def answer(attempt: Callable[[], T]) -> T | str:
    """Return what ``attempt`` gives, or the reason code it is refused with; any other error fails the test."""
    try:
        return attempt()
    except HandshakeError as refused:
        return refused.refusal.reason.code
