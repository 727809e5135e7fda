"""A signing edge before something that stands where API Gateway would."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import urllib3

from ops.local.edge_rules import OPEN, Access
from ops.local.http_server import LIMITS, Limits
from ops.local.settings import REGION
from ops.local.signing_edge import SigningEdge, Upstream
from tests.support import raw_http
from tests.support.gateway import KEY, Gateway, gateway
from tests.support.raw_http import Answer


@dataclass(frozen=True)
class Rig:
    """An edge and what it calls."""

    gateway: Gateway
    edge: SigningEdge

    @property
    def port(self) -> int:
        """The edge's."""
        return self.edge.server_port

    def post(self, path: str = "/policy/apply", **headers: str) -> tuple[int, Mapping[str, Any]]:
        """Post an empty object to the edge. Returns the answer's status and body."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = urllib3.request("POST", self.edge.url + path, body=b"{}", headers=sent)
        return answer.status, answer.json()

    def say(self, method: str, target: str, *headers: tuple[str, str], body: bytes = b"") -> Answer:
        """Send a request just as it is written."""
        return raw_http.say(self.port, raw_http.request(self.port, method, target, *headers, body=body))


MakeRig = Callable[..., Rig]


def started(
    resources: ExitStack, access: Access = OPEN, *, limits: Limits = LIMITS, credentials: Any = KEY, url: str = ""
) -> Rig:
    """Start an edge, until ``resources`` are closed. ``url`` is what it calls, if not a gateway of its own."""
    behind = resources.enter_context(gateway())
    edge = resources.enter_context(SigningEdge(0, limits=limits))
    edge.start(Upstream(url or behind.url, credentials=credentials, region=REGION), access=access)
    return Rig(behind, edge)


@pytest.fixture
def make_rig() -> Iterator[MakeRig]:
    """Start an edge with the access and limits that a test asks for."""
    with ExitStack() as resources:
        yield partial(started, resources)


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    """Give an edge that is open to this machine's processes."""
    return make_rig()
