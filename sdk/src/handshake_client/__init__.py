"""A typed client of Handshake, which decides what an AI agent may do."""

from handshake_client._call import Envelope
from handshake_client._generated import models
from handshake_client._generated.reasons import REASONS, REGISTRY_VERSION
from handshake_client._reason import Reason
from handshake_client.client import AsyncHandshake, Handshake
from handshake_client.edge_token import EdgeToken
from handshake_client.errors import NO_ANSWER, UNKNOWN, HandshakeError
from handshake_client.execution import execution_of
from handshake_client.retry import NEVER, Retry

__all__ = [
    "NEVER",
    "NO_ANSWER",
    "REASONS",
    "REGISTRY_VERSION",
    "UNKNOWN",
    "AsyncHandshake",
    "EdgeToken",
    "Envelope",
    "Handshake",
    "HandshakeError",
    "Reason",
    "Retry",
    "execution_of",
    "models",
]
