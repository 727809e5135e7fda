"""Log a rehearsal: each step with its time and what it showed."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


class RehearsalFailedError(Exception):
    """The release is not as it must be. The message says in what."""


@dataclass(frozen=True)
class Step:
    """One step that was taken. ``problem`` is empty where it went as it must."""

    name: str
    seconds: float
    seen: tuple[str, ...]
    problem: str = ""


@dataclass
class Log:
    """The steps so far. ``say`` is called with each as it ends."""

    say: Callable[[Step], None]
    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[..., None]]:
        """Time and log what is inside, even where it raises. Yields a function that notes lines it showed."""
        began, seen = time.monotonic(), list[str]()
        problem = "it was interrupted"
        try:
            yield lambda *lines: seen.extend(lines)
            problem = ""
        except Exception as error:
            problem = describe(error)
            raise
        finally:
            self.steps.append(Step(name, round(time.monotonic() - began, 1), tuple(seen), problem))
            self.say(self.steps[-1])


def require(holds: object, problem: str) -> None:
    """Raise RehearsalFailedError unless it ``holds``."""
    if not holds:
        raise RehearsalFailedError(problem)


def describe(error: Exception) -> str:
    """Say what ended a step: an error of another kind than a rehearsal's is named."""
    return str(error) if isinstance(error, RehearsalFailedError) else f"{type(error).__name__}: {error}"
