"""The two emulators whose word is compared, and a secret on either."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import uuid4

from moto import mock_aws

from ops.local.settings import ROOT_KEY
from tests.support.engines import client_of

Clients = Callable[[str], Any]
TOKEN: Final = "b" * 36
KEY, NEW_KEY = "k" * 64, "n" * 64


@contextmanager
def moto() -> Iterator[Clients]:
    """Make clients of moto's, in this process."""
    with mock_aws():
        yield client_of


@contextmanager
def ministack(endpoint: str) -> Iterator[Clients]:
    """Make clients of the ministack that listens at ``endpoint``."""
    yield lambda service: client_of(service, endpoint, key=ROOT_KEY)


def secret_on(clients: Clients) -> tuple[Any, str]:
    """Make a secret whose current key is KEY; return its client and its ARN."""
    client = clients("secretsmanager")
    return client, client.create_secret(Name=uuid4().hex, SecretString=KEY)["ARN"]


def keep_pending(client: Any, arn: str, key: str) -> None:
    """Keep ``key`` as the pending version TOKEN."""
    client.put_secret_value(SecretId=arn, ClientRequestToken=TOKEN, SecretString=key, VersionStages=["AWSPENDING"])


def labels_of(client: Any, arn: str) -> dict[str, str]:
    """Map each label to the version that has it."""
    versions = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
    return {label: version for version, labels in versions.items() for label in labels}
