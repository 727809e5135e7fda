"""What bodies of all kinds are made of. Every bound is the code's own."""

from collections.abc import Iterable
from typing import Annotated, Final, NotRequired

from pydantic import ConfigDict, Field, with_config
from pydantic.fields import FieldInfo
from typing_extensions import TypeAliasType, TypedDict

from handshake.core import reasons, tiers
from handshake.core.paging import DEFAULT_LIMIT, MAX_LIMIT
from handshake.core.text import MAX_ID_LENGTH
from handshake.core.tiers import DENIAL_TIER
from handshake.requests.submission import ACTION_TYPES

# Category Cc, as has_control_characters has it. A test holds the patterns against what the code takes.
CONTROL: Final = r"\x00-\x1f\x7f-\x9f"
ID_PATTERN: Final = rf"^[^{CONTROL}]*[^\s{CONTROL}][^{CONTROL}]*$"

open_object = with_config(ConfigDict(use_attribute_docstrings=True))
closed_object = with_config(ConfigDict(use_attribute_docstrings=True, extra="forbid"))


def one_of(values: Iterable[str]) -> FieldInfo:
    """The constraint that a text is one of ``values``."""
    info: FieldInfo = Field(json_schema_extra={"enum": list(values)})
    return info


def at_most(length: int, *, at_least: int = 1) -> FieldInfo:
    """The constraint that a text is an id, of such a length in characters."""
    info: FieldInfo = Field(min_length=at_least, max_length=length, pattern=ID_PATTERN)
    return info


# Named, so that the document and what is generated from it name them too.
Id = TypeAliasType("Id", Annotated[str, at_most(MAX_ID_LENGTH)])
Outcome = TypeAliasType("Outcome", tiers.Outcome)
RiskTier = TypeAliasType("RiskTier", tiers.RiskTier)
ResponseClass = TypeAliasType("ResponseClass", reasons.ResponseClass)
ActionType = TypeAliasType("ActionType", Annotated[str, one_of(ACTION_TYPES)])
Family = TypeAliasType("Family", Annotated[str, one_of((*reasons.FAMILIES, reasons.UNKNOWN_FAMILY))])
ContextHash = TypeAliasType("ContextHash", Annotated[str, Field(pattern="^ctx_[0-9a-f]{64}$")])

EpochMs = Annotated[int, Field(ge=0)]
Tier = Annotated[int, Field(ge=0, le=DENIAL_TIER)]
Count = Annotated[int, Field(ge=0)]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT, json_schema_extra={"default": DEFAULT_LIMIT})]
Cursor = Annotated[str, Field(min_length=1)]


@open_object
class PageQuery(TypedDict):
    """Which page of a list."""

    limit: NotRequired[Limit]
    """How many at once."""
    cursor: NotRequired[str]
    """The last page's ``nextCursor``; the first page when left out or empty."""
