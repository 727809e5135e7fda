"""Rotates the trust secret: one invocation a step, by Secrets Manager on its schedule or by the operator's command."""

import os
import time
from collections.abc import Mapping
from functools import cache

from handshake.api import telemetry
from handshake.api.runtime import aws, client_config, start
from handshake.trust.rotate import STEPS, Rotation
from handshake.trust.rotation import RotationRefusedError
from handshake.trust.secret import TrustSecret

_CLIENT = client_config(connect_s=1, read_s=3, attempts=3)


def handler(event: Mapping[str, str], _context: object) -> None:
    """Take the step that ``event`` names, on the one secret this function rotates. What it raises ends the rotation."""
    secret_id, step, token = event["SecretId"], event["Step"], event["ClientRequestToken"]
    if secret_id != os.environ["TRUST_SECRET_ARN"] or step not in STEPS:
        raise RotationRefusedError("this function rotates the trust secret of its stack, in four steps")
    STEPS[step](Rotation(_secret(secret_id), token, time.time, time.sleep))
    telemetry.logger.info("rotated", correlation_id=token, step=step)


@cache
def _secret(secret_id: str) -> TrustSecret:
    return TrustSecret(aws().create_client("secretsmanager", config=_CLIENT), secret_id)


start(aws)
