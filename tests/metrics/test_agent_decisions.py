"""What was decided of each agent in the last 24 hours, as the projector keeps it."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from handshake.core.agents import Agent
from handshake.core.tiers import Outcome
from handshake.dynamo.client import Dynamo
from handshake.dynamo.context import Context
from handshake.metrics.agent_decisions import RecentDecisions, by_agent, recent
from handshake.metrics.event_stream import StreamedEvent, read_stream
from handshake.metrics.events import MetricsEvent
from handshake.metrics.project_metrics import project_metrics
from handshake.metrics.rebuild import rebuild
from handshake.metrics.rollup_table import agent_decisions_key
from tests.conftest import Engine
from tests.support.metrics_events import HOUR_MS, NOW_MS, an_event
from tests.support.metrics_stream import records_of

THIS_HOUR_MS = NOW_MS - NOW_MS % HOUR_MS
AGENTS = ["one", "other"]
DECIDED = st.builds(
    lambda decision, agent, age: replace(
        an_event(decision=decision), agent=agent, timestamp_ms=THIS_HOUR_MS + HOUR_MS - 1 - age
    ),
    st.sampled_from(["allow", "deny", "escalate"]),
    st.sampled_from([*AGENTS, None]),
    st.integers(0, 30 * HOUR_MS),
)


def context_on(engine: Engine, *, now_ms: int = NOW_MS) -> Context:
    client, tables = engine
    return Context(Dynamo(client, clock=lambda: 0.0), tables, lambda: now_ms, lambda: "id")


def read(context: Context, agent: str) -> RecentDecisions:
    [item] = context.dynamo.batch_get([(context.tables.metrics, agent_decisions_key(agent))])
    return recent(item, now_ms=context.now_ms())


def plainly(events: list[MetricsEvent], agent: str) -> dict[Outcome, int]:
    """Count the decisions of the hour now running and the 23 before it."""
    counted: dict[Outcome, int] = {"allow": 0, "deny": 0, "escalate": 0}
    for event in events:
        if event.agent == agent and event.timestamp_ms >= THIS_HOUR_MS - 23 * HOUR_MS:
            counted[event.decision] += 1
    return counted


@given(st.lists(st.tuples(st.sampled_from(["0", "1"]), DECIDED)))
def test_an_agent_is_told_what_it_got_in_the_last_24_hours_and_when_it_last_got_anything(
    happened: list[tuple[str, MetricsEvent]],
) -> None:
    counted = by_agent(happened)
    events = [event for _, event in happened]

    for agent in AGENTS:
        mine = [event.timestamp_ms for event in events if event.agent == agent]
        item = {**counted[agent].counts, **counted[agent].last_ms} if mine else None
        assert recent(item, now_ms=NOW_MS) == RecentDecisions(max(mine, default=None), plainly(events, agent))


def _streamed(count: int, **changes: Any) -> list[StreamedEvent]:
    times = [NOW_MS + number for number in range(count)]
    happened = [replace(an_event(event_id=f"e-{time}"), timestamp_ms=time, **changes) for time in times]
    return read_stream(records_of(happened))


def test_whatever_the_stream_repeats_is_counted_once(moto_tables: Engine) -> None:
    context = context_on(moto_tables)
    streamed = _streamed(7, agent="one")

    for start, end in ((0, 4), (2, 7), (0, 7)):
        project_metrics(context, streamed[start:end], per_transaction=3)

    assert read(context, "one") == RecentDecisions(NOW_MS + 6, {"allow": 7, "deny": 0, "escalate": 0})
    assert read(context, "other") == RecentDecisions()


def test_more_agents_than_one_transaction_writes_are_counted(moto_tables: Engine) -> None:
    context = context_on(moto_tables)
    names = [f"agent-{number}" for number in range(99)]
    happened = [replace(an_event(event_id=name), agent=name) for name in names]

    assert len(project_metrics(context, read_stream(records_of(happened)))) == len(names)

    assert [read(context, name).counts["allow"] for name in names] == [1] * len(names)


def test_counters_that_nobody_asks_for_any_more_are_dropped_at_the_next_decision(moto_tables: Engine) -> None:
    context = context_on(moto_tables)
    old = [
        replace(an_event(event_id=f"e-{age}"), agent="one", timestamp_ms=NOW_MS - age * HOUR_MS) for age in range(60)
    ]
    project_metrics(context, read_stream(records_of(old)))
    [before] = context.dynamo.batch_get([(context.tables.metrics, agent_decisions_key("one"))])

    project_metrics(context, read_stream(records_of([*old, replace(an_event(event_id="new"), agent="one")])))

    [after] = context.dynamo.batch_get([(context.tables.metrics, agent_decisions_key("one"))])
    assert before is not None
    assert after is not None
    counters = {name for name in after if name.startswith("allow_")}
    assert len(counters) == 25
    assert counters < {name for name in before if name.startswith("allow_")}
    assert read(context, "one").counts["allow"] == 24 + 1


def test_a_rebuild_keeps_what_the_events_of_24_hours_say(moto_tables: Engine) -> None:
    context = context_on(moto_tables)
    streamed = _streamed(3, agent="one")
    project_metrics(context, streamed)
    client, tables = moto_tables
    for item in records_of([each.event for each in streamed]):
        client.put_item(TableName=tables.metrics, Item=item["dynamodb"]["NewImage"])
    key = {name: {"S": value} for name, value in agent_decisions_key("one").items()}
    client.put_item(TableName=tables.metrics, Item={**key, "deny_1": {"N": "9"}})
    later = iter(range(NOW_MS + 10, NOW_MS + 10**9, 60_000))

    rebuild(context._replace(now_ms=lambda: next(later)), stream="s", pause=lambda _: None)

    assert read(context, "one") == RecentDecisions(NOW_MS + 2, {"allow": 3, "deny": 0, "escalate": 0})


def test_an_agent_of_a_tenant_has_another_pseudonym_than_its_bare_id_and_neither_names_it() -> None:
    pseudonyms = {Agent("bot").pseudonym, Agent("bot", "acme").pseudonym, Agent("bot", "other").pseudonym}

    assert len(pseudonyms) == 3
    assert not any("bot" in pseudonym or "acme" in pseudonym for pseudonym in pseudonyms)
