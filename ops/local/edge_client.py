"""Call the API as JSON through a signing edge, for the operator's own commands."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import urllib3


class UnreachableError(Exception):
    """Nothing answered at the base URL."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: dict[str, Any]

    @property
    def reason(self) -> str:
        """Return the reason code, or the status where the answer has none."""
        return str(self.body.get("reasonCode") or self.body.get("error") or f"http {self.status}")


def bytes_of(body: Mapping[str, Any]) -> bytes:
    """Write ``body`` as a client sends it, which is what a trust token may be bound to."""
    return json.dumps(body).encode()


class Client:
    """Thread-safe; keeps up to ``connections`` open, and uses no proxy.

    ``header`` is a line that goes with each call, as an edge of a deployed stack asks for it.
    """

    def __init__(self, base_url: str, *, connections: int = 1, header: str = "") -> None:
        self._base_url = base_url.rstrip("/")
        name, _, value = header.partition(":")
        self._headers = {"content-type": "application/json"} | ({name.strip(): value.strip()} if value else {})
        self._http = urllib3.PoolManager(maxsize=connections, block=True, retries=False, timeout=35)

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request. Raises UnreachableError. An answer that is not a JSON object has an empty body."""
        try:
            answer = self._http.request(
                method,
                self._base_url + path,
                body=None if body is None else bytes_of(body),
                headers={**self._headers, **(headers or {})},
            )
        except urllib3.exceptions.HTTPError as error:
            raise UnreachableError(f"{self._base_url} does not answer: {error}") from error
        try:
            decoded = json.loads(answer.data)
        except ValueError:
            decoded = None
        return Answer(answer.status, decoded if isinstance(decoded, dict) else {})
