"""Secrets Manager by its documented behaviour, in memory: one secret, its versions and labels, and a clock."""

# ruff: noqa: N803 - the client's names

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

SECRET = "the-secret"


class SecretsManager:
    """A client of boto3's shape. ``fault`` is raised by every call; ``asked`` counts reads of labels."""

    def __init__(self, *, now_s: float = 0.0, **keys: str) -> None:
        self.now_s = now_s
        self.fault: Exception | None = None
        self.asked = 0
        self.deleted = False
        self._values: dict[str, tuple[str, float]] = {}
        self._labels: dict[str, str] = {}
        for label, key in keys.items():
            self.add(f"version-{key}", key, label)

    @property
    def labels(self) -> Mapping[str, str]:
        """Give the version that has each label."""
        return self._labels

    def add(self, version: str, key: str, label: str, *, age_s: float = 0.0) -> None:
        """Give a version that was made ``age_s`` ago, with a label that it takes from any other."""
        self._values[version] = (key, self.now_s - age_s)
        self._labels[label] = version

    def key_of(self, label: str) -> str:
        """Give the key of the version that has ``label``."""
        return self._values[self._labels[label]][0]

    def describe_secret(self, *, SecretId: str) -> Any:
        self.asked += 1
        self._check(SecretId)
        if not self._values:
            raise _error("ResourceNotFoundException", "DescribeSecret")
        described: dict[str, Any] = {"VersionIdsToStages": {}}
        for label, version in self._labels.items():
            described["VersionIdsToStages"].setdefault(version, []).append(label)
        return described | ({"DeletedDate": datetime.now(UTC)} if self.deleted else {})

    def get_secret_value(self, *, SecretId: str, VersionId: str) -> Any:
        self._check(SecretId)
        if VersionId not in self._values:
            raise _error("ResourceNotFoundException", "GetSecretValue")
        key, created_s = self._values[VersionId]
        return {"SecretString": key, "CreatedDate": datetime.fromtimestamp(created_s, UTC)}

    def put_secret_value(
        self,
        *,
        SecretId: str,
        ClientRequestToken: str,
        SecretString: str,
        VersionStages: list[str],
    ) -> None:
        self._check(SecretId)
        if ClientRequestToken in self._values:
            raise _error("ResourceExistsException", "PutSecretValue")
        for label in VersionStages:
            self.add(ClientRequestToken, SecretString, label)

    def update_secret_version_stage(
        self,
        *,
        SecretId: str,
        VersionStage: str,
        MoveToVersionId: str = "",
        RemoveFromVersionId: str = "",
    ) -> None:
        self._check(SecretId)
        holder = self._labels.get(VersionStage, "")
        if holder not in ("", MoveToVersionId) and holder != RemoveFromVersionId:
            raise _error("InvalidParameterException", "UpdateSecretVersionStage")
        if not MoveToVersionId:
            del self._labels[VersionStage]
            return
        self._labels[VersionStage] = MoveToVersionId
        if VersionStage == "AWSCURRENT" and holder != MoveToVersionId:
            self._labels["AWSPREVIOUS"] = holder
            if self._labels.get("AWSPENDING") == MoveToVersionId:
                del self._labels["AWSPENDING"]

    def _check(self, secret_id: str) -> None:
        assert secret_id == SECRET
        if self.fault:
            raise self.fault


def _error(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, operation)
