"""Runs what takes several calls, written once for the client that blocks and for the one that does not."""

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from handshake_rail._call import Call

Result = TypeVar("Result")


@dataclass(frozen=True)
class Send:
    """Make a call; gives its answer, raises HandshakeError."""

    call: Call


@dataclass(frozen=True)
class Sleep:
    """Let time pass."""

    seconds: float


@dataclass(frozen=True)
class Do:
    """Do what the caller wants done; gives what comes of it, raises what it raises."""

    effect: Callable[[], Any]


Step = Send | Sleep | Do
Plan = Generator[Step, Any, Result]
"""Yields one step after the other, and is sent what each gave, or thrown what it raised."""


def run(plan: Plan[Result], take: Callable[[Step], Any]) -> Result:
    """Take every step of ``plan``, and give what it comes to."""
    try:
        step = next(plan)
        while True:
            try:
                given = take(step)
            except Exception as fault:  # noqa: BLE001 - the plan's to handle, whatever it is
                step = plan.throw(fault)
            else:
                step = plan.send(given)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # a StopIteration does not know its generator


async def run_async(plan: Plan[Result], take: Callable[[Step], Awaitable[Any]]) -> Result:
    """Take every step of ``plan``, awaiting it, and give what it comes to."""
    try:
        step = next(plan)
        while True:
            try:
                given = await take(step)
            except Exception as fault:  # noqa: BLE001 - the plan's to handle, whatever it is
                step = plan.throw(fault)
            else:
                step = plan.send(given)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # a StopIteration does not know its generator
