"""python -m ops.openapi: write openapi/*.json. With --check: fail when a committed one is not the code's."""

import argparse
import sys

from openapi_spec_validator import OpenAPIV31SpecValidator
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

from ops.openapi.document import COMMITTED, PEOPLES, ROOT, document, peoples_document, routes, text_of
from ops.openapi.schemas import UndescribedError


def main() -> str | None:
    """Run the command line. Returns what is wrong, in words, or None."""
    arguments = argparse.ArgumentParser(prog="python -m ops.openapi", description=__doc__)
    arguments.add_argument("--check", action="store_true", help="compare with the committed files and write nothing")
    check_only = arguments.parse_args().check
    try:
        documents = {COMMITTED: document(routes()), PEOPLES: peoples_document()}
        for described in documents.values():
            OpenAPIV31SpecValidator(described).validate()
    except (UndescribedError, OpenAPIValidationError) as fault:
        return f"error: {fault}"
    for committed, described in documents.items():
        text, name = text_of(described), committed.relative_to(ROOT)
        if not check_only:
            committed.parent.mkdir(exist_ok=True)
            committed.write_text(text, encoding="utf-8")
        elif not committed.exists() or committed.read_text(encoding="utf-8") != text:
            return f"error: {name} is not what the code says: run python -m ops.openapi and commit it"
        count = sum(len(operations) for operations in described["paths"].values())
        print(
            f"{name}: {count} operations, OpenAPI {described['openapi']}, {'up to date' if check_only else 'written'}"
        )
    return None


if __name__ == "__main__":
    sys.exit(main())
