"""The workflow table: requests, their evidence, what agents have spent and how often they escalated.

One request is one partition: its state under STATE, its action under ACTION where it has one, its evidence beside it
(evidence_items), and under REFC# how often each principal's actions on it were refused, so one query reads all of it.
Pending requests carry the attributes of three sparse indexes (by tenant, by principal, by shard) that a queue or an
expiry sweep reads instead of the table.
"""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from heapq import merge
from itertools import islice
from typing import Any, Final

from handshake.agents.standing import AgentState
from handshake.agents.table import agent_keys, standing_from
from handshake.core.agents import Agent
from handshake.core.errors import Refusal
from handshake.core.jsonio import canonical, digest
from handshake.core.reasons import ReasonCode
from handshake.dynamo.client import Dynamo
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item, Key
from handshake.dynamo.runtime_kv import PAUSE_KEY, ensure_not_paused, pause_of
from handshake.dynamo.sharding import shard
from handshake.policy.budgets import Counter, Reservation
from handshake.policy.read_setting import setting_for
from handshake.policy.rule_keys import Spend, Trigger
from handshake.policy.rules import scopes_of
from handshake.policy.setting import BARE
from handshake.policy.table import active_key, active_keys, active_tools_key, in_force
from handshake.policy.verdict import Named
from handshake.replay_guards.table import stored_outcomes
from handshake.requests.action_items import action_from, named_attributes
from handshake.requests.decision import Escalations, spend_day, utc_day
from handshake.requests.evidence import Chain, EvidenceEvent
from handshake.requests.evidence_items import evidence_from
from handshake.requests.record import REPORTED_WITHIN_MS, Claim, Report, RequestRecord, State
from handshake.requests.submission import Submission
from handshake.requests.submission_rules import Seen
from handshake.trust.identity import Envelope, assured_from, assured_members

PENDING_SHARDS: Final = 4
RECORDED: Final = "recorded"
RECORDED_SHARDS: Final = 4

BUDGETS: Final = "BUDGET#"
"""Before the key of each counter of a budget."""
_STATE: Final = "STATE"
_REFUSALS: Final = "REFC#"
_EVENTS: Final = ("EVT#", "REF#")
PENDING_ATTRIBUTES: Final = ("pending_tenant", "pending_principal", "pending_lane", "pending_deadline")
SWEPT_ATTRIBUTES: Final = "pending_lane, pending_deadline"


def state_key(request_id: str) -> Key:
    """Give the key of a request's state."""
    return {"pk": f"REQ#{request_id}", "sk": _STATE}


def is_state(key: Key) -> bool:
    """Say whether the item of ``key`` is a request's state."""
    return key["pk"].startswith(state_key("")["pk"]) and key["sk"] == _STATE


def spend_key(agent: Agent, day: str) -> Key:
    """Give the key of an agent's spend of a UTC ``day`` (see spend_day)."""
    return {"pk": f"SPEND{agent.key}", "sk": day}


def budget_key(counter: Counter) -> Key:
    """Give the key of what is taken of a budget, by one bucket in one window: of one of its shards."""
    return {"pk": f"{BUDGETS}{counter.key}", "sk": f"{counter.window}#{counter.shard}"}


def taken(item: Item | None) -> Decimal:
    """Give what a budget's counter holds."""
    return item["taken"] if item else Decimal(0)


def escalations_key(principal_id: str, agent: Agent) -> Key:
    """Give the key of the recent escalations of a principal and agent."""
    if agent.tenant_id is None:
        return {"pk": f"ESC#{principal_id}", "sk": agent.agent_id}
    return {"pk": f"ESC{agent.key}", "sk": principal_id}


def refusals_key(request_id: str, principal_id: str, tenant_id: str) -> Key:
    """Give the key of the count of a principal's refused actions on a request: a digest, as a key must be short."""
    return {"pk": f"REQ#{request_id}", "sk": f"{_REFUSALS}{digest([tenant_id, principal_id])[:32]}"}


def refusals_kept(item: Item | None) -> int:
    """Say how many refused actions of a principal evidence keeps, by the item that counts them."""
    return int(item.get("kept", 0)) if item else 0


def pending_shard(number: int) -> str:
    """Give the partition of a shard of the index that the expiry sweep reads."""
    return f"PENDING#{number}"


def unreported_shard(number: int) -> str:
    """Give the partition, in the same index, of grants that were claimed and whose outcome nobody has reported."""
    return f"UNREPORTED#{number}"


def lapsing_shard(number: int) -> str:
    """Give the partition of a shard of the same index that holds what gives something back unless it is claimed."""
    return f"LAPSING#{number}"


def recorded_shard(agent_id: str) -> int:
    """Give the agent's shard of the index: each day is spread over RECORDED_SHARDS."""
    return shard(agent_id, RECORDED_SHARDS)


def recorded_partition(day: str, number: int) -> str:
    """Give the partition of a UTC day's shard."""
    return f"{day}#{number}"


def spent(item: Item | None) -> Decimal:
    """Give the amount that a spend item holds."""
    return item["spent"] if item else Decimal(0)


def escalations_from(item: Item | None) -> Escalations:
    """Give the recent escalations that an item holds, and the version that a change must still find."""
    return Escalations(tuple(map(int, item["times"])), int(item["version"])) if item else Escalations()


def record_from(item: Item | None) -> RequestRecord | None:
    """Give the request a STATE item (or its copy in an index) holds."""
    if item is None:
        return None
    spend = item.get("spend_amount")
    trigger = item.get("trigger")
    action = action_from(item)
    return RequestRecord(
        submission=Submission(
            request_id=item["request_id"],
            principal_id=item["principal_id"],
            agent_id=item["agent_id"],
            tenant_id=item.get("tenant_id"),
            action_type=item["action_type"],
            payload_ref=item["payload_ref"],
            timestamp_ms=int(item["timestamp_ms"]),
            facts=json.loads(item["facts"]),
            action=action,
            kept_digest=item["action_digest"] if action else None,
        ),
        outcome=item["outcome"],
        reason=ReasonCode(item["reason"]),
        tier=int(item["tier"]),
        state=State(item["state"]),
        created_at_ms=int(item["created_at"]),
        decided_at_ms=int(item["decided_at"]),
        expires_at_ms=_whole(item.get("expires_at")),
        trigger=Trigger(**json.loads(trigger)) if trigger else None,
        spend=None if spend is None else Spend(spend, item["spend_limit"]),
        reservations=tuple(map(Reservation.of_stored, json.loads(item.get("reserved", "[]")))),
        policies=tuple(Named(*named) for named in json.loads(item.get("decided_by", "[]"))),
        message=item.get("message"),
        notify=tuple(item.get("notify", ())),
        chain=Chain(
            length=int(item["chain_length"]),
            head=item["chain_head"],
            refusals=int(item.get("refusals", 0)),
            refusal_tally=int(item.get("refusal_tally", 0)),
        ),
        synthetic=item.get("synthetic", False),
        bound=item.get("bound", False),
        lapsed_at_ms=_whole(item.get("lapsed_at")),
        extensions=int(item.get("extensions", 0)),
        first_expires_at_ms=_whole(item.get("first_expires_at")),
        revoked_at_ms=_whole(item.get("revoked_at")),
        arguments_erased_at_ms=_whole(item.get("arguments_erased_at")),
        execute_by_ms=_whole(item.get("execute_by")),
        approved_by=item.get("approved_by"),
        assured=assured_from(item | ({"signIn": json.loads(item["sign_in"])} if "sign_in" in item else {})),
        claim=_claim_from(item),
        report=_report_from(item),
    )


def _whole(value: Decimal | None) -> int | None:
    return None if value is None else int(value)


def _claim_from(item: Item) -> Claim | None:
    if "claimed_at" not in item:
        return None
    by, tenant = item["claimed_by"], item.get("claimed_tenant")
    return Claim(by, tenant, int(item["claimed_at"]), int(item["grant_expires_at"]))


def _report_from(item: Item) -> Report | None:
    if "reported_at" not in item:
        return None
    return Report(item["outcome_status"], item["outcome_digest"], int(item["reported_at"]))


def split_partition(items: Sequence[Item]) -> tuple[RequestRecord | None, list[EvidenceEvent]]:
    """Give a request and its evidence, oldest first, from all the items of its partition."""
    state = next((item for item in items if item["sk"] == _STATE), None)
    events = [event for item in items if item["sk"].startswith(_EVENTS) for event in evidence_from(item)]
    chained = sorted((event for event in events if event.sequence), key=lambda event: event.sequence)
    refusals = sorted((event for event in events if not event.sequence), key=_time)
    # A merge keeps the chain's own order even where clocks disagree.
    return record_from(state), list(merge(chained, refusals, key=_time))


def _time(event: EvidenceEvent) -> int:
    return event.timestamp_ms


def read_for_submission(context: Context, submission: Submission) -> Seen:
    """Read, in one call, everything that the decision of ``submission`` depends on.

    Texts of Cedar and tools that this process has not read yet take one more, once for each version.
    """
    workflow, policy = context.tables.workflow, context.tables.policy
    request = [
        (workflow, state_key(submission.request_id)),
        (workflow, escalations_key(submission.principal_id, submission.agent)),
    ]
    scopes, active = active_keys(submission.agent)
    agent = [(policy, key) for key in agent_keys(submission.agent)]
    policies = [(policy, key) for key in active]
    spend = []
    if submission.action_type == "payment":
        spend = [(workflow, spend_key(submission.agent, spend_day(submission.timestamp_ms, context.now_ms())))]
    tools = (policy, active_tools_key())
    found = iter(context.dynamo.batch_get([*request, *agent, *policies, tools, *spend]))
    state, escalations = islice(found, len(request))
    standing = standing_from(list(islice(found, len(agent))))
    force = in_force(zip(scopes, islice(found, len(policies)), strict=True))
    registry = next(found)
    return Seen(
        stored=record_from(state),
        agent=standing,
        policy=force,
        spent=spent(next(found, None)),
        escalations=escalations_from(escalations),
        # What is stored answers a repeat, and no policy is asked.
        setting=BARE if state else setting_for(context, [force], registry),
    )


def read_for_action(
    context: Context, request_id: str, envelope: Envelope, guards: Sequence[Key], *, pauses: bool
) -> tuple[RequestRecord | None, list[dict[str, Any] | None], int]:
    """Read, in one call, the request that an action is on, and the outcome of an earlier use of each of its guards.

    With them comes how many refused actions of the envelope's principal evidence keeps. One that ``pauses`` is refused
    while operators have paused privileged mutations.
    Raises HandshakeError adapter_privileged_mutations_paused, StoreUnavailableError.
    """
    tables = context.tables
    refused = refusals_key(request_id, envelope.principal_id, envelope.tenant_id)
    keys = [(tables.workflow, state_key(request_id)), (tables.workflow, refused), (tables.runtime_kv, PAUSE_KEY)]
    keys += [(tables.replay_guards, guard) for guard in guards]
    state, refusals, pause, *used = context.dynamo.batch_get(keys)
    if pauses:
        ensure_not_paused(pause)
    outcomes = stored_outcomes(used, now_ms=context.now_ms())
    return record_from(state), outcomes, refusals_kept(refusals)


def read_for_execution(
    context: Context, presented: Submission, *, unknown_agents: AgentState
) -> tuple[RequestRecord | None, AgentState, Refusal | None]:
    """Read, in one call, the stored request whose effect is about to happen, and what may stand in its way.

    That is the state of its agent, and whether operators have paused all effects. ``unknown_agents`` is the state of an
    agent that nobody has named: whether a policy does is read only where that would stop it.
    """
    tables, agent = context.tables, presented.agent
    asks = unknown_agents is AgentState.STOPPED
    scopes = [scope for scope in scopes_of(agent) if scope.kind == "agent"] if asks else []
    keys = [(tables.workflow, state_key(presented.request_id)), (tables.runtime_kv, PAUSE_KEY)]
    keys += [(tables.policy, key) for key in (*map(active_key, scopes), *agent_keys(agent))]
    state, pause, *rest = context.dynamo.batch_get(keys)
    policy, standing = in_force(zip(scopes, rest, strict=False)), standing_from(rest[len(scopes) :])
    has_policy = policy.names_agent or not asks
    agent_state = standing.state_among(context.now_ms(), has_policy=has_policy, unknown=unknown_agents)
    return record_from(state), agent_state, pause_of(pause)


def state_item(record: RequestRecord) -> Item:
    """Give the STATE item of ``record``; a pending one carries the attributes of the sparse indexes."""
    submission = record.submission
    item: dict[str, Any] = {
        **state_key(submission.request_id),
        "request_id": submission.request_id,
        "principal_id": submission.principal_id,
        "agent_id": submission.agent_id,
        "tenant_id": submission.tenant_id,
        "action_type": submission.action_type,
        "payload_ref": submission.payload_ref,
        "timestamp_ms": submission.timestamp_ms,
        "facts": canonical(dict(submission.facts)),
        **named_attributes(submission),
        "outcome": record.outcome,
        "reason": record.reason.value,
        "tier": record.tier,
        "state": record.state.value,
        "created_at": record.created_at_ms,
        "decided_at": record.decided_at_ms,
        "expires_at": record.expires_at_ms,
        "extensions": record.extensions or None,
        "first_expires_at": record.first_expires_at_ms,
        "revoked_at": record.revoked_at_ms,
        "arguments_erased_at": record.arguments_erased_at_ms,
        "trigger": canonical(record.trigger._asdict()) if record.trigger else None,
        "spend_amount": record.spend and record.spend.amount,
        "spend_limit": record.spend and record.spend.daily_limit,
        "decided_by": canonical([list(named) for named in record.policies]) if record.policies else None,
        "message": record.message,
        "notify": list(record.notify) or None,
        "reserved": canonical([held.stored() for held in record.reservations]) if record.reservations else None,
        "chain_length": record.chain.length,
        "chain_head": record.chain.head,
        "recorded_lane": recorded_partition(utc_day(record.created_at_ms), recorded_shard(submission.agent_id)),
    }
    item |= {
        "execute_by": record.execute_by_ms,
        "approved_by": record.approved_by,
        **assured_attributes(record),
        **claim_attributes(record),
        **report_attributes(record),
    }
    if record.synthetic:
        item["synthetic"] = True
    if record.bound:
        item["bound"] = True
    item |= {"lapsed_at": record.lapsed_at_ms, **lapse_attributes(record)}
    if record.state is State.PENDING:
        item |= {
            "pending_tenant": submission.tenant_id,
            "pending_principal": submission.principal_id,
            "pending_lane": pending_shard(shard(submission.request_id, PENDING_SHARDS)),
            "pending_deadline": record.expires_at_ms,
        }
    return item


def lapse_attributes(record: RequestRecord) -> Item:
    """Give the place, in the index of what waits, of a request that gives something back unless it is claimed."""
    if record.lapses_at_ms is None:
        return {}
    lane = lapsing_shard(shard(record.request_id, PENDING_SHARDS))
    return {"pending_lane": lane, "pending_deadline": record.lapses_at_ms}


def claim_attributes(record: RequestRecord) -> Item:
    """Give the attributes of a claim, with its place in the index that is swept until its outcome is reported.

    It stands there by when it counts as unreported. The index is that of escalations which wait, in other partitions: a
    further index would be no cheaper, and CloudFormation adds one at a time.
    """
    if record.claim is None:
        return {}
    claim = record.claim
    attributes: Item = {
        "claimed_at": claim.at_ms,
        "claimed_by": claim.principal_id,
        "claimed_tenant": claim.tenant_id,
        "grant_expires_at": claim.expires_at_ms,
    }
    if record.report is None:
        attributes["pending_lane"] = unreported_shard(shard(record.request_id, PENDING_SHARDS))
        attributes["pending_deadline"] = claim.at_ms + REPORTED_WITHIN_MS
    return attributes


def assured_attributes(record: RequestRecord) -> Item:
    """Give the attributes of what it rests on that who closed the request is who evidence names."""
    members = assured_members(record.assured) if record.assured else {}
    attributes: Item = {"assurance": members.get("assurance")}
    return attributes | ({"sign_in": canonical(members["signIn"])} if "signIn" in members else {})


def report_attributes(record: RequestRecord) -> Item:
    """Give the attributes of a reported outcome."""
    if record.report is None:
        return {}
    status, said, at_ms = record.report
    return {"outcome_status": status, "outcome_digest": said, "reported_at": at_ms}


def read_partition(dynamo: Dynamo, table: str, request_id: str) -> list[Item]:
    """Give everything kept of a request, strongly consistent."""
    return dynamo.query_all(table, "pk = :request", {":request": state_key(request_id)["pk"]}, ConsistentRead=True)


def request_ids(dynamo: Dynamo, table: str) -> Iterator[str]:
    """Give every requestId there is. Scans the whole table: for audits, never for a caller."""
    for item in dynamo.scan(table, "sk = :state", {":state": _STATE}, ProjectionExpression="request_id"):
        yield item["request_id"]
