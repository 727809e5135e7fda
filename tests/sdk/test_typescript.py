"""The TypeScript client: its own tests, its types, what is made of the API's document, and what is given away."""

import json
from pathlib import Path

from ops.local.settings import ROOT
from tests.support.node import run

GENERATED = ("schema.d.ts", "reasons.js", "operations.js")


def test_its_own_tests_pass(typescript_client: Path) -> None:
    told = run("node", "--test", "test/", folder=typescript_client)

    assert "# fail 0" in told
    assert "# skipped 0" in told


def test_its_types_hold(typescript_client: Path) -> None:
    run("npx", "--no-install", "tsc", folder=typescript_client)


def test_what_is_made_of_the_document_is_made_of_this_one(typescript_client: Path, tmp_path: Path) -> None:
    run("node", "scripts/generate.js", str(tmp_path), folder=typescript_client)

    for name in GENERATED:
        kept = (typescript_client / "src" / name).read_text(encoding="utf-8")
        assert kept == (tmp_path / name).read_text(encoding="utf-8"), f"{name}: npm run generate"


def test_what_is_given_away_runs_where_nothing_else_is(typescript_client: Path, tmp_path: Path) -> None:
    run("npm", "pack", "--pack-destination", str(tmp_path), folder=typescript_client)
    [package] = tmp_path.glob("*.tgz")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    run("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", str(package), folder=tmp_path)
    request = {"principalId": "ana", "agentId": "buyer", "actionType": "other", "payloadRef": "p"}
    program = (
        f"import {{ actionDigest }} from 'handshake-rail';"
        f"import {{ HandshakeClient }} from 'handshake-rail/workers';"
        f"console.log(await actionDigest({json.dumps(request)}), typeof HandshakeClient)"
    )

    said = run("node", "--input-type", "module", "--eval", program, folder=tmp_path)

    assert said.startswith("sha256:")
    assert said.endswith("function")
    given = {path.name for path in (tmp_path / "node_modules/handshake-rail").rglob("*") if path.is_file()}
    assert {"index.js", "index.d.ts", "workers.d.ts", "schema.d.ts", "README.md", "CHANGELOG.md"} <= given
    assert not {name for name in given if name.endswith(".test.js")}


def test_its_lock_file_names_no_place_to_download_from() -> None:
    lock = json.loads((ROOT / "sdk/typescript/package-lock.json").read_text(encoding="utf-8"))

    packages = {name: package for name, package in lock["packages"].items() if name}

    assert packages
    assert not {name for name, package in packages.items() if "resolved" in package}
    assert not {name for name, package in packages.items() if "integrity" not in package}
