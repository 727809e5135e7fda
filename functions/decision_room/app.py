"""Serves what people, and requesters, do to a request: act, extend its deadline, revoke (contract.md 3, 11, 13).

It is alone here, so that nothing which needs less than it does can take the concurrency that is reserved for it.
"""

from handshake.api.decisions import act_on_request, extend_deadline, revoke_request
from handshake.api.http import HttpHandler, Route
from handshake.requests.decision_action import REFUSED

handler = HttpHandler(
    Route("POST", "/workflow/decision-room/action", act_on_request, REFUSED),
    Route("POST", "/workflow/decision-room/extend", extend_deadline),
    Route("POST", "/workflow/decision-room/revoke", revoke_request),
)
