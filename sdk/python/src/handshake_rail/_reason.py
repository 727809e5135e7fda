"""One row of the registry of reason codes."""

from typing import Literal, NamedTuple

RetryAdvice = Literal["do_not_retry", "retry_after_remediation", "retry_with_backoff"]


class Reason(NamedTuple):
    """The meaning of a reason code to a program. ``status`` is the HTTP status it is sent with as an error."""

    family: str
    status: int
    response_class: Literal["ok", "retryable", "blocked", "unknown"]
    retry: RetryAdvice
