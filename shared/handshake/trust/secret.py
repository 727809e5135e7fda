"""The trust secret in Secrets Manager: its versions, and the labels that say what each is for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from handshake.core.errors import StoreUnavailableError
from handshake.trust.rotation import CURRENT, PENDING, Labels, Version

_UNAVAILABLE: Final = "The trust key cannot be read; retry with backoff."
_NOT_THERE: Final = "ResourceNotFoundException"
_TAKEN: Final = "ResourceExistsException"


class TrustSecret:
    """One secret, through a botocore Secrets Manager client. Every method raises StoreUnavailableError."""

    def __init__(self, client: Any, secret_id: str) -> None:
        self._client = client
        self._secret_id = secret_id

    def labels(self) -> Labels:
        """Give the labels of its versions. A secret that is not there, or marked for deletion, has none."""
        if not self._secret_id:
            return Labels()
        with _answered():
            try:
                described = self._client.describe_secret(SecretId=self._secret_id)
            except ClientError as error:
                if _code(error) == _NOT_THERE:
                    return Labels()
                raise
        return Labels() if "DeletedDate" in described else Labels.of(described.get("VersionIdsToStages") or {})

    def version(self, version_id: str) -> Version | None:
        """Give a version, or None where it has no value, or not any more."""
        with _answered():
            try:
                answer = self._client.get_secret_value(SecretId=self._secret_id, VersionId=version_id)
            except ClientError as error:
                if _code(error) == _NOT_THERE:
                    return None
                raise
        return Version(answer["SecretString"].encode(), answer["CreatedDate"].timestamp())

    def keep_pending(self, version_id: str, key: str) -> None:
        """Make ``key`` the pending version of that id, unless the id has a value already."""
        with _answered():
            try:
                self._client.put_secret_value(
                    SecretId=self._secret_id, ClientRequestToken=version_id, SecretString=key, VersionStages=[PENDING]
                )
            except ClientError as error:
                if _code(error) != _TAKEN:
                    raise

    def make_current(self, version_id: str, *, instead_of: str) -> None:
        """Move the label of the current version; Secrets Manager labels the one it leaves as previous."""
        self._label(CURRENT, MoveToVersionId=version_id, RemoveFromVersionId=instead_of)

    def label(self, label: str, version_id: str, *, instead_of: str | None = None) -> None:
        """Attach a label, taking it from the version that has it."""
        self._label(label, MoveToVersionId=version_id, **({"RemoveFromVersionId": instead_of} if instead_of else {}))

    def unlabel(self, label: str, version_id: str) -> None:
        """Remove a label from the version that has it."""
        self._label(label, RemoveFromVersionId=version_id)

    def _label(self, label: str, **versions: str) -> None:
        with _answered():
            self._client.update_secret_version_stage(SecretId=self._secret_id, VersionStage=label, **versions)


@contextmanager
def _answered() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise StoreUnavailableError(_UNAVAILABLE) from error


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]
