"""Records what botocore's clients are asked, as IAM sees it: which actions, on what, and with which partition keys."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

# How IAM calls an operation, where that is not the operation's own name.
_ACTIONS: Final = {"lambda:Invoke": "lambda:InvokeFunction"}
# The parameter that names what an operation is about; one that names nothing is about "*".
_SUBJECTS: Final = ("SecretId", "TopicArn", "FunctionName", "logGroupName", "StackName", "QueueUrl", "KeyId")
_HASH_KEYS: Final = ("pk", "guard_key", "kv_key")
_PARTIQL: Final = re.compile(r'^\s*(SELECT|INSERT|UPDATE|DELETE)\b.*?"([^"]+)"', re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Asked:
    """One action that a call needs. ``subject`` is a table's name (or ``table/index/name``), an ARN, a group's name.

    ``keys`` are the partition keys of everything the call does with this action to this subject; None where IAM is
    told of none.
    """

    action: str
    subject: str
    keys: frozenset[str] | None = None


@dataclass
class Recorder:
    """Remembers, by who asks, what clients are asked. Register ``record`` with a session or a client of botocore's.

    ``expressions`` are all of DynamoDB's, whoever asks.
    """

    asked: defaultdict[str, set[Asked]] = field(default_factory=lambda: defaultdict(set))
    expressions: set[str] = field(default_factory=set)
    _by: str = ""

    @contextmanager
    def on_behalf_of(self, name: str) -> Iterator[None]:
        """Have what is asked in the block count as asked by ``name``."""
        before, self._by = self._by, name
        try:
            yield
        finally:
            self._by = before

    def record(self, **event: Any) -> None:
        """Handle botocore's event ``provide-client-params``."""
        params, model = event["params"], event["model"]
        service = model.service_model.signing_name
        service = {"monitoring": "cloudwatch"}.get(service, service)
        if self._by:
            self.asked[self._by].update(_asked(service, model.name, params))
            self.expressions.update(_expressions(params))


def _asked(service: str, operation: str, params: Mapping[str, Any]) -> Iterator[Asked]:
    if service == "dynamodb":
        yield from _of_dynamodb(operation, params)
        return
    if operation == "PutEvents":
        yield from (Asked("events:PutEvents", str(entry["EventBusName"])) for entry in params["Entries"])
        return
    action = f"{service}:{operation}"
    subject = next((str(params[name]) for name in _SUBJECTS if name in params), "*")
    yield Asked(_ACTIONS.get(action, action), subject)


def _of_dynamodb(operation: str, params: Mapping[str, Any]) -> Iterator[Asked]:
    keys: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    match operation:
        case "BatchGetItem":
            for table, wanted in params["RequestItems"].items():
                keys["BatchGetItem", table].update(map(_hash_key, wanted["Keys"]))
        case "TransactWriteItems":
            for item in params["TransactItems"]:
                [(kind, write)] = item.items()
                action = "ConditionCheckItem" if kind == "ConditionCheck" else f"{kind}Item"
                keys[action, write["TableName"]].add(_hash_key(write.get("Item") or write["Key"]))
        case "BatchExecuteStatement":
            for statement in params["Statements"]:
                found = _PARTIQL.match(statement["Statement"])
                assert found, statement
                keys[f"PartiQL{found[1].title()}", found[2]].add(_first_text(statement.get("Parameters", [])))
        case "Query":
            index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
            named = re.search(r"\w+ = (:\w+)", params["KeyConditionExpression"])
            assert named, params
            keys["Query", params["TableName"] + index].add(_text(params["ExpressionAttributeValues"][named[1]]))
        case "PutItem" | "UpdateItem" | "DeleteItem" | "GetItem":
            keys[operation, params["TableName"]].add(_hash_key(params.get("Item") or params["Key"]))
        case _:
            yield Asked(f"dynamodb:{operation}", params["TableName"])
    for (action, table), touched in keys.items():
        yield Asked(f"dynamodb:{action}", table, frozenset(touched))


def _expressions(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _expressions(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            if name.endswith("Expression") and isinstance(one, str):
                yield one
            else:
                yield from _expressions(one)


def _hash_key(key: Mapping[str, Any]) -> str:
    return next(_text(key[name]) for name in _HASH_KEYS if name in key)


def _first_text(values: list[Any]) -> str:
    return next((_text(one) for one in values if "S" in one), "")


def _text(value: Any) -> str:
    return str(next(iter(value.values()))) if isinstance(value, dict) else str(value)
