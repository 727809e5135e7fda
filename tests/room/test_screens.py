"""What the screens show, and how they are used: by keyboard alone, by who cannot see, on a bad line, after a break."""

import json
import re
from dataclasses import replace
from typing import Any, Final

import pytest
from playwright.sync_api import Page, expect

from handshake.people.standing import PersonState
from tests.room.conftest import PHONE, Visits
from tests.room.measure import measure
from tests.room.site import Site, resolver
from tests.support.agents import operator, put
from tests.support.people import switch, with_people
from tests.support.service import InProcess, claim, escalated, unique
from tests.support.workflow_requests import an_action

MAX_BYTES: Final = 150_000
# On a busy machine; python -m tests.room.measure has the figures of an idle one.
FIRST_PAINT_MS: Final = 3000
CLICK_TO_STATE_MS: Final = 5000


def _address(request: dict[str, Any]) -> str:
    return f"#/requests/{request['requestId']}"


def _violations(page: Page, axe: str) -> list[str]:
    page.evaluate(f"{axe}; undefined")
    results = page.evaluate("axe.run(document).then(({passes, violations}) => ({passes: passes.length, violations}))")
    assert results["passes"] > 10  # it has looked
    return [f"{rule['id']}: {[node['html'][:200] for node in rule['nodes']]}" for rule in results["violations"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_screen_breaks_a_rule_of_accessibility(site: Site, visits: Visits, axe: str, scheme: str) -> None:
    tenant = unique("tenant")
    request = escalated(site.service, tenantId=tenant, action=an_action())
    page = visits(resolver(unique("ana"), tenant, "agents:manage"), viewport=PHONE, color_scheme=scheme).page
    expect(page.locator("#queue li")).to_have_count(1)
    found = {"queue": _violations(page, axe)}

    page.goto(f"{site.url}/{_address(request)}")
    expect(page.locator(".timeline li")).to_have_count(1)
    page.get_by_text("The text that was hashed").click()
    found["request"] = _violations(page, axe)
    for name in ("Approve", "Reject", "Extend", "Stop the agent"):
        page.get_by_role("button", name=name).click()
        found[name] = _violations(page, axe)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    for name, address in (("agent", f"#/agents/{request['agentId']}"), ("me", "#/me")):
        page.goto(f"{site.url}/{address}")
        page.locator("main dl, main .bar").first.wait_for()
        found[name] = _violations(page, axe)

    assert {name: rules for name, rules in found.items() if rules} == {}


def test_the_signed_out_page_breaks_none_either(visits: Visits, axe: str) -> None:
    assert _violations(visits(None).page, axe) == []


def test_a_request_is_decided_by_keyboard_alone(site: Site, visits: Visits) -> None:
    tenant = unique("tenant")
    requests = [escalated(site.service, tenantId=tenant) for _ in range(2)]
    page = visits(resolver(unique("ana"), tenant)).page
    expect(page.locator("#queue li")).to_have_count(2)
    press = page.keyboard.press

    press("j")
    press("j")
    press("k")
    press("Enter")
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    assert page.url.endswith(_address(requests[0]))
    press("a")
    page.keyboard.type("150")
    press("Tab")
    page.keyboard.type("by keyboard")
    press("Tab")
    press("Enter")
    expect(page.locator("#state")).to_have_text("approved")
    press("j")
    expect(page.locator("#state")).to_have_text("waits for a person")
    press("r")
    page.keyboard.type("also by keyboard")
    press("Tab")
    press("Enter")

    expect(page.locator("#state")).to_have_text("rejected")
    press("?")
    expect(page.get_by_role("dialog")).to_contain_text("next and previous request")
    press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    press("q")
    expect(page.locator("#empty")).to_be_visible()


def test_letters_do_nothing_while_typing_nor_for_whoever_turned_them_off(site: Site, visits: Visits) -> None:
    tenant = unique("tenant")
    request = escalated(site.service, tenantId=tenant)
    page = visits(resolver(unique("ana"), tenant)).page
    page.get_by_label("Find").press_sequentially("are?q")
    expect(page.get_by_label("Find")).to_have_value("are?q")

    page.goto(f"{site.url}/#/me")
    page.get_by_label("Keys of one letter").uncheck()
    page.goto(f"{site.url}/{_address(request)}")
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    page.keyboard.press("a")
    page.keyboard.press("?")

    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_request_that_expires_while_somebody_looks_says_so(in_process: InProcess, site: Site, visits: Visits) -> None:
    site.service = with_people(replace(in_process, settings={"escalation_ttl_ms": 8000}))
    tenant = unique("tenant")
    request = escalated(site.service, tenantId=tenant)
    page = visits(resolver(unique("ana"), tenant), _address(request)).page
    page.get_by_role("button", name="Approve").click()
    page.get_by_role("dialog").get_by_label("To approve, type").fill("150")

    expect(page.locator("#standing .countdown")).to_have_count(0)
    expect(page.locator("#state")).to_contain_text("expired")
    expect(page.locator("#outcome")).to_contain_text("nobody decided in time")
    page.get_by_role("dialog").get_by_role("button", name="Approve").click()

    expect(page.locator("#outcome")).to_contain_text("Too late. It expired")
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)


def test_an_agent_that_was_stopped_meanwhile_cannot_be_approved_and_can_be_rejected(site: Site, visits: Visits) -> None:
    tenant = unique("tenant")
    request = escalated(site.service, tenantId=tenant)
    page = visits(resolver(unique("ana"), tenant), _address(request)).page
    page.get_by_role("button", name="Approve").click()
    assert put(site.service, request["agentId"], envelope=operator(tenant)).status == 200

    page.get_by_role("dialog").get_by_label("To approve, type").fill("150")
    page.get_by_role("dialog").get_by_role("button", name="Approve").click()

    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text(
        "The agent has been stopped. You can still reject."
    )
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Reject").click()
    page.get_by_role("dialog").get_by_role("button", name="Reject").click()
    expect(page.locator("#state")).to_have_text("rejected")


def test_an_agent_is_stopped_from_the_request_by_who_may(site: Site, visits: Visits) -> None:
    tenant = unique("tenant")
    request = escalated(site.service, tenantId=tenant)
    without, manager = resolver(unique("ana"), tenant), resolver(unique("ops"), tenant, "agents:manage")
    expect(visits(without, _address(request)).page.get_by_role("button", name="Stop the agent")).to_have_count(0)
    page = visits(manager, _address(request)).page

    page.get_by_role("button", name="Stop the agent").click()
    page.get_by_role("dialog").get_by_label("Why").fill("it pays strangers")
    page.get_by_role("dialog").get_by_role("button", name="Stop this agent").click()

    expect(page.locator("#outcome")).to_contain_text("You stopped the agent")
    page.get_by_role("link", name=request["agentId"]).first.click()
    expect(page.locator("#agent-state")).to_have_text("stopped")
    expect(page.locator("#agent")).to_contain_text("it pays strangers")
    page.get_by_role("button", name="Let it act again").click()
    page.get_by_role("dialog").get_by_label("Why").fill("looked at")
    page.get_by_role("dialog").get_by_role("button", name="Let it act again").click()
    expect(page.locator("#agent-state")).to_have_text("active")


def test_what_was_approved_is_taken_back_until_it_is_claimed(site: Site, visits: Visits) -> None:
    tenant = unique("tenant")
    request = escalated(site.service, tenantId=tenant)
    page = visits(resolver(unique("ana"), tenant), _address(request)).page
    page.get_by_role("button", name="Approve").click()
    page.get_by_role("dialog").get_by_label("To approve, type").fill("150")
    page.get_by_role("dialog").get_by_role("button", name="Approve").click()

    page.get_by_role("button", name="Take it back").click()
    page.get_by_role("dialog").get_by_role("button", name="Take it back").click()
    expect(page.get_by_role("dialog")).to_be_visible()  # why has to be said
    page.get_by_role("dialog").get_by_label("Why").fill("the wrong invoice")
    page.get_by_role("dialog").get_by_role("button", name="Take it back").click()

    expect(page.locator("#standing")).to_contain_text("it authorizes nothing")
    expect(page.get_by_role("button", name="Take it back")).to_have_count(0)
    assert claim(site.service, request).outcome == (409, "security_grant_expired")


def test_back_goes_back_and_what_was_looked_for_is_still_there(site: Site, visits: Visits) -> None:
    tenant = unique("tenant")
    request = escalated(site.service, tenantId=tenant)
    page = visits(resolver(unique("ana"), tenant)).page
    page.get_by_label("Find").fill(request["agentId"])
    page.get_by_role("link", name="asks to pay").click()
    page.get_by_role("button", name="Reject").click()

    page.go_back()

    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_label("Find")).to_have_value(request["agentId"])
    expect(page.get_by_role("link", name="asks to pay")).to_be_visible()
    page.go_forward()
    expect(page.get_by_role("button", name="Reject")).to_be_visible()


def test_a_session_that_ended_says_so_and_signing_in_comes_back_to_the_same_request(site: Site, visits: Visits) -> None:
    tenant = unique("tenant")
    request = escalated(site.service, tenantId=tenant)
    person = resolver(unique("ana"), tenant)
    site.pool.token_s, site.pool.renews = 4, False
    page = visits(person, _address(request)).page
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("Your session has ended.")).to_be_visible()
    site.pool.token_s = 3600
    asked = len(site.calls)
    page.wait_for_timeout(7000)
    assert len(site.calls) == asked  # nobody is let in by asking again

    page.get_by_role("dialog").get_by_role("button", name="Reject").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("Your session has ended.")
    page.get_by_role("dialog").get_by_role("button", name="Sign in").click()
    page.locator("input[name=name]").fill(person.principal)
    page.get_by_role("button", name="Go").click()

    expect(page.get_by_role("button", name="Reject")).to_be_visible()
    assert page.url == f"{site.url}/{_address(request)}"


def test_a_session_goes_on_while_somebody_uses_the_page(site: Site, visits: Visits) -> None:
    site.pool.token_s = 4
    tenant = unique("tenant")
    request = escalated(site.service, tenantId=tenant)
    page = visits(resolver(unique("ana"), tenant), _address(request)).page
    page.wait_for_timeout(5000)

    page.get_by_role("button", name="Reject").click()
    page.get_by_role("dialog").get_by_role("button", name="Reject").click()

    expect(page.locator("#state")).to_have_text("rejected")
    assert site.pool.renewed > 0


def test_who_is_disabled_between_two_clicks_is_told_and_has_done_nothing(site: Site, visits: Visits) -> None:
    tenant = unique("tenant")
    request = escalated(site.service, tenantId=tenant)
    person = resolver(unique("ana"), tenant)
    page = visits(person, _address(request)).page
    page.get_by_role("button", name="Reject").click()
    switch(site.service, person.identity, PersonState.DISABLED)

    page.get_by_role("dialog").get_by_role("button", name="Reject").click()

    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("Your access has been disabled.")
    page.reload()
    sign_in_again(page, person.principal)
    expect(page.get_by_role("alert")).to_contain_text("Ask your operators why.")


def sign_in_again(page: Page, name: str) -> None:
    """Sign in where what follows is not the queue."""
    page.get_by_role("button", name="Sign in").click()
    page.locator("input[name=name]").fill(name)
    page.get_by_role("button", name="Go").click()


def test_offline_says_so_sends_nothing_and_goes_on_when_it_is_over(site: Site, visits: Visits) -> None:
    tenant = unique("tenant")
    request = escalated(site.service, tenantId=tenant)
    page = visits(resolver(unique("ana"), tenant), _address(request)).page
    page.get_by_role("button", name="Reject").click()
    page.context.set_offline(True)
    expect(page.locator("#offline")).to_be_visible()

    page.get_by_role("dialog").get_by_role("button", name="Reject").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("You may be offline.")
    page.context.set_offline(False)
    expect(page.locator("#offline")).to_be_hidden()
    page.get_by_role("dialog").get_by_role("button", name="Reject").click()

    expect(page.locator("#state")).to_have_text("rejected")


def test_signing_out_forgets_the_session_here_and_at_the_pool(site: Site, visits: Visits) -> None:
    page = visits(resolver(unique("ana"), unique("tenant")), "#/me").page

    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert site.pool.signed_out == 1
    assert page.evaluate("Object.keys(sessionStorage).concat(Object.keys(localStorage))") == []


def test_a_token_is_in_memory_and_nowhere_else(visits: Visits) -> None:
    page = visits(resolver(unique("ana"), unique("tenant"))).page

    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])")

    assert "e30." not in kept
    assert "code=" not in kept
    page.reload()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_the_request_says_all_that_a_person_needs(site: Site, visits: Visits) -> None:
    tenant = unique("tenant")
    action = an_action(arguments={"payee": "ACME Ltd", "currency": "EUR", "lines": [{"sku": "5", "count": 5}]})
    request = escalated(site.service, tenantId=tenant, action=action, payloadRef="invoice:17")
    page = visits(resolver(unique("ana"), tenant), _address(request), timezone_id="Europe/Berlin").page
    told = page.locator("main")

    asked = "asks to pay 150 EUR: pay.transfer on account:7, category ops, for"
    expect(page.locator("h1")).to_have_text(f"{request['agentId']} {asked} {request['principalId']}")
    expect(told).to_contain_text("The amount is over the limit that policy allows without a person.")
    expect(told).to_contain_text("max_transaction: 150, limit 100")
    rows = [row.inner_text().split("\t") for row in page.locator("tbody tr").all()]
    assert rows == [["currency", '"EUR"'], ["lines[0].count", "5"], ["lines[0].sku", '"5"'], ["payee", '"ACME Ltd"']]
    expect(page.locator("#standing time")).to_have_text(re.compile(r"GMT\+\d \(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\)$"))
    page.get_by_text("The text that was hashed").click()
    assert json.loads(page.locator("pre").inner_text())["action"]["arguments"]["payee"] == "ACME Ltd"
    expect(page.locator(".timeline")).to_contain_text("Submitted, and left to a person")


def test_the_page_weighs_little_paints_soon_and_answers_a_click_soon(site: Site, visits: Visits) -> None:
    page = visits(None).page

    figures = measure(page, site, clicks=5)

    loaded = page.evaluate("performance.getEntriesByType('resource').reduce((sum, got) => sum + got.transferSize, 0)")
    assert figures.weight < MAX_BYTES
    assert 0 < loaded < MAX_BYTES + 100_000  # with what the API answered
    assert figures.first_paint_ms < FIRST_PAINT_MS
    assert figures.click_to_state_p95_ms < CLICK_TO_STATE_MS
