"""Read what a scope has in force, one version of it, or the versions it has had."""

from handshake.core.errors import HandshakeError
from handshake.core.paging import PageRequest
from handshake.core.reasons import ReasonCode
from handshake.dynamo.context import Context
from handshake.metrics.rollup_table import read_shadow_report
from handshake.metrics.shadow_report import Shadow, ShadowReport
from handshake.policy import table as policies
from handshake.policy.change import StoredPolicy, StoredScope
from handshake.policy.rules import Scope, version_number


def read_scope(context: Context, scope: Scope) -> StoredScope:
    """Give what ``scope`` has in force, without texts of Cedar; number 0 when no policy is stored."""
    [item] = context.dynamo.batch_get([(context.tables.policy, policies.active_key(scope))])
    return policies.scope_from(item)


def read_config(context: Context, scope: Scope, version: str | None = None) -> StoredPolicy:
    """Give the policy of ``scope`` that is named ``version``, or the active one; number 0 when none is stored.

    A second call reads the text of Cedar where the active one has any. Raises HandshakeError policy_version_not_found.
    """
    dynamo, table = context.dynamo, context.tables.policy
    if version is not None:
        number = version_number(version)
        stored = policies.read_version(dynamo, table, scope, number) if number is not None else None
        if stored is None:
            message = "This scope has no policy version of that name."
            raise HandshakeError(ReasonCode.POLICY_VERSION_NOT_FOUND, message)
        return stored
    return policies.with_text(dynamo, table, scope, read_scope(context, scope).active)


def read_shadow(context: Context, scope: Scope) -> tuple[StoredPolicy | None, ShadowReport]:
    """Give the shadow of ``scope``, None where it has none, and what it was seen to change, some seconds late."""
    shadow = read_scope(context, scope).shadow
    if shadow is None:
        return None, ShadowReport()
    named = Shadow(scope.partition, shadow.number)
    return shadow, read_shadow_report(context.dynamo, context.tables.metrics, named)


def read_versions(context: Context, scope: Scope, page: PageRequest) -> tuple[list[StoredPolicy], str | None]:
    """Give the versions of ``scope``, newest first, and the next page's cursor."""
    return policies.versions(context.dynamo, context.tables.policy, scope, page)
