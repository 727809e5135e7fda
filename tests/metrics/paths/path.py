"""Gives what a path to a reason code is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from tests.support.clients import FAULTS
from tests.support.endpoints import READS, failing
from tests.support.service import InProcess, Reply
from tests.support.store import paused

SHAPE: Final = "trust_context_invalid_request_shape"
BINDING: Final = "trust_context_missing_binding"
TIMESTAMP: Final = "trust_context_invalid_timestamp"
SUBJECT: Final = "security_identity_subject_mismatch"
REPLAY: Final = "security_replay_detected"
CONTEXT: Final = "security_decision_context_mismatch"
STORE: Final = "adapter_store_unavailable"
GUARD: Final = "security_replay_guard_unavailable"
PAUSED: Final = "adapter_privileged_mutations_paused"
TENANT: Final = "security_read_tenant_mismatch"


class Counted(NamedTuple):
    """The one event of a path. One that is an ``incident`` ends an escalation, and so has a duration for AIRT."""

    decision: str
    risk_tier: str
    terminal: bool = True
    incident: bool = False


ALLOWED: Final = Counted("allow", "low")
DENIED: Final = Counted("deny", "critical")
ESCALATED: Final = Counted("escalate", "high", terminal=False)
EXPIRED: Final = Counted("deny", "high", incident=True)


@dataclass(frozen=True)
class Path:
    """One way to ``code``: in words, and as a call on what ``prepare`` made; "" is an answer without a code.

    ``counted`` is its event by the words of contract section 5 and of decision 10. A decision and a security denial
    become one; a refused submission and a refused action are denials whatever their code; nothing else is counted.
    """

    code: str
    words: str
    prepare: Callable[[InProcess], Any]
    call: Callable[[InProcess, Any], object]
    counted: Counted | None = None
    decides: str = ""
    """Give what its answer says was decided, where that is no refusal."""
    reports: str = ""
    """The code of the event that it reports."""
    job: bool = False
    """Say whether it is scheduled work, which answers nobody."""
    synthetic: bool = False
    """Say whether it is a synthetic call, which is no metric."""

    @property
    def calls(self) -> bool:
        """Say whether it is a caller's, whose log line tells how the call ended."""
        return not (self.job or self.synthetic)


def nothing(_: InProcess) -> None:
    """Give what a path needs that needs nothing."""


def unanswered(call: Callable[[InProcess, Any], Reply]) -> Callable[[InProcess, Any], Reply]:
    """``call``, made while the store answers no read."""
    return lambda service, given: call(failing(service, FAULTS["no answer"], operations=READS), given)


def while_paused(call: Callable[[InProcess, Any], Reply]) -> Callable[[InProcess, Any], Reply]:
    """``call``, made while an operator has privileged mutations paused."""

    def refused(service: InProcess, given: Any) -> Reply:
        with paused(service):
            return call(service, given)

    return refused
