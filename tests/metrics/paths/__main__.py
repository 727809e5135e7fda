"""docs/reason-codes.md from what every path leaves behind: `python -m tests.metrics.paths`."""

import tempfile
from pathlib import Path

from ops.local.dynamodb import dynamodb_local
from tests.metrics.paths.catalogue import PATHS
from tests.metrics.paths.document import DOCUMENT, written
from tests.metrics.paths.observing import observe, on_dynamodb_local
from tests.support import engines
from tests.support.logs import standard_output


def main() -> None:
    """Walk every path and write the document."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        dynamodb_local(log=Path(scratch) / "log", home=engines.DYNAMODB_LOCAL) as endpoint,
        on_dynamodb_local(endpoint) as service,
        standard_output(),
    ):
        DOCUMENT.write_text(written([observe(service, path) for path in PATHS]), encoding="utf-8")
    print(f"wrote {DOCUMENT.name}: {len(PATHS)} paths")


if __name__ == "__main__":
    main()
