"""The one door to DynamoDB when the store misbehaves: what is tried again, and when it gives up."""

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.client import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, RETRY_BUDGET_S, ConditionFailedError, Dynamo
from handshake.dynamo.retry import ConflictError
from tests.support.scripted import ITEM, PUT, TABLE, TOUCH, TRIES, Scripted, cancelled, fault

HANGS_FOR_AT_MOST_S = 3.0


# -- faults -----------------------------------------------------------------------------------------------------

PASSING = [
    fault("ThrottlingException"),
    fault("ProvisionedThroughputExceededException"),
    fault("InternalServerError"),
    fault("ServiceUnavailable"),
    fault("TransactionInProgressException"),
    fault("TransactionConflictException"),
    fault("RequestLimitExceeded"),
    ConnectTimeoutError(endpoint_url="x"),
    ReadTimeoutError(endpoint_url="x"),
    EndpointConnectionError(endpoint_url="x"),
    cancelled("None", "TransactionConflict"),
    cancelled("ThrottlingError", "None"),
    cancelled("None", "ProvisionedThroughputExceeded"),
]
FINAL = [
    fault("AccessDeniedException"),
    fault("ResourceNotFoundException"),
    fault("ValidationException"),
    fault("UnrecognizedClientException"),
    cancelled("None", "ValidationError"),
    cancelled("ItemCollectionSizeLimitExceeded"),
    fault("TransactionCanceledException"),
]


@pytest.mark.parametrize("misfortune", PASSING, ids=repr)
def test_what_may_pass_is_tried_again(misfortune: Exception) -> None:
    client = Scripted(misfortune, misfortune, {})

    client.dynamo().write(PUT, TOUCH)

    assert len(client.calls) == 3


@pytest.mark.parametrize("misfortune", FINAL, ids=repr)
def test_what_cannot_pass_is_not_tried_again(misfortune: Exception) -> None:
    client = Scripted(misfortune)

    with pytest.raises(StoreUnavailableError):
        client.dynamo().write(PUT, TOUCH)

    assert len(client.calls) == 1


@pytest.mark.parametrize("misfortune", [PASSING[0], FINAL[0]])
def test_a_store_that_faults_is_told_of_without_its_own_words(misfortune: Exception) -> None:
    with pytest.raises(StoreUnavailableError) as refused:
        Scripted(misfortune).dynamo().query(TABLE, "pk = :pk", {":pk": "a"})

    assert "secret" not in refused.value.refusal.message
    assert refused.value.refusal.reason.code == "adapter_store_unavailable"


def test_a_condition_that_failed_is_final_though_another_write_met_a_rival() -> None:
    client = Scripted(cancelled("TransactionConflict", "ConditionalCheckFailed", item=ITEM))

    with pytest.raises(ConditionFailedError) as lost:
        client.dynamo().write(PUT, TOUCH)

    assert lost.value.found == {1: {"pk": "a", "sk": "b", "n": 1}}
    assert len(client.calls) == 1


# -- patience ---------------------------------------------------------------------------------------------------


def test_tries_are_few_and_the_pauses_between_them_are_short_and_uneven() -> None:
    client = Scripted(fault("ThrottlingException"))

    with pytest.raises(StoreUnavailableError):
        client.dynamo().write(PUT)

    assert len(client.calls) == TRIES
    assert len(client.pauses) == TRIES - 1
    assert all(0 <= pause <= 0.03 * tried for tried, pause in enumerate(client.pauses, start=1))
    assert len(set(client.pauses)) > TRIES // 2


def test_who_meets_rivals_goes_on_trying_one_transaction_until_the_budget_is_spent() -> None:
    client = Scripted(cancelled("None", "TransactionConflict"), takes_s=0.01)

    with pytest.raises(StoreUnavailableError):
        client.dynamo().write(PUT, TOUCH)

    assert len(client.calls) > TRIES
    assert RETRY_BUDGET_S * 0.8 < max(client.started_at) < RETRY_BUDGET_S
    assert len({parameters["ClientRequestToken"] for _, parameters in client.calls}) == 1


def test_rivals_do_not_keep_a_caller_for_whom_no_time_passes() -> None:
    client = Scripted(fault("TransactionConflictException"))

    with pytest.raises(StoreUnavailableError):
        Dynamo(client, clock=lambda: 0.0, pause=lambda _: None).write(PUT)

    assert len(client.calls) == ConflictError.tries


@pytest.mark.parametrize("takes_s", [0.3, READ_TIMEOUT_S, CONNECT_TIMEOUT_S + READ_TIMEOUT_S])
def test_no_try_starts_after_the_budget(takes_s: float) -> None:
    client = Scripted(ReadTimeoutError(endpoint_url="x"), takes_s=takes_s)

    with pytest.raises(StoreUnavailableError):
        client.dynamo().write(PUT)

    assert max(client.started_at) < RETRY_BUDGET_S
    assert (len(client.calls) > 1) == (takes_s < RETRY_BUDGET_S)


def test_no_later_call_starts_after_the_budget_of_its_invocation_either() -> None:
    client = Scripted(ReadTimeoutError(endpoint_url="x"), takes_s=READ_TIMEOUT_S)
    dynamo = client.dynamo()

    for _ in range(3):
        with pytest.raises(StoreUnavailableError):
            dynamo.write(PUT)

    assert max(client.started_at) < RETRY_BUDGET_S


def test_a_write_after_a_read_that_was_slow_to_succeed_waits_no_longer_than_the_invocation_may() -> None:
    silence = ReadTimeoutError(endpoint_url="x")
    client = Scripted(silence, {"Responses": {}}, silence, takes_s=[1.0, 1.4, *[1.4] * TRIES])
    dynamo = client.dynamo()
    dynamo.batch_get([(TABLE, {"pk": "a"})])

    with pytest.raises(StoreUnavailableError):
        dynamo.write(PUT, TOUCH)

    assert client.now_s <= HANGS_FOR_AT_MOST_S


def test_a_try_that_starts_at_the_last_moment_ends_within_three_seconds_too() -> None:
    assert RETRY_BUDGET_S + CONNECT_TIMEOUT_S + READ_TIMEOUT_S <= HANGS_FOR_AT_MOST_S
