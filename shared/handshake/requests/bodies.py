"""Bodies that callers send to the workflow (contract.md section 3)."""

from typing import Annotated, Any, NotRequired, TypedDict

from handshake.core.shapes import Id, NewId, NewIdOrNone, PageQuery, PayloadRef, Schema, closed
from handshake.requests.action import MAX_BYTES, MAX_LEVELS
from handshake.requests.action_bodies import MAX_REASON_LENGTH
from handshake.requests.answers import ActionName, ActionType, ContextHash
from handshake.requests.decision_action import ACTION_WORDS
from handshake.requests.ending import ENDS, EXPIRY
from handshake.requests.grant import DEFAULT_AUDIENCE, MAX_DETAIL_LENGTH, STATUSES
from handshake.requests.history_query import MAX_TIME_MS
from handshake.requests.record import MAX_EXTENSION_S, MIN_EXTENSION_S


def _variable_name(word: str) -> str:
    return f"{word}_IN_CAPITALS" if word.isupper() else word.upper()


OwnWords = Annotated[
    Annotated[str, Schema(maxLength=MAX_REASON_LENGTH)] | None, "The person's own words, kept in evidence."
]


@closed
class Action(TypedDict):
    """Says exactly what is to be done. The request's ``actionDigest`` binds all of it."""

    operation: ActionName
    tool: NotRequired[ActionName | None]
    toolVersion: NotRequired[NewId | None]
    resource: NotRequired[NewId | None]
    arguments: NotRequired[
        Annotated[
            dict[str, Any] | None,
            f"Numbers that a double does not keep are refused: send them as strings. With all else, at most\n"
            f"{MAX_BYTES} bytes as canonical JSON and {MAX_LEVELS} levels deep.",
        ]
    ]


class Submission(TypedDict):
    """An action that an agent wants to take."""

    requestId: Annotated[NewId, "Submitting it again answers what was decided first."]
    principalId: NewId
    agentId: NewId
    tenantId: NotRequired[Annotated[NewIdOrNone | None, '"" is none.']]
    actionType: ActionType
    payloadRef: PayloadRef
    timestamp: Annotated[float, "The caller's clock, epoch ms, within 5 minutes of the server's."]
    privilegedPath: NotRequired[Annotated[bool | None, "False is refused: a privileged path cannot opt out."]]
    context: NotRequired[
        Annotated[
            dict[str, Any] | None,
            "What decides: ``amount``, ``category`` and limits of the caller's own that narrow the policy\n"
            "(``maxTransaction``, ``dailySpendLimit``, ``allowedHours``, ``allowedCategories``) of a payment;\n"
            "``sensitivity`` and ``authorizedSensitiveScope`` of a data access. What cannot be understood denies.",
        ]
    ]
    action: NotRequired[
        Annotated[
            Action | None,
            "A payment's ``amount`` and ``category`` may stand in its arguments, in ``context``, or alike\nin both.",
        ]
    ]


@closed
class DecisionAction(TypedDict):
    """Says what to do with an escalation."""

    requestId: Id
    hitlRequestId: NotRequired[str | None]
    action: Annotated[
        str,
        # Names for generators, which write values in capitals.
        Schema(
            enum=list(ACTION_WORDS),
            **{"x-enum-varnames": [_variable_name(word) for word in ACTION_WORDS]},
        ),
        "``deny`` means reject; ``withdraw`` is for the requester itself.",
    ]
    reason: NotRequired[OwnWords]


@closed
class Extension(TypedDict):
    """Asks for more time to decide on an escalation."""

    requestId: Id
    seconds: Annotated[
        int, Schema(minimum=MIN_EXTENSION_S, maximum=MAX_EXTENSION_S), "Added to the deadline that it has."
    ]
    reason: NotRequired[OwnWords]


@closed
class Revocation(TypedDict):
    """Takes back what was allowed or approved, before it is claimed."""

    requestId: Id
    reason: Annotated[
        str, Schema(minLength=1, maxLength=MAX_REASON_LENGTH), "Why, in the person's own words, kept in evidence."
    ]


# A member called ``from`` has no place in a class.
_Decided = TypedDict(
    "_Decided",
    {
        "outcome": NotRequired[Annotated[str, Schema(enum=list(ENDS))]],
        "actor": NotRequired[Annotated[Id, f"Who decided; `{EXPIRY}` for what nobody decided in time."]],
        "from": NotRequired[
            Annotated[int, Schema(minimum=0, maximum=MAX_TIME_MS - 1), "Decided then or later, epoch ms."]
        ],
        "to": NotRequired[Annotated[int, Schema(minimum=1, maximum=MAX_TIME_MS), "Decided before that, epoch ms."]],
    },
)


class HistoryQuery(_Decided, PageQuery):
    """Names a page of closed escalations."""


class PresentedArtifact(TypedDict):
    """The artifact as it was answered, or that answer itself. The first two members are looked at; allow is needed."""

    decision: Annotated[str, "As it was answered: any other than ``allow`` authorizes nothing."]
    decisionContextHash: ContextHash
    requestId: NotRequired[Annotated[str, "Of the request, where it is sent along."]]
    reasonCode: NotRequired[str]
    tier: NotRequired[int]
    timestamp: NotRequired[float]
    responseClass: NotRequired[str]
    hitlRequestId: NotRequired[str]
    txnId: NotRequired[str]
    state: NotRequired[str]
    requestTimestamp: NotRequired[float]
    actionDigest: NotRequired[str]
    pollAfterMs: NotRequired[float]


class ExecutionRequest(TypedDict):
    """A request and the artifact that allows it."""

    request: Submission
    artifact: PresentedArtifact


@closed
class GrantClaim(TypedDict):
    """Claims the one grant of a request that may be executed."""

    requestId: Id
    actionDigest: Annotated[Id, "Of what is about to be executed."]
    audience: NotRequired[Annotated[NewId | None, f"Who is to take the grant; `{DEFAULT_AUDIENCE}` where absent."]]


@closed
class ExecutionOutcome(TypedDict):
    """Reports what came of the effect, once."""

    status: Annotated[str, Schema(enum=list(STATUSES)), "``unknown`` where nobody can tell."]
    resultDigest: NotRequired[Annotated[NewId | None, "Of the result, as the executor digests it."]]
    detail: NotRequired[
        Annotated[
            Annotated[str, Schema(maxLength=MAX_DETAIL_LENGTH)] | None, "The executor's own words, kept in evidence."
        ]
    ]
