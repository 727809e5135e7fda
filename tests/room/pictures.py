"""Take the pictures in docs/room, of the page as it is: ``python -m tests.room.pictures``."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, sync_playwright

from ops.local import dynamodb
from ops.local.settings import ROOT
from tests.room.conftest import DESKTOP, PHONE, sign_in
from tests.room.site import Site, resolver, site_of
from tests.support import engines
from tests.support.chromium import executable
from tests.support.service import InProcess, act, submission, submit

FOLDER: Final = ROOT / "docs" / "room"
_TENANT: Final = "acme"
_ACTION: Final = {
    "operation": "pay.transfer",
    "tool": "bank/transfers",
    "toolVersion": "2.1",
    "resource": "account:7",
    "arguments": {
        "payee": "Nordwind GmbH",
        "iban": "DE02 1203 0000 0000 2020 51",
        "currency": "EUR",
        "memo": "invoice 17",
    },
}


def take() -> None:
    """Take all of them."""
    FOLDER.mkdir(exist_ok=True)
    with running_site() as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=["--no-sandbox"])
        requests = _fill(site)
        for name, viewport, scheme in (
            ("desktop", DESKTOP, "light"), ("phone", PHONE, "light"), ("dark", DESKTOP, "dark"),
        ):  # fmt: skip
            page = _signed_in(browser, site, viewport, scheme)
            page.locator("#queue li").first.wait_for()
            page.screenshot(path=FOLDER / f"queue-{name}.png")
            page.goto(f"{site.url}/#/requests/{requests[1]['requestId']}")
            page.locator(".timeline li").first.wait_for()
            page.screenshot(path=FOLDER / f"request-{name}.png", full_page=name == "dark")
            page.get_by_role("button", name="Approve").click()
            page.screenshot(path=FOLDER / f"approve-{name}.png")
        browser.close()


def _fill(site: Site) -> list[dict[str, Any]]:
    bodies = [
        submission(
            requestId=f"pay-{number}", agentId=agent, principalId="maria", tenantId=_TENANT, payloadRef=about,
            context={"amount": amount, "category": "ops"}, action=_ACTION,
        )
        for number, (agent, amount, about) in enumerate(
            [("buyer", 150, "invoice:16"), ("buyer", 180, "invoice:17"), ("travel-desk", 420, "trip:Oslo")], start=16
        )
    ]  # fmt: skip
    for body in bodies:
        assert submit(site.service, body).body["decision"] == "escalate"
    act(site.service, bodies[0], "reject", reason="paid in June already")
    return bodies


def _signed_in(browser: Browser, site: Site, viewport: dict[str, int], scheme: Any) -> Page:
    person = site.add(resolver("ana", _TENANT, "agents:manage"))
    context = browser.new_context(viewport=viewport, color_scheme=scheme, timezone_id="Europe/Berlin")  # type: ignore[arg-type] # a ViewportSize
    page = context.new_page()
    page.goto(site.url)
    sign_in(page, person)
    return page


@contextmanager
def running_site() -> Iterator[Site]:
    with (
        tempfile.TemporaryDirectory() as folder,
        dynamodb.dynamodb_local(log=Path(folder) / "log", home=engines.DYNAMODB_LOCAL) as endpoint,
    ):
        client = engines.client_of("dynamodb", endpoint)
        service = InProcess(client, engines.create_tables(client))
        with site_of(replace(service, settings={"escalation_ttl_ms": 900_000})) as site:
            yield site


if __name__ == "__main__":
    take()
