"""The page's files as they are served: which there are, with what headers, and nothing else."""

import re
from typing import Final
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.local.page import PAGE, SIGN_IN, SignIn, answer_page, page_files

_SIGN_IN: Final[SignIn] = {
    "clientId": "client",
    "authorize": "https://pool.example/oauth2/authorize",
    "token": "https://pool.example/oauth2/token",
    "logout": "https://pool.example/logout",
}


def _header(name: str, target: str = "/", sign_in: SignIn | None = _SIGN_IN) -> str:
    headers = dict(answer_page("GET", target, sign_in).headers)
    return headers[name]


def test_every_file_of_the_page_is_served_as_what_it_is() -> None:
    files = page_files(None)

    assert set(files) == {path.name for path in PAGE.iterdir()}
    assert {
        name: answer_page("GET", f"/{name}", None).body == file.body for name, file in files.items()
    } == dict.fromkeys(files, True)
    assert answer_page("GET", "/?code=x", None).body == files["index.html"].body
    assert (_header("content-type", "/app.js"), _header("content-type")) == (
        "text/javascript; charset=utf-8",
        "text/html; charset=utf-8",
    )


def test_only_a_stack_that_people_can_sign_in_to_says_where() -> None:
    assert answer_page("GET", f"/{SIGN_IN}", None).status == 404
    assert answer_page("GET", f"/{SIGN_IN}", _SIGN_IN).status == 200


def test_a_page_may_run_its_own_scripts_only_and_call_its_own_origin_and_its_pools_only() -> None:
    policy = dict(part.split(" ", 1) for part in _header("content-security-policy").split("; "))

    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["connect-src"] == "'self' https://pool.example"
    local: SignIn = {**_SIGN_IN, "token": "/oauth2/token"}
    assert "connect-src 'self'; " in _header("content-security-policy", sign_in=local)
    assert "unsafe" not in _header("content-security-policy")
    assert _header("x-content-type-options") == "nosniff"
    assert _header("referrer-policy") == "no-referrer"
    assert _header("cache-control") == "no-cache"


def test_the_page_names_all_its_scripts_ahead_and_no_other_origin() -> None:
    index = page_files(None)["index.html"].body.decode()
    named = re.findall(r'(?:src|href)="/([^"]+)"', index)

    assert sorted(name for name in named if name.endswith(".js")) == sorted(path.name for path in PAGE.glob("*.js"))
    for name, file in page_files(None).items():
        origins = re.findall(r"https?://[\w.]+", file.body.decode())
        assert set(origins) <= {"http://www.w3.org"}, name


@given(st.lists(st.sampled_from(["..", ".", "", "app.js", "page", "room", "%2e%2e", "\\..\\", "README.md", "etc"])))
def test_no_path_leads_out_of_the_folder(parts: list[str]) -> None:
    target = "/" + "/".join(parts)
    answer = answer_page("GET", target, _SIGN_IN)

    assert answer.status == 404 or target.lstrip("/") in ("", "app.js")


@given(st.text())
def test_nothing_but_a_files_name_is_found(text: str) -> None:
    target = f"/{quote(text)}"

    assert answer_page("GET", target, None).status == 404 or text in {"", *page_files(None)}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_files_are_read_and_nothing_else(method: str) -> None:
    assert answer_page(method, "/", _SIGN_IN).status == 405
