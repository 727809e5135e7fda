"""Clients that generators make of the document: each makes every example's call over HTTP, and reads its answer."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import reduce
from http import HTTPStatus
from operator import or_
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import httpx
import pytest
from pydantic import TypeAdapter, ValidationError

from ops.openapi.examples import load_examples
from tests.sdk.serving import Answer, handlers_of, served
from tests.support.examples import (
    ROUTES,
    Projector,
    at_their_time,
    headers_of,
    method_of,
    shown,
    target_of,
)
from tests.support.generators import DOCUMENT, attrs_client, pydantic_models
from tests.support.node import run
from tests.support.service import InProcess

EXAMPLES: Final = load_examples()
DESCRIBED: Final = json.loads(DOCUMENT.read_text(encoding="utf-8"))
FORBID: Final = ("--extra-fields", "forbid")
# With that option nothing reads what is open by nature: what an event of evidence says beside what every event does.
OPEN_BY_NATURE: Final = {"getEvidence"}

CALLER: Final = """
from made_client import AuthenticatedClient
from made_client.api.workflow import submit_request
from made_client.models import Decided, Submission

asked = Submission(
    request_id="pay-17", principal_id="ana", agent_id="buyer", action_type="payment", payload_ref="i", timestamp=1.0
)
decided = submit_request.sync(client=AuthenticatedClient("http://127.0.0.1", "token"), body=asked)
assert isinstance(decided, Decided)
print(decided.decision == "allow", decided.action_digest, decided.outcome)
"""
TYPESCRIPT_HEAD: Final = """
import createClient from "openapi-fetch";
import type { paths } from "./schema.d.ts";

declare const process: { argv: string[] };
const api = createClient<paths>({ baseUrl: process.argv[2]! });
const told: [number, unknown][] = [];
function tell(answer: { data?: unknown; error?: unknown; response: Response }) {
  told.push([answer.response.status, answer.data ?? answer.error]);
}
"""
TYPESCRIPT_TAIL: Final = """
const { data } = await api.GET("/metrics/reasons", {});
// @ts-expect-error: an answer has no such member
data?.tomorrow;
console.log(JSON.stringify(told));
"""
# Refused examples that a typed client cannot even say.
UNSPEAKABLE: Final = {"withoutAnAgent", "unknownKey"}


@pytest.fixture
def api(service: InProcess) -> Iterator[str]:
    """Say where the handlers answer, on empty tables and at the time of the examples."""
    standing = at_their_time(service)
    answering, projector = handlers_of(standing), Projector(standing)

    def answer(method: str, target: str, headers: dict[str, str], body: str | None) -> Answer | None:
        projector.catch_up()
        return answering(method, target, headers, body)

    with served(answer) as url:
        yield url


def _operation(example: Mapping[str, Any]) -> Any:
    method, path = ROUTES[example["operation"]]
    return DESCRIBED["paths"][path][method.lower()]


def _type_of(models: ModuleType, schema: Mapping[str, Any]) -> Any:
    """Give the type that a generator makes of an operation's body."""
    if "anyOf" in schema:
        return reduce(or_, (_type_of(models, choice) for choice in schema["anyOf"]))
    if schema.get("type") == "array":
        return list[_type_of(models, schema["items"])]  # type: ignore[misc]  # a type that is made at run time
    return getattr(models, schema["$ref"].rpartition("/")[2])


def _imported(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("options", [(), FORBID], ids=["as the document says", "extra=forbid"])
def test_pydantic_models_send_every_request_and_read_every_answer(
    api: str, service: InProcess, options: tuple[str, ...], tmp_path: Path
) -> None:
    models = _imported(pydantic_models(tmp_path, *options), f"made_{len(options)}")

    with httpx.Client(base_url=api) as client:
        for example in EXAMPLES:
            operation = _operation(example)
            body = example.get("body")
            if body is not None and example["status"] == 200:
                taken = operation["requestBody"]["content"]["application/json"]["schema"]
                given = TypeAdapter(_type_of(models, taken)).validate_python(body)
                body = given.model_dump(mode="json", by_alias=True, exclude_unset=True)
                assert body == example["body"], example["name"]
            headers = headers_of(example, service.trust_key)
            reply = client.request(method_of(example), target_of(example), json=body, headers=headers)
            if options == FORBID and example["operation"] in OPEN_BY_NATURE and reply.status_code == HTTPStatus.OK:
                continue
            answered = operation["responses"][str(reply.status_code)]["content"]["application/json"]["schema"]
            read = TypeAdapter(_type_of(models, answered))
            again = read.dump_python(read.validate_json(reply.content), mode="json", by_alias=True, exclude_unset=True)
            assert (reply.status_code, shown(again)) == (example["status"], example["answer"]), example["name"]


def test_pydantic_models_read_tomorrows_answer_and_refuse_a_request_of_nothing_they_know(tmp_path: Path) -> None:
    models = _imported(pydantic_models(tmp_path), "made_for_tomorrow")
    decided = {**EXAMPLES[0]["answer"], "decision": "defer", "reasonCode": "policy_deferred", "tomorrow": {"at": 1}}
    read = models.Decided.model_validate(decided)
    assert (read.decision, read.reasonCode) == ("defer", "policy_deferred")

    with pytest.raises(ValidationError, match="reasn"):
        models.DecisionAction.model_validate({"requestId": "pay-18", "action": "approve", "reasn": "typo"})


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def test_an_attrs_client_makes_every_call(
    api: str, service: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attrs_client(tmp_path, "made_with_enumerations", literals=False)
    attrs_client(tmp_path, "made_client", literals=True)
    monkeypatch.syspath_prepend(str(tmp_path))
    made = importlib.import_module("made_client")

    with made.AuthenticatedClient(base_url=api, token="of nobody", raise_on_unexpected_status=True) as client:
        for example in EXAMPLES:
            operation = _operation(example)
            called = importlib.import_module(f"made_client.api.{operation['tags'][0]}.{_snake(example['operation'])}")
            named = {**example.get("path", {}), **example.get("query", {}), **headers_of(example, service.trust_key)}
            given: dict[str, Any] = {_snake(name.replace("-", "_")): value for name, value in named.items()}
            if "body" in example:
                schema = operation["requestBody"]["content"]["application/json"]["schema"]
                module = importlib.import_module("made_client.models")
                model = getattr(module, schema["$ref"].rpartition("/")[2])
                if example["name"] in UNSPEAKABLE:
                    with pytest.raises((KeyError, AttributeError)):
                        model.from_dict(example["body"]).to_dict()
                    client.get_httpx_client().request(method_of(example), target_of(example), json=example["body"])
                    continue
                given["body"] = model.from_dict(example["body"])
            reply = called.sync_detailed(client=client, **given)
            assert (reply.status_code, shown(json.loads(reply.content))) == (example["status"], example["answer"])
            parsed = reply.parsed
            read = [part.to_dict() for part in parsed] if isinstance(parsed, list) else parsed.to_dict()
            assert shown(read) == example["answer"], example["name"]

    caller = tmp_path / "caller.py"
    caller.write_text(CALLER)
    checked = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent", caller],
        env=os.environ | {"MYPYPATH": str(tmp_path), "MYPY_CACHE_DIR": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    wrong = [line for line in checked.stdout.splitlines() if ": error: " in line]
    assert len(wrong) == 1, checked.stdout
    assert '"Decided" has no attribute "outcome"' in wrong[0]


def test_a_typescript_client_makes_every_call(
    api: str, service: InProcess, typescript_client: Path, tmp_path: Path
) -> None:
    (tmp_path / "node_modules").symlink_to(typescript_client / "node_modules")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "calls.ts").write_text("\n".join([TYPESCRIPT_HEAD, *_typescript_calls(service), TYPESCRIPT_TAIL]))
    run("npx", "--no-install", "openapi-typescript", str(DOCUMENT), "--output", "schema.d.ts", folder=tmp_path)
    strict = ("--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext")
    run("npx", "--no-install", "tsc", *strict, "calls.ts", folder=tmp_path)

    told = json.loads(run("node", "calls.js", api, folder=tmp_path))

    answers = [(status, shown(body)) for status, body in told]
    assert answers == [(example["status"], example["answer"]) for example in EXAMPLES]


def _typescript_calls(service: InProcess) -> Iterator[str]:
    for example in EXAMPLES:
        named = {"path": example.get("path"), "query": example.get("query")}
        params = {place: values for place, values in named.items() if values}
        if headers := headers_of(example, service.trust_key):
            params["header"] = headers
        options = {"params": params} | ({"body": example["body"]} if "body" in example else {})
        method, path = ROUTES[example["operation"]]
        if example["name"] in UNSPEAKABLE | {"ofAYear", "unknownMetric", "ofNoOutcome"}:
            yield "// @ts-expect-error"
        yield f"tell(await api.{method}({json.dumps(path)}, {json.dumps(options)}));"
