"""Agents: no two of them share what is kept of one."""

from hypothesis import example, given
from hypothesis import strategies as st

from handshake.core.agents import Agent

# Whatever separates the parts of a key, ids may hold it.
IDS = st.text(st.sampled_from('a#@"\\,[]|:/ é\U0001f600') | st.characters(codec="utf-8"), min_size=1, max_size=12)
AGENTS = st.builds(Agent, IDS, st.none() | IDS)
KINDS = ("SPEND", "ESC", "SCOPE#agent")
WIDEST = "\U0001f600" * 256


@given(AGENTS, AGENTS)
@example(Agent("b", "a"), Agent("a", "b"))
@example(Agent("b#c", "a"), Agent("c", "a#b"))
@example(Agent('b","c', "a"), Agent("c", 'a","b'))
@example(Agent("agent"), Agent("agent", "agent"))
@example(Agent("tenant#x", None), Agent("x", "tenant"))
def test_two_agents_share_no_key(one: Agent, other: Agent) -> None:
    for kind in KINDS:
        assert (f"{kind}{one.key}" == f"{kind}{other.key}") == (one == other)


@given(AGENTS, AGENTS)
def test_what_is_kept_of_one_kind_is_not_found_under_another(one: Agent, other: Agent) -> None:
    assert f"SPEND{one.key}" != f"ESC{other.key}"


@given(IDS)
def test_without_a_tenant_an_agents_key_is_the_one_that_it_always_had(agent_id: str) -> None:
    assert Agent(agent_id).key == f"#{agent_id}"


def test_the_longest_ids_fit_a_key() -> None:
    for agent in (Agent(WIDEST), Agent(WIDEST, WIDEST)):
        assert len(f"SCOPE#agent{agent.key}".encode()) <= 2048
