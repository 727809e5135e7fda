"""A typed client of Handshake, which decides what an AI agent may do."""

from handshake_rail._call import Envelope
from handshake_rail._executing import Executed, NotDoneError
from handshake_rail._generated import models
from handshake_rail._generated.reasons import REASONS, REGISTRY_VERSION
from handshake_rail._reason import Reason
from handshake_rail.action import ActionError, action_digest, canonical_action
from handshake_rail.client import AsyncHandshake, Handshake
from handshake_rail.denial import Explanation, NotAllowedError, explain
from handshake_rail.edge_token import EdgeToken
from handshake_rail.errors import NO_ANSWER, UNKNOWN, HandshakeError
from handshake_rail.execution import execution_of
from handshake_rail.grant import Grant, GrantError, verify_grant
from handshake_rail.replays import FileReplays, MemoryReplays, Replays
from handshake_rail.retry import NEVER, Retry

__version__ = "1.1.0"

__all__ = [
    "NEVER",
    "NO_ANSWER",
    "REASONS",
    "REGISTRY_VERSION",
    "UNKNOWN",
    "ActionError",
    "AsyncHandshake",
    "EdgeToken",
    "Envelope",
    "Executed",
    "Explanation",
    "FileReplays",
    "Grant",
    "GrantError",
    "Handshake",
    "HandshakeError",
    "MemoryReplays",
    "NotAllowedError",
    "NotDoneError",
    "Reason",
    "Replays",
    "Retry",
    "__version__",
    "action_digest",
    "canonical_action",
    "execution_of",
    "explain",
    "models",
    "verify_grant",
]
