"""Says what a decision other than to allow means: to a person in one sentence, and to a model in another."""

from typing import Final, NamedTuple

from handshake_rail._generated.models import Decided
from handshake_rail.errors import HandshakeError


class Explanation(NamedTuple):
    """One sentence for each who may read it. A model is told what to do next, for it does what is left open."""

    for_people: str
    for_models: str


_BY_STATE: Final = {
    "denied_terminal": Explanation(
        "The policy denies this ({reason}); nothing was done.",
        "Denied ({reason}). Do not do this, in this or any other way, and do not submit it again, in parts or under "
        "another name. Say that it was denied, and go on with what does not need it.",
    ),
    "escalated_rejected_terminal": Explanation(
        "A person has said no ({reason}); nothing was done.",
        "Rejected by a person ({reason}). Do not do this, in this or any other way, and do not ask again unless you "
        "are told to. Say that it was rejected.",
    ),
    "escalated_expired_terminal": Explanation(
        "Nobody decided in time ({reason}); nothing was done, and it can be asked for anew.",
        "Nobody decided in time ({reason}), which means no. Do not do this. Say so; ask anew only if it is still "
        "wanted.",
    ),
    "escalated_pending": Explanation(
        "A person has yet to decide ({reason}); nothing was done so far.",
        "Not decided yet ({reason}). Do not do this, nor submit it as another request. Wait for the decision on this "
        "one, or say that it waits for a person.",
    ),
}
_OTHER: Final = Explanation(
    "This is not allowed ({reason}); nothing was done.",
    "Not allowed ({reason}). Do not do this, in this or any other way. Say that it was not allowed.",
)


def explain(decided: Decided) -> Explanation:
    """Say what a decision other than to allow means."""
    people, models = _BY_STATE.get(decided["state"], _OTHER)
    reason = decided["reasonCode"]
    return Explanation(people.format(reason=reason), models.format(reason=reason))


class NotAllowedError(HandshakeError):
    """What was to be executed is not allowed, or not yet: nothing was done. ``decided`` says how it stands."""

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
