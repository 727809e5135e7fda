"""Make the calls of openapi/examples.json: at their time, in their order, on empty tables."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Final
from urllib.parse import quote, urlencode

from handshake.metrics.event_stream import read_stream
from handshake.metrics.project_metrics import project_metrics
from handshake.trust.token import SUBJECT, mint_token
from ops.openapi.operations import OPERATIONS
from tests.support.metrics_stream import stream_of
from tests.support.service import InProcess
from tests.support.store import forget

Example = Mapping[str, Any]

# Monday, 2 March 2026, 09:00 UTC.
NOW_MS: Final = 1_772_442_000_000
ROUTES: Final = {operation.id: route for route, operation in OPERATIONS.items()}
# Which key signs is of the machine, and a signature is another each time.
_SHOWN_AS: Final = {
    "grant": "<header>.<claims>.<signature>",
    "kid": "key-1",
    "x": "<base64url>",
    "y": "<base64url>",
}


def at_their_time(service: InProcess) -> InProcess:
    """Empty the tables of ``service`` and give it as it was when the examples were called: time stands, ids count."""
    forget(service)
    service = replace(service, now_ms=lambda: NOW_MS)
    numbers = count(1)
    service.runtime = replace(service.runtime, stack="handshake", new_id=lambda: str(uuid.UUID(int=next(numbers))))
    return service


@dataclass
class Projector:
    """Projects each event of ``service`` once, as the stream of its table would have by the next call."""

    service: InProcess
    projected: set[str] = field(default_factory=set)

    def catch_up(self) -> None:
        """Project what was appended since."""
        records = stream_of(self.service.dynamodb, self.service.tables.metrics)
        new = [record for record in records if record["dynamodb"]["Keys"]["sk"]["S"] not in self.projected]
        project_metrics(self.service.context, read_stream(new))
        self.projected |= {record["dynamodb"]["Keys"]["sk"]["S"] for record in new}


def method_of(example: Example) -> str:
    """Give the HTTP method that ``example`` is called by."""
    return ROUTES[example["operation"]][0]


def target_of(example: Example) -> str:
    """Give the path of ``example``, with its query."""
    path = ROUTES[example["operation"]][1]
    for name, value in example.get("path", {}).items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    return f"{path}?{urlencode(example['query'])}" if "query" in example else path


def headers_of(example: Example, trust_key: bytes) -> dict[str, str]:
    """Give the headers of ``example``: envelope, key and a trust token, as far as it has them."""
    headers = {}
    if "envelope" in example:
        headers["x-identity-envelope"] = json.dumps(example["envelope"])
    if "key" in example:
        headers["x-idempotency-key"] = example["key"]
    if "token" in example:
        claimed = {"subject": example["token"].get("sub", SUBJECT), "jti": example["token"]["jti"]}
        headers["x-internal-trust-context"] = mint_token(trust_key, now_s=NOW_MS // 1000, **claimed)
    return headers


def shown(answer: Any) -> Any:
    """Give ``answer`` as an example shows it: with words for what is another text each time."""
    if isinstance(answer, dict):
        return {name: _SHOWN_AS.get(name) or shown(value) for name, value in answer.items()}
    return [shown(part) for part in answer] if isinstance(answer, list) else answer
