"""Contract section 11, when signer or store fail: nothing is claimed without evidence, nothing is given out twice."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from handshake.requests.expire_overdue import expire_overdue
from handshake.requests.verify import verify_request
from tests.support.clients import FAULTS
from tests.support.endpoints import WRITES, failing
from tests.support.grants import KEY_ARN, Kms, claims_of, signer_of
from tests.support.outcomes import GUARD, STORE
from tests.support.service import InProcess, claim, decided, get, now_ms, own, report, unique

UNSIGNED = (503, "adapter_signer_unavailable")
OTHER_KEY = KEY_ARN.replace("0001", "0002")
SIGNER_FAULTS = {
    "down": ClientError({"Error": {"Code": "KMSInternalException"}}, "Sign"),
    "switched off": ClientError({"Error": {"Code": "DisabledException"}}, "Sign"),
    "slow": ReadTimeoutError(endpoint_url="https://kms"),
}
STORE_FAULTS = {name: FAULTS[name] for name in ("no answer", "500", "denied")}


def _with(service: InProcess, kms: Kms) -> InProcess:
    return replace(service, settings={"grant_signer": signer_of(kms)})


def _claimed(service: InProcess, request: Mapping[str, Any]) -> int:
    events = get(service, f"/workflow/evidence/{request['requestId']}", envelope=own(request)).body
    return [event["payload"]["event"] for event in events].count("claimed") // 2


@pytest.mark.parametrize("fault", SIGNER_FAULTS.values(), ids=SIGNER_FAULTS)
@pytest.mark.parametrize("key", [None, "key"])
def test_a_signer_that_does_not_sign_leaves_nothing_claimed(
    alone: InProcess, fault: Exception, key: str | None
) -> None:
    kms = Kms(KEY_ARN)
    kms.fault = fault
    request = decided(alone, "allow")

    reply = claim(_with(alone, kms), request, key=key)

    assert reply.outcome == UNSIGNED
    assert reply.headers["retry-after"]
    assert _claimed(alone, request) == 0
    assert claim(alone, request, key=key).status == 200


def test_a_signature_by_another_key_is_given_to_nobody(alone: InProcess) -> None:
    kms = Kms(KEY_ARN, OTHER_KEY)
    kms.signs_with = OTHER_KEY
    request = decided(alone, "allow")

    assert claim(_with(alone, kms), request).outcome == UNSIGNED
    assert _claimed(alone, request) == 0


def test_a_refused_claim_asks_the_signer_nothing(alone: InProcess) -> None:
    kms = Kms(KEY_ARN)
    request = decided(alone, "deny")

    assert claim(_with(alone, kms), request).status == 409
    assert kms.asked == []


@pytest.mark.parametrize("fault", STORE_FAULTS.values(), ids=STORE_FAULTS)
@pytest.mark.parametrize("applied", [False, True], ids=["before the write", "after the write"])
def test_a_store_that_goes_away_at_the_write_gives_nothing_out_twice(
    alone: InProcess, fault: Exception, *, applied: bool
) -> None:
    """Under its key a claim whose answer was lost is told; without, it is consumed, and never given out again."""
    keyed, plain, key = decided(alone, "allow"), decided(alone, "allow"), unique("key")
    lost = failing(alone, fault, operations=WRITES, applied=applied)

    assert claim(lost, keyed, key=key).outcome == GUARD
    assert claim(lost, plain).outcome == STORE

    assert [_claimed(alone, request) for request in (keyed, plain)] == [int(applied)] * 2
    again = claim(alone, keyed, key=key)
    assert again.status == 200
    keys = get(alone, "/.well-known/jwks.json").body["keys"]
    assert claims_of(again.body["grant"], keys)["jti"] == f"grant_{keyed['requestId']}"
    assert claim(alone, plain).outcome == ((409, "security_grant_consumed") if applied else (200, None))
    for request in (keyed, plain):
        assert _claimed(alone, request) == 1
        assert verify_request(alone.context, request["requestId"]) == []


@pytest.mark.parametrize("applied", [False, True], ids=["before the write", "after the write"])
def test_an_outcome_whose_answer_was_lost_is_reported_again(alone: InProcess, *, applied: bool) -> None:
    request = decided(alone, "allow")
    grant_id = claim(alone, request).body["grantId"]
    lost = failing(alone, FAULTS["no answer"], operations=WRITES, applied=applied)

    assert report(lost, grant_id, envelope=own(request)).outcome == STORE
    assert report(alone, grant_id, envelope=own(request)).status == 200
    assert verify_request(alone.context, request["requestId"]) == []


def test_what_is_not_reported_for_a_quarter_of_an_hour_is_counted(alone: InProcess) -> None:
    silent, told = decided(alone, "allow"), decided(alone, "allow")
    claim(alone, silent)
    report(alone, claim(alone, told).body["grantId"], envelope=own(told))

    def swept(after_ms: int) -> int:
        return expire_overdue(replace(alone, now_ms=lambda: now_ms() + after_ms).context).unreported

    assert (swept(14 * 60_000), swept(15 * 60_000)) == (0, 1)
    assert report(alone, f"grant_{silent['requestId']}", envelope=own(silent), status="unknown").status == 200
    assert swept(15 * 60_000) == 0
