"""More callers at once than this machine has room for functions: each is answered, some of them later."""

from concurrent.futures import ThreadPoolExecutor

from ops.local.stack import LocalStack
from tests.support.ledger import Call
from tests.support.service import Deployed, submission, submit

CALLERS = 32


def test_every_call_of_a_burst_is_answered_as_the_contract_says(stack: LocalStack) -> None:
    service = Deployed.on(stack)

    with ThreadPoolExecutor(CALLERS) as callers:
        replies = list(callers.map(lambda _: submit(service, submission()), range(CALLERS)))

    assert [fault for reply in replies if (fault := Call("submit", reply, 0).fault)] == []
    assert {reply.status for reply in replies} <= {200, 503}
    assert 200 in {reply.status for reply in replies}
