"""Query strings, cursors and path ids made to break a parser or to reach what they should not."""

import base64
import json
from typing import Any, Final
from urllib.parse import quote

import pytest
from hypothesis import strategies as st

from handshake.core.paging import cursor_after
from handshake.core.text import MAX_ID_LENGTH
from handshake.trust.identity import SCOPE_RESOLVE
from tests.hostile.bounds import fuzzed
from tests.hostile.calls import DOCUMENT, send
from tests.hostile.payloads import JSON_TEXTS, NUMBERS, TEXTS
from tests.support.service import InProcess, Reply, apply_policy, escalated, for_agent, human, unique

BAD_SHAPE: Final = (400, "trust_context_invalid_request_shape")
NOT_FOUND: Final = (404, "hitl_request_not_found")

LISTS: Final = ("/workflow/decision-room", "/workflow/decisions", "/policy/versions")
QUERIED: Final = (*LISTS, "/policy/config", "/metrics/summary", "/metrics/series", "/metrics/reasons")
BY_ID: Final = [path.replace("{requestId}", "") for path in DOCUMENT["paths"] if path.endswith("{requestId}")]
PARAMETERS: Final = (
    "limit",
    "cursor",
    "outcome",
    "actor",
    "from",
    "to",
    "scope",
    "scopeId",
    "window",
    "metric",
    "bucket",
    "",
    "other",
)
VALUES: Final = TEXTS | st.sampled_from(["global", "agent", "24h", "hour", "uair", "1", "100", "0", "-1", "1e2"])


def ask(service: InProcess, path: str, query: dict[str, list[str]] | None = None, *, who: str = "reader") -> Reply:
    """A GET with a query as API Gateway hands it over, decoded."""
    envelope = json.dumps(human(who))
    return send(
        service, "GET", path, headers=[("x-identity-envelope", envelope)], multiValueQueryStringParameters=query
    )


@pytest.mark.parametrize("path", QUERIED)
@fuzzed(query=st.dictionaries(st.sampled_from(PARAMETERS) | TEXTS, st.lists(VALUES, min_size=1, max_size=3)))
def test_no_query_whatever_breaks_a_route(service: InProcess, path: str, query: dict[str, list[str]]) -> None:
    ask(service, path, query)


def encoded(text: str) -> str:
    """A text as cursors are written."""
    return base64.urlsafe_b64encode(text.encode("utf-8", errors="surrogatepass")).decode()


CURSORS: Final = (
    TEXTS
    | JSON_TEXTS.map(encoded)
    | st.lists(TEXTS | NUMBERS, max_size=3).map(lambda parts: encoded(json.dumps(parts)))
    | st.builds(cursor_after, st.text(), st.integers())
    | st.builds(cursor_after, st.integers())
    | st.builds(cursor_after, st.text(), st.integers(), st.text())
    | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode())
)


@pytest.mark.parametrize("path", LISTS)
@fuzzed(cursor=CURSORS)
def test_no_cursor_whatever_breaks_a_list(service: InProcess, path: str, cursor: str) -> None:
    reply = ask(service, path, {"scope": ["global"], "cursor": [cursor]})

    assert reply.status == 200 or reply.outcome == BAD_SHAPE


BAD_CURSORS: Final[dict[str, str]] = {
    "not base64": "***",
    "not JSON": encoded("nothing"),
    "an object": encoded("{}"),
    "one part too few": encoded("[]"),
    "one part too many": encoded('["r",1,1]'),
    "a blank id": encoded('["",1]'),
    "a text for a number": encoded('["r","1"]'),
    "truth for a number": encoded('["r",true]'),
    "a fraction": encoded('["r",1.5]'),
    "a number of thousands of digits": encoded('["r",' + "9" * 1500 + "]"),
    "a lone surrogate": encoded('["\\ud800",1]'),
    "deeply nested": encoded("[" * 2000),
    "megabytes": encoded('["' + "r" * (1024 * 1024) + '",1]'),
    "letters that are not ASCII": "é",
}


@pytest.mark.parametrize("cursor", BAD_CURSORS.values(), ids=BAD_CURSORS.keys())
def test_a_cursor_no_list_gave_is_refused(service: InProcess, cursor: str) -> None:
    for path in LISTS:
        assert ask(service, path, {"scope": ["global"], "cursor": [cursor]}).outcome == BAD_SHAPE


def test_a_cursor_of_somebody_elses_queue_shows_nothing_of_it(service: InProcess) -> None:
    tenant = unique("tenant")
    for _ in range(3):
        escalated(service, tenantId=tenant)
    resolver = json.dumps(human("resolver", tenantId=tenant, scopes=[SCOPE_RESOLVE]))
    query: Any = {"limit": ["1"]}
    first = send(
        service,
        "GET",
        "/workflow/decision-room",
        headers=[("x-identity-envelope", resolver)],
        multiValueQueryStringParameters=query,
    )

    stolen = ask(service, "/workflow/decision-room", {"cursor": [first.body["nextCursor"]]}, who=unique("thief"))

    assert (stolen.status, stolen.body) == (200, {"requests": []})


def test_a_cursor_of_another_scopes_versions_shows_nothing_of_them(service: InProcess) -> None:
    agent = unique("agent")
    for amount in (1, 2, 3):
        apply_policy(service, for_agent(agent, max_transaction=amount))
    first = ask(service, "/policy/versions", {"scope": ["agent"], "scopeId": [agent], "limit": ["1"]})

    query = {"scope": ["agent"], "scopeId": [unique("agent")], "cursor": [first.body["nextCursor"]]}

    assert ask(service, "/policy/versions", query).body["versions"] == []


@pytest.mark.parametrize(
    "limit", ["", "0", "101", "-1", "+1", "1.0", "1e1", " 1", "1 ", "\u0663", "0x1", "9" * 5000, "1,2"]
)
@pytest.mark.parametrize("path", LISTS)
def test_a_limit_that_is_no_number_from_1_to_100_is_refused(service: InProcess, path: str, limit: str) -> None:
    assert ask(service, path, {"scope": ["global"], "limit": [limit]}).outcome == BAD_SHAPE


@pytest.mark.parametrize("name", ["limit", "cursor", "scope"])
def test_a_parameter_given_twice_is_refused_even_if_both_agree(service: InProcess, name: str) -> None:
    query = {"scope": ["global"]} | {name: ["global", "global"]}

    assert ask(service, "/policy/versions", query).outcome == BAD_SHAPE


@pytest.mark.parametrize("name", ["window", "metric", "bucket"])
def test_a_metrics_parameter_given_twice_is_refused_even_if_both_agree(service: InProcess, name: str) -> None:
    known = {"window": "24h", "metric": "uair", "bucket": "hour"}[name]

    assert ask(service, "/metrics/series", {name: [known, known]}).outcome == (400, "invalid_metric_query")


@pytest.mark.parametrize("path", BY_ID)
@fuzzed(request_id=TEXTS.filter(bool))
def test_no_id_in_a_path_breaks_a_read(service: InProcess, path: str, request_id: str) -> None:
    reply = ask(service, path + quote(request_id, safe="", errors="replace"))

    assert reply.outcome == NOT_FOUND


ODD_PATHS: Final = {
    "a NUL": "%00",
    "a new line": "%0d%0ax-injected:%201",
    "an escape cut short": "%",
    "an escape of no byte": "%zz",
    "bytes that are not UTF-8": "%ff%fe",
    "an overlong encoding of a slash": "%c0%af",
    "a surrogate's bytes": "%ed%a0%80",
    "encoded twice": "%2561",
    "a way up": "..%2f..%2fpolicy",
    "another key of the table": "x%23STATE",
    "blank": "%20",
    "one character too many": "r" * (MAX_ID_LENGTH + 1),
    "longer than a key of the store": "r" * 3000,
    "as long as a URL may be": "r" * 8000,
    "as long in bytes": quote("\U0001f600") * 600,
}


@pytest.mark.parametrize("path", BY_ID)
@pytest.mark.parametrize("request_id", ODD_PATHS.values(), ids=ODD_PATHS.keys())
def test_an_id_in_a_path_that_no_request_can_have_is_not_found(service: InProcess, path: str, request_id: str) -> None:
    assert ask(service, path + request_id).outcome == NOT_FOUND


ODD_IDS: Final = ("a/b", "a?b", "a#b", "a%b", "%2e", "..", "a+b", "é", "a b", "\U0001f600" * 200)


@pytest.mark.parametrize("request_id", ODD_IDS, ids=lambda text: ascii(text[:5]))
def test_an_id_of_any_characters_is_read_by_the_path_it_makes(service: InProcess, request_id: str) -> None:
    request = escalated(service, requestId=unique("r") + request_id)

    for path in BY_ID:
        reply = ask(service, path + quote(request["requestId"], safe=""), who=request["principalId"])

        assert reply.status == 200
