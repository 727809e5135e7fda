"""Verify the evidence of a whole stack: requests, the metrics events that count them, and policies."""

from collections.abc import Iterator
from typing import Final

from handshake.dynamo.context import Context
from handshake.requests.verify import PAGES, Finding, Page, verify_request

# For all the calls that one page takes; nobody waits for any single one.
_PAGE_S: Final = 60.0


def verify(context: Context, request_id: str) -> list[Finding]:
    """Verify one request. An unknown one is a finding too. Raises StoreUnavailableError."""
    return verify_request(context.within(_PAGE_S), request_id)


def verify_all(context: Context) -> Iterator[tuple[str, Page]]:
    """Verify every request, event and policy there is: page by page, each with the name of what it holds.

    Raises StoreUnavailableError.
    """
    for name, page_of in PAGES.items():
        start = None
        while True:
            page = page_of(context.within(_PAGE_S), start)
            yield name, page
            if page.next_key is None:
                break
            start = page.next_key
