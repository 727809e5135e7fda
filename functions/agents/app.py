"""Agents: who they are, how they stand, and what operators make of them (contract.md section 12)."""

from handshake.api.agents import get_agent, get_agents, put_agent
from handshake.api.http import HttpHandler, Route

handler = HttpHandler(
    Route("GET", "/agents", get_agents),
    Route("GET", "/agents/{agentId}", get_agent),
    Route("PUT", "/agents/{agentId}", put_agent),
)
