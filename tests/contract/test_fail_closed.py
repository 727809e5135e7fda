"""Contract section 2: when the store does not answer, the answer is 503, and nothing is changed or let through."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from handshake.trust.keys import SecretsManagerKeys
from tests.support.clients import FAULTS, NeverDone, answer_of
from tests.support.endpoints import MUTATIONS, READING, READS, WRITES, WRITING, Endpoint, apply, change, failing
from tests.support.outcomes import STORE
from tests.support.service import InProcess, Reply, Service, apply_policy, get, human, post, submission, submit, token
from tests.support.store import everything

Break = Callable[[InProcess], InProcess]


def _assert_closed(alone: InProcess, endpoint: Endpoint, outcome: tuple[int, str], broken: Break) -> None:
    """Broken so, the endpoint answers ``outcome`` and nothing else happens, and once mended it goes on."""
    given = endpoint.prepare(alone)
    before = everything(alone)

    reply = endpoint.call(broken(alone), given)

    assert reply.outcome == outcome
    assert int(reply.headers["retry-after"]) >= 1
    assert reply.body.keys() == {"status", "error", "reasonCode", "responseClass", "message"}
    assert everything(alone) == before
    assert endpoint.call(alone, given).status != 503


# Every endpoint with a fault that passes and one that stays, and every fault with an endpoint of each kind.
TYPICAL = {"submit, escalated", "read request", "approve with key", "apply"}
CASES = [
    pytest.param(endpoint, operations, error, id=f"{name}-{what}-{fault}")
    for what, endpoints, operations in (("reading", READING, READS), ("writing", WRITING, WRITES))
    for name, endpoint in endpoints.items()
    for fault, error in FAULTS.items()
    if name in TYPICAL or fault in {"no answer", "denied"}
]


@pytest.mark.parametrize(("endpoint", "operations", "fault"), CASES)
def test_what_cannot_be_read_or_written_is_not_answered_and_has_not_happened(
    alone: InProcess, endpoint: Endpoint, operations: tuple[str, ...], fault: Exception
) -> None:
    _assert_closed(alone, endpoint, endpoint.outcome, lambda service: failing(service, fault, operations=operations))


@pytest.mark.parametrize("endpoint", MUTATIONS.values(), ids=MUTATIONS)
@pytest.mark.parametrize("operations", [READS, WRITES], ids=["reading", "writing"])
def test_a_fault_nobody_foresaw_is_a_503_and_changes_nothing(
    alone: InProcess, endpoint: Endpoint, operations: tuple[str, ...]
) -> None:
    _assert_closed(
        alone, endpoint, STORE, lambda service: failing(service, RuntimeError("boom"), operations=operations)
    )


@pytest.mark.parametrize("endpoint", MUTATIONS.values(), ids=MUTATIONS)
def test_keys_that_stay_unprocessed_are_not_taken_for_items_that_are_not_there(
    alone: InProcess, endpoint: Endpoint
) -> None:
    _assert_closed(
        alone, endpoint, endpoint.outcome, lambda service: replace(service, dynamodb=NeverDone(service.dynamodb))
    )


CONFLICT = answer_of(
    "TransactionCanceledException", 400, CancellationReasons=[{"Code": "None"}, {"Code": "TransactionConflict"}]
)
INVALID_ITEM = answer_of("TransactionCanceledException", 400, CancellationReasons=[{"Code": "ValidationError"}])


@pytest.mark.parametrize("error", [CONFLICT, INVALID_ITEM], ids=["conflict for ever", "an item the store refuses"])
@pytest.mark.parametrize("endpoint", MUTATIONS.values(), ids=MUTATIONS)
def test_a_transaction_that_is_cancelled_has_not_happened(
    alone: InProcess, endpoint: Endpoint, error: Exception
) -> None:
    _assert_closed(alone, endpoint, endpoint.outcome, lambda service: failing(service, error, operations=WRITES))


def _down(service: InProcess, table: str) -> InProcess:
    return failing(service, FAULTS["no answer"], tables=[getattr(service.tables, table)])


def _with_tables(*, needed: bool) -> list[Any]:
    return [
        pytest.param(endpoint, table, id=f"{name}-{table}")
        for name, endpoint in MUTATIONS.items()
        for table in ("workflow", "policy", "metrics", "replay_guards", "runtime_kv")
        if (table in endpoint.tables) is needed
    ]


@pytest.mark.parametrize(("endpoint", "table"), _with_tables(needed=True))
def test_without_a_table_it_needs_a_mutation_changes_nothing(alone: InProcess, endpoint: Endpoint, table: str) -> None:
    _assert_closed(alone, endpoint, endpoint.outcome, lambda service: _down(service, table))


@pytest.mark.parametrize(("endpoint", "table"), _with_tables(needed=False))
def test_without_a_table_it_does_not_need_a_mutation_goes_on(alone: InProcess, endpoint: Endpoint, table: str) -> None:
    whole, broken = (endpoint.call(service, endpoint.prepare(alone)) for service in (alone, _down(alone, table)))

    assert broken.outcome == whole.outcome


def _bypass(service: Service) -> Reply:
    return submit(service, submission(privilegedPath=False))


def _strangers_read(service: Service) -> Reply:
    return get(service, "/workflow/requests/known", envelope=human("stranger"))


DENIALS: Mapping[str, tuple[Callable[[Service], Reply], tuple[int, str]]] = {
    "no envelope": (
        lambda service: get(service, "/workflow/requests/r"),
        (401, "security_missing_identity_envelope"),
    ),
    "bad token": (
        lambda service: apply_policy(service, {}, token="x.y.z"),
        (401, "security_invalid_internal_trust_context"),
    ),
    "another's token": (
        lambda service: apply_policy(service, {}, token=token(service, principal_id="somebody else")),
        (403, "security_identity_subject_mismatch"),
    ),
    "bypass": (_bypass, (403, "security_handshake_required_bypass_denied")),
    "stranger's read": (_strangers_read, (403, "security_read_scope_denied")),
    "no artifact": (
        lambda service: post(service, "/workflow/authorize-execution", {"request": submission()}),
        (403, "security_missing_decision_artifact"),
    ),
}


@pytest.mark.parametrize(
    "fault",
    [FAULTS["no answer"], FAULTS["denied"], FAULTS["500"], RuntimeError("boom")],
    ids=["silent", "denied", "500", "unforeseen"],
)
@pytest.mark.parametrize(("deny", "outcome"), DENIALS.values(), ids=DENIALS)
def test_a_denial_stands_when_its_metrics_event_cannot_be_written(
    alone: InProcess, deny: Callable[[Service], Reply], outcome: tuple[int, str], fault: Exception
) -> None:
    submit(alone, submission(requestId="known", principalId="owner", agentId="agent", tenantId="tenant"))

    assert deny(failing(alone, fault, tables=[alone.tables.metrics])).outcome == outcome


class _SilentSecrets:
    """A Secrets Manager that does not answer."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def describe_secret(self, **_: str) -> Any:
        raise self._error


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (FAULTS["no answer"], STORE),
        (FAULTS["denied"], STORE),
        (FAULTS["500"], STORE),
        (FAULTS["no table"], (401, "security_internal_trust_config_missing")),
    ],
    ids=["silent", "denied", "500", "no such secret"],
)
def test_without_its_trust_key_nothing_is_applied(alone: InProcess, error: Exception, outcome: tuple[int, str]) -> None:
    without_key = replace(alone)
    without_key.runtime = replace(alone.runtime, trust_keys=SecretsManagerKeys(_SilentSecrets(error), "arn"))
    before = everything(alone)

    reply = apply(without_key, change(alone))

    assert reply.outcome == outcome
    assert ("retry-after" in reply.headers) is (reply.status == 503)
    assert everything(alone) == before
