"""See how agents stand, stop one, have people look at all that it asks for, or let it act again."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ops.commands.common import AsJson, Commands, Stack, answered, escaped, fail, reach, say
from ops.commands.operate import operator_of
from ops.local.settings import STACK_NAME

if TYPE_CHECKING:
    from handshake.agents.views import Shown
    from handshake.trust.identity import Envelope

agents = Commands(no_args_is_help=True, help="Agents: who may act, who only past a person, and who is stopped.")

_PAGE: Final = 100
# Nobody waits for any single page.
_PAGE_S: Final = 60.0

AgentId = Annotated[str, typer.Argument(help="The agent's id, as it is spelled.")]
Tenant = Annotated[
    str | None, typer.Option(show_default=False, help="The tenant that it acts in. Without it: the id in all tenants.")
]
Reason = Annotated[str, typer.Option(help="Why, for evidence and for whoever looks at the agent next.")]
Hours = Annotated[
    float | None,
    typer.Option("--hours", min=0.01, max=24 * 366, show_default=False, help="Ends by itself, as active, after these."),
]
Owner = Annotated[
    str | None, typer.Option(show_default=False, help="Who answers for the agent. Left out, it stays as it is.")
]


@agents.command("list")
def list_all(
    tenant: Tenant = None,
    state: Annotated[str | None, typer.Option(show_default=False, help="active, escalate_all or stopped.")] = None,
    stack: Stack = STACK_NAME,
    as_json: AsJson = False,
) -> None:
    """List the agents that operators have named: of all tenants, or of one.

    Ends with 0 where they are listed, 1 where AWS refuses, 69 where the stack cannot be reached.
    """
    from handshake.agents.read import list_agents
    from handshake.agents.standing import AgentState
    from handshake.core.paging import PageRequest, parse_page

    if state is not None and state not in set(AgentState):
        fail(f"--state is one of {', '.join(AgentState)}", code=2)
    shown: list[Shown] = []
    with reach(stack) as context:
        page: PageRequest | None = PageRequest(_PAGE, [])
        while page:
            more, cursor = list_agents(
                context.within(_PAGE_S), _operator("operator", tenant), AgentState(state) if state else None, page
            )
            shown += more
            page = parse_page(str(_PAGE), cursor, parts=(str, str)) if cursor else None
        now = context.now_ms()
    if as_json:
        print(json.dumps([agent.view(now_ms=now) for agent in shown]))
    else:
        say("\n".join(_in_words(agent, now_ms=now) for agent in shown) or "no agent has a record")


@agents.command()
def show(agent_id: AgentId, tenant: Tenant = None, stack: Stack = STACK_NAME, as_json: AsJson = False) -> None:
    """Show how an agent stands, and what was decided of it in the last 24 hours.

    Ends with 0 where it is shown, 1 where it has no record or AWS refuses, 69 where the stack cannot be reached.
    """
    from handshake.agents.read import read_agent
    from handshake.core.errors import HandshakeError, StoreUnavailableError

    with reach(stack) as context:
        try:
            shown = read_agent(context, _operator("operator", tenant), agent_id, tenant)
        except StoreUnavailableError:
            raise
        except HandshakeError:
            fail(f"{escaped(agent_id)} has no record {_reach(tenant)}")
        now = context.now_ms()
    if as_json:
        print(json.dumps(shown.view(now_ms=now)))
    else:
        say(_in_words(shown, now_ms=now))


@agents.command()
def stop(
    agent_id: AgentId,
    reason: Reason,
    *,
    tenant: Tenant = None,
    hours: Hours = None,
    owner: Owner = None,
    stack: Stack = STACK_NAME,
) -> None:
    """Stop an agent: what it submits is denied, and nothing of it is approved, claimed or executed any more.

    It holds for whatever begins after this has answered, while mutations are paused too. What waits for a person stays
    pending and can be rejected; `ops agents resume` before its deadline finds it again.

    Ends with 0 where it is stopped, 1 where AWS refuses, 69 where the stack cannot be reached.
    """
    _change(agent_id, tenant, {"state": "stopped", "reason": reason, "owner": owner}, stack, hours=hours)


@agents.command()
def restrict(
    agent_id: AgentId,
    reason: Reason,
    *,
    tenant: Tenant = None,
    hours: Hours = None,
    owner: Owner = None,
    stack: Stack = STACK_NAME,
) -> None:
    """Have a person look at all that an agent asks for and would be allowed.

    Ends with 0 where it is restricted, 1 where AWS refuses, 69 where the stack cannot be reached.
    """
    _change(agent_id, tenant, {"state": "escalate_all", "reason": reason, "owner": owner}, stack, hours=hours)


@agents.command()
def resume(
    agent_id: AgentId, reason: Reason, *, tenant: Tenant = None, owner: Owner = None, stack: Stack = STACK_NAME
) -> None:
    """Let an agent act again. A record of its id in all tenants may still hold it: the stricter counts.

    Ends with 0 where its record says active, 1 where AWS refuses, 69 where the stack cannot be reached.
    """
    _change(agent_id, tenant, {"state": "active", "reason": reason, "owner": owner}, stack)


def _change(agent_id: str, tenant: str | None, body: dict[str, Any], stack: str, *, hours: float | None = None) -> None:
    """Put the agent's record as ``body`` says, as the API's has it; the state ends ``hours`` from now."""
    from handshake.agents.change import managed_agent, parse_change
    from handshake.agents.change_agent import change_agent
    from handshake.core.errors import HandshakeError, StoreUnavailableError
    from ops.local import deployment

    with answered():
        target = deployment.find(stack)
        by = operator_of(target)
        context = target.context()
        until = {} if hours is None else {"until": context.now_ms() + int(hours * 3_600_000)}
        envelope = _operator(by, tenant)
        try:
            agent = managed_agent(envelope, agent_id)
            change = parse_change(body | until, now_ms=context.now_ms())
            shown = change_agent(context, change, agent, envelope)
        except StoreUnavailableError:
            raise
        except HandshakeError as refused:
            fail(refused.refusal.message)
    record = shown.record
    ends = f" until {_time(record.until_ms)}" if record.until_ms is not None else ""
    say(f"{escaped(agent_id)} is {record.state}{ends} {_reach(tenant)}; the record names {escaped(by)}")


def _operator(principal_id: str, tenant: str | None) -> "Envelope":
    """Speak for whoever has the operator's credentials: AWS has let them at the tables."""
    from handshake.trust.identity import ROLE_ADMIN, SCOPE_AGENTS_MANAGE, SCOPE_AGENTS_READ, Envelope

    scopes = (SCOPE_AGENTS_MANAGE, SCOPE_AGENTS_READ)
    return Envelope(principal_id, "human", (ROLE_ADMIN,), scopes, tenant_id=tenant or "")


def _reach(tenant: str | None) -> str:
    return f"in tenant {escaped(tenant)}" if tenant else "in all tenants"


def _time(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _in_words(shown: "Shown", *, now_ms: int) -> str:
    """Say how an agent stands: a line of its own for who it is, and those below it indented."""
    record, counts = shown.record, shown.decisions.counts
    total = sum(counts.values())
    until = f" until {_time(record.until_ms)}" if record.until_ms is not None else ""
    owner = f", owner {escaped(record.owner)}" if record.owner is not None else ""
    shares = f"{_share(counts['deny'], total)} refused, {_share(counts['escalate'], total)} escalated"
    last = _time(shown.decisions.last_at_ms) if shown.decisions.last_at_ms else "none"
    lines = [
        f"{escaped(record.agent_id)} {_reach(record.tenant_id)}: {record.state_at(now_ms)}{until}{owner}",
        f"  since {_time(record.changed_at_ms)} by {escaped(record.changed_by)}: {escaped(record.reason)}",
        f"  24 h: {total} decisions, {shares}; last {last}",
    ]
    return "\n".join(lines)


def _share(part: int, total: int) -> str:
    return f"{part / max(total, 1):.0%}"
