"""Makes what agents and callers wrote text that does nothing: on a phone, in a chat, in a mail, in a terminal.

No character that is not seen passes, no line ends but ours, and nothing in it is a link, a mention or markup.
"""

import unicodedata
from typing import Final

from handshake.core.text import is_seen

# What begins a mention, a link or markup in one of the places where it is shown, and what stands there instead.
_DISARMED: Final = str.maketrans(
    {
        "@": "(at)",
        "<": "(",
        ">": ")",
        "[": "(",
        "]": ")",
        "&": "+",
        "`": "'",
        "*": "\u2217",
        "~": "\u223c",
        "#": "\u266f",
        "|": "/",
        "\\": "/",
    }
)
# Full stops of other scripts, which a browser takes for one.
_STOPS: Final = ".\u3002\uff0e\uff61"
_MORE: Final = "\u2026"


def shown(text: str, most: int) -> str:
    """Give at most ``most`` characters of ``text`` that do nothing; what is cut off is said by an ellipsis.

    Letters in another width or shape are written plainly, and a character that nobody sees as its number.
    """
    # Each character becomes one or more, so no more of it can be shown: the rest of 64 KB is not looked at.
    # Exchanged before it is looked at: what becomes a slash makes a link as one that was written does.
    plain = unicodedata.normalize("NFKC", text[: most + 1]).translate(_DISARMED)
    made = "".join(_piece(plain, index, char) for index, char in enumerate(plain))
    return made if len(made) <= most else made[: most - 1] + _MORE


def _piece(text: str, index: int, char: str) -> str:
    before, after = text[index - 1 : index], text[index + 1 : index + 2]
    if char in _STOPS:
        # At the end of a sentence it is one, and between the digits of a number.
        ends = not after or after.isspace()
        return char if ends or (char == "." and before.isdecimal() and _is_number(text, index)) else "(.)"
    if char == ":" and after == "/":
        return "(:)"
    if char == "_" and not (before.isalnum() and after.isalnum()):
        return "-"
    if char == " " or (is_seen(char) and char.isprintable()):
        return char
    return f"(U+{ord(char):04X})"


def _is_number(text: str, index: int) -> bool:
    """Say whether the full stop at ``index`` is the one of a number, which no address is."""
    start, end = index, index + 1
    while start > 0 and not text[start - 1].isspace():
        start -= 1
    while end < len(text) and not text[end].isspace():
        end += 1
    return text[start:end].strip("+-").replace(".", "", 1).isdecimal()
