"""openapi/examples.json from what the service answers: `python -m tests.contract.examples`."""

import json
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from handshake.metrics.event_stream import read_stream
from handshake.metrics.project_metrics import project_metrics
from handshake.trust.token import SUBJECT, mint_token
from ops.local.dynamodb import dynamodb_local
from ops.openapi.document import routes
from ops.openapi.examples import EXAMPLES, load_examples
from ops.openapi.operations import OPERATIONS
from tests.support import engines
from tests.support.logs import standard_output
from tests.support.metrics_stream import stream_of
from tests.support.service import InProcess, Reply
from tests.support.store import forget

# Monday, 2 March 2026, 09:00 UTC.
NOW_MS: Final = 1_772_442_000_000
# Which key signs is of the machine, and a signature is another each time.
_SHOWN_AS: Final = {
    "grant": "<header>.<claims>.<signature>",
    "kid": "key-1",
    "x": "<base64url>",
    "y": "<base64url>",
}
_ROUTES: Final = {operation.id: route for route, operation in OPERATIONS.items()}


def in_order(service: InProcess, examples: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Reply]]:
    """Make each call of ``examples`` on empty tables, at the time of the examples, and yield it with its answer."""
    forget(service)
    service = replace(service, now_ms=lambda: NOW_MS)
    numbers = count(1)
    service.runtime = replace(service.runtime, stack="handshake", new_id=lambda: str(uuid.UUID(int=next(numbers))))
    for example in examples:
        if "etrics" in example["operation"] or "Agent" in example["operation"]:
            # What the projector has done by then.
            project_metrics(service.context, read_stream(stream_of(service.dynamodb, service.tables.metrics)))
        yield example, _called(service, example)


def _called(service: InProcess, example: Mapping[str, Any]) -> Reply:
    method, resource = _ROUTES[example["operation"]]
    path = resource
    for name, value in example.get("path", {}).items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    if "query" in example:
        path = f"{path}?{urlencode(example['query'])}"
    headers = {}
    if "envelope" in example:
        headers["x-identity-envelope"] = json.dumps(example["envelope"])
    if "key" in example:
        headers["x-idempotency-key"] = example["key"]
    if "token" in example:
        given = {"subject": example["token"].get("sub", SUBJECT), "jti": example["token"]["jti"]}
        headers["x-internal-trust-context"] = mint_token(service.trust_key, now_s=NOW_MS // 1000, **given)
    body = json.dumps(example["body"]) if "body" in example else None
    return service.send(method, path, headers=headers, body=body)


def shown(answer: Any) -> Any:
    """Give ``answer`` as an example shows it: with words for what is another text each time."""
    if isinstance(answer, dict):
        return {name: _SHOWN_AS.get(name) or shown(value) for name, value in answer.items()}
    return [shown(part) for part in answer] if isinstance(answer, list) else answer


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
    print(f"wrote {EXAMPLES.name}: {len(written)} calls of {len(routes())} functions")


if __name__ == "__main__":
    main()
