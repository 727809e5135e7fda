"""A real Chromium that looks at the page, and the real use cases behind it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from ops.local.settings import ROOT
from tests.room.site import Person, Site, site_of
from tests.support import engines
from tests.support.chromium import executable
from tests.support.node import install
from tests.support.service import InProcess

PHONE: Final = {"width": 360, "height": 740}
DESKTOP: Final = {"width": 1280, "height": 900}
# Reports of a Content-Security-Policy, from before the first line of the page on.
_WATCH: Final = """
    window.reports = [];
    addEventListener("securitypolicyviolation", (seen) => reports.push(`${seen.violatedDirective} ${seen.blockedURI}`));
"""

# The page looks again every 5 to 15 s, and this machine has other work.
expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def in_process(dynamodb_local_endpoint: str) -> InProcess:
    """The handlers on DynamoDB Local."""
    client = engines.client_of("dynamodb", dynamodb_local_endpoint)
    return InProcess(client, engines.create_tables(client))


@pytest.fixture(scope="session")
def axe() -> str:
    """Return axe-core's source, of the version that npm's lock file names."""
    return (install(ROOT / "tests/room") / "node_modules/axe-core/axe.min.js").read_text()


@pytest.fixture
def site(in_process: InProcess) -> Iterator[Site]:
    """The page and its API under one origin, and where people sign in."""
    with site_of(in_process) as running:
        yield running


# Of one module: while Playwright runs, its own event loop is this thread's, and other tests have theirs.
@pytest.fixture(scope="module")
def browser(chromium: object) -> Iterator[Browser]:  # noqa: ARG001 - says that this machine has one
    """Debian's Chromium, driven by Playwright."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable(), args=["--no-sandbox"])
        yield started
        started.close()


@dataclass
class Visit:
    """One person's browser: what it shows, and all that it complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    @property
    def reports(self) -> list[str]:
        """Give what the Content-Security-Policy has reported since the page was loaded."""
        found: list[str] = self.page.evaluate("window.reports")
        return found


Visits = Callable[..., Visit]


@pytest.fixture
def visits(browser: Browser, site: Site) -> Iterator[Visits]:
    """Opens the page for a person, signed in; whatever they did, no policy was broken and no script failed."""
    opened: list[Visit] = []

    def visit(person: Person | None, route: str = "#/", viewport: dict[str, int] = DESKTOP, **options: Any) -> Visit:
        context = browser.new_context(viewport=viewport, **options)  # type: ignore[arg-type] # a ViewportSize
        made = watched(context)
        opened.append(made)
        made.page.goto(f"{site.url}/{route}")
        if person is not None:
            site.add(person)
            sign_in(made.page, person)
        return made

    yield visit
    for made in opened:
        assert (made.reports, made.complaints) == ([], [])
        made.page.context.close()


def watched(context: BrowserContext) -> Visit:
    """Open a page, and keep what its scripts and its policy complain of."""
    context.set_default_timeout(20_000)
    context.add_init_script(_WATCH)
    made = Visit(context.new_page())
    made.page.on("pageerror", lambda error: made.complaints.append(str(error)))
    made.page.on("console", lambda line: made.complaints.append(line.text) if _is_policy(line.text) else None)
    return made


def sign_in(page: Page, person: Person) -> None:
    """Press the page's button, fill the pool's form, and wait to be back."""
    page.get_by_role("button", name="Sign in").click()
    page.locator("input[name=name]").fill(person.principal)
    page.get_by_role("button", name="Go").click()
    page.locator("nav:not([hidden])").wait_for()


def _is_policy(line: str) -> bool:
    return "Content Security Policy" in line or "TrustedHTML" in line
