"""Invocations: what one has used up of its calls and its time is not charged to the next."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from functions.metrics_projector.app import project
from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.client import READ_TIMEOUT_S, RETRY_BUDGET_S, Dynamo, Store
from handshake.dynamo.context import Context
from tests.conftest import Engine
from tests.support.metrics_events import NOW_MS, an_event
from tests.support.metrics_stream import records_of
from tests.support.scripted import PUT, TABLE, Scripted
from tests.support.service import InProcess, get

SILENT = ReadTimeoutError(endpoint_url="x")


def _store(client: Scripted) -> Store:
    def pause(seconds: float) -> None:
        client.now_s += seconds

    return Store(client, clock=lambda: client.now_s, pause=pause)


def test_an_invocation_that_used_up_its_time_leaves_the_next_all_of_its_own() -> None:
    client = Scripted(SILENT, takes_s=READ_TIMEOUT_S)
    store = _store(client)
    with store.invocation() as first, pytest.raises(StoreUnavailableError):
        first.write(PUT)
    assert client.now_s >= RETRY_BUDGET_S
    client.answers = [SILENT, {}]

    with store.invocation() as second:
        second.write(PUT)

    assert len(second.calls) == 2


@pytest.mark.parametrize("budget_s", [1.5, 4.0, 60.0])
def test_an_invocation_has_the_time_that_it_was_given(budget_s: float) -> None:
    client = Scripted({"Responses": {}}, takes_s=1.0)

    def ask(dynamo: Dynamo) -> None:
        for _ in range(100):
            dynamo.batch_get([(TABLE, {"pk": "a"})])

    with _store(client).invocation(budget_s) as dynamo, pytest.raises(StoreUnavailableError):
        ask(dynamo)

    assert budget_s <= client.now_s <= budget_s + 1.0


def test_an_invocation_that_used_up_its_time_can_ask_nothing_more() -> None:
    client = Scripted({"Responses": {}}, takes_s=RETRY_BUDGET_S)

    with _store(client).invocation() as dynamo:
        dynamo.batch_get([(TABLE, {"pk": "a"})])
        with pytest.raises(StoreUnavailableError):
            dynamo.batch_get([(TABLE, {"pk": "a"})])

    assert len(client.calls) == 1


def test_time_between_invocations_is_charged_to_none() -> None:
    client = Scripted({})
    store = _store(client)
    for _ in range(3):
        client.now_s += 60

        with store.invocation() as dynamo:
            dynamo.write(PUT)

        assert dynamo.calls == ["put_item"]


def test_invocations_at_once_keep_accounts_of_their_own() -> None:
    store = _store(Scripted({}))

    with store.invocation() as one, store.invocation() as other:
        one.write(PUT)
        one.write(PUT)
        other.write(PUT)

    assert (len(one.calls), len(other.calls)) == (2, 1)


def test_more_time_within_an_invocation_is_on_the_same_account_and_not_the_next_ones() -> None:
    client = Scripted({}, takes_s=RETRY_BUDGET_S)
    store = _store(client)

    with store.invocation() as dynamo:
        patient = dynamo.within(3 * RETRY_BUDGET_S)
        for _ in range(2):
            patient.write(PUT)
        assert dynamo.calls == patient.calls == ["put_item", "put_item"]
        with pytest.raises(StoreUnavailableError):
            dynamo.write(PUT)
    with store.invocation() as following:
        following.write(PUT)
        with pytest.raises(StoreUnavailableError):
            following.write(PUT)

    assert following.calls == ["put_item"]


def test_a_handler_answers_the_call_after_one_that_the_store_let_hang(moto_tables: Engine) -> None:
    client, tables = moto_tables
    hung = Scripted(SILENT, takes_s=READ_TIMEOUT_S)
    slow = _Slow(client, hung)
    service = InProcess(slow, tables, clock=lambda: hung.now_s, pause=lambda _: None, now_ms=lambda: NOW_MS)

    assert get(service, "/metrics/summary").status == 503
    slow.hangs = False

    assert [get(service, "/metrics/summary").status for _ in range(3)] == [200] * 3


def test_a_batch_is_folded_after_one_that_the_store_let_hang(moto_tables: Engine) -> None:
    client, tables = moto_tables
    hung = Scripted(SILENT, takes_s=READ_TIMEOUT_S)
    slow = _Slow(client, hung)
    service = InProcess(slow, tables, clock=lambda: hung.now_s, pause=lambda _: None, now_ms=lambda: NOW_MS)
    batch = {"Records": records_of([an_event()])}

    with pytest.raises(StoreUnavailableError), service.runtime.invocation() as first:
        project(batch, first)
    slow.hangs = False
    with service.runtime.invocation() as second:
        project(batch, second)

    assert second.dynamo.calls == ["batch_get_item", "transact_write_items"]


class _Slow:
    """A client whose calls hang for as long as ``hangs``, and take up to a caller's whole time then and after."""

    def __init__(self, client: Any, hung: Scripted) -> None:
        self._client = client
        self._hung = hung
        self.hangs = True

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        call: Callable[..., Any] = getattr(self._hung if self.hangs else self._client, operation)
        return call


def test_a_runtime_reaches_the_store_through_an_invocation_alone(moto_tables: Engine) -> None:
    runtime = InProcess(*moto_tables).runtime
    operations = {name for name, _ in inspect.getmembers(Dynamo, inspect.isfunction) if not name.startswith("_")}
    held = [*_public(runtime).items(), *_public(runtime.store).items()]

    assert {"batch_get", "query", "write"} <= operations
    assert not [name for name, value in held if isinstance(value, Dynamo | Context)]
    assert not [name for name, _ in held if name in operations | {"context", "dynamo", "calls"}]
    assert _public(runtime.store).keys() == {"invocation"}
    with runtime.invocation() as context:
        assert isinstance(context.dynamo, Dynamo)


def _public(held: object) -> dict[str, Any]:
    return {name: value for name, value in inspect.getmembers(held) if not name.startswith("_")}
