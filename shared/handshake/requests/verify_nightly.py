"""Verify evidence night by night: all that was recorded the day before, a thirtieth of what is older, every policy,
agent and person.

One invocation cannot do a busy night (docs/evidence.md), so it is cut into lanes (verification_progress). A run takes
one lane after another, as far as its time goes, and the next goes on from there; where one lane takes all of a run, the
runs that begin meanwhile take others. A page is verified, what is wrong with it reported, and only then is the lane
moved past it: a run that dies in between has the page verified again, and never left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, assert_never

from handshake.dynamo.context import Context
from handshake.requests.table import RECORDED, recorded_partition
from handshake.requests.verification_progress import (
    Lane,
    Progress,
    ProgressTransaction,
    day_before,
    night_of,
    read_progress,
    segment,
)
from handshake.requests.verify import (
    Finding,
    Page,
    agents_page,
    events_page,
    people_page,
    policies_page,
    requests_page,
    verify_requests,
)

# Lambda ends a run after 900 s; what cannot be done in this time is left to the next run.
RUN_MS: Final = 780_000
# For all the calls that one page takes.
_PAGE_S: Final = 60.0
# Longer than a page, so that only a run that died loses its lane.
_LEASE_MS: Final = 120_000
_RECORDED_BATCH: Final = 200

Report = Callable[[Sequence[Finding]], None]


@dataclass(frozen=True)
class Verification:
    """Counts of one run, and of what it left.

    ``findings`` are what does not hold. ``lanes_left`` still have to finish tonight, the slowest of them being
    ``nights_behind``: 0 where all of last night's work is done. ``unfinished`` is 1 where time ran out, else 0.
    """

    requests_verified: int = 0
    events_verified: int = 0
    policies_verified: int = 0
    agents_verified: int = 0
    people_verified: int = 0
    findings: int = 0
    lanes_left: int = 0
    nights_behind: int = 0
    unfinished: int = 0


def verify_nightly(context: Context, report: Report, *, run_ms: int = RUN_MS) -> Verification:
    """Verify what is due and nobody is at, for ``run_ms``; tell ``report`` of findings, page by page, as they come.

    Raises StoreUnavailableError; what was verified by then is not verified again.
    """
    began = context.now_ms()
    tonight = night_of(began)
    run = _Run(context, report, tonight, ends_at_ms=began + run_ms)
    standing = {progress.lane: progress for progress in read_progress(context.within(_PAGE_S))}
    # What is furthest behind goes first.
    for progress in sorted(standing.values(), key=lambda lane: lane.night):
        if run.time_left and progress.due(tonight, context.now_ms()):
            standing[progress.lane] = run.work(progress)
    left = [progress.night for progress in standing.values() if progress.night <= tonight]
    return replace(
        run.done,
        lanes_left=len(left),
        nights_behind=tonight - min(left, default=tonight),
        unfinished=int(bool(left) and not run.time_left),
    )


@dataclass
class _Run:
    context: Context
    report: Report
    tonight: int
    ends_at_ms: int
    done: Verification = Verification()

    @property
    def time_left(self) -> bool:
        return self.context.now_ms() < self.ends_at_ms

    def work(self, progress: Progress) -> Progress:
        """Lease a lane and move it on until it is done or time is up. Gives where it stands, for all this run knows."""
        held = self._move(progress, progress, lease_ms=_LEASE_MS)
        while held and held.night <= self.tonight and self.time_left:
            progress = held
            page = _page(self.context.within(_PAGE_S), progress.lane, progress)
            self._count(progress.lane, page)
            if page.findings:
                self.report(page.findings)
            named = [f"{finding.subject} {finding.name}: {finding.problem}" for finding in page.findings]
            moved = progress.after(page.checked, named, page.next_key)
            held = self._move(progress, moved, lease_ms=_LEASE_MS)
        return (held and self._move(held, held, lease_ms=0)) or held or progress

    def _move(self, seen: Progress, moved: Progress, *, lease_ms: int) -> Progress | None:
        """Write where a lane stands now; None where another run has moved it since."""
        now = self.context.now_ms()
        leased_until = now + lease_ms if lease_ms else 0
        moved = replace(moved, version=seen.version + 1, moved_at_ms=now, leased_until_ms=leased_until)
        tx = ProgressTransaction(self.context.within(_PAGE_S))
        tx.move(seen, moved)
        return moved if tx.commit() else None

    def _count(self, lane: Lane, page: Page) -> None:
        done = replace(self.done, findings=self.done.findings + len(page.findings))
        match lane.kind:
            case "recorded" | "requests":
                self.done = replace(done, requests_verified=done.requests_verified + page.checked)
            case "events":
                self.done = replace(done, events_verified=done.events_verified + page.checked)
            case "policies":
                self.done = replace(done, policies_verified=done.policies_verified + page.checked)
            case "agents":
                self.done = replace(done, agents_verified=done.agents_verified + page.checked)
            case "people":
                self.done = replace(done, people_verified=done.people_verified + page.checked)
            case _:
                assert_never(lane.kind)


def _page(context: Context, lane: Lane, progress: Progress) -> Page:
    """Verify the next page of a lane."""
    match lane.kind:
        case "policies":
            return policies_page(context, progress.start)
        case "agents":
            return agents_page(context, progress.start)
        case "people":
            return people_page(context, progress.start)
        case "recorded":
            return _recorded_page(context, lane, progress)
        case "requests":
            return requests_page(context, progress.start, **segment(lane, progress.night))
        case "events":
            return events_page(context, progress.start, **segment(lane, progress.night))
        case _:
            assert_never(lane.kind)


def _recorded_page(context: Context, lane: Lane, progress: Progress) -> Page:
    page = context.dynamo.query(
        context.tables.workflow,
        "recorded_lane = :shard",
        {":shard": recorded_partition(day_before(progress.night), lane.number)},
        start=progress.start,
        IndexName=RECORDED,
        ProjectionExpression="pk",
        Limit=_RECORDED_BATCH,
    )
    request_ids = [item["pk"].partition("#")[2] for item in page.items]
    return Page(len(request_ids), verify_requests(context, request_ids), page.next_key)
