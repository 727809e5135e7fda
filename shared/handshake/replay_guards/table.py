"""Replay guards: a key can be used once while its guard lives (contract.md sections 2 and 9.7 to 9.9).

TTL deletes lag by days, so it is the condition that decides, never the mere presence of an item.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from handshake.core.jsonio import canonical, digest
from handshake.dynamo.client import Dynamo
from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item, Key, Put
from handshake.dynamo.transaction import Step, Transaction

GuardScope = Literal["decision_action", "policy_apply", "grant_claim"]

_MS_PER_HOUR: Final = 60 * 60 * 1000
_MS_PER_DAY: Final = 24 * _MS_PER_HOUR
LONGEST_DEADLINE_MS: Final = 14 * _MS_PER_DAY
"""No escalation waits longer for a person, so what outlives it is there for as long as anybody may act on it."""
IDEMPOTENCY_KEY_LIFETIME_MS: Final = LONGEST_DEADLINE_MS + _MS_PER_DAY


def guard_key(scope: GuardScope, *parts: str) -> Key:
    """Give the key of the guard of the single-use key that ``parts`` identify.

    They are kept as a digest only: a guard table is no place to read other people's keys from.
    """
    return {"guard_key": f"{scope}#{digest(list(parts))}"}


def action_guards(tenant_id: str, principal_id: str, idempotency_key: str) -> tuple[Key, Key]:
    """Give the guard of a key of a tenant's principal, and where earlier releases kept it: by the principal alone."""
    return (
        guard_key("decision_action", tenant_id, principal_id, idempotency_key),
        guard_key("decision_action", principal_id, idempotency_key),
    )


class GuardTransaction(Transaction):
    """Writes of the replay guards."""

    def claim_key(
        self, key: Key, *, now_ms: int, expires_at_ms: int, outcome: Mapping[str, Any]
    ) -> Step[dict[str, Any] | None]:
        """Use a key up until ``expires_at_ms``, if no live guard holds it; where one does, its outcome is found.

        ``outcome`` is what whoever comes back with the same key is told.
        """
        guard = Put(
            self._context.tables.replay_guards,
            {
                **key,
                "scope": key["guard_key"].partition("#")[0],
                "created_at": now_ms,
                "expires_at": expires_at_ms,
                "expiry_hour": str(hour_of(expires_at_ms)),
                "ttl": expires_at_ms // 1000 + 1,
                "outcome": canonical(dict(outcome)),
            },
            condition="attribute_not_exists(guard_key) OR expires_at <= :now",
            values={":now": now_ms},
        )
        return self._add(guard, lambda stored: stored_outcome(stored, now_ms=now_ms))


def stored_outcome(item: Item | None, *, now_ms: int) -> dict[str, Any] | None:
    """Give the outcome of a key's use, or None if no live guard holds it: past its expiry none does, deleted or not."""
    if item is None or item["expires_at"] <= now_ms:
        return None
    outcome: dict[str, Any] = json.loads(item["outcome"])
    return outcome


def stored_outcomes(items: Iterable[Item | None], *, now_ms: int) -> list[dict[str, Any] | None]:
    """Give the outcome that each item holds, as ``stored_outcome`` does."""
    return [stored_outcome(item, now_ms=now_ms) for item in items]


def read_outcomes(context: Context, keys: Sequence[Key]) -> list[dict[str, Any] | None]:
    """Read, in one call, how the use of each key ended; None where no live guard holds it."""
    items = context.dynamo.batch_get([(context.tables.replay_guards, key) for key in keys])
    return stored_outcomes(items, now_ms=context.now_ms())


def read_outcome(context: Context, key: Key) -> dict[str, Any] | None:
    """Read how the use of a key ended, or None if no live guard holds it."""
    [outcome] = read_outcomes(context, [key])
    return outcome


def hour_of(time_ms: int) -> int:
    """Give the bucket of the expiry index that a time falls into: hours since the epoch."""
    return time_ms // _MS_PER_HOUR


def expired(dynamo: Dynamo, table: str, *, hour: int, now_ms: int, page_s: float) -> Iterator[Key]:
    """Yield the keys of guards that expired in ``hour`` and before ``now_ms``; a page may take ``page_s`` seconds."""
    start: Item | None = None
    while True:
        page = dynamo.within(page_s).query(
            table,
            "expiry_hour = :hour AND expires_at < :now",
            {":hour": str(hour), ":now": now_ms},
            start=start,
            IndexName="expired_by_hour",
        )
        yield from ({"guard_key": item["guard_key"]} for item in page.items)
        if page.next_key is None:
            return
        start = page.next_key


def remove(dynamo: Dynamo, table: str, keys: Sequence[Key], *, now_ms: int) -> list[bool | None]:
    """Remove up to 25 guards, but for those whose key was claimed again since the index showed them expired.

    For each: whether it was removed, or None where it was gone already. Raises StoreUnavailableError.
    """
    expired = [(key["guard_key"], now_ms) for key in keys]
    return dynamo.delete_each(table, "guard_key = ? AND expires_at < ?", expired)
