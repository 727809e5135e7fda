"""An executor, as a process that can be killed: `python -m tests.sdk.executor FACE URL ORDER EFFECTS [DIES]`.

It executes the request in the file ORDER; the effect adds a line to the file EFFECTS. DIES says where in its effect the
process kills itself: `before` that line is written, or `after`. TIMEOUT_S of the environment is the patience of a call.
Prints what came of it.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from handshake_rail import AsyncHandshake, Grant, GrantError, Handshake, HandshakeError, Retry, models


def main(face: str, url: str, order_file: str, effects: str, dies: str = "") -> str:
    """Execute, and say what came of it."""
    order = json.loads(Path(order_file).read_text(encoding="utf-8"))
    agent: models.IdentityEnvelope = {
        "principalId": order["agentId"],
        "subjectType": "agent",
        "tenantId": order["tenantId"],
    }

    timeout_s = float(os.environ.get("TIMEOUT_S", "10"))

    def effect(grant: Grant) -> str:
        if dies == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        with Path(effects).open("a", encoding="utf-8") as done:
            done.write(f"{grant.grant_id}\n")
            done.flush()
            os.fsync(done.fileno())
        if dies == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return "done"

    async def awaited() -> str:
        async with AsyncHandshake(url, envelope=agent, retry=Retry(base_s=0.01), timeout=timeout_s) as client:
            return (await client.execute(order, effect)).result

    try:
        if face == "async":
            return asyncio.run(awaited())
        with Handshake(url, envelope=agent, retry=Retry(base_s=0.01), timeout=timeout_s) as client:
            return client.execute(order, effect).result
    except GrantError as error:
        return error.fault
    except HandshakeError as error:
        return error.reason_code


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
