"""Do something as another user of this machine: one who has nothing here and owns nothing."""

import json
import os
from collections.abc import Callable
from typing import Any

NOBODY = 65534


def another_user_missing() -> str:
    """Say in one line why this process cannot become another user; empty where it can."""
    return "" if os.geteuid() == 0 else "what another user of this machine may do is tested by root: run this as root"


def try_as_another_user(attempt: Callable[[], Any]) -> Any:
    """Call ``attempt`` in a child process that has become nobody. Returns what it returns, which JSON can hold.

    Raises RuntimeError where it raises.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        outcome = {"raised": "ended"}
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            outcome = {"returned": attempt()}
        except Exception as error:  # noqa: BLE001 - the parent is told of whatever it is
            outcome = {"raised": repr(error)}
        finally:
            os.write(writing, json.dumps(outcome).encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        outcome = json.loads(pipe.read())
    os.waitpid(child, 0)
    if "raised" in outcome:
        raise RuntimeError(outcome["raised"])
    return outcome["returned"]
