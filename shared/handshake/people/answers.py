"""Answers of the people's door (contract.md section 13)."""

from typing import Annotated, NotRequired, TypedDict

from handshake.core.shapes import EpochMs, Id, closed


@closed
class Me(TypedDict):
    """Says who has signed in, by the record that operators keep of them."""

    principalId: Id
    tenantId: NotRequired[Id]
    scopes: Annotated[list[str], "What the person may do here, sorted."]
    issuer: Annotated[str, "Who says that it is them."]
    subject: Annotated[str, "What the issuer calls them."]
    signedInAt: Annotated[EpochMs, "When they last proved to the issuer who they are."]
    expiresAt: Annotated[EpochMs, "When the token of this call stops being good."]
