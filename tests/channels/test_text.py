"""What agents wrote does nothing where people read it, whatever it is."""

import re
import unicodedata
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.channels.text import shown

HOSTILE: Final = {
    "mention of all": "<!channel> <!here> @everyone @channel",
    "mention of one": "<@U012AB3CD> @ana",
    "link of Slack": "<https://evil.example/pay|the bank>",
    "link": "see https://evil.example/x or http://10.0.0.1/ or ftp://evil.example",
    "link of other strokes": "https:\\\\0xd83ad38e/approve http:||3627734734 slack:/|open vscode:\uff5c\uff3cfile",
    "bare host": "evil.example www.evil.example xn--80ak6aa92e.com",
    "full width": "\uff48\uff54\uff54\uff50\uff53\uff1a\uff0f\uff0f\uff45\uff56\uff49\uff4c\uff0e\uff45\uff58 "
    "\uff20ana evil\u3002example evil\uff61ex",
    "Markdown": "[click](https://evil.example) **bold** `code` ~~gone~~ # head _it_",
    "HTML": "<script>alert(1)</script><a href=x>&lt;</a>",
    "mail": "mailto:ana@evil.example",
    "bidi": "pay \u202e100\u202c to \u2066bob\u2069 \u200f",
    "lines": "a\nfor: somebody else\r\ndeadline: none\u2028x\u2029y\x0bz",
    "control": "\x00\x07\x1b[31mred\x1b[0m\x7f\x9b",
    "nothing seen": "\u200b\u200d\ufeff\u00ad\u3164\u2800\U000e0041",
    "surrogates": "\ud800x\udfff",
    "combining": "Z" + "\u0335" * 500,
}
SCHEMES: Final = re.compile(r":/")
NUMBERS: Final = re.compile(r"(?<!\S)[+-]*\d+\.\d+[+-]*(?!\S)")
HOSTS: Final = re.compile(r"[^\s\d.][^\s.]*[.\u3002\uff0e\uff61]\w", re.UNICODE)


def _does_nothing(text: str) -> None:
    assert not set(text) & set("@<>[]&`*~#|\\")
    assert not SCHEMES.search(text)
    assert not HOSTS.search(NUMBERS.sub("", text)), text
    assert not re.search(r"\d+\.\d+\.\d+", text)
    assert text.isprintable()
    assert all(
        unicodedata.bidirectional(char) not in {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}
        for char in text
    )
    text.encode()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_does_nothing(name: str) -> None:
    _does_nothing(shown(HOSTILE[name], 4000))


@given(st.text(max_size=300), st.integers(1, 200))
def test_any_text_does_nothing_and_is_no_longer_than_it_may_be(text: str, most: int) -> None:
    made = shown(text, most)

    _does_nothing(made)
    assert len(made) <= most


@given(
    st.lists(
        st.sampled_from([*HOSTILE.values(), " ", "a", ".", "1", "://", ":||", ":\\\\", ":", "/", "@"]), max_size=8
    ).map("".join)
)
def test_hostile_parts_put_together_do_nothing(text: str) -> None:
    _does_nothing(shown(text, 500))


def test_of_64_kilobytes_the_beginning_is_shown_and_the_cut_is_said() -> None:
    made = shown("x" * 65_536, 120)

    assert made == "x" * 119 + "\u2026"


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("pay.transfer", "pay(.)transfer"),
        ("19.99", "19.99"),
        ("-19.99 EUR", "-19.99 EUR"),
        ("+0.5 -a.5", "+0.5 -a(.)5"),
        ("Paid in full. Thanks.", "Paid in full. Thanks."),
        ("agent_1", "agent_1"),
        ("invoice:17", "invoice:17"),
        ("https://x", "https(:)//x"),
        ("https:\\\\0xd83ad38e/approve", "https(:)//0xd83ad38e/approve"),
        ("either|or", "either/or"),
        ("Zoë of 株式会社", "Zoë of 株式会社"),
        ("ana@acme.example", "ana(at)acme(.)example"),
        ("a\tb", "a(U+0009)b"),
    ],
)
def test_plain_words_stay_readable(text: str, made: str) -> None:
    assert shown(text, 120) == made
