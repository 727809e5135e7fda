"""Serves people who have signed in: what waits for them, what they decide, agents, and who they are (contract.md 13).

Every route is another function's too, behind another door, and its rules are the same.
"""

from handshake.api.agents import get_agent, get_agents, put_agent
from handshake.api.decisions import act_on_request, extend_deadline, revoke_request
from handshake.api.http import Route
from handshake.api.people import people_handler, show_me
from handshake.api.reads import get_evidence, get_request, get_room, list_decisions, list_rooms
from handshake.requests.decision_action import REFUSED

handler = people_handler(
    Route("GET", "/me", show_me),
    Route("GET", "/workflow/requests/{requestId}", get_request),
    Route("GET", "/workflow/evidence/{requestId}", get_evidence),
    Route("GET", "/workflow/decision-room", list_rooms),
    Route("GET", "/workflow/decisions", list_decisions),
    Route("GET", "/workflow/decision-room/{requestId}", get_room),
    Route("POST", "/workflow/decision-room/action", act_on_request, REFUSED),
    Route("POST", "/workflow/decision-room/extend", extend_deadline),
    Route("POST", "/workflow/decision-room/revoke", revoke_request),
    Route("GET", "/agents", get_agents),
    Route("GET", "/agents/{agentId}", get_agent),
    Route("PUT", "/agents/{agentId}", put_agent),
)
