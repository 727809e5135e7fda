"""What was decided, by whom and why; and what a request shows of the ones before it."""

from dataclasses import replace
from typing import Any

from playwright.sync_api import expect

from tests.room.conftest import Visits
from tests.room.site import Site, resolver
from tests.support.agents import operator, put
from tests.support.people import with_people
from tests.support.service import InProcess, act, escalated, human, unique


def _decided(site: Site, tenant: str, act_as: str, by: str, reason: str, **changes: Any) -> dict[str, Any]:
    request = escalated(site.service, tenantId=tenant, **changes)
    resolves = human(by, tenantId=tenant, scopes=["workflow:resolve"])
    envelope = human(request["principalId"]) if act_as == "withdraw" else resolves
    assert act(site.service, request, act_as, reason=reason, envelope=envelope).status == 200
    return request


def test_the_history_says_who_decided_what_and_why_newest_first_and_can_be_asked(site: Site, visits: Visits) -> None:
    tenant, ben = unique("tenant"), unique("ben")
    requests = [
        _decided(site, tenant, "approve", ben, "right"),
        _decided(site, tenant, "reject", ben, "a <b>duplicate</b>"),
        _decided(site, tenant, "withdraw", ben, "not needed any more"),
        _decided(site, unique("tenant"), "reject", ben, "of another tenant"),
    ]
    page = visits(resolver(unique("ana"), tenant), "#/history").page
    rows = page.locator("#history li")

    expect(rows).to_have_count(3)
    shown = [row.get_attribute("data-id") for row in rows.all()]
    assert shown == [request["requestId"] for request in requests[2::-1]]
    expect(rows.nth(1)).to_contain_text(f"Rejected, by {ben}")
    expect(rows.nth(1)).to_contain_text("a <b>duplicate</b>")
    expect(rows.nth(0)).to_contain_text("Withdrawn by who asked")
    page.get_by_label("Ended as").select_option("approved")
    expect(rows).to_have_count(1)
    page.get_by_label("Ended as").select_option("")
    page.get_by_label("From").fill("2100-01-01")
    page.get_by_label("From").blur()
    expect(page.locator("#count")).to_contain_text("Nothing was decided that matches.")
    page.get_by_label("From").fill("2020-01-01")
    page.get_by_label("From").blur()
    page.get_by_label("By", exact=True).fill(ben)
    page.get_by_label("By", exact=True).blur()
    expect(rows).to_have_count(2)
    rows.nth(0).get_by_role("link").click()
    expect(page.locator("#state")).to_have_text("rejected")


def test_a_request_that_nobody_decided_is_in_the_history_too(in_process: InProcess, site: Site, visits: Visits) -> None:
    site.service = with_people(replace(in_process, settings={"escalation_ttl_ms": 1}))
    tenant = unique("tenant")
    request = escalated(site.service, tenantId=tenant)
    assert act(site.service, request).status == 409
    page = visits(resolver(unique("ana"), tenant), "#/history").page

    expect(page.locator("#history li")).to_contain_text("Expired: nobody decided in time")


def test_earlier_ones_are_asked_for_page_by_page(site: Site, visits: Visits) -> None:
    tenant = unique("tenant")
    for number in range(52):
        _decided(site, tenant, "reject", "ben", "no", agentId=unique(f"agent-{number}"))
    page = visits(resolver(unique("ana"), tenant), "#/history").page
    expect(page.locator("#history li")).to_have_count(50)

    page.get_by_role("button", name="Earlier ones").click()

    expect(page.locator("#history li")).to_have_count(52)
    expect(page.get_by_role("button", name="Earlier ones")).to_be_hidden()


def test_a_request_shows_what_the_agent_asked_before_how_it_stands_and_which_policy_decided(
    site: Site, visits: Visits
) -> None:
    tenant, agent, operation = unique("tenant"), unique("agent"), {"operation": "pay.transfer"}
    before = _decided(site, tenant, "reject", "ben", "no", agentId=agent, action=operation)
    request = escalated(site.service, tenantId=tenant, agentId=agent, action=operation)
    restricted = put(site.service, agent, envelope=operator(tenant), state="escalate_all", reason="looked at closely")
    assert restricted.status == 200
    page = visits(resolver(unique("ana"), tenant), f"#/requests/{request['requestId']}").page

    for title in ("What this agent asked before", "Earlier requests for the same operation"):
        section = page.locator("section", has=page.get_by_role("heading", name=title))
        expect(section.locator("li")).to_have_count(1)
        expect(section.locator("li")).to_contain_text("asks to pay 150: pay.transfer")
        expect(section.locator("li")).to_contain_text("rejected")
    expect(page.locator("main")).to_contain_text("is restricted: a person looks at all it asks for.")
    expect(page.locator("main")).to_contain_text("looked at closely")
    page.get_by_role("link", name="asks to pay").first.click()
    expect(page.locator("#state")).to_have_text("rejected")
    assert page.url.endswith(before["requestId"])
