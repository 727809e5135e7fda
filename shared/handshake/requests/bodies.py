"""Bodies that callers send to the workflow (contract.md section 3)."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from handshake.core.shapes import Id, NewId, PayloadRef, Schema, closed
from handshake.requests.action import MAX_BYTES, MAX_LEVELS, MAX_NAME_LENGTH
from handshake.requests.answers import ActionType, ContextHash
from handshake.requests.decision_action import ACTION_WORDS, MAX_REASON_LENGTH

Name = Annotated[str, Schema("ActionName", minLength=1, maxLength=MAX_NAME_LENGTH, pattern="^[A-Za-z0-9._:/-]+$")]


@closed
class Action(TypedDict):
    """Says exactly what is to be done. The request's ``actionDigest`` binds all of it."""

    operation: Name
    tool: NotRequired[Name | None]
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
    tenantId: NotRequired[Annotated[NewId | Literal[""] | None, '"" is none.']]
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
    action: Annotated[str, Schema(enum=list(ACTION_WORDS)), "``deny`` means reject."]
    reason: NotRequired[
        Annotated[
            Annotated[str, Schema(maxLength=MAX_REASON_LENGTH)] | None, "The person's own words, kept in evidence."
        ]
    ]


class PresentedArtifact(TypedDict):
    """The artifact as it was received; more of it may be sent along."""

    decision: Literal["allow"]
    decisionContextHash: ContextHash


class ExecutionRequest(TypedDict):
    """A request and the artifact that allows it."""

    request: Submission
    artifact: PresentedArtifact
