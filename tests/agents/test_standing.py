"""How an agent stands: the stricter of two records, each for as long as it holds."""

from hypothesis import given
from hypothesis import strategies as st

from handshake.agents.standing import UNRECORDED, AgentRecord, AgentStanding, AgentState
from handshake.agents.table import agent_keys, record_item, standing_from
from handshake.core.agents import Agent
from handshake.dynamo.marshalling import marshal, unmarshal
from tests.support.metrics_events import NOW_MS

# From the most lenient to the strictest, as section 12 has them.
ORDER = [AgentState.ACTIVE, AgentState.ESCALATE_ALL, AgentState.STOPPED]
STATES = st.sampled_from(ORDER)


def a_record(tenant_id: str | None, state: AgentState, until_ms: int | None, **changes: object) -> AgentRecord:
    fields = {"owner": None, "reason": "r", "changed_at_ms": NOW_MS, "changed_by": "p", "version": 1, "head": "h"}
    return AgentRecord(agent_id="bot", tenant_id=tenant_id, state=state, until_ms=until_ms, **{**fields, **changes})  # type: ignore[arg-type]  # any fields


def records(tenant_id: str | None) -> st.SearchStrategy[AgentRecord]:
    return st.builds(
        a_record,
        st.just(tenant_id),
        STATES,
        st.none() | st.integers(NOW_MS - 2, NOW_MS + 2),
        owner=st.none() | st.text(min_size=1, max_size=3),
        reason=st.text(max_size=3),
        version=st.integers(1, 99),
    )


STANDINGS = st.builds(AgentStanding, st.none() | records(None), st.none() | records("acme"))


@given(STANDINGS, st.integers(NOW_MS - 2, NOW_MS + 2))
def test_the_stricter_of_both_records_holds_and_each_ends_as_active_at_its_until(
    standing: AgentStanding, now_ms: int
) -> None:
    in_force = [
        record.state
        for record in (standing.for_all, standing.in_tenant)
        if record and (record.until_ms is None or now_ms < record.until_ms)
    ]

    assert standing.state_at(now_ms) == ORDER[max(map(ORDER.index, in_force), default=0)]


@given(STANDINGS, st.integers(NOW_MS - 2, NOW_MS + 2))
def test_the_record_that_it_stands_by_is_the_one_whose_state_holds(standing: AgentStanding, now_ms: int) -> None:
    record = standing.record_at(now_ms)

    assert (record is None) == (standing == UNRECORDED)
    if record:
        assert record in (standing.for_all, standing.in_tenant)
        assert record.state_at(now_ms) == standing.state_at(now_ms)
    if standing.in_tenant and standing.in_tenant.state_at(now_ms) == standing.state_at(now_ms):
        assert record == standing.in_tenant


@given(standing=STANDINGS, unknown=STATES, has_policy=st.booleans())
def test_only_an_agent_with_neither_record_nor_policy_is_unknown(
    standing: AgentStanding, unknown: AgentState, *, has_policy: bool
) -> None:
    state = standing.state_among(NOW_MS, has_policy=has_policy, unknown=unknown)

    if has_policy or standing != UNRECORDED:
        assert state == standing.state_at(NOW_MS)
    else:
        assert state == unknown


@given(STANDINGS)
def test_what_is_stored_is_what_is_read_and_evidence_names_the_versions(standing: AgentStanding) -> None:
    records = (standing.for_all, standing.in_tenant)
    stored = [unmarshal(marshal(record_item(record))) if record else None for record in records]

    assert standing_from(stored) == standing
    versions = {"agent": standing.for_all, "agentInTenant": standing.in_tenant}
    assert standing.versions == {reach: record.version for reach, record in versions.items() if record}


def test_an_agent_without_a_tenant_stands_by_its_id_alone_and_with_one_by_both() -> None:
    bare, in_tenant = agent_keys(Agent("bot")), agent_keys(Agent("bot", "acme"))

    assert len(bare) == 1
    assert in_tenant[0] == bare[0]
    assert in_tenant[1] not in (bare[0], *agent_keys(Agent("bot", "other")))
