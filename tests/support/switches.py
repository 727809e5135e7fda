"""Count how often a call leads from one module of the service straight into another."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any, Final, NamedTuple

_OURS: Final = ("handshake.", "functions.")


class Switch(NamedTuple):
    """A call of ``callee``, in one module, by ``caller``, in another: ``module:function`` each."""

    caller: str
    callee: str

    def __str__(self) -> str:
        return " -> ".join(self)

    @property
    def modules(self) -> str:
        """Name the two modules alone, as ``from -> to``."""
        return " -> ".join(name.partition(":")[0] for name in self)


def switches_of(call: Callable[[], object]) -> Counter[Switch]:
    """Make ``call``, and count each switch on the way.

    A switch is a Python call whose frame and whose caller's frame belong to different modules of ``handshake`` or
    ``functions``. Returns are not counted again, nor are calls that come back through a library. What a data class
    generates, such as ``__init__``, belongs to the module of the class.
    """
    counted: Counter[Switch] = Counter()

    def note(frame: FrameType, event: str, _: Any) -> None:
        caller = frame.f_back
        if event != "call" or caller is None:
            return
        into, out_of = _module(frame), _module(caller)
        if into != out_of and into.startswith(_OURS) and out_of.startswith(_OURS):
            counted[Switch(f"{out_of}:{caller.f_code.co_qualname}", f"{into}:{frame.f_code.co_qualname}")] += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(before)
    return counted


def table(counted: Iterable[tuple[object, int]]) -> str:
    """Write ``counted`` as lines, the most frequent first."""
    return "\n".join(f"{count:4} {what}" for what, count in sorted(counted, key=lambda it: -it[1]))


def _module(frame: FrameType) -> str:
    name: str = frame.f_globals.get("__name__", "")
    return name
