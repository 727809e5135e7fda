"""One call of every endpoint, with the calls to the store that the design has for it."""

from collections.abc import Callable
from typing import Any

from tests.support.agents import operator, put, read
from tests.support.service import (
    InProcess,
    act,
    apply_policy,
    claim,
    decided,
    escalated,
    extend,
    for_agent,
    get,
    human,
    own,
    post,
    register_tools,
    report,
    reported_event,
    revoke,
    submission,
    submit,
    token,
    unique,
)
from tests.support.store import let_expire
from tests.support.workflow_requests import an_action

READ, QUERY, WRITE, PUT = "batch_get_item", "query", "transact_write_items", "put_item"
WEEK_OF_ONE_AGENT = [QUERY] * 7
WEEK_OF_ALL = [QUERY] * 28

Call = Callable[[InProcess], object]
Prepare = Callable[[InProcess], Call]


def _submitting(*, action_type: str = "payment", action: Any = None, **context: Any) -> Prepare:
    return lambda _: lambda service: submit(service, submission(action_type, context=context, action=action))


def _reading(path: str, **changes: Any) -> Prepare:
    def prepare(service: InProcess) -> Call:
        request = decided(service, "allow", **changes)
        return lambda service: get(service, path.format(request["requestId"]), envelope=own(request))

    return prepare


def _acting(action: str = "approve", **changes: Any) -> Prepare:
    def prepare(service: InProcess) -> Call:
        request = escalated(service)
        return lambda service: act(service, request, action, **changes)

    return prepare


def _room(**changes: Any) -> Prepare:
    def prepare(service: InProcess) -> Call:
        request = escalated(service, **changes)
        return lambda service: get(service, f"/workflow/decision-room/{request['requestId']}", envelope=own(request))

    return prepare


def _history(service: InProcess) -> Call:
    request = escalated(service)
    act(service, request)
    return lambda service: get(service, "/workflow/decisions", envelope=own(request))


def _again(service: InProcess) -> Call:
    request = decided(service, "allow")
    return lambda service: submit(service, request)


def _authorizing(service: InProcess) -> Call:
    request = decided(service, "allow")
    artifact = submit(service, request).body
    return lambda service: post(service, "/workflow/authorize-execution", {"request": request, "artifact": artifact})


def _too_late(service: InProcess) -> Call:
    request = escalated(service)
    let_expire(service, request)
    return lambda service: act(service, request, key="k")


def _closed(service: InProcess) -> Call:
    request = escalated(service)
    act(service, request)
    return lambda service: act(service, request, key="k")


def _extending(**changes: Any) -> Prepare:
    def prepare(service: InProcess) -> Call:
        request = escalated(service)
        return lambda service: extend(service, request, **changes)

    return prepare


def _revoking(service: InProcess) -> Call:
    request = escalated(service)
    act(service, request)
    return lambda service: revoke(service, request)


def _revoking_again(service: InProcess) -> Call:
    request = escalated(service)
    act(service, request)
    revoke(service, request)
    return lambda service: revoke(service, request)


def _replaying_an_action(service: InProcess) -> Call:
    request = escalated(service)
    act(service, request, key="k")
    return lambda service: act(service, request, key="k")


def _claiming(*, key: str | None = None) -> Prepare:
    def prepare(service: InProcess) -> Call:
        request = decided(service, "allow")
        digest = submit(service, request).body["actionDigest"]
        return lambda service: claim(service, request, key=key, digest=digest)

    return prepare


def _claiming_again(service: InProcess) -> Call:
    request = decided(service, "allow")
    digest = submit(service, request).body["actionDigest"]
    claim(service, request, key="k", digest=digest)
    return lambda service: claim(service, request, key="k", digest=digest)


def _reporting(service: InProcess) -> Call:
    request = decided(service, "allow")
    grant_id = claim(service, request).body["grantId"]
    return lambda service: report(service, grant_id, envelope=own(request))


def _applying(service: InProcess) -> Call:
    agent = unique("agent")
    apply_policy(service, for_agent(agent, max_transaction=1))
    return lambda service: apply_policy(service, for_agent(agent, max_transaction=2))


def _reapplying(service: InProcess) -> Call:
    agent = unique("agent")
    apply_policy(service, for_agent(agent, max_transaction=1))
    return lambda service: apply_policy(service, {"scope": "agent", "scopeId": agent, "policyVersion": "v1"})


def _replaying_a_token(service: InProcess) -> Call:
    shown = token(service)
    apply_policy(service, for_agent(unique("agent"), max_transaction=1), token=shown)
    return lambda service: apply_policy(service, for_agent(unique("agent"), max_transaction=1), token=shown)


_TOOLS = {"actionType": "other", "tools": [{"name": "t", "inputSchema": {}}]}


def _registering(service: InProcess) -> Call:
    register_tools(service, _TOOLS)
    return lambda service: register_tools(service, _TOOLS)


def _reading_tools(service: InProcess) -> Call:
    register_tools(service, _TOOLS)
    return lambda service: get(service, "/policy/tools")


def _simulating(service: InProcess) -> Call:
    register_tools(service, _TOOLS)
    request = decided(service, "allow")
    return lambda service: post(service, "/policy/simulate", for_agent(request["agentId"], max_transaction=1))


def _of_agents(call: Call) -> Prepare:
    def prepare(service: InProcess) -> Call:
        put(service, "counted", state="active")
        return call

    return prepare


def _approving_for_a_stopped_agent(service: InProcess) -> Call:
    request = escalated(service)
    put(service, request["agentId"], envelope=operator(request["tenantId"]))
    return lambda service: act(service, request)


def _asking(path: str) -> Prepare:
    return lambda _: lambda service: get(service, path)


CALLS: dict[str, tuple[Prepare, list[str]]] = {
    "submit, allowed": (_submitting(amount=10), [READ, WRITE]),
    "submit, denied": (_submitting(amount=5000), [READ, WRITE]),
    "submit, escalated": (_submitting(amount=150), [READ, WRITE]),
    "submit, of another type": (_submitting(action_type="other"), [READ, WRITE]),
    "submit, with an action": (_submitting(action=an_action(), amount=150), [READ, WRITE]),
    "submit, again": (_again, [READ]),
    "submit, refused": (lambda _: lambda service: submit(service, submission(agentId="")), [PUT]),
    "read request": (_reading("/workflow/requests/{}"), [READ]),
    "read room": (_reading("/workflow/decision-room/{}"), [READ]),
    "read room, of an action": (_reading("/workflow/decision-room/{}", action=an_action()), [READ]),
    "read room, of an escalation": (_room(), [READ, QUERY, READ]),
    "read room, of an escalation with an action": (_room(action=an_action()), [READ, QUERY, QUERY, READ]),
    "read history": (_reading("/workflow/decisions"), [QUERY]),
    "read history, of one": (_history, [QUERY, READ]),
    "read evidence": (_reading("/workflow/evidence/{}"), [QUERY]),
    "read queue": (_reading("/workflow/decision-room"), [QUERY]),
    "read, no envelope": (_asking("/workflow/requests/r"), [PUT]),
    "approve": (_acting(), [READ, WRITE]),
    "approve with key": (_acting(key="k"), [READ, WRITE]),
    "reject with key": (_acting("reject", key="k"), [READ, WRITE]),
    "withdraw with key": (_acting("withdraw", key="k"), [READ, WRITE]),
    "extend with key": (_extending(key="k"), [READ, WRITE]),
    "extend, refused": (_extending(envelope=human("stranger")), [READ, WRITE]),
    "revoke": (_revoking, [READ, WRITE]),
    "revoke, again": (_revoking_again, [READ]),
    "action, refused": (_acting(envelope=human("stranger"), key="k"), [READ, WRITE]),
    "action, too late": (_too_late, [READ, WRITE]),
    # Once more for the guard: the key may have been used between the two reads of the batch.
    "action, on a closed escalation": (_closed, [READ, READ, WRITE]),
    "action, replayed": (_replaying_an_action, [READ, WRITE]),
    # The request, pause and key; then what the request names.
    "claim": (_claiming(), [READ, READ, WRITE]),
    "claim with key": (_claiming(key="k"), [READ, READ, WRITE]),
    "claim, again": (_claiming_again, [READ, READ]),
    "report": (_reporting, [READ, WRITE]),
    "grant keys": (_asking("/.well-known/jwks.json"), []),
    "apply": (_applying, [READ, WRITE]),
    "apply, an earlier version": (_reapplying, [READ, WRITE]),
    "apply, replayed": (_replaying_a_token, [READ, PUT]),
    "apply, no token": (lambda _: lambda service: apply_policy(service, {}, token=None), [PUT]),
    # The registry, and every scope that has Cedar.
    "register tools": (_registering, [READ, READ, QUERY, WRITE]),
    "tools": (_reading_tools, [READ, READ]),
    "authorize": (_authorizing, [READ]),
    "config": (_asking("/policy/config?scope=global"), [READ]),
    "versions": (_asking("/policy/versions?scope=global"), [QUERY]),
    # Of a scope without one; where it has one, its report is read too.
    "shadow": (_asking("/policy/shadow?scope=global"), [READ]),
    # Each hundred that are found are read once more: the index does not say in which tenant they were made. The last
    # read is of the registered tools.
    "simulate for an agent": (_simulating, [*WEEK_OF_ONE_AGENT, READ, READ, READ]),
    # In the approval's own write, which fails by its check; then the refusal goes into evidence.
    "approve, its agent stopped": (_approving_for_a_stopped_agent, [READ, WRITE, WRITE]),
    "agents": (_of_agents(lambda service: get(service, "/agents", envelope=operator())), [QUERY, READ]),
    "agent": (_of_agents(lambda service: read(service, "counted")), [READ]),
    "change an agent": (_of_agents(lambda service: put(service, "counted", state="active")), [READ, WRITE]),
    "summary": (_asking("/metrics/summary?window=30d"), [QUERY]),
    "series": (_asking("/metrics/series?window=30d&bucket=day"), [QUERY]),
    "reasons": (_asking("/metrics/reasons?window=7d"), [QUERY]),
    "project": (lambda _: lambda service: post(service, "/metrics/project", reported_event()), [PUT]),
}
