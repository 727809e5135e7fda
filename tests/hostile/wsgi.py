"""The service as a WSGI app: what API Gateway does around the handlers, as far as a caller can tell."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from wsgiref.headers import Headers

from ops.gates.translation import environment_of
from ops.openapi.document import ROOT
from tests.support.service import InProcess, Reply

# A scheme is all that is looked at: whether a signature is right is API Gateway's affair, and tested on the stack.
SIGNED: Final = {"Authorization": "AWS4-HMAC-SHA256 Credential=anyone"}

StartResponse = Callable[[str, list[tuple[str, str]]], object]


class Gateway:
    """Refuses what API Gateway refuses, in the template's words, and passes everything else to the handlers."""

    service: InProcess
    """Bound once there is a database for it."""

    def __init__(self) -> None:
        body = environment_of(ROOT, "local").resources["Api"]["Properties"]["Body"]
        self._responses = body["x-amazon-apigateway-gateway-responses"]

    def __call__(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        reply = self._reply(environ)
        body = json.dumps(reply.body).encode()
        headers = Headers([*reply.headers.items(), ("content-length", str(len(body)))])
        start_response(f"{reply.status} -", headers.items())
        return [body]

    def _reply(self, environ: Mapping[str, Any]) -> Reply:
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_") or name == "CONTENT_TYPE"
        }
        signature = headers.get("authorization")
        if signature is None:
            return self._refusal("MISSING_AUTHENTICATION_TOKEN")
        if not signature.startswith("AWS4-HMAC-SHA256 "):
            return self._refusal("INVALID_SIGNATURE")
        sent = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            return self.service.send(
                environ["REQUEST_METHOD"],
                f"{environ['REQUEST_URI'].partition('?')[0]}?{environ['QUERY_STRING']}",
                headers=headers,
                body=sent.decode(errors="replace") or None,
            )
        except LookupError:
            return self._refusal("MISSING_AUTHENTICATION_TOKEN")

    def _refusal(self, kind: str) -> Reply:
        response = self._responses[kind]
        body = response["responseTemplates"]["application/json"].replace("$context.error.messageString", '"Refused."')
        headers = {"content-type": "application/json", "x-correlation-id": "made-by-the-gateway"}
        return Reply(int(response["statusCode"]), headers, json.loads(body))
