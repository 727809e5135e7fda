"""ops policy budgets: what was taken of each budget, in the windows that are running."""

import json
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ops.commands.common import AsJson, Stack, answered, say
from ops.local.settings import STACK_NAME

if TYPE_CHECKING:
    from handshake.dynamo.context import Context


def budgets(stack: Stack = STACK_NAME, as_json: AsJson = False) -> None:
    """Say what was taken of each budget in the hour, day and month that are running, and what is left."""
    from ops.local import deployment

    with answered():
        counted = sorted(_running(deployment.find(stack).context()), key=str)
    if as_json:
        print(json.dumps(counted))
        return
    for one in counted:
        currency = f" {one['currency']}" if one["currency"] else ""
        left = f"{one['left']:g} of {one['max']:g}{currency} left"
        say(f"{one['scope']}: {one['id']}, {one['window']}, {' '.join(one['whose'])}: {left}")
    if not counted:
        say("no budget was taken of in the windows that are running")


def _running(context: "Context") -> Iterator[dict[str, Any]]:
    """Give each bucket of a running window, its shards added up."""
    from handshake.policy.budgets import WINDOW_SIZES, window_of
    from handshake.requests.table import BUDGETS

    windows = {window_of(size, int(time.time() * 1000)) for size in WINDOW_SIZES}
    buckets: dict[tuple[str, str], dict[str, Any]] = {}
    for item in context.dynamo.scan(context.tables.workflow, "begins_with(pk, :budgets)", {":budgets": BUDGETS}):
        window = item["sk"].rpartition("#")[0]
        if window not in windows or "names" not in item:
            continue
        names: Mapping[str, Any] = json.loads(item["names"])
        found = buckets.setdefault((item["pk"], window), {**names, "window": window, "taken": 0.0, "shards_left": {}})
        found["taken"] += float(item["taken"])
        found["shards_left"][item["sk"]] = max(Decimal(names["limit"]) - item["taken"], Decimal(0))
    for found in buckets.values():
        untouched = found["shards"] - len(found["shards_left"])
        left = sum(found.pop("shards_left").values(), Decimal(0)) + untouched * Decimal(found["limit"])
        maximum = Decimal(found.pop("limit")) * found.pop("shards")
        yield {**found, "left": float(left), "max": float(maximum)}
