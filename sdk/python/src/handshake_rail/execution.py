"""Makes the body that authorize-execution is shown of a decision."""

from typing import cast

from handshake_rail._generated import models


def execution_of(
    request: models.Submission, decided: models.Decided | models.RequestStatus | models.Room
) -> models.ExecutionRequest:
    """Make the body with which ``authorize_execution`` is asked about ``request``.

    ``decided`` is what submitting it answered, the first time or again, or a later read of it. The request is shown
    with the timestamp that it was first submitted with, so one that was submitted again with a fresh one is executed.
    """
    first = cast("models.Submission", {**request, "timestamp": decided["requestTimestamp"]})
    artifact = cast("models.PresentedArtifact", decided.get("artifact", decided))
    return {"request": first, "artifact": artifact}
