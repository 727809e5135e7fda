"""A steady load of every endpoint, by several threads with a client each."""

import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from handshake.dynamo.tables import Tables
from tests.faults.callers import WANTS, World
from tests.faults.rig import Rig, generator
from tests.support.ledger import Call, Intent, Watched

_QUICK_RETRIES: Final = 2
_PATIENT_RETRIES: Final = 3  # a busy machine may still be slow
_GIVES_UP: Final = 0.3
_SHORT_ESCALATION_MS: Final = 1500
_PAUSE_S: Final = 0.02


@dataclass
class Worker:
    """One thread: its dice alone decide what it wants next."""

    service: Watched
    world: World
    dice: random.Random
    intents: list[Intent] = field(default_factory=list)

    def work(self) -> None:
        """Want one thing after another until the world is over."""
        while not self.world.over.is_set():
            [want] = self.dice.choices(list(WANTS), list(WANTS.values()))
            intent = want(self.dice, self.world, self.service)
            if intent:
                self.intents.append(intent)
                self._pursue(intent)
                self.world.learn(intent)
            time.sleep(self.dice.random() * _PAUSE_S)

    def settle(self) -> None:
        """Try again, with the same keys, what is still unknown; but some callers never come back."""
        for intent in self.intents:
            if intent.mutates and intent.open and self.dice.random() >= _GIVES_UP:
                intent.settled = True
                self._retry(intent, _PATIENT_RETRIES)

    def _pursue(self, intent: Intent) -> None:
        intent.attempt(self.service)
        if intent.mutates and not self.world.over.is_set():
            self._retry(intent, self.dice.randint(0, _QUICK_RETRIES))

    def _retry(self, intent: Intent, times: int) -> None:
        for _ in range(times):
            if not intent.open:
                return
            intent.attempt(self.service)


@dataclass(frozen=True)
class Load:
    """The workers of one scenario, and what they were told."""

    workers: Sequence[Worker]

    @property
    def intents(self) -> list[Intent]:
        """Everything anybody wanted."""
        return [intent for worker in self.workers for intent in worker.intents]

    @property
    def calls(self) -> list[Call]:
        """Every call that was made for it."""
        return [call for worker in self.workers for call in worker.service.calls]


@contextmanager
def running_load(rig: Rig, tables: Tables, *, seed: int, name: str) -> Iterator[Load]:
    """Yields a load that runs until the block is left, which lets it settle: by then all must be well again."""
    world = World()
    workers = [
        Worker(Watched(client, tables), world, generator(seed, name, number))
        for number, client in enumerate(rig.clients)
    ]
    # Some escalations end before anybody looks at them.
    hasty = workers[0].service
    hasty.runtime = replace(hasty.runtime, escalation_ttl_ms=_SHORT_ESCALATION_MS)
    with ThreadPoolExecutor(len(workers)) as threads:
        working = [threads.submit(worker.work) for worker in workers]
        try:
            yield Load(workers)
        finally:
            world.over.set()
        for done in working:
            done.result()
        for settled in [threads.submit(worker.settle) for worker in workers]:
            settled.result()
