"""Read the active policy of a scope, or the versions it has had."""

from handshake.core.paging import PageRequest
from handshake.dynamo.context import Context
from handshake.policy import table as policies
from handshake.policy.change import StoredPolicy
from handshake.policy.rules import Scope


def read_config(context: Context, scope: Scope) -> StoredPolicy:
    """Give the active policy of ``scope``; number 0 when none is stored."""
    [item] = context.dynamo.batch_get([(context.tables.policy, policies.active_key(scope))])
    return policies.policy_from(item)


def read_versions(context: Context, scope: Scope, page: PageRequest) -> tuple[list[StoredPolicy], str | None]:
    """Give the versions of ``scope``, newest first, and the next page's cursor."""
    return policies.versions(context.dynamo, context.tables.policy, scope, page)
