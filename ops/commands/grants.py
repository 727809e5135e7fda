"""ops grants: what was granted and never reported, one grant in full, and the keys that sign."""

import json
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from ops.commands.common import AsJson, Stack, answered, console, escaped, fail, reach, say
from ops.local.settings import STACK_NAME

if TYPE_CHECKING:
    from handshake.requests.record import RequestRecord
    from handshake.trust.grant_signer import SigningKey
    from ops.local.deployment import Deployment

_DAY_MS: Final = 24 * 60 * 60 * 1000
_PLACES: Final = {"FirstGrantKeyArn": "first", "SecondGrantKeyArn": "second"}
_SHOWN: Final = 100


class Action(StrEnum):
    """An action on grants and their keys."""

    LIST = "list"
    SHOW = "show"
    KEYS = "keys"
    ROTATE_KEY = "rotate-key"


class Step(NamedTuple):
    """The next step of a rotation: in words, and the value of GrantKeys to deploy with, None where it is to wait."""

    text: str
    grant_keys: str | None


def grants(
    action: Annotated[Action, typer.Argument()] = Action.LIST,
    grant_id: Annotated[str, typer.Argument(metavar="[GRANT]", help="Which to show, by its id or its request's.")] = "",
    stack: Stack = STACK_NAME,
    as_json: AsJson = False,
) -> None:
    """List grants that were claimed and never reported, show one, or see to the keys that sign them.

    rotate-key says what the next step of a rotation is, and when; you take it with sam deploy. Ends with 0, with 1 where
    there is no such grant or key, 69 where the stack cannot be reached.
    """
    match action:
        case Action.LIST:
            _list(stack, as_json=as_json)
        case Action.SHOW:
            _show(stack, grant_id, as_json=as_json)
        case Action.KEYS | Action.ROTATE_KEY:
            _keys(stack, as_json=as_json, rotates=action is Action.ROTATE_KEY)


def next_step(keys: "dict[str, SigningKey]", *, now_ms: int) -> Step:
    """Give the next step of a rotation, by the keys there are, under the places that they have in the template.

    A key is published for a day before it signs, and for a day after it has signed its last.
    """
    from handshake.incidents.notification import utc
    from handshake.trust.grant_signer import PUBLISHED_BEFORE_SIGNING_MS

    if len(keys) == 1:
        return Step("To rotate, make the key of the other place; it signs 26 hours later by itself.", "both")
    older, newer = sorted(keys, key=lambda place: keys[place].made_at_ms)
    signs_at = keys[newer].made_at_ms + PUBLISHED_BEFORE_SIGNING_MS
    if now_ms < signs_at:
        return Step(
            f"The {newer} key signs from {utc(signs_at)} on, by itself. Until then there is nothing to do.", None
        )
    if now_ms < signs_at + _DAY_MS:
        return Step(f"The {newer} key signs. Leave the {older} one published until {utc(signs_at + _DAY_MS)}.", None)
    return Step(f"The {newer} key has signed for a day: drop the {older} one.", newer)


def _list(stack: str, *, as_json: bool) -> None:
    from handshake.requests import queue
    from handshake.requests.table import record_from

    with reach(stack) as context:
        late = queue.unreported(context.dynamo, context.tables.workflow, now_ms=context.now_ms())
        shown = late[:_SHOWN]
        items = context.dynamo.batch_get([(context.tables.workflow, key) for key in shown]) if shown else []
    # The index is behind by a moment, and somebody may have reported meanwhile.
    records = [record for record in map(record_from, items) if record and record.claim and not record.report]
    if as_json:
        print(json.dumps({"unreported": len(late), "grants": [_facts(record) for record in records]}, indent=2))
    elif records:
        console().print(_table(records))
        say(f"{len(late)} claimed 15 minutes ago or more and not reported; python -m ops grants show GRANT")
    else:
        say("every claimed grant is reported, or younger than 15 minutes")


def _show(stack: str, grant_id: str, *, as_json: bool) -> None:
    from handshake.requests.record import GRANT_PREFIX
    from handshake.requests.table import read_partition, split_partition

    with reach(stack) as context:
        items = read_partition(context.dynamo, context.tables.workflow, grant_id.removeprefix(GRANT_PREFIX))
        record, events = split_partition(items)
    if record is None or record.claim is None:
        fail(
            f"there is no grant {escaped(grant_id) or 'without an id'}; python -m ops grants list names those that wait"
        )
    facts = _facts(record) | {
        event.detail["event"]: dict(event.detail)
        for event in events
        if event.source == "lineage" and event.detail.get("event") in ("claimed", "reported")
    }
    if as_json:
        print(json.dumps(facts, indent=2))
        return
    say("\n".join(f"{name}: {escaped(str(value))}" for name, value in facts.items()))


def _keys(stack: str, *, as_json: bool, rotates: bool) -> None:
    from handshake.incidents.notification import utc
    from handshake.trust.grant_signer import key_that_signs
    from ops.local import deployment

    now = time.time_ns() // 1_000_000
    with answered():
        found = _made(deployment.find(stack))
    if not found:
        fail("the stack has no key that signs grants: deploy it with GrantKeys")
    signs, step = key_that_signs(list(found.values()), now_ms=now), next_step(found, now_ms=now)
    listed = [
        {"place": place, "arn": key.arn, "kid": key.kid, "madeAt": key.made_at_ms, "signs": key == signs}
        for place, key in found.items()
    ]
    if as_json:
        print(json.dumps({"keys": listed, "next": step._asdict() if rotates else None}, indent=2))
        return
    for key in listed:
        say(f"{key['place']}: {key['kid']}, made {utc(int(str(key['madeAt'])))}{', signs' if key['signs'] else ''}")
    if rotates:
        say(step.text)
        say(f"sam deploy --parameter-overrides GrantKeys={step.grant_keys}" if step.grant_keys else "")


def _made(target: "Deployment") -> "dict[str, SigningKey]":
    """Give the keys of a stack by their places, with when KMS made them."""
    from handshake.trust.grant_signer import SigningKey

    arns = {place: target.outputs[output] for output, place in _PLACES.items() if output in target.outputs}
    kms = target.client("kms") if arns else None
    return {
        place: SigningKey(arn, round(kms.describe_key(KeyId=arn)["KeyMetadata"]["CreationDate"].timestamp() * 1000))
        for place, arn in arns.items()
        if kms
    }


def _facts(record: "RequestRecord") -> dict[str, Any]:
    submission, claim, report = record.submission, record.claim, record.report
    facts = {
        "grantId": record.grant_id,
        "requestId": record.request_id,
        "agentId": submission.agent_id,
        "tenantId": submission.tenant_id,
        "actionType": submission.action_type,
        "actionDigest": submission.action_digest,
        "claimedBy": claim and claim.principal_id,
        "claimedAt": claim and claim.at_ms,
        "expiresAt": claim and claim.expires_at_ms,
        "outcome": report and report.status,
        "reportedAt": report and report.at_ms,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _table(records: "list[RequestRecord]") -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Column, Table
    from rich.text import Text

    from handshake.incidents.notification import utc

    table = Table(Column("grant", overflow="fold"), "agent", "claimed by", "claimed", box=SIMPLE_HEAD)
    for record in records:
        if record.claim:
            who = (record.grant_id, record.submission.agent_id, record.claim.principal_id)
            table.add_row(*(Text(escaped(name)) for name in who), utc(record.claim.at_ms))
    return table
