"""The action of a request as items: named in STATE, and kept whole beside it under ACTION until it is erased."""

import json
from dataclasses import replace
from typing import Final

from handshake.core.errors import StoreUnavailableError
from handshake.dynamo.marshalling import Item, Key
from handshake.dynamo.sharding import shard
from handshake.requests.action import Action, action_of, digest_of
from handshake.requests.record import RequestRecord
from handshake.requests.submission import Submission

ERASABLE_SHARDS: Final = 4
ACTION_ATTRIBUTES: Final = "canonical, pending_lane, pending_deadline"
_ACTION: Final = "ACTION"


def action_key(request_id: str) -> Key:
    """Give the key of the action of a request, kept whole."""
    return {"pk": f"REQ#{request_id}", "sk": _ACTION}


def erasable_shard(number: int) -> str:
    """Give the partition of a shard of the index of what waits that holds the actions which are kept whole."""
    return f"ERASABLE#{number}"


def action_from(item: Item) -> Action | None:
    """Give the action that a STATE item names, without its arguments; None where it has none."""
    if "operation" not in item:
        return None
    return Action(item["operation"], item.get("tool"), item.get("tool_version"), item.get("resource"))


def with_arguments(submission: Submission, item: Item | None) -> Submission:
    """Give a stored ``submission`` with the arguments of its action, as ``item`` keeps it; without, once erased."""
    if submission.action is None or item is None or "canonical" not in item:
        return submission
    return replace(submission, action=action_of(json.loads(item["canonical"])["action"]))


def named_attributes(submission: Submission) -> Item:
    """Give what STATE says of an action: its names, and the digest of what is kept beside it."""
    action = submission.action
    if action is None:
        return {}
    return {
        "operation": action.operation,
        "tool": action.tool,
        "tool_version": action.tool_version,
        "resource": action.resource,
        "action_digest": submission.action_digest,
    }


def action_item(record: RequestRecord) -> Item:
    """Give the item that keeps a fresh submission's action whole, in the text that was hashed.

    It stands alone, so that what only a person and an executor look at is in no update's price. The index has its key
    only, by when it was made: so what is kept longer than it should be is found without a look at every request.
    """
    submission = record.submission
    return {
        **action_key(submission.request_id),
        "canonical": submission.canonical_action,
        "pending_lane": erasable_shard(shard(submission.request_id, ERASABLE_SHARDS)),
        "pending_deadline": record.created_at_ms,
    }


def canonical_of(record: RequestRecord, item: Item | None) -> str | None:
    """Give the text that the request's digest is of, by the ACTION ``item`` where it has one; None once it was erased.

    Raises StoreUnavailableError where what is kept has another digest: nobody is to decide on that.
    """
    text = record.submission.canonical_action
    if text is None and item is not None and "canonical" in item:
        text = str(item["canonical"])
        if digest_of(text) != record.submission.action_digest:
            raise StoreUnavailableError
    return text
