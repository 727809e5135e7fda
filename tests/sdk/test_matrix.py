"""The clients at each fault, as processes: what fails is not done without a grant, nor twice (tests.sdk.matrix)."""

from pathlib import Path

import pytest

from tests.sdk.matrix import CLIENTS, FAILING, KILLED, STEPS, Case, Played, as_expected, play, table
from tests.support.service import InProcess

# Both faces of Python's client follow one plan, so the one that is awaited is held to what is most at stake.
AWAITED = {"grants", "outcome"}
CELLS = [(client, case) for case in FAILING for client in CLIENTS if client != "Python, async" or case.at in AWAITED]


@pytest.mark.usefixtures("typescript_client")
@pytest.mark.parametrize(("client", "case"), CELLS, ids=str)
def test_what_fails_is_done_once_at_most_and_never_without_a_grant(
    service: InProcess, tmp_path: Path, client: str, case: Case
) -> None:
    played = play(service, tmp_path, client, case)

    assert as_expected(played, case), played
    if case.fault == "503 with Retry-After":
        assert played.first_s >= 1, "it comes back when it was told to, and not before"


def test_every_client_is_killed_before_and_after_every_step() -> None:
    assert {(case.fault, case.at) for case in KILLED} == {
        (fault, step) for fault in ("killed before", "killed after") for step in STEPS
    }


def test_the_table_counts_what_must_not_be() -> None:
    case = KILLED[0]
    good, twice = Played("", "done", ["g"], "g", 0), Played("", "done", ["g", "g"], "g", 0)
    without = Played("", "done", ["g"], None, 0)
    first, second, third = CLIENTS

    told = table({(first, case): good, (second, case): twice, (third, case): without})

    assert told.splitlines()[-1] == "3 runs; effects without a grant, or twice: 2"
    assert [as_expected(played, case) for played in (good, twice, without)] == [True, False, False]
