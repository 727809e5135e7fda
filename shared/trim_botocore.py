"""Run by the Makefile on the layer's botocore: leave of its data what the functions' clients read, and nothing else.

Every client parses what botocore knows of all of AWS's endpoints (1.2 MB), and of its own service including the manual
(DynamoDB: 480 KB, of which 110 say what a call looks like). A botocore that comes to read something else fails the
build: `ops.local.build` imports the layer alone, and the tests run the deployed functions on it.
"""

import gzip
import json
import shutil
import sys
from pathlib import Path
from typing import Any

SERVICES = {
    *("cloudformation", "cloudwatch", "codedeploy", "dynamodb", "events", "kms", "lambda", "logs", "secretsmanager"),
    *("sns", "sqs"),
}
# What botocore reads whatever the service.
COMMON = {"_retry.json", "endpoints.json", "partitions.json", "sdk-default-configuration.json"}
# By the names that endpoints.json knows them by.
ENDPOINTS = SERVICES - {"cloudwatch"} | {"monitoring"}
MANUAL = ("documentation", "documentationUrl")


def trim(data: Path) -> None:
    """Trim the folder ``data`` of an installed botocore."""
    for path in data.iterdir():
        if path.name not in SERVICES | COMMON:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for examples in data.rglob("examples-1.json*"):
        examples.unlink()
    endpoints = data / "endpoints.json"
    known = json.loads(endpoints.read_text())
    for partition in known["partitions"]:
        partition["services"] = {name: one for name, one in partition["services"].items() if name in ENDPOINTS}
    endpoints.write_text(_compact(known))
    for model in data.rglob("service-2.json.gz"):
        model.with_suffix("").write_text(_compact(_without_manual(json.loads(gzip.decompress(model.read_bytes())))))
        model.unlink()


def _without_manual(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_manual(one) for one in value]
    if not isinstance(value, dict):
        return value
    # A member of a shape may be called so too, and is no text.
    return {name: _without_manual(one) for name, one in value.items() if not (name in MANUAL and isinstance(one, str))}


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


if __name__ == "__main__":
    trim(Path(sys.argv[1]))
