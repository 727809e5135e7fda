"""People decide in a real browser, on the real use cases."""

import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.room.conftest import PHONE, Visits
from tests.room.site import Site, resolver
from tests.support.service import act, escalated, get, human, unique


def _waiting(site: Site, tenant: str, **changes: Any) -> dict[str, Any]:
    return escalated(site.service, tenantId=tenant, **changes)


def _state(site: Site, request: dict[str, Any]) -> str:
    reply = get(site.service, f"/workflow/requests/{request['requestId']}", envelope=human(request["principalId"]))
    return str(reply.body["state"])


def _events(site: Site, request: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    reply = get(site.service, f"/workflow/evidence/{request['requestId']}", envelope=human(request["principalId"]))
    payloads = [event["payload"] for event in reply.body]
    return [payload for payload in payloads if payload["event"] == kind and payload["source"] == "audit"]


def _approve(page: Page, typed: str, reason: str = "") -> None:
    page.get_by_role("button", name="Approve").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("To approve, type").fill(typed)
    if reason:
        dialog.get_by_label("Why").fill(reason)
    dialog.get_by_role("button", name="Approve").click()


def test_a_person_signs_in_and_approves_on_a_phone(site: Site, visits: Visits) -> None:
    tenant = unique("tenant")
    request = _waiting(site, tenant)
    page = visits(resolver(unique("ana"), tenant), viewport=PHONE).page

    page.get_by_role("link", name="asks to pay").click()
    _approve(page, "150", "the invoice is right")

    expect(page.locator("#outcome")).to_contain_text("You approved this")
    expect(page.locator("#state")).to_have_text("approved")
    assert _state(site, request) == "escalated_approved_terminal"
    assert [event["reason"] for event in _events(site, request, "closed")] == ["the invoice is right"]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_what_is_approved_at_tier_3_and_4_has_to_be_typed(site: Site, visits: Visits) -> None:
    tenant = unique("tenant")
    request = _waiting(site, tenant)
    page = visits(resolver(unique("ana"), tenant), f"#/requests/{request['requestId']}").page

    _approve(page, "1500")

    expect(page.get_by_role("alert")).to_contain_text("That is not the amount")
    assert _state(site, request) == "escalated_pending"


def test_a_person_rejects_and_says_why(site: Site, visits: Visits) -> None:
    tenant = unique("tenant")
    request = _waiting(site, tenant)
    page = visits(resolver(unique("ana"), tenant), f"#/requests/{request['requestId']}").page

    page.get_by_role("button", name="Reject").click()
    page.get_by_role("dialog").get_by_label("Why").fill("we do not know this payee")
    page.get_by_role("dialog").get_by_role("button", name="Reject").click()

    expect(page.locator("#state")).to_have_text("rejected")
    expect(page.locator(".timeline")).to_contain_text("we do not know this payee")
    expect(page.locator(".timeline .closed")).to_contain_text("had signed in")
    assert [event["reason"] for event in _events(site, request, "closed")] == ["we do not know this payee"]


def test_a_person_extends_the_deadline(site: Site, visits: Visits) -> None:
    tenant = unique("tenant")
    request = _waiting(site, tenant)
    page = visits(resolver(unique("ana"), tenant), f"#/requests/{request['requestId']}").page
    expect(page.locator("#standing .countdown")).to_have_text(re.compile(r"^[45] min"))

    page.get_by_role("button", name="Extend").click()
    page.get_by_role("dialog").get_by_label("How much longer").select_option("1 hour")
    page.get_by_role("dialog").get_by_role("button", name="Extend").click()

    expect(page.locator("#outcome")).to_contain_text("can be extended 2 times more")
    expect(page.locator("#standing .countdown")).to_have_text(re.compile(r"^1 h"))
    [event] = _events(site, request, "extended")
    assert event["actor"].startswith("ana")


def test_who_loses_a_race_is_told_who_decided_what(site: Site, visits: Visits) -> None:
    tenant = unique("tenant")
    request = _waiting(site, tenant)
    route = f"#/requests/{request['requestId']}"
    first, second = (visits(resolver(unique(name), tenant), route).page for name in ("ana", "ben"))
    second.get_by_role("button", name="Approve").click()
    second.get_by_role("dialog").get_by_label("To approve, type").fill("150")

    first.get_by_role("button", name="Reject").click()
    first.get_by_role("dialog").get_by_label("Why").fill("a duplicate")
    first.get_by_role("dialog").get_by_role("button", name="Reject").click()
    expect(first.locator("#state")).to_have_text("rejected")
    second.get_by_role("dialog").get_by_role("button", name="Approve").click()

    expect(second.locator("#outcome")).to_contain_text(
        re.compile(r"Too late\. ana-.* rejected this .* ago: “a duplicate”")
    )
    expect(second.locator("#outcome")).to_contain_text("Your approval changed nothing.")
    assert _state(site, request) == "escalated_rejected_terminal"


def test_of_two_who_decide_at_once_one_wins_and_the_other_is_told_so(site: Site, visits: Visits) -> None:
    tenant = unique("tenant")
    request = _waiting(site, tenant)
    route = f"#/requests/{request['requestId']}"
    pages = [visits(resolver(unique(name), tenant), route).page for name in ("ana", "ben")]
    for page in pages:
        page.get_by_role("button", name="Reject").click()
    buttons = [page.get_by_role("dialog").get_by_role("button", name="Reject") for page in pages]

    for button in buttons:
        button.click()

    for page in pages:
        expect(page.locator("#outcome")).to_contain_text("rejected this")
    told = [page.locator("#outcome").inner_text() for page in pages]
    assert sorted(text.partition(".")[0] for text in told) == ["Too late", "You rejected this"]
    assert len(_events(site, request, "closed")) == 1


def test_an_empty_queue_says_what_to_expect_and_fills_by_itself(site: Site, visits: Visits) -> None:
    tenant = unique("tenant")
    page = visits(resolver(unique("ana"), tenant)).page
    expect(page.locator("#empty")).to_contain_text("appears here by itself")

    request = _waiting(site, tenant)

    expect(page.locator("#queue li")).to_have_attribute("data-id", request["requestId"], timeout=15_000)


def test_the_queue_has_the_soonest_deadline_first_and_can_be_filtered(site: Site, visits: Visits) -> None:
    tenant = unique("tenant")
    requests = [_waiting(site, tenant), _waiting(site, tenant, agentId=unique("other"))]
    page = visits(resolver(unique("ana"), tenant)).page
    rows = page.locator("#queue li")
    expect(rows).to_have_count(2)
    assert [row.get_attribute("data-id") for row in rows.all()] == [request["requestId"] for request in requests]

    page.get_by_label("Find").fill(requests[1]["agentId"])

    expect(rows).to_have_count(1)
    expect(page.locator("#count")).to_have_text("1 of 2 wait, soonest deadline first.")
    page.get_by_label("Tier").select_option("critical")
    expect(page.locator("#count")).to_contain_text("None of the 2 that wait match")


def test_an_answer_that_was_lost_is_asked_for_again_and_nothing_is_done_twice(site: Site, visits: Visits) -> None:
    tenant = unique("tenant")
    request = _waiting(site, tenant)
    page = visits(resolver(unique("ana"), tenant), f"#/requests/{request['requestId']}").page
    lost = iter([True])
    site.lose = lambda method: method == "POST" and next(lost, False)

    _approve(page, "150")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Approve").click()

    expect(page.locator("#outcome")).to_contain_text("approved this")
    keys = {headers["x-idempotency-key"] for method, path, headers in site.calls if method == "POST"}
    assert len(keys) == 1
    assert len(_events(site, request, "closed")) == 1


def test_what_happened_meanwhile_is_seen_without_a_click(site: Site, visits: Visits) -> None:
    tenant = unique("tenant")
    request = _waiting(site, tenant)
    page = visits(resolver(unique("ana"), tenant), f"#/requests/{request['requestId']}").page
    expect(page.get_by_role("button", name="Approve")).to_be_visible()

    assert act(site.service, request, "reject", reason="not mine").status == 200

    expect(page.locator("#outcome")).to_contain_text("rejected this")
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
