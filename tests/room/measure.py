"""Measure the page: weight, first paint, and how long a click takes to show: ``python -m tests.room.measure``."""

import gzip
import math
from dataclasses import dataclass
from typing import Final

from playwright.sync_api import Page, sync_playwright

from ops.local.page import page_files
from tests.room.conftest import PHONE, sign_in
from tests.room.pictures import running_site
from tests.room.site import Site, resolver
from tests.support.chromium import executable
from tests.support.service import escalated

_CLICKS: Final = 40
# From a click on the dialog's button to the state that the page then shows.
_CLICK_TO_STATE: Final = """(button) => new Promise((done) => {
    const from = performance.now();
    new MutationObserver((_, observer) => {
        if (document.querySelector("#state")?.textContent !== "rejected") return;
        observer.disconnect();
        done(performance.now() - from);
    }).observe(document.querySelector("#request"), {childList: true, subtree: true});
    button.click();
})"""


@dataclass(frozen=True)
class Figures:
    """What was measured: bytes as they are and compressed, ms."""

    weight: int
    compressed: int
    first_paint_ms: float
    click_to_state_p95_ms: float


def measure(page: Page, site: Site, clicks: int) -> Figures:
    """Load the page, sign in, and reject ``clicks`` requests."""
    tenant = "acme"
    page.goto(site.url)
    page.get_by_role("button", name="Sign in").wait_for()
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    sign_in(page, site.add(resolver("ana", tenant)))
    waited = sorted(_rejected(page, site, tenant) for _ in range(clicks))
    bodies = [file.body for file in page_files(site.pool.sign_in).values()]
    return Figures(
        weight=sum(map(len, bodies)),
        compressed=sum(len(gzip.compress(body)) for body in bodies),
        first_paint_ms=painted,
        click_to_state_p95_ms=waited[math.ceil(0.95 * clicks) - 1],
    )


def _rejected(page: Page, site: Site, tenant: str) -> float:
    request = escalated(site.service, tenantId=tenant)
    page.goto(f"{site.url}/#/requests/{request['requestId']}")
    page.locator(f"text={request['agentId']} asks to pay").wait_for()
    page.get_by_role("button", name="Reject").click()
    waited: float = page.get_by_role("dialog").get_by_role("button", name="Reject").evaluate(_CLICK_TO_STATE)
    return waited


if __name__ == "__main__":
    with running_site() as running, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=["--no-sandbox"])
        print(measure(browser.new_page(viewport=PHONE), running, _CLICKS))  # type: ignore[arg-type] # a ViewportSize
        browser.close()
