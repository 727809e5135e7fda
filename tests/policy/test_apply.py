"""Applies at once: of two by one token one changes the policy, and the other is told that the token is used."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.conftest import Engine
from tests.support.outcomes import REPLAY
from tests.support.service import InProcess, Reply, apply_policy, for_agent, get, token


@dataclass
class _Overtaken:
    """A client before whose first transaction a twin of the call applies the same, by the same token."""

    service: InProcess
    body: Mapping[str, Any]
    token: str
    twins_answer: Reply | None = None

    def __getattr__(self, operation: str) -> Any:
        return getattr(self.service.dynamodb, operation)

    def transact_write_items(self, **parameters: Any) -> Any:
        if self.twins_answer is None:
            self.twins_answer = apply_policy(self.service, self.body, token=self.token)
        return self.service.dynamodb.transact_write_items(**parameters)


@pytest.mark.parametrize("expected", [{}, {"expectedPolicyVersion": "v1"}], ids=["any version", "the version seen"])
def test_the_twin_of_an_apply_is_told_that_its_token_is_used_and_what_it_did(
    dynamodb_local: Engine, expected: dict[str, Any]
) -> None:
    service = InProcess(*dynamodb_local)
    assert apply_policy(service, for_agent("agent-1", max_transaction=5)).status == 200
    twin = _Overtaken(service, for_agent("agent-1", max_transaction=7) | expected, token(service))

    reply = apply_policy(replace(service, dynamodb=twin), twin.body, token=twin.token)

    assert twin.twins_answer is not None
    assert (twin.twins_answer.status, twin.twins_answer.body["policyVersion"]) == (200, "v2")
    assert reply.outcome == REPLAY
    assert "v2" in reply.body["message"]
    assert get(service, "/policy/config?scope=agent&scopeId=agent-1").body["policyVersion"] == "v2"


class _Torn(_Overtaken):
    """A client whose first batch is read in part before its twin applied, and in part after."""

    def batch_get_item(self, **parameters: Any) -> Any:
        answer = self.service.dynamodb.batch_get_item(**parameters)
        if self.twins_answer is None:
            self.twins_answer = apply_policy(self.service, self.body, token=self.token)
            after = self.service.dynamodb.batch_get_item(**parameters)
            policy = self.service.tables.policy
            answer["Responses"][policy] = after["Responses"][policy]
        return answer


def test_the_twin_that_sees_the_change_and_not_yet_the_used_token_is_told_of_the_token(moto_tables: Engine) -> None:
    service = InProcess(*moto_tables)
    assert apply_policy(service, for_agent("agent-1", max_transaction=5)).status == 200
    body = for_agent("agent-1", max_transaction=7) | {"expectedPolicyVersion": "v1"}
    twin = _Torn(service, body, token(service))

    assert apply_policy(replace(service, dynamodb=twin), body, token=twin.token).outcome == REPLAY
