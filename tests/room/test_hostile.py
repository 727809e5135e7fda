"""The page as an attacker's target: what agents, policies, other pages and other tenants may send it."""

import json
from typing import Any, Final
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.room.conftest import PHONE, Visits
from tests.room.site import Site, resolver
from tests.support.service import apply_policy, escalated, unique

_SCRIPT: Final = '<img src=x onerror="window.owned=1"><script>window.owned=1</script>{{7*7}}'
_RIGHT_TO_LEFT: Final = "\u05d0\u05d1\u05d2 100 \u05d3"
# An override, an isolate, a join, a byte order mark, a soft hyphen, a line separator, and a blank that is no space.
_UNSEEN: Final = "pay\u202eelbasnopser\u2066x\u200dy\ufeffz\u00ad!\u2028?\u2800\u00a0"
_ESCAPED: Final = r"pay\u{202E}elbasnopser\u{2066}x\u{200D}y\u{FEFF}z\u{AD}!\u{2028}?\u{2800}\u{A0}"


def _address(request_id: str) -> str:
    return f"#/requests/{quote(request_id, safe='')}"


def _owned(page: Page) -> bool:
    return bool(page.evaluate("'owned' in window"))


@pytest.mark.parametrize(
    "odd",
    [
        _SCRIPT,
        _RIGHT_TO_LEFT,
        "\U0001f4b8\U0001f937 \U0001f1e9\U0001f1ea",
        "a/../b",
        "100%41",
        "x?y#z&q=1",
        "..%2f..",
        "a\\b'\"`${1}",
    ],
    ids=["markup", "rtl", "emoji", "slash", "percent", "query", "dots", "quotes"],
)
def test_an_odd_name_in_every_field_is_shown_as_it_is_and_can_be_decided_on(
    site: Site, visits: Visits, odd: str
) -> None:
    tenant = f"{odd}{unique('tenant')}"
    names = {name: f"{odd}{unique(name)}" for name in ("requestId", "agentId", "principalId", "payloadRef")}
    action = {"operation": "pay.transfer", "resource": odd, "arguments": {odd: odd, "list": [odd]}}
    request = escalated(site.service, tenantId=tenant, action=action, **names)
    page = visits(resolver(f"{odd}{unique('ana')}", tenant), viewport=PHONE).page

    page.get_by_role("link", name="asks to pay").click()
    expect(page.locator("h1")).to_contain_text(names["agentId"])
    for value in names.values():
        expect(page.locator("main")).to_contain_text(value)
    cells = [cell.inner_text() for cell in page.locator("tbody td").all()]
    assert [json.loads(cell) for cell in cells] == [odd, odd]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_role("button", name="Reject").click()
    page.get_by_role("dialog").get_by_label("Why").fill(odd)
    page.get_by_role("dialog").get_by_role("button", name="Reject").click()
    expect(page.locator("#state")).to_have_text("rejected")
    expect(page.locator(".timeline")).to_contain_text(odd)
    page.get_by_role("link", name=request["agentId"]).first.click()
    expect(page.locator("h1")).to_have_text(f"Agent {names['agentId']}")
    expect(page.locator("#agent")).not_to_be_empty()
    assert not _owned(page)


def test_what_does_not_print_is_written_out_and_marked(site: Site, visits: Visits) -> None:
    tenant = unique("tenant")
    action = {"operation": "pay.transfer", "arguments": {"memo": _UNSEEN}}
    request = escalated(site.service, tenantId=tenant, action=action)
    page = visits(resolver(unique("ana"), tenant), _address(request["requestId"])).page

    expect(page.locator("tbody td")).to_have_text(f'"{_ESCAPED}"')
    page.get_by_text("The text that was hashed").click()
    expect(page.locator("pre")).to_contain_text(_ESCAPED)
    expect(page.locator("tbody td .escaped").first).to_have_text(r"\u{202E}")


def test_thirty_kilobytes_in_one_argument_fit_the_screen(site: Site, visits: Visits) -> None:
    tenant = unique("tenant")
    memo = "W" * 15_000 + "\u202e" * 4_000
    request = escalated(site.service, tenantId=tenant, action={"operation": "x", "arguments": {"memo": memo}})
    page = visits(resolver(unique("ana"), tenant), _address(request["requestId"]), viewport=PHONE).page

    expect(page.locator("tbody td")).to_contain_text("W" * 15_000 + r"\u{202E}\u{202E}")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.locator("tbody td *").count() < 10
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Approve")).to_be_in_viewport(ratio=0.1)


def test_many_arguments_are_all_shown(site: Site, visits: Visits) -> None:
    tenant = unique("tenant")
    arguments: dict[str, Any] = {f"name {number}": {"deep": [{"er": number}, None, [], {}]} for number in range(300)}
    request = escalated(site.service, tenantId=tenant, action={"operation": "x", "arguments": arguments})
    page = visits(resolver(unique("ana"), tenant), _address(request["requestId"])).page

    expect(page.locator("tbody tr")).to_have_count(4 * 300)
    expect(page.locator("tbody")).to_contain_text('"name 299".deep[0].er')


def test_a_policys_words_are_words(site: Site, visits: Visits) -> None:
    agent, tenant = unique("agent"), unique("tenant")
    message = _SCRIPT.replace('"', "'")
    cedar = f'@id("look") @decision("escalate") @message("{message}") forbid (principal, action, resource);'
    applied = apply_policy(site.service, {"scope": "agent", "scopeId": agent, "cedar": cedar})
    assert applied.status == 200, applied
    request = escalated(site.service, tenantId=tenant, agentId=agent, context={"amount": 5, "category": "ops"})
    page = visits(resolver(unique("ana"), tenant), _address(request["requestId"])).page

    expect(page.locator("blockquote")).to_have_text(message)
    expect(page.locator("main")).to_contain_text("Policy look")
    assert not _owned(page)


def test_markup_from_a_string_is_refused_by_the_browser_even_to_a_script_of_the_page(visits: Visits) -> None:
    visit = visits(None)

    attempts = (
        "document.body.innerHTML = '<b>x</b>'",
        "document.body.setAttribute('onclick', '1')",
        "document.write('x')",
    )
    ended = [
        visit.page.evaluate(f"() => {{ try {{ {attempt}; return 'done' }} catch (error) {{ return error.name }} }}")
        for attempt in attempts
    ]

    assert ended == ["TypeError"] * 3
    assert visit.reports != []
    visit.page.evaluate("window.reports = []")
    visit.complaints.clear()


def test_no_other_page_can_frame_it_or_call_its_api(browser: Browser, site: Site) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{site.pool.origin}/elsewhere")
    page.set_content(f'<iframe src="{site.url}/"></iframe>')
    page.wait_for_timeout(500)

    framed = [frame.url for frame in page.frames[1:]]
    answer = page.evaluate(
        "(url) => fetch(url, {headers: {authorization: 'Bearer x'}}).then(() => 'read', () => 'refused')",
        f"{site.url}/api/me",
    )

    assert framed == ["chrome-error://chromewebdata/"]
    assert answer == "refused"
    context.close()


@pytest.mark.parametrize(
    "query", ["?code=stolen&state=chosen", "?error=access_denied&state=chosen", "?code=x", "?state=y&code=%3Cscript%3E"]
)
def test_a_sign_in_that_this_page_did_not_begin_is_not_finished(site: Site, visits: Visits, query: str) -> None:
    page = visits(None, query).page

    expect(page.get_by_role("alert")).to_contain_text("not begun on this page")
    assert page.url == f"{site.url}/"


@pytest.mark.parametrize("hash_", ["#//evil.example", "#/requests/%E0%A4%A", "#javascript:alert(1)", "#/__proto__/x"])
def test_no_address_leads_elsewhere_or_breaks_the_page(site: Site, visits: Visits, hash_: str) -> None:
    page = visits(resolver(unique("ana"), unique("tenant")), hash_).page

    expect(page.locator("h1")).to_be_visible()
    assert page.url.startswith(f"{site.url}/#")


def test_ids_that_no_path_can_hold_are_refused_before_a_call(site: Site, visits: Visits) -> None:
    page = visits(resolver(unique("ana"), unique("tenant")), "#/requests/%2e%2e").page

    expect(page.get_by_role("alert")).to_contain_text("There is no such request.")
    assert {path for _, path, _ in site.calls} == {"/me"}


def test_one_tenant_sees_nothing_of_anothers_on_any_screen(site: Site, visits: Visits) -> None:
    ours, theirs = unique("tenant"), unique("tenant")
    request = escalated(site.service, tenantId=theirs)
    page = visits(resolver(unique("ana"), ours, "agents:manage")).page
    expect(page.locator("#empty")).to_be_visible()

    for address in (_address(request["requestId"]), f"#/agents/{request['agentId']}"):
        page.goto(f"{site.url}/{address}")
        expect(page.locator("h1")).to_be_visible()
        page.wait_for_load_state("networkidle")
        shown = page.locator("main").inner_text()
        assert not any(request[name] in shown for name in ("principalId", "payloadRef", "tenantId")), shown
    page.goto(f"{site.url}/{_address(request['requestId'])}")
    expect(page.get_by_role("alert")).to_contain_text("This belongs to another organisation.")


def test_every_call_of_the_page_is_to_its_own_origin_or_its_pools(site: Site, visits: Visits) -> None:
    asked: list[str] = []
    page = visits(None).page
    page.context.on("request", lambda request: asked.append(request.url))
    person = site.add(resolver(unique("ana"), unique("tenant")))
    page.get_by_role("button", name="Sign in").click()
    page.locator("input[name=name]").fill(person.principal)
    page.get_by_role("button", name="Go").click()
    expect(page.locator("#empty")).to_be_visible()

    assert {url[: len(site.url)] for url in asked} <= {site.url, site.pool.origin[: len(site.url)]}
