"""Every endpoint that asks the store, ready to be called when the store does not answer."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from handshake.trust.token import TOOLS_SUBJECT
from tests.support.agents import operator, put, read
from tests.support.clients import Failing
from tests.support.outcomes import GUARD, STORE
from tests.support.service import (
    InProcess,
    Reply,
    Service,
    act,
    apply_policy,
    claim,
    decided,
    escalated,
    extend,
    for_agent,
    get,
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

READS = ("batch_get_item", "query")
WRITES = ("transact_write_items", "put_item", "update_item")


class Endpoint(NamedTuple):
    """Prepare a call, make it, and know its answer for when the store gives none."""

    prepare: Callable[[Service], Any]
    call: Callable[[Service, Any], Reply]
    outcome: tuple[int, str]
    reads: bool = True
    tables: Collection[str] = ()
    """Those it writes to, or reads before it writes: without any one of them it can do nothing."""


def _reading(path: str) -> Endpoint:
    return Endpoint(
        lambda service: decided(service, "escalate"),
        lambda service, request: get(service, path.format(request["requestId"]), envelope=own(request)),
        STORE,
    )


def _asking(path: str) -> Endpoint:
    return Endpoint(lambda _: None, lambda service, _: get(service, path), STORE)


def _allowed(service: Service) -> dict[str, Any]:
    request = decided(service, "allow")
    return {"request": request, "artifact": submit(service, request).body}


def _overdue(service: Service) -> dict[str, Any]:
    request = escalated(service)
    let_expire(service, request)
    return request


def change(service: Service) -> dict[str, Any]:
    return {"body": for_agent(unique("agent"), max_transaction=1), "token": token(service)}


def apply(service: Service, change: Mapping[str, Any]) -> Reply:
    return apply_policy(service, change["body"], token=change["token"])


def tool_list(service: Service) -> dict[str, Any]:
    assert register(service, _tools(service)).status == 200, "the first one makes the registry"
    return _tools(service)


def _tools(service: Service) -> dict[str, Any]:
    return {"body": {"actionType": "other", "tools": []}, "token": token(service, subject=TOOLS_SUBJECT)}


def register(service: Service, given: Mapping[str, Any]) -> Reply:
    return register_tools(service, given["body"], token=given["token"])


def _approved(service: Service) -> dict[str, Any]:
    request = escalated(service)
    assert act(service, request).status == 200
    return request


def _claimable(service: Service) -> dict[str, Any]:
    allowed = _allowed(service)
    return {"request": allowed["request"], "digest": allowed["artifact"]["actionDigest"]}


def _claim(service: Service, given: Mapping[str, Any], **changes: Any) -> Reply:
    return claim(service, given["request"], digest=given["digest"], **changes)


def _claimed(service: Service) -> dict[str, Any]:
    given = _claimable(service)
    return given | {"grantId": _claim(service, given).body["grantId"]}


def _report(service: Service, given: Mapping[str, Any]) -> Reply:
    return report(service, given["grantId"], envelope=own(given["request"]))


PAYING = ("workflow", "policy", "metrics")
RESOLVING = ("workflow", "metrics", "runtime_kv")
GUARDED = (*RESOLVING, "replay_guards")
APPLYING = ("policy", "replay_guards", "runtime_kv")

ENDPOINTS: Mapping[str, Endpoint] = {
    "submit, allowed": Endpoint(lambda _: submission(), submit, STORE, tables=PAYING),
    "submit, escalated": Endpoint(lambda _: submission(context={"amount": 150}), submit, STORE, tables=PAYING),
    "read request": _reading("/workflow/requests/{}"),
    "read room": _reading("/workflow/decision-room/{}"),
    "read evidence": _reading("/workflow/evidence/{}"),
    "read queue": _reading("/workflow/decision-room"),
    "read history": _reading("/workflow/decisions"),
    # It checks that the agent is not stopped, which a rejection does not ask.
    "approve": Endpoint(escalated, act, STORE, tables=(*RESOLVING, "policy")),
    "approve with key": Endpoint(
        escalated, lambda s, request: act(s, request, key="k"), GUARD, tables=(*GUARDED, "policy")
    ),
    "reject with key": Endpoint(
        escalated, lambda s, request: act(s, request, "reject", key="k"), GUARD, tables=GUARDED
    ),
    "approve too late": Endpoint(_overdue, lambda s, request: act(s, request, key="k"), GUARD, tables=GUARDED),
    "withdraw": Endpoint(escalated, lambda s, request: act(s, request, "withdraw"), STORE, tables=RESOLVING),
    "extend": Endpoint(escalated, extend, STORE, tables=RESOLVING),
    "extend with key": Endpoint(escalated, lambda s, request: extend(s, request, key="k"), GUARD, tables=GUARDED),
    "revoke": Endpoint(_approved, revoke, STORE, tables=RESOLVING),
    "claim": Endpoint(_claimable, _claim, STORE, tables=(*RESOLVING, "policy")),
    "claim with key": Endpoint(
        _claimable, lambda s, given: _claim(s, given, key="k"), GUARD, tables=(*GUARDED, "policy")
    ),
    "report": Endpoint(_claimed, _report, STORE, tables=["workflow", "metrics"]),
    "apply": Endpoint(change, apply, GUARD, tables=APPLYING),
    "register tools": Endpoint(tool_list, register, GUARD, tables=APPLYING),
    "tools": _asking("/policy/tools"),
    "authorize": Endpoint(_allowed, lambda s, body: post(s, "/workflow/authorize-execution", body), STORE),
    "config": _asking("/policy/config?scope=global"),
    "versions": _asking("/policy/versions?scope=global"),
    "shadow": _asking("/policy/shadow?scope=global"),
    "simulate": Endpoint(
        lambda _: for_agent("agent", max_transaction=1), lambda s, body: post(s, "/policy/simulate", body), STORE
    ),
    "agents": Endpoint(lambda _: None, lambda s, _: get(s, "/agents", envelope=operator()), STORE),
    "agent": Endpoint(lambda s: put(s, "asked"), lambda s, _: read(s, "asked"), STORE),
    "change an agent": Endpoint(lambda _: unique("agent"), put, STORE, tables=["policy", "metrics"]),
    "summary": _asking("/metrics/summary"),
    "series": _asking("/metrics/series"),
    "reasons": _asking("/metrics/reasons"),
    "project": Endpoint(
        lambda _: reported_event(),
        lambda s, body: post(s, "/metrics/project", body),
        STORE,
        reads=False,
        tables=["metrics"],
    ),
}
READING = {name: endpoint for name, endpoint in ENDPOINTS.items() if endpoint.reads}
WRITING = {name: endpoint for name, endpoint in ENDPOINTS.items() if endpoint.tables}
MUTATIONS = {name: endpoint for name, endpoint in WRITING.items() if name != "project"}


def failing(service: InProcess, error: Exception, **where: Any) -> InProcess:
    """Give the same service on a store of which some calls fail."""
    return replace(service, dynamodb=Failing(service.dynamodb, error, **where))
