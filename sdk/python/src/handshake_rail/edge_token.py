"""The token that the signing edge of a deployed stack asks for."""

from collections.abc import Generator

import httpx


class EdgeToken(httpx.Auth):
    """Shows an edge its token. ``header`` is the line ``authorization: Bearer ...`` that the edge keeps in a file.

    Raises ValueError, which does not quote it, where it is none.
    """

    def __init__(self, header: str) -> None:
        name, _, value = header.strip().partition(":")
        if name.lower() != "authorization" or not value.strip().startswith("Bearer "):
            raise ValueError("this is no line `authorization: Bearer ...`")
        self._value = value.strip()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """See httpx.Auth."""
        request.headers["authorization"] = self._value
        yield request
