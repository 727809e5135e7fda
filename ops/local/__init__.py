"""The whole of template.yaml on this machine: ministack, SAM build and deploy, roles to call it with."""

from ops.local.commands import CommandFailedError
from ops.local.stack import LocalStack

__all__ = ["CommandFailedError", "LocalStack"]
