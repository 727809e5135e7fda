"""Says what a decision other than to allow means: to a person in one sentence, and to a model in another."""

from typing import Final, NamedTuple

from handshake_rail._generated.models import Decided
from handshake_rail._generated.reasons import REASONS
from handshake_rail.errors import UNREGISTERED, HandshakeError


class Explanation(NamedTuple):
    """A few words for each who may read them. A model is told what to do next, for it does what is left open."""

    for_people: str
    for_models: str


_BY_STATE: Final = {
    "denied_terminal": Explanation(
        "This was denied, and nothing was done. {description}",
        "Denied ({reason}): {description} Do not do this, in this or any other way, and do not submit it again, in "
        "parts or under another name. Say that it was denied, and go on with what does not need it.",
    ),
    "escalated_rejected_terminal": Explanation(
        "A person has rejected this, and nothing was done.",
        "Rejected by a person ({reason}). Do not do this, in this or any other way, and do not ask again unless you "
        "are told to. Say that it was rejected.",
    ),
    "escalated_expired_terminal": Explanation(
        "Nobody decided in time, and nothing was done. It can be asked for anew.",
        "Nobody decided in time ({reason}), which means no. Do not do this. Say so; ask anew only if it is still "
        "wanted.",
    ),
    "escalated_pending": Explanation(
        "A person has yet to decide, and nothing was done so far. {description}",
        "Not decided yet ({reason}). Do not do this, nor submit it as another request. Wait for the decision on this "
        "one, or say that it waits for a person.",
    ),
}
_OTHER: Final = Explanation(
    "This is not allowed, and nothing was done. {description}",
    "Not allowed ({reason}): {description} Do not do this, in this or any other way. Say that it was not allowed.",
)


def explain(decided: Decided) -> Explanation:
    """Say what a decision other than to allow means."""
    people, models = _BY_STATE.get(decided["state"], _OTHER)
    reason = decided["reasonCode"]
    known = REASONS.get(reason, UNREGISTERED)
    filled_in = {"reason": reason, "description": known.description}
    return Explanation(people.format_map(filled_in), models.format_map(filled_in))


class NotAllowedError(HandshakeError):
    """Says that what was to be executed is not allowed, or not yet. ``decided`` says how it stands."""

    decided: Decided
    for_people: str
    """A sentence for whoever asked for it."""
    for_models: str
    """A sentence for the agent's model, in place of the result of its tool."""

    def __init__(self, decided: Decided) -> None:
        sentences = explain(decided)
        super().__init__(
            decided["reasonCode"], sentences.for_people, status=None, correlation_id="", attempts=1, body=decided
        )
        self.decided = decided
        self.for_people, self.for_models = sentences
