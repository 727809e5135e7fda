"""AWS Signature Version 4, for callers who reach the API directly. Needs botocore, as the extra ``sigv4`` has it."""

from collections.abc import AsyncGenerator, Generator
from typing import Any, Final, Protocol

import anyio.to_thread
import httpx

try:
    import botocore.session
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
except ModuleNotFoundError as missing:
    # By its path: this package is in no public index, where anybody could take its name.
    raise ModuleNotFoundError(
        'signing needs botocore: pip install "PATH/TO/THIS/REPOSITORY/sdk/python[sigv4]", or botocore by itself',
        name="botocore",
    ) from missing


_CARRIES: Final = ("content-type", "x-")  # what the call says beside its body: who asks, with which token and key


class Credentials(Protocol):
    """Credentials of botocore or boto3, of any kind; those that expire renew themselves."""

    def get_frozen_credentials(self) -> Any: ...


class SigV4(httpx.Auth):
    """Signs method, path, query, host, body, content type and every x- header for ``execute-api`` in ``region``.

    So whoever sees a signed call can replay it, but not put another envelope, trust token or idempotency key into it.
    A header that the call did not have is not covered.
    Without ``credentials``, those of the environment, found as the AWS command line finds them. Raises ValueError
    where there are none.
    """

    requires_request_body = True

    def __init__(self, region: str, credentials: Credentials | None = None) -> None:
        found = credentials or botocore.session.get_session().get_credentials()
        if found is None:
            raise ValueError("no AWS credentials: set AWS_PROFILE, or give credentials")
        self._credentials = found
        self._region = region

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """See httpx.Auth."""
        request.read()
        self._sign(request)
        yield request

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """See httpx.Auth."""
        await request.aread()
        await anyio.to_thread.run_sync(self._sign, request)  # renewing credentials is a blocking call
        yield request

    def _sign(self, request: httpx.Request) -> None:
        covered = {name: value for name, value in request.headers.items() if name.startswith(_CARRIES)}
        signed = AWSRequest(request.method, str(request.url), data=request.content, headers=covered)
        SigV4Auth(self._credentials.get_frozen_credentials(), "execute-api", self._region).add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
