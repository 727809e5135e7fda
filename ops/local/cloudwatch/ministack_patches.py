"""Start ministack with its behaviour patched where Handshake relies on AWS's. README.md lists each patch and why.

Works on the internals of the ministack version that requirements-run.txt pins.
"""

import hashlib
import hmac
import json
import os
import re
import secrets
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from ministack import app  # type: ignore[import-untyped]  # ministack publishes no types
from ministack.core import iam_actions, iam_evaluator, lambda_runtime, responses  # type: ignore[import-untyped]
from ministack.services import apigateway_v1, cloudwatch, cloudwatch_logs, lambda_svc  # type: ignore[import-untyped]
from ministack.services.cloudformation import engine, helpers  # type: ignore[import-untyped]

from ops.local.guard import FROM_A_PAGE, Application, Guard, Message, Receive, RefusedError, Response, Send

# ruff: noqa: SLF001 - what is changed here has no public name

_AT_ONCE: Final = 8
_FORBIDDEN: Final = 403
_SERVER_ERROR: Final = 500
_PARTITION_KEYS: Final = ("pk", "guard_key", "kv_key")  # of our tables
_OF_AN_API: Final = re.compile(rb"/restapis/[^/]+/[^/]+/_user_request_/")
_PUBLIC_KEYS: Final = re.compile(r"/[a-z0-9-]+_[A-Za-z0-9]+/\.well-known/jwks\.json")
_DELETE: Final = re.compile(r'DELETE FROM "([^"]+)" WHERE ')


def hand_over(spool: Path) -> None:
    """Write what ops.local.cloudwatch.service needs to ``spool``, and stop ministack's own metrics and evaluation."""
    output, lock = spool.open("a"), threading.Lock()
    append_log_events, execute = cloudwatch_logs._append_log_events, lambda_svc._execute_function_dispatch
    answer_call = apigateway_v1.handle_execute

    def tell(*records: dict[str, Any]) -> None:
        with lock:
            output.writelines(f"{json.dumps(record)}\n" for record in records)
            output.flush()

    def append_and_tell(stream: Any, events: list[dict[str, Any]]) -> None:
        append_log_events(stream, events)
        tell(*({"message": event["message"]} for event in events if '"_aws"' in event["message"]))

    def record(namespace: str, name: str, value: int, unit: str, dimensions: dict[str, str]) -> None:
        cloudwatch.record_metric(namespace, name, value, unit, dimensions)
        tell({"namespace": namespace, "name": name, "value": value, "unit": unit, "dimensions": dimensions})

    def measure(function: str, **counts: int) -> None:
        for name, count in counts.items():
            record("AWS/Lambda", name, count, "Count", {"FunctionName": function})

    async def answer_and_measure(api_id: str, *call: Any) -> Any:
        # What template.yaml's metric filters make of access logs, which ministack does not write.
        answer = await answer_call(api_id, *call)
        if api := apigateway_v1._rest_apis.get(api_id):
            service = api["name"].removesuffix("-people")  # both APIs log as the one service
            record("Handshake/Api", "ServerErrors", int(answer[0] >= _SERVER_ERROR), "None", {"service": service})
        return answer

    def execute_and_measure(func: Any, config: dict[str, Any], *details: Any) -> Any:
        result = execute(func, config, *details)
        measure(config["FunctionName"], Invocations=1, Errors=int(bool(result.get("error"))), Throttles=0)
        return result

    def measure_throttle(name: str, duration_ms: float, *, error: bool, throttle: bool) -> None:
        # It is told of direct invocations only, and of throttled ones twice: the first time before any duration.
        del error
        if throttle and not duration_ms:
            measure(name, Throttles=1)

    apigateway_v1.handle_execute = answer_and_measure
    cloudwatch_logs._append_log_events = append_and_tell
    lambda_svc._execute_function_dispatch = execute_and_measure
    lambda_svc._emit_lambda_metrics = measure_throttle
    # Its own evaluation ignores dimensions and missing data, and runs at every PutMetricData.
    cloudwatch._evaluate_all_alarms = lambda: None


def unpack_once(home: Path) -> None:
    """Have all environments of a function read the same files in ``home``.

    ministack unpacks a function and its layer again for every environment it starts: a second and more of its one
    interpreter's time, in which it answers nobody.
    """
    lock = threading.Lock()

    class Unpacked(zipfile.ZipFile):
        def __init__(self, path: str) -> None:
            super().__init__(path)
            self._files = home / hashlib.sha256(Path(path).read_bytes()).hexdigest()

        def namelist(self) -> list[str]:
            # What it looks through for names that lead out of the folder: nothing, once it has.
            return [] if self._files.exists() else super().namelist()

        def extractall(self, path: Any = None, *_: Any) -> None:
            with lock:
                if not self._files.exists():
                    partial = self._files.with_suffix(".partial")
                    super().extractall(partial)
                    partial.rename(self._files)
            Path(path).rmdir()
            Path(path).symlink_to(self._files)

    lambda_runtime.zipfile = SimpleNamespace(**(vars(zipfile) | {"ZipFile": Unpacked}))


def take_turns() -> None:
    """Have calls of a function wait for one of a few environments, where AWS starts as many as there are calls.

    Each is an interpreter of this machine: while 64 start, no call is answered in time. No function calls itself, so
    none waits for its own place.
    """
    places: dict[str, threading.BoundedSemaphore] = {}
    execute = lambda_svc._execute_function_dispatch

    def execute_in_turn(func: Any, config: dict[str, Any], *details: Any) -> Any:
        with places.setdefault(config["FunctionName"], threading.BoundedSemaphore(_AT_ONCE)):
            return execute(func, config, *details)

    lambda_svc._execute_function_dispatch = execute_in_turn


class KeyedArn(str):
    """A table's ARN in a check of one item, with the item's partition key."""

    __slots__ = ("leading_key",)
    leading_key: str


def weigh_items() -> None:
    """Have IAM weigh each item of a DynamoDB request with its partition key, dynamodb:LeadingKeys, as AWS does.

    ministack tells IAM of no keys, so a condition on them always held. A batch of PartiQL deletes takes leave to
    dynamodb:PartiQLDelete on each table, and no action of its own.
    """
    checks, enforce = iam_actions.dynamodb_transaction_checks, iam_evaluator.enforce

    def check(action: str, body: bytes, region: str, account: str) -> Any:
        found = []
        for one, table, item in _items(action.partition(":")[2], json.loads(body or b"{}")):
            arn = KeyedArn(iam_actions._dynamodb_table_arn(table, region, account))
            arn.leading_key = next((str(item[name]["S"]) for name in _PARTITION_KEYS if name in item), "")
            found.append((f"dynamodb:{one}", arn))
        return found or checks(action, body, region, account)

    def enforce_keyed(*caller: Any, resource_arn: Any = "*", service_context: Any = None, **more: Any) -> Any:
        if key := getattr(resource_arn, "leading_key", ""):
            service_context = {**(service_context or {}), "dynamodb:LeadingKeys": [key]}
        return enforce(*caller, resource_arn=resource_arn, service_context=service_context, **more)

    iam_actions.dynamodb_transaction_checks = check
    iam_evaluator.enforce = enforce_keyed


def _items(operation: str, request: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Give each item of a request: the action that it takes, its table, and its key or the whole of it."""
    match operation:
        case "TransactWriteItems":
            for entry in request["TransactItems"]:
                for kind, detail in entry.items():
                    action = "ConditionCheckItem" if kind == "ConditionCheck" else f"{kind}Item"
                    yield action, detail["TableName"], detail.get("Key") or detail["Item"]
        case "BatchGetItem":
            for table, wanted in request["RequestItems"].items():
                yield from (("BatchGetItem", table, key) for key in wanted["Keys"])
        case "PutItem" | "UpdateItem":
            yield operation, request["TableName"], request.get("Key") or request["Item"]
        case "BatchExecuteStatement":
            found = [_DELETE.match(one["Statement"]) for one in request["Statements"]]
            yield from (("PartiQLDelete", one[1], {}) for one in found if one)


def transform_nested() -> None:
    """Apply a nested template's transforms, as AWS does; ministack applies those of the stack that is deployed only.

    Its nested stacks alone look the function up when they are made, so the patch is theirs alone.
    """
    read = helpers._resolve_template

    def read_transformed(params: Any) -> Any:
        body, refusal = read(params)
        if refusal is not None:
            return body, refusal
        return json.dumps(engine._apply_transforms(engine._parse_template(body))), None

    helpers._resolve_template = read_transformed


def take_every_body_for_bytes() -> None:
    """Hand every body of an API over in base64 where ``*~1*`` is a binary media type; ministack takes it literally."""
    matches = apigateway_v1._media_type_matches
    apigateway_v1._media_type_matches = lambda kind, types: "*~1*" in (types or ()) or matches(kind, types)


def keep_secrets_of_roles() -> None:
    """Give functions credentials that nobody can compute: ministack hashes the names of function and role."""
    key = secrets.token_bytes(32)
    lambda_runtime.hashlib = SimpleNamespace(sha256=lambda names: hmac.new(key, names, hashlib.sha256))


def guard() -> None:
    """Put the guard before the application that listens."""
    root, port = (os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]), os.environ["GATEWAY_PORT"]
    hosts = (f"127.0.0.1:{port}", f"localhost:{port}")

    def secret_of(key_id: str, token: str) -> str | None:
        if key_id == root[0]:
            return root[1] if not token else None
        if iam_evaluator.is_root_access_key(key_id):
            return None  # ministack has other names for the root: this run made one key
        try:
            account = iam_evaluator.find_iam_access_key_account(key_id) or responses._account_from_sts_session(key_id)
        except iam_evaluator.AmbiguousAccessKeyError:
            return None
        credential = iam_evaluator.resolve_credential(key_id, account, token)
        return getattr(credential, "secret_access_key", None)

    missing = ("MISSING_AUTHENTICATION_TOKEN", "MissingAuthenticationTokenException")
    apigateway_v1._AUTHENTICATION_GATEWAY_ERRORS["MissingAuthenticationToken"] = missing
    app.app = Guard(as_sent(app.app), hosts, secret_of, _refuse_as_api, _admits_anybody, _judges_itself)


def _refuse_as_api(scope: Message, refusal: RefusedError) -> Response | None:
    """Answer with the gateway responses of the API that is called, where its caller has not signed, or not well."""
    called = app._parse_execute_api_url("", scope["path"])
    if called is None or refusal.status != _FORBIDDEN or refusal.code == FROM_A_PAGE:
        return None
    error = iam_evaluator.AuthError(refusal.code, str(refusal))
    answer: Response | None = apigateway_v1.authentication_error_response(*called[:2], error, {}, {})
    return answer


def _admits_anybody(scope: Message) -> bool:
    """Say whether the call is to a method of an API that is deployed open to anybody."""
    called = app._parse_execute_api_url("", scope["path"])
    if called is None:
        return False
    api, stage, path = called
    return bool(apigateway_v1.method_authorization_type(api, stage, scope["method"], path) == "NONE")


def _judges_itself(scope: Message) -> bool:
    """Say whether the call is to a method that a user pool's authorizer guards, or for a pool's public keys."""
    if scope["method"] == "GET" and _PUBLIC_KEYS.fullmatch(scope["path"]):
        return True
    called = app._parse_execute_api_url("", scope["path"])
    if called is None:
        return False
    api, stage, path = called
    return bool(apigateway_v1.method_authorization_type(api, stage, scope["method"], path) == "COGNITO_USER_POOLS")


def as_sent(application: Application) -> Application:
    """Hand paths of an API over as they were sent, as API Gateway does; ministack decodes them.

    So "/requests/a%2Fb" names one request, and "/requests/%2541" another than "/requests/A".
    """

    async def call(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _OF_AN_API.match(scope["raw_path"]):
            scope = {**scope, "path": scope["raw_path"].decode("ascii")}
        await application(scope, receive, send)

    return call


def start(events: Path | None = None) -> None:
    """Serve AWS behind the guard until killed.

    With ``events``, a file, behave as AWS does where Handshake relies on it, and write there at once a JSON line for
    each log event that mentions EMF, for each of Lambda's own metrics and for each answer of the API.
    """
    keep_secrets_of_roles()
    guard()
    if events:
        hand_over(events)
        # In the folder that kill_on_parent_exit removes at the end.
        unpack_once(Path(tempfile.mkdtemp()))
        take_turns()
        weigh_items()
        transform_nested()
        take_every_body_for_bytes()
    sys.argv[1:] = []  # it reads options of its own there
    app.main()
