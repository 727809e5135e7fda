"""Paths made to be read in two ways: whatever a signing edge lets through stays where it was, to every reader."""

import posixpath
from typing import Final
from urllib.parse import quote, unquote

from hypothesis import strategies as st

from ops.local.edge_rules import OPEN, canonical, refusal_of
from ops.local.http_server import Request
from tests.hostile.bounds import fuzzed

PORT: Final = 3000
PIECES: Final = st.sampled_from(
    ". .. / \\ ; a x=1 ? # 2e %2e %2E %252e %25 %2f %5c %255C %00 %20 %3b".split()  # noqa: SIM905 - easier to read
)
PATHS: Final = st.lists(PIECES, max_size=12).map(lambda pieces: "/workflow/" + "".join(pieces))


def _readings(path: str) -> list[str]:
    """Read ``path`` as servers do that decode again, take a backslash for a slash, or cut parameters off."""
    readings = [path]
    for _ in range(6):
        readings.append(unquote(readings[-1]))
    slashed = [reading.replace("\\", "/") for reading in readings]
    cut = ["/".join(segment.partition(";")[0].strip("\0 ") for segment in one.split("/")) for one in slashed]
    return [*readings, *slashed, *cut]


def _is_signed(target: str) -> bool:
    request = Request("GET", target, [("host", f"127.0.0.1:{PORT}")])
    return refusal_of(request, port=PORT, access=OPEN) is None


@fuzzed(target=PATHS)
def test_no_path_that_is_signed_leads_out_of_the_stage(target: str) -> None:
    if not _is_signed(target):
        return
    for sent in (target, canonical(target)):
        for reading in _readings("/production" + sent.partition("?")[0]):
            assert posixpath.normpath(reading).startswith("/production/workflow")


@fuzzed(request_id=st.text(min_size=1, max_size=20))
def test_an_id_arrives_as_it_is_or_not_at_all(request_id: str) -> None:
    target = f"/workflow/requests/{quote(request_id, safe='', errors='surrogatepass')}"

    if _is_signed(target):
        assert canonical(canonical(target)) == canonical(target)
        assert unquote(canonical(target).rpartition("/")[2], errors="surrogatepass") == request_id


@fuzzed(request_id=st.text(st.characters(categories=["L", "N", "Pd", "Sc"]), min_size=1, max_size=20))
def test_an_id_without_dots_and_signs_is_always_signed(request_id: str) -> None:
    assert _is_signed(f"/workflow/requests/{quote(request_id, safe='')}")
