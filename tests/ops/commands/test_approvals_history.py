"""ops approvals history, on a service that runs in this process: who decided what, and how soon."""

from dataclasses import replace
from typing import Any, cast

import pytest

from ops.commands import approvals_history
from ops.commands.approvals_history import Figures, figures, in_words
from tests.ops.commands.test_approvals import HOSTILE, _json, _ops, service
from tests.support.service import InProcess, act, escalated, extend, now_ms, unique

__all__ = ["service"]


def _closed(service: InProcess, tenant: str, action: str, *, ago_ms: int, waited_ms: int, **changes: Any) -> str:
    """Close a request that was submitted so long ago and waited so long; give its id."""
    asked = now_ms() - ago_ms
    request = escalated(replace(service, now_ms=lambda: asked), tenantId=tenant, timestamp=asked)
    act(replace(service, now_ms=lambda: asked + waited_ms), request, action, **changes)
    return str(request["requestId"])


def test_it_lists_the_tenants_week_newest_first_with_words_and_figures(service: InProcess) -> None:
    tenant, hour = unique("tenant"), 3_600_000
    _closed(service, tenant, "reject", ago_ms=9 * 24 * hour, waited_ms=1000)  # more than a week ago
    rejected = _closed(service, tenant, "reject", ago_ms=3 * hour, waited_ms=60_000, reason="not due")
    approved = _closed(service, tenant, "approve", ago_ms=2 * hour, waited_ms=120_000, reason="paid twice a year")
    expired = _closed(service, tenant, "approve", ago_ms=hour, waited_ms=400_000)

    words = ("history", "--tenant", tenant)
    told = _json(*words)

    assert [decision["requestId"] for decision in told["decisions"]] == [expired, approved, rejected]
    assert (told["days"], told["figures"]) == (
        7,
        {
            "approved": 1,
            "rejected": 1,
            "withdrawn": 0,
            "expired": 1,
            "extended": 0,
            "decided_p50_s": 60.0,
            "decided_p95_s": 120.0,
        },
    )
    shown = _ops(*words).output
    assert "in 7 days: 1 approved, 1 rejected, 0 withdrawn, 1 expired, 0 extended" in shown
    assert "time to decide: half within 1 min 0 s, 95 % within 2 min 0 s" in shown
    assert "not due" in shown
    assert "nobody" in shown


def test_it_is_narrowed_by_outcome_by_actor_and_by_days(service: InProcess) -> None:
    tenant, day = unique("tenant"), 24 * 3_600_000
    old = _closed(service, tenant, "reject", ago_ms=9 * day, waited_ms=1000)
    new = _closed(service, tenant, "approve", ago_ms=day, waited_ms=1000)

    def listed(*words: str) -> list[str]:
        decisions = _json("history", "--tenant", tenant, *words)["decisions"]
        return [decision["requestId"] for decision in decisions]

    assert listed("--days", "10") == [new, old]
    assert listed("--days", "10", "--outcome", "rejected") == [old]
    assert listed("--days", "10", "--actor", "nobody") == []
    assert listed() == [new]


def test_more_than_a_page_is_listed_and_an_extension_is_counted(
    service: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approvals_history, "PAGE", 2)
    tenant = unique("tenant")
    for _ in range(4):
        act(service, escalated(service, tenantId=tenant), "reject")
    longer = escalated(service, tenantId=tenant)
    extend(service, longer)
    act(service, longer, "withdraw")

    told = _json("history", "--tenant", tenant)

    assert len(told["decisions"]) == 5
    assert (told["figures"]["withdrawn"], told["figures"]["extended"]) == (1, 1)


def test_one_without_a_tenant_sees_ones_own_and_nobody_elses(service: InProcess) -> None:
    request = escalated(service)
    act(service, request)

    mine = _json("history", "--principal", request["principalId"])["decisions"]

    assert [decision["requestId"] for decision in mine] == [request["requestId"]]
    assert _json("history", "--principal", "nobody")["decisions"] == []
    assert "nobody decided anything" in _ops("history", "--principal", "nobody").output


def test_it_fits_80_columns_and_no_text_moves_the_terminal(service: InProcess) -> None:
    tenant = unique("tenant")
    request = escalated(service, tenantId=tenant)
    act(service, request, "reject", reason=HOSTILE + "w" * 300)

    output = _ops("history", "--tenant", tenant).output

    assert max(map(len, output.splitlines())) <= 80
    assert output.replace("\n", "").isprintable()


@pytest.mark.usefixtures("service")
def test_an_unknown_outcome_is_refused_in_the_apis_words() -> None:
    refused = _ops("history", "--outcome", "allowed")

    assert refused.exit_code == 1
    assert "outcome must be one of approved, rejected, withdrawn, expired" in " ".join(refused.output.split())


@pytest.mark.parametrize(
    ("waited_s", "p50", "p95"), [([], None, None), ([7], 7, 7), ([1, 2], 1, 2), (list(range(1, 101)), 50, 95)]
)
def test_percentiles_are_by_nearest_rank_of_what_people_decided(
    waited_s: list[int], p50: float | None, p95: float | None
) -> None:
    decided = [{"outcome": "approved", "requestedAt": 0, "decidedAt": 1000 * seconds} for seconds in waited_s]
    others = [{"outcome": end, "requestedAt": 0, "decidedAt": 10**9} for end in ("expired", "withdrawn")]

    summed = figures(cast("Any", [*decided, *others]))

    assert (summed.decided_p50_s, summed.decided_p95_s) == (p50, p95)
    assert summed == Figures(len(waited_s), 0, 1, 1, 0, p50, p95)
    assert in_words(summed, days=7).startswith(f"in 7 days: {len(waited_s)} approved")
