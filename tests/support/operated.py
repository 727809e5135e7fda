"""Lets the operator's commands find a service that runs in this process, whatever stack they are asked for."""

from dataclasses import dataclass
from typing import Final

import pytest

from handshake.dynamo.context import Context
from ops.local import deployment
from tests.support.service import InProcess

OPERATOR: Final = "arn:aws:sts::000000000000:assumed-role/operators/oncall"


@dataclass
class OperatedDeployment:
    """A deployment, as far as the commands that only read and write tables ask for one."""

    service: InProcess

    def context(self) -> Context:
        """Give what an operator's use cases need."""
        return self.service.context

    def operator(self) -> str:
        """Name whose credentials the commands use."""
        return OPERATOR


def operated(service: InProcess, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    """Have the commands find ``service``, and give it back."""
    monkeypatch.setattr(deployment, "find", lambda _stack: OperatedDeployment(service))
    return service
