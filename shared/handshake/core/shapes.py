"""Types that bodies and answers are made of: TypedDicts, with what a type cannot say of a member in ``Annotated``.

mypy holds the code to these types and ops/openapi makes the document of them, so there is no second description. In
``Annotated`` a text describes the member and a ``Schema`` bounds it. A function imports none of this: where the code
names a shape, it imports it for type checkers only, and a start costs what it cost without.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, NotRequired, TypedDict, TypeVar

from handshake.core import reasons, tiers
from handshake.core.characters import UNICODE_VERSION
from handshake.core.paging import DEFAULT_LIMIT, MAX_LIMIT
from handshake.core.text import MAX_ID_LENGTH, MAX_PAYLOAD_REF_LENGTH
from handshake.core.tiers import DENIAL_TIER

Shape = TypeVar("Shape", bound=type)

# Category Cc. A test holds the patterns against what the code takes.
CONTROL: Final = r"\x00-\x1f\x7f-\x9f"
ID_PATTERN: Final = rf"^[^{CONTROL}]*[^\s{CONTROL}][^{CONTROL}]*$"
# As far as a pattern that every engine reads alike can go: what is unseen in the Basic Multilingual Plane. Of the other
# planes, of unassigned characters and of the normal form only id_fault knows.
UNSEEN: Final = (
    CONTROL + r"\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    r"\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ue000-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0"
    r"\ufff0-\ufffb\ufffe\uffff"
)
NEW_ID_PATTERN: Final = rf"^[^\s{UNSEEN}]([^{UNSEEN}]*[^\s{UNSEEN}])?$"


class Schema:
    """Keywords of JSON Schema that hold beside the annotated type.

    ``name`` makes it a component of the document. ``like`` is the type to describe it as, where that is not the
    annotated one.
    """

    def __init__(self, name: str = "", *, like: Any = None, **keywords: Any) -> None:
        self.name, self.like, self.keywords = name, like, keywords


def described(**keywords: Any) -> Callable[[Shape], Shape]:
    """Give a TypedDict keywords of JSON Schema of its own, as a decorator; they are not inherited."""

    def describe(shape: Shape) -> Shape:
        shape.__schema__ = keywords  # type: ignore[attr-defined]  # a TypedDict's body holds nothing but its members
        return shape

    return describe


# What callers send may hold members that nobody reads; what they are sent holds exactly what its type names.
closed: Final = described(additionalProperties=False)

# What something stored is called: an earlier release may have taken for an id what names nothing new any more.
Id = Annotated[str, Schema("Id", minLength=1, maxLength=MAX_ID_LENGTH, pattern=ID_PATTERN)]
_SPELLING: Final = (
    "Has one spelling: it is in NFC, holds no control, format, private-use, unassigned or invisible character\n"
    f"of Unicode {UNICODE_VERSION}, and has no white space at either end."
)
NewId = Annotated[
    str, Schema("NewId", minLength=1, maxLength=MAX_ID_LENGTH, pattern=NEW_ID_PATTERN, description=_SPELLING)
]
# As NewId; empty is none. One text rather than one of two, which generators can make more of.
NewIdOrNone = Annotated[
    str,
    Schema("NewIdOrNone", maxLength=MAX_ID_LENGTH, pattern=f"^({NEW_ID_PATTERN[1:-1]})?$", description=_SPELLING),
]
PayloadRef = Annotated[
    str,
    Schema("PayloadRef", minLength=1, maxLength=MAX_PAYLOAD_REF_LENGTH, pattern=NEW_ID_PATTERN, description=_SPELLING),
]
Outcome = Annotated[tiers.Outcome, Schema("Outcome")]
RiskTier = Annotated[tiers.RiskTier, Schema("RiskTier")]
EventTier = RiskTier | Literal["unknown"]
ResponseClass = Annotated[reasons.ResponseClass, Schema("ResponseClass")]
Family = Annotated[str, Schema("Family", enum=[*reasons.FAMILIES, reasons.UNKNOWN_FAMILY])]
EpochMs = Annotated[int, Schema(minimum=0)]
Tier = Annotated[int, Schema(minimum=0, maximum=DENIAL_TIER)]
Count = Annotated[int, Schema(minimum=0)]
Cursor = Annotated[str, Schema(minLength=1)]


@closed
class Refusal(TypedDict):
    """Says why a call was refused. ``reasonCode`` and ``responseClass`` are for programs, ``message`` is for people."""

    status: Literal["error"]
    error: Annotated[str, "The same as ``reasonCode``."]
    reasonCode: str
    responseClass: ResponseClass
    message: str


class PageQuery(TypedDict):
    """Names a page of a list."""

    limit: NotRequired[Annotated[int, Schema(minimum=1, maximum=MAX_LIMIT, default=DEFAULT_LIMIT), "How many at once."]]
    cursor: NotRequired[Annotated[str, "The last page's ``nextCursor``; the first page when left out or empty."]]
