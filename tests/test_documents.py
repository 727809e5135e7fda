"""README and docs: every command is in them, and every command in them is there."""

import re
import tomllib
from typing import Any, Final

import pytest
import typer

from ops.commands.app import app
from ops.local.settings import ROOT

DOCUMENTS: Final = {path.name: path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
COMMANDS: Final[Any] = typer.main.get_command(app)


def _named() -> set[str]:
    """Give what the documents have one run: operator's commands, and tasks of poe and make."""
    texts = "\n".join(DOCUMENTS.values())
    patterns = (r"(?:python -m |`)(ops(?: [a-z]+)+)", r"\b(poe [a-z0-9]+:[a-z0-9-]+)", r"(?:`|^)(make [a-z]+)")
    return {named for pattern in patterns for named in re.findall(pattern, texts, re.MULTILINE)}


def test_every_command_is_in_the_readme() -> None:
    missing = {name for name in COMMANDS.commands if not re.search(rf"\bops {name}\b", DOCUMENTS["README.md"])}

    assert missing == {"up"}  # make run runs it


@pytest.mark.parametrize("named", sorted(_named()))
def test_a_command_that_a_document_names_is_there(named: str) -> None:
    program, *words = named.split()
    if program == "poe":
        assert words[0] in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["poe"]["tasks"]
        return
    if program == "make":
        assert re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return
    found = COMMANDS
    for word in words:
        if not hasattr(found, "commands"):
            break  # what follows is an argument
        assert word in found.commands
        found = found.commands[word]
