"""Reads the setting that calls are judged in.

Cedar's text and the tools stand in versions that never change, so a process reads each once. What nobody has stored
costs nothing: neither a call to the store nor an import.
"""

from collections.abc import Iterable

from handshake.dynamo.context import Context
from handshake.dynamo.marshalling import Item
from handshake.policy.rules import PolicyInForce
from handshake.policy.setting import Setting, with_cedar


def setting_for(context: Context, policies: Iterable[PolicyInForce], registry: Item | None) -> Setting:
    """Give the setting in which ``policies`` judge calls; ``registry`` is the ACTIVE item of the tools.

    One call to the store reads what this process has not read before. Raises StoreUnavailableError.
    """
    stored = [each for policy in policies for each in with_cedar(policy)]
    if registry is None and not stored:
        return Setting(context.environment, context.believes_agents)
    from handshake.policy.cedar_table import load  # noqa: PLC0415 - it brings what only Cedar and tools need

    tools, sets = load(context, stored, registry)
    return Setting(context.environment, context.believes_agents, tools, tools_unfit=tools is None, sets=sets)
