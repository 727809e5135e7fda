"""Names a source that fails."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError


class SourceUnavailableError(Exception):
    """A source did not answer, or refused. Says which and how, and quotes nothing of the answer."""


@contextmanager
def asking(source: str) -> Iterator[None]:
    """Turn what the SDK raises inside into SourceUnavailableError about ``source``."""
    try:
        yield
    except ClientError as error:
        raise SourceUnavailableError(f"{source}: {error.operation_name}: {error.response['Error']['Code']}") from error
    except BotoCoreError as error:
        raise SourceUnavailableError(f"{source}: {type(error).__name__}") from error
