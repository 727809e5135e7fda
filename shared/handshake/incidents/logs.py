"""The functions' log lines: who was refused, as pseudonyms."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from handshake.incidents.sources import asking

_PAGES_EACH: Final = 3
_PAGE: Final = 500
_RECENT_MS: Final = (5_000, 60_000)
_REFUSED: Final = '{ $.message = "handled" && ($.status >= 400 || $.decision = "deny") }'

Line = dict[str, Any]


class CallLogs:
    """Reads log groups through a botocore CloudWatch Logs client."""

    def __init__(self, client: Any, groups: Sequence[str]) -> None:
        self._client = client
        self._groups = groups

    def refused(self, *, start_ms: int, end_ms: int, more: Callable[[], bool]) -> list[Line]:
        """Give lines of calls refused in that time, oldest first: a few pages of each group, while ``more`` says so.

        The latest seconds are read first, then the rest of the latest minute, then the rest: CloudWatch gives a window
        from its beginning, and the pages of a busy one are over before its end. Raises SourceUnavailableError.
        """
        starts = [max(start_ms, end_ms - recent) for recent in _RECENT_MS] + [start_ms]
        ends = [end_ms, *(start - 1 for start in starts[:-1])]
        with asking("CloudWatch Logs"):
            lines = [
                line
                for window in zip(starts, ends, strict=True)
                for group in self._groups
                for line in self._lines(group, *window, more)
            ]
        return sorted(lines, key=lambda line: str(line.get("timestamp")))

    def _lines(self, group: str, start_ms: int, end_ms: int, more: Callable[[], bool]) -> Iterator[Line]:
        token: dict[str, str] = {}
        for _ in range(_PAGES_EACH):
            if not more():
                return
            page = self._client.filter_log_events(
                logGroupName=group, startTime=start_ms, endTime=end_ms, filterPattern=_REFUSED, limit=_PAGE, **token
            )
            yield from filter(None, (_refused(event["message"]) for event in page["events"]))
            if "nextToken" not in page:
                return
            token = {"nextToken": page["nextToken"]}


def _refused(message: str) -> Line | None:
    """Give the line, if it is what the pattern asks for: an emulated CloudWatch may send everything."""
    try:
        line = json.loads(message)
    except ValueError:
        return None
    if not isinstance(line, dict) or line.get("message") != "handled":
        return None
    refused = line.get("status", 0) >= 400 or line.get("decision") == "deny"
    return line if refused else None
