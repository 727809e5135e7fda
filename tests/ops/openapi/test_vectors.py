"""The vectors of the digest, by another implementation in another language, and by the committed file."""

import hashlib
import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ops.openapi.vectors import VECTORS, filled

PAGE = Path(__file__).parent / "digest.html"
KNOWN: dict[str, Any] = json.loads(VECTORS.read_text(encoding="utf-8"))


def test_a_browser_that_knows_only_the_rules_hashes_the_same_texts(
    tmp_path: Path, chromium: Callable[..., str]
) -> None:
    page = tmp_path / "digest.html"
    bodies = json.dumps([vector["body"] for vector in KNOWN["digests"]])
    page.write_text(PAGE.read_text(encoding="utf-8").replace("/*BODIES*/[]", bodies), encoding="utf-8")

    shown = chromium(page.as_uri(), home=tmp_path / "home", hosts={}, most_ms=5000)

    match = re.search('<pre id="canonical">(.*?)</pre>', shown, re.DOTALL)
    assert match, shown
    texts = json.loads(html.unescape(match[1]))
    for vector, text in zip(KNOWN["digests"], texts, strict=True):
        assert text == vector["canonical"], vector["name"]
        assert f"sha256:{hashlib.sha256(text.encode()).hexdigest()}" == vector["actionDigest"]


def test_the_committed_vectors_are_what_the_code_says() -> None:
    assert filled(KNOWN) == KNOWN


def test_vectors_have_names_of_their_own() -> None:
    names = [vector["name"] for vector in [*KNOWN["digests"], *KNOWN["refused"]]]

    assert len(set(names)) == len(names)
