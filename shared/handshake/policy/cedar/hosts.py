"""The hosts that text names by a URL (contract.md section 15).

Parsers disagree on what a URL's host is, and a policy is judged here while the tool's own parser opens the connection.
So each host that some parser may see is given: of ``https://good.example\\@evil.example`` both. A policy that allows
hosts then denies what is ambiguous, and one that forbids a host finds it.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address
from typing import Any, Final
from urllib.parse import unquote, urlsplit

# Browsers read these schemes with any number of slashes, forward or backward; every other needs its two.
_LENIENT: Final = r"(?:https?|wss?|ftp)"
_URL: Final = re.compile(
    rf"(?<![A-Za-z0-9+.-])(?:{_LENIENT}:[/\\]*|[A-Za-z][A-Za-z0-9+.-]*:[/\\]{{2,}})(?P<rest>[^\s\"'<>`|]*)",
    re.IGNORECASE,
)
_WHOLE: Final = re.compile(
    rf"(?:{_LENIENT}:[/\\]*|[a-z][a-z0-9+.-]*:[/\\]{{2,}}|[/\\]{{2}})(?P<rest>.*)", re.IGNORECASE | re.DOTALL
)
_IGNORED: Final = str.maketrans("", "", "\t\r\n")
_OUTERMOST: Final = "".join(map(chr, range(0x21)))
_TRAILING: Final = ".,;:!?)]}"
_NUMBER: Final = re.compile(r"0x[0-9a-f]*|[0-9]+")
# What stands for full stops in other scripts: browsers read them as one.
_STOPS: Final = str.maketrans("\u3002\uff0e\uff61", "...")
MAX_LENGTH: Final = 256


def hosts_in(value: Any) -> list[str]:
    """List every host that a text in ``value`` (JSON) may name, each once, in order of their names."""
    return sorted({host for text in _texts(value) for host in _hosts_of(text)})


def _texts(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case dict() as members:
                waiting += [*members, *members.values()]
            case list() as elements:
                waiting += elements


def _hosts_of(text: str) -> Iterator[str]:
    # A text that is a URL as a whole is read as parsers read one: white space around it and breaks inside are nothing.
    if match := _WHOLE.match(text.strip(_OUTERMOST).translate(_IGNORED)):
        yield from _authorities(match["rest"])
    for match in _URL.finditer(text):
        yield from _authorities(match["rest"].rstrip(_TRAILING))


def _authorities(rest: str) -> Iterator[str]:
    """Give the hosts of what follows a URL's scheme, as each kind of parser ends the authority and the user's name."""
    for end in (r"[/?#]", r"[/?#\\]"):
        authority = re.split(end, rest, maxsplit=1)[0]
        for host in {authority.rpartition("@")[2], *authority.split("@")[1:2]}:
            yield from _spellings(host)


def _spellings(authority: str) -> Iterator[str]:
    """Give the host of an authority without a user's name, as it is looked up by one standard and by another."""
    try:
        host = urlsplit(f"//{authority}").hostname or ""
    except ValueError:
        host = authority
    host = unquote(host).translate(_STOPS).lower().removesuffix(".")[:MAX_LENGTH]
    if not host:
        return
    yield _address(host) or host
    if not host.isascii():
        with suppress(UnicodeError):  # then it is no name that could be looked up
            yield host.encode("idna").decode()


def _address(host: str) -> str | None:
    """Give the IPv4 address that a host of numbers is: of one to four, in decimal, octal or hexadecimal."""
    numbers = host.split(".")
    if len(numbers) > 4 or not all(map(_NUMBER.fullmatch, numbers)):
        return None
    try:
        values = [
            int(text[2:] or "0", 16) if text[:2] == "0x" else int(text, 8 if text[0] == "0" else 10) for text in numbers
        ]
    except ValueError:
        return None
    *first, last = values
    if any(value > 255 for value in first) or last >= 256 ** (5 - len(values)):
        return None
    return str(IPv4Address(sum(value << 8 * (3 - place) for place, value in enumerate(first)) + last))
