"""Read the active policy of a scope, or the versions it has had."""

from handshake.domain.paging import PageRequest
from handshake.domain.policy import Scope
from handshake.flows.context import Context
from handshake.store import policies


def read_config(context: Context, scope: Scope) -> policies.StoredPolicy:
    """The active policy of ``scope``; number 0 when none is stored."""
    [item] = context.dynamo.batch_get([(context.tables.policy, policies.active_key(scope))])
    return policies.policy_from(item)


def read_versions(context: Context, scope: Scope, page: PageRequest) -> tuple[list[policies.StoredPolicy], str | None]:
    """The versions of ``scope``, newest first, and the next page's cursor."""
    return policies.versions(context.dynamo, context.tables.policy, scope, page)
