"""The names of the five tables, as deployed."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Tables:
    """Physical table names. A function is given only those it may use; the others are empty."""

    workflow: str = ""
    policy: str = ""
    metrics: str = ""
    replay_guards: str = ""
    runtime_kv: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Tables":
        """Read ``WORKFLOW_TABLE`` and its like."""
        names = ("workflow", "policy", "metrics", "replay_guards", "runtime_kv")
        return cls(**{name: environment.get(f"{name.upper()}_TABLE", "") for name in names})
