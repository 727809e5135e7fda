"""openapi/examples.json from what the service answers: `python -m tests.contract.examples`."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ops.local.dynamodb import dynamodb_local
from ops.openapi.examples import EXAMPLES, load_examples
from tests.support import engines
from tests.support.examples import Projector, at_their_time, headers_of, method_of, shown, target_of
from tests.support.logs import standard_output
from tests.support.service import InProcess, Reply


def in_order(service: InProcess, examples: Sequence[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Reply]]:
    """Make each call of ``examples`` and yield it with its answer."""
    service = at_their_time(service)
    projector = Projector(service)
    for example in examples:
        projector.catch_up()
        headers = headers_of(example, service.trust_key)
        body = json.dumps(example["body"]) if "body" in example else None
        yield example, service.send(method_of(example), target_of(example), headers=headers, body=body)


def main() -> None:
    """Make every call and write its answer down."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        dynamodb_local(log=Path(scratch) / "log", home=engines.DYNAMODB_LOCAL) as endpoint,
        standard_output(),
    ):
        client = engines.client_of("dynamodb", endpoint)
        service = InProcess(client, engines.create_tables(client))
        written = [
            example | {"status": reply.status, "answer": shown(reply.body)}
            for example, reply in in_order(service, load_examples())
        ]
    EXAMPLES.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"wrote {EXAMPLES.name}: {len(written)} calls")


if __name__ == "__main__":
    main()
