"""docs/coming-from-workers.md: every line of it is run, and answers what the page says."""

import re
import shlex
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from ops.local.settings import ROOT
from tests.support.service import Service, now_ms, unique

PAGE: Final = (ROOT / "docs" / "coming-from-workers.md").read_text()


class Line(NamedTuple):
    """A line of the page, and the status and word that its answer is said to have."""

    typed: str
    status: int
    word: str


def _lines() -> list[Line]:
    blocks = "".join(re.findall(r"^```bash\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)).splitlines()
    told = [comment.removeprefix("# ").split() for comment in blocks[1::2]]
    return [Line(typed, int(status), word) for typed, (status, word) in zip(blocks[::2], told, strict=True)]


def _run(service: Service, typed: str) -> tuple[int, str]:
    """Send what curl would; give the status and the text of the answer."""
    program, silent, url, *options = shlex.split(typed)
    assert (program, silent) == ("curl", "-s")
    target, given = urlsplit(url), dict(zip(options[::2], options[1::2], strict=True))
    assert (target.netloc, given.keys() - {"-d", "-H"}) == ("127.0.0.1:3000", set())
    headers = dict([given["-H"].split(": ", 1)]) if "-H" in given else {}
    path = f"{target.path}?{target.query}" if target.query else target.path
    reply = service.send("POST" if "-d" in given else "GET", path, headers=headers, body=given.get("-d"))
    return reply.status, str(reply.body)


def test_every_line_answers_what_the_page_says(service: Service) -> None:
    lines, mark = _lines(), unique("moved")

    told = []
    for typed, _, word in lines:
        status, answer = _run(service, typed.replace("moved", mark).replace("NOW", str(now_ms())))
        told.append(Line(typed, status, word if f"'{word}'" in answer else answer))

    assert len(lines) > 10
    assert told == lines


def test_every_point_of_the_contract_that_is_stricter_has_a_row() -> None:
    numbers = re.findall(r"^\| 9\.(\d+) \|", PAGE, re.MULTILINE)

    assert list(map(int, numbers)) == list(range(1, 29))
