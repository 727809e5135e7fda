"""Lets the operator's commands find a service that runs in this process, whatever stack they are asked for."""

from dataclasses import dataclass

import pytest

from handshake.dynamo.context import Context
from ops.local import deployment
from tests.support.service import InProcess

OPERATOR_ARN = "arn:aws:iam::000000000000:user/operator"


@dataclass
class OperatedDeployment:
    """A deployment, as far as the commands that only read and write tables ask for one."""

    service: InProcess

    def operator(self) -> str:
        """Name the operator."""
        return OPERATOR_ARN

    def context(self) -> Context:
        """Give what an operator's use cases need."""
        return self.service.context


def operated(service: InProcess, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    """Have the commands find ``service``, and give it back."""
    monkeypatch.setattr(deployment, "find", lambda _stack: OperatedDeployment(service))
    return service
