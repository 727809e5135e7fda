"""Evidence: whatever is done to the events of a request shows."""

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handshake.core.jsonio import GENESIS
from handshake.requests.evidence import Chain, Entry, EvidenceEvent, broken_link, link, refusal_event, views
from tests.support.metrics_events import NOW_MS

REQUEST = "req-1"
PENDING = {"decision": "escalate", "state": "escalated_pending"}
REJECTED = {"decision": "deny", "state": "escalated_rejected_terminal"}
DETAILS = st.dictionaries(st.sampled_from(["actor", "tier", "é"]), st.text(max_size=4) | st.integers(0, 4), max_size=2)
ENTRIES = st.builds(
    Entry, st.sampled_from(["policy_allow", "hitl_approved"]), st.sampled_from(["audit", "lineage"]), DETAILS
)
OTHER: dict[str, Any] = {
    "event_id": "forged",
    "request_id": "req-2",
    "sequence": 99,
    "timestamp_ms": NOW_MS - 1,
    "reason_code": "hitl_rejected",
    "source": "forged",
    "detail": {"actor": "mallory"},
    "previous": "f" * 64,
}
History = tuple[Chain, list[EvidenceEvent]]


def _remember(chain: Chain, event: EvidenceEvent) -> Chain:
    """Give what a request remembers after a refused action, as the store counts it."""
    return chain._replace(refusals=chain.refusals + 1, refusal_tally=chain.refusal_tally + event.tally)


@st.composite
def _histories(draw: st.DrawFn, *, events: int = 2, refusals: int = 0) -> History:
    """Some steps, each of chained events or of a refused action, in any order."""
    chain, kept = Chain(), list[EvidenceEvent]()
    steps = draw(st.lists(st.booleans(), max_size=5)) + [True] * events + [False] * refusals
    for number, chained in enumerate(draw(st.permutations(steps))):
        entry = draw(ENTRIES)
        if chained:
            new = link(chain, REQUEST, [entry, draw(ENTRIES)], now_ms=NOW_MS + number)
            chain = chain.extended_by(new)
            kept += new
        else:
            event = refusal_event(chain, REQUEST, entry, event_id=f"refusal-{number}", now_ms=NOW_MS + number)
            chain = _remember(chain, event)
            kept.append(event)
    return chain, kept


@given(_histories(events=0))
def test_evidence_that_nobody_touched_is_whole(history: History) -> None:
    assert broken_link(*history) is None


@given(_histories(refusals=1), st.sampled_from(sorted(OTHER)), st.data())
def test_an_edited_event_shows(history: History, field: str, data: st.DataObject) -> None:
    chain, events = history
    index = data.draw(st.integers(0, len(events) - 1))

    events[index] = replace(events[index], **{field: OTHER[field]})

    assert broken_link(chain, events)


def test_every_field_of_an_event_is_covered_by_its_digest() -> None:
    assert OTHER.keys() == {field.name for field in fields(EvidenceEvent)}
    [event] = link(Chain(), REQUEST, [Entry("policy_allow", "audit", {"a": 1})], now_ms=NOW_MS)

    digests = {replace(event, **{name: value}).digest for name, value in OTHER.items()}

    assert len(digests | {event.digest}) == len(OTHER) + 1


@given(_histories(refusals=1), st.data())
def test_a_dropped_event_shows_whichever_it_is(history: History, data: st.DataObject) -> None:
    chain, events = history
    del events[data.draw(st.integers(0, len(events) - 1))]

    assert broken_link(chain, events)


@given(_histories(), st.data())
def test_a_chain_cut_off_shows_wherever_it_is_cut(history: History, data: st.DataObject) -> None:
    chain, events = history
    kept = data.draw(st.integers(0, len(events) - 1))

    assert broken_link(chain, events[:kept])


@given(_histories(), st.data())
def test_two_chained_events_that_change_places_show(history: History, data: st.DataObject) -> None:
    chain, events = history
    places = [index for index, event in enumerate(events) if event.sequence]
    one, other = data.draw(st.lists(st.sampled_from(places), min_size=2, max_size=2, unique=True))
    first, second = events[one], events[other]

    events[one] = replace(second, sequence=first.sequence, previous=first.previous)
    events[other] = replace(first, sequence=second.sequence, previous=second.previous)

    assert broken_link(chain, events)


@given(_histories(refusals=1), st.data())
def test_the_order_in_which_events_are_read_does_not_matter(history: History, data: st.DataObject) -> None:
    chain, events = history

    assert broken_link(chain, data.draw(st.permutations(events))) is None


@settings(max_examples=50)
@given(_histories(refusals=1), st.data())
def test_an_event_that_is_there_twice_shows(history: History, data: st.DataObject) -> None:
    chain, events = history

    assert broken_link(chain, [*events, data.draw(st.sampled_from(events))])


@settings(max_examples=50)
@given(_histories(), ENTRIES, st.sampled_from([-1, 1, 2, 5, 6, 99]), st.integers(0, 8))
def test_an_event_that_was_made_up_shows_whatever_place_it_claims_and_wherever_it_is_read(
    history: History, entry: Entry, sequence: int, read_at: int
) -> None:
    chain, events = history
    forged = replace(link(chain, REQUEST, [entry], now_ms=NOW_MS)[0], sequence=sequence, event_id="forged")

    assert broken_link(chain, [*events[:read_at], forged, *events[read_at:]])


@given(_histories(refusals=1), ENTRIES)
def test_a_refused_action_made_up_or_exchanged_shows(history: History, entry: Entry) -> None:
    chain, events = history
    forged = refusal_event(Chain(head=chain.head), REQUEST, entry, event_id="forged", now_ms=NOW_MS)
    last = next(index for index, event in enumerate(events) if not event.sequence)

    assert broken_link(chain, [*events, forged])
    assert broken_link(chain, [*events[:last], forged, *events[last + 1 :]])


@given(_histories(), st.data())
def test_a_forger_who_links_everything_anew_still_lacks_the_head_the_request_remembers(
    history: History, data: st.DataObject
) -> None:
    chain, events = history
    linked = [event for event in events if event.sequence]
    edited = data.draw(st.integers(0, len(linked) - 1))
    linked[edited] = replace(linked[edited], detail={"forged": True})
    previous, forged = GENESIS, list[EvidenceEvent]()
    for event in linked:
        forged.append(replace(event, previous=previous))
        previous = forged[-1].digest

    assert broken_link(chain._replace(refusals=0, refusal_tally=0), forged)


def test_refused_actions_are_counted_in_whatever_order_they_arrive() -> None:
    entries = [Entry("hitl_approval_unauthorized", "audit", {"actor": name}) for name in ("a", "b", "c")]
    events = [
        refusal_event(Chain(), REQUEST, entry, event_id=str(number), now_ms=NOW_MS)
        for number, entry in enumerate(entries)
    ]
    chain = Chain()
    for event in reversed(events):
        chain = _remember(chain, event)

    assert broken_link(chain, events) is None


def test_events_take_the_next_places_and_name_their_predecessors() -> None:
    first = link(Chain(), REQUEST, [Entry("policy_allow", "lineage", {})], now_ms=NOW_MS)
    chain = Chain().extended_by(first)
    second = link(chain, REQUEST, [Entry("policy_allow", "audit", {})] * 2, now_ms=NOW_MS)

    assert [event.sequence for event in first + second] == [1, 2, 3]
    assert [event.event_id for event in first + second] == ["req-1:1", "req-1:2", "req-1:3"]
    assert [event.previous for event in first + second] == [GENESIS, first[0].digest, second[0].digest]


@pytest.mark.parametrize("source", ["audit", "lineage"])
@pytest.mark.parametrize("hitl", [None, "hitl_req-1"])
def test_an_event_is_shown_with_what_every_payload_has_and_its_place_in_the_chain(
    source: Any, hitl: str | None
) -> None:
    said = {"event": "decided", "decision": "allow", "state": "allowed_terminal", "decisionContextHash": "ctx_0"}
    [event] = link(Chain(), REQUEST, [Entry("policy_allow", source, {**said, "tier": 1})], now_ms=NOW_MS)

    [view] = views([event], decision_context_hash="ctx_of_the_record", hitl_request_id=hitl)

    named = {"hitlRequestId": hitl} if hitl else {}
    place = {"sequence": 1, "previousHash": GENESIS, "hash": event.digest}
    occurred = {"reasonCode": "policy_allow", "timestamp": NOW_MS}
    assert view == {
        "id": "req-1:1",
        "requestId": REQUEST,
        "payload": {"source": source, "tier": 1, **said, **occurred, **named, **place},
        **occurred,
    }


def test_what_an_earlier_release_wrote_is_shown_with_what_its_neighbours_say() -> None:
    chain = Chain()
    first = link(chain, REQUEST, [Entry("e", "lineage", {}), Entry("e", "audit", PENDING)], now_ms=NOW_MS)
    chain = chain.extended_by(first)
    early = refusal_event(chain, REQUEST, Entry("no", "audit", {"actor": "x"}), event_id="1", now_ms=NOW_MS)
    moved = {"decisionContextHash": "ctx_0", "from": "escalated_pending", "to": REJECTED["state"]}
    second = link(chain, REQUEST, [Entry("r", "lineage", moved), Entry("r", "audit", REJECTED)], now_ms=NOW_MS)
    late = refusal_event(chain.extended_by(second), REQUEST, Entry("no", "audit", {}), event_id="2", now_ms=NOW_MS)

    shown = views([*first, early, *second, late], decision_context_hash="ctx_0", hitl_request_id="hitl_req-1")

    said = [tuple(view["payload"][name] for name in ("event", "decision", "state")) for view in shown]
    assert said == [
        ("decided", "escalate", "escalated_pending"),
        ("decided", "escalate", "escalated_pending"),
        ("refused", "deny", "escalated_pending"),
        ("closed", "deny", "escalated_rejected_terminal"),
        ("closed", "deny", "escalated_rejected_terminal"),
        ("refused", "deny", "escalated_rejected_terminal"),
    ]
    assert {view["payload"]["decisionContextHash"] for view in shown} == {"ctx_0"}


def test_a_billion_refused_actions_still_fit_the_stores_numbers() -> None:
    assert (16**24 - 1) * 10**9 < 10**38
