"""ops policy fmt, validate and test: on a folder, and as docs/policies.md has them."""

import json
import re
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from ops.commands.app import app
from ops.commands.policy_folder import UnreadableError, members_of, scope_of, sources_of
from ops.local.settings import ROOT

PAGE: Final = (ROOT / "docs" / "policies.md").read_text()
BLOCKS: Final = re.findall(r"^```(\w+)(?: ([\w.]+))?\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
POLICY: Final = '@id("a")\nforbid (principal, action, resource)\nwhen { context.hour < 8 };\n'


def run(*words: str) -> tuple[int, str]:
    outcome = CliRunner().invoke(app, ["policy", *words], env={"COLUMNS": "200"})
    return outcome.exit_code, outcome.output


def put(folder: Path, name: str, text: str = POLICY, **table: object) -> Path:
    path = folder / f"{name}.cedar"
    path.write_text(text)
    if table:
        (folder / f"{name}.test.json").write_text(json.dumps(table))
    return path


def at(hour: int, decision: str = "deny", **more: object) -> dict[str, object]:
    return {
        "name": "n",
        "request": {"actionType": "other", "timestamp": f"2026-03-02T{hour:02}:00Z"},
        "decision": decision,
    } | more


def test_the_page_that_teaches_policies_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files are written and its commands run, one after another; each says what the page says it says."""
    monkeypatch.chdir(tmp_path)
    ran = 0
    for language, name, text in BLOCKS:
        if language != "console":
            Path(name).write_text(text)
            continue
        if name == "stack":
            continue
        for command, said in re.findall(r"^\$ ops policy (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
            _, output = run(*command.split())
            assert output == said, command
            ran += 1
    assert ran == 5


def test_every_starting_policy_is_formatted_in_order_and_holds_its_table() -> None:
    """What an operator copies is what the commands would make of it."""
    folder = str(ROOT / "examples" / "policies")
    assert run("fmt", "--check", folder) == (0, "")
    code, validated = run("validate", "--json", folder)
    assert code == 0
    assert all(said == {"faults": [], "warnings": []} for said in json.loads(validated).values())
    code, tested = run("test", "--json", folder)
    assert code == 0
    tables = json.loads(tested)
    assert len(tables) == 9
    assert all(table["tests"] >= 3 for table in tables.values())


def test_a_row_that_is_decided_otherwise_and_a_policy_that_decides_none_fail_the_table(tmp_path: Path) -> None:
    """Failures are told in full, and a policy may be named as one that no row reaches."""
    path = put(tmp_path, "a", tests=[at(7), at(9, "allow", policies=[])])
    assert run("test", str(path)) == (0, f"{path}: 2 of 2 hold\n")
    put(tmp_path, "a", tests=[at(7, "allow"), at(9, "allow")])
    code, output = run("test", str(path))
    assert code == 5
    assert 'n: expected {"decision": "allow"}, decided {"decision": "deny", "tier": 4,' in " ".join(output.split())
    put(tmp_path, "a", tests=[at(9, "allow")])
    code, output = run("test", str(path))
    assert (code, "policy a decided none of them" in output) == (5, True)
    put(tmp_path, "a", tests=[at(9, "allow")], unreached=["a"])
    assert run("test", str(path))[0] == 0


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"tests": [{"name": "n"}]}, "test 1 of its table needs name, request and decision"),
        ({"tests": [at(7, colour="red")]}, "test 1 of its table needs"),
        ({"testz": []}, "it has testz, which no table has"),
        (
            {"tests": [{"name": "n", "request": {"actionType": "spell"}, "decision": "deny"}]},
            "actionType must be one of",
        ),
        ({"tests": [at(7) | {"request": {"actionType": "other", "timestamp": "noon"}}]}, "noon is no time"),
        ({"tools": [{"actionType": "other"}], "tests": []}, "its tools: tools must be an array"),
        ({"tools": "nowhere.json", "tests": []}, "nowhere.json"),
        ({"scope": "agent", "tests": [at(7)]}, "its table: Agent scope needs a scopeId"),
        ({"rules": [{"id": "r", "key": "speed", "value": 1}], "tests": [at(7)]}, "names an unknown key"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(tmp_path: Path, table: dict[str, object], why: str) -> None:
    """A table is held to its members, or a misspelt one would pass without a test."""
    code, output = run("test", str(put(tmp_path, "a", POLICY, **table)))
    assert code == 1
    assert why in " ".join(output.split())


def test_what_may_not_be_applied_is_refused_by_each_command(tmp_path: Path) -> None:
    """Each names the file and what is wrong with it; what nests too deep never reaches the engine."""
    deep = put(tmp_path, "deep", f"forbid (principal, action, resource) when {{ {'(' * 5000} }};")
    for command in ("fmt", "validate", "test"):
        code, output = run(command, str(deep))
        assert code == 1
        assert "brackets nest deeper than 32 levels" in " ".join(output.split())
    assert run("validate", str(put(tmp_path, "bad", "forbid (a, b, c);")))[0] == 1
    assert "it cannot be read" in run("validate", str(tmp_path / "bad.cedar"))[1]
    (tmp_path / "empty").mkdir()
    assert run("validate", str(tmp_path / "empty"))[0] == 1


def test_a_folder_is_one_policy_whose_tables_must_agree(tmp_path: Path) -> None:
    """The texts follow one another by their names; tables that differ on the scope or on unmatched are refused."""
    put(tmp_path, "b", POLICY.replace('"a"', '"b"'), unmatched="deny")
    put(tmp_path, "a", scope="tenant", scopeId="acme")
    sources = sources_of(tmp_path)
    members = members_of(sources)
    assert members["cedar"].index('"a"') < members["cedar"].index('"b"')
    assert members["unmatched"] == "deny"
    assert scope_of(sources) == {"scope": "tenant", "scopeId": "acme"}
    put(tmp_path, "c", unmatched="allow", scope="global")
    sources = sources_of(tmp_path)
    for conflicting in (members_of, scope_of):
        with pytest.raises(UnreadableError, match="two tables"):
            conflicting(sources)


def test_formatting_changes_nothing_but_white_space_and_says_what_it_did(tmp_path: Path) -> None:
    """Comments stay, ``--check`` changes nothing, and a formatted file is not named again."""
    path = put(tmp_path, "a", '// why\n@id("a") forbid(principal,action,resource)when{context.hour<8};// end\n')
    before = path.read_text()
    assert run("fmt", "--check", str(path)) == (5, f"{path}: would be formatted\n")
    assert path.read_text() == before
    assert run("fmt", str(path)) == (0, f"{path}: formatted\n")
    assert "".join(path.read_text().split()) == "".join(before.split())
    assert run("fmt", str(path)) == (0, "")
