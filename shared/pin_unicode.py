"""Run by hand: write which characters an id may hold into `handshake/core/characters.py`.

    python3.11 shared/pin_unicode.py

One pinned version of Unicode, so that an id which one interpreter takes is not refused by the next: the version of the
oldest Python that runs this service, because each later one knows its characters too. Whether text is in NFC is asked
of the interpreter, whichever it is: Unicode's stability policy keeps that the same for the characters of a version.
"""

import sys
import unicodedata
from itertools import chain
from pathlib import Path

VERSION = "14.0.0"
# Default_Ignorable_Code_Point, of DerivedCoreProperties.txt of that version: Python has no such property.
IGNORABLE = (
    *((0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F)),
    *((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF)),
    *((0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
)
BRAILLE_BLANK = 0x2800
# Control, format, surrogate, private use, unassigned.
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn"}

HEAD = '''"""Lists what an id may hold. Written by `shared/pin_unicode.py`: run that instead of editing this."""

from typing import Final

UNICODE_VERSION: Final = "{version}"

# Where runs of characters begin that an id may not hold, and where each ends: the first is refused from its start, the
# second taken, and so in turn. Text, because comparing characters is what bisect does with it.
BOUNDARIES: Final = (
'''


def boundaries() -> list[int]:
    """Give the code points where what an id may hold begins or ends, by the interpreter's Unicode."""
    ignorable = set(chain.from_iterable(range(first, last + 1) for first, last in IGNORABLE)) | {BRAILLE_BLANK}
    points, refused = [], False
    for point in range(sys.maxunicode + 1):
        if (point in ignorable or unicodedata.category(chr(point)) in UNSEEN) is not refused:
            points.append(point)
            refused = not refused
    return points


def source(points: list[int]) -> str:
    """Write the module."""
    lines, line = [], ""
    for point in points:
        escaped = f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
        if len(line) + len(escaped) > 112:
            lines.append(line)
            line = ""
        line += escaped
    body = "".join(f'    "{text}"\n' for text in (*lines, line))
    return HEAD.format(version=VERSION) + body + ")\n"


if __name__ == "__main__":
    if unicodedata.unidata_version != VERSION:
        sys.exit(f"run this with a Python of Unicode {VERSION}; this one has {unicodedata.unidata_version}")
    Path(__file__).with_name("handshake").joinpath("core", "characters.py").write_text(source(boundaries()))
