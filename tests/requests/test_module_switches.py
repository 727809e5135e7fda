"""Count the modules that one decision leads through: whoever reads it, or changes it, must follow each switch."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.service import InProcess, escalated, own, submission
from tests.support.switches import switches_of, table

# What the longer of the two takes, a payment or its approval with a key, and no more: an agent has a tenant and may be
# stopped, an action's key has a guard of today's kind and one of earlier releases', a principal a count of refused
# actions, and every request the digest of all that it is; what ends says what its decision rests on, and is listed for
# whoever looks back. Whether Cedar, budgets, a shadow or tools are stored is asked
# once; where they are not, nothing else of theirs is called.
_MOST = 90

Call = Callable[[], object]


def _calling(service: InProcess, path: str, body: Any, **headers: str) -> Call:
    event, handler = service.event("POST", path, headers=headers, body=json.dumps(body))
    call = handler.using(service.runtime)
    return lambda: call(event, None)


def _submit(service: InProcess) -> Call:
    return _calling(service, "/workflow/requests", submission())


def _approve(service: InProcess) -> Call:
    request = escalated(service)
    body = {"requestId": request["requestId"], "action": "approve"}
    headers = {"x-identity-envelope": json.dumps(own(request)), "x-idempotency-key": "key"}
    return _calling(service, "/workflow/decision-room/action", body, **headers)


@pytest.mark.parametrize("prepare", [_submit, _approve], ids=["submit", "approve"])
def test_a_decision_is_made_in_few_modules(moto_tables: Any, prepare: Callable[[InProcess], Call]) -> None:
    service = InProcess(*moto_tables)
    prepare(service)()  # what is imported or remembered at the first call is no part of a decision
    counted = switches_of(prepare(service))
    by_modules: Counter[str] = Counter()
    for switch, count in counted.items():
        by_modules[switch.modules] += count
    total = counted.total()
    message = f"{total} switches:\n{table(by_modules.items())}\n\n{table(counted.items())}"
    assert 0 < total <= _MOST, message
