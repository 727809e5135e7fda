"""An executor: it does what a grant says and nothing else, and asks nobody: it has no network and no credentials.

    python examples/executor/execute.py JWKS USED < ORDERS

ORDERS has one JSON object a line: {"request", "grant"}, the submission that was decided and the grant that was claimed.
JWKS is the stack's `/.well-known/jwks.json`, fetched by whoever deploys this and renewed each day; USED a file that
remembers which grants were used, through restarts and for all processes of this machine. Prints what it did.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from handshake_rail import ActionError, FileReplays, GrantError, models, verify_grant

# What this executor can do: operations by name, each of which is given the arguments that were approved.
OPERATIONS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "bank.transfer": lambda given: f"transferred {given['amount']} {given['currency']} to {given['payee']}",
}


def execute(lines: Iterable[str], keys: models.KeySet, used: FileReplays) -> Iterator[str]:
    """Do each order whose grant holds for exactly it, once, and yield what was done or why not."""
    for line in lines:
        try:
            order = json.loads(line)
            request, action = order["request"], order["request"]["action"]
            operation = OPERATIONS[action["operation"]]
            # Last, since it uses the grant up: whatever fails after it is looked into by a person, and not tried again.
            grant = verify_grant(order["grant"], request, keys, replays=used)
        except (GrantError, ActionError) as error:
            yield f"refused: {error}"
        except (ValueError, KeyError, TypeError) as error:
            yield f"refused: no order of an operation that is known here ({type(error).__name__})"
        else:
            yield f"{grant.grant_id}: {operation(action['arguments'])}"


def main(jwks_file: str, used_file: str) -> None:
    """Execute what standard input has."""
    keys: models.KeySet = json.loads(Path(jwks_file).read_text(encoding="utf-8"))
    for line in execute(sys.stdin, keys, FileReplays(used_file)):
        print(line, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
