"""The regular expressions that the build compiles: those that a start asks for, as `re` would have compiled them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ops.local.settings import ROOT

_STARTED = """
import json, os, re, sys
sys.path.insert(0, sys.argv[1])
os.environ |= {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}
os.environ["AWS_LAMBDA_FUNCTION_NAME"] = "any"
before, compiles = set(re._cache), re._compiler.compile
import handshake
handed = {key: found for key, found in re._cache.items() if key not in before}
own = {key: compiles(*key[1:]) for key in handed}
others = [str(key) for key in handed if (handed[key], handed[key].groupindex) != (own[key], own[key].groupindex)]
late = []
re._compiler.compile = lambda pattern, flags=0: late.append(str(pattern)) or compiles(pattern, flags)
from handshake.edge import http, runtime
runtime.build_runtime({})
print(json.dumps({"handed": len(handed), "others": others, "late": late}))
"""


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """The layer's own part; its libraries are this virtualenv's."""
    shutil.copytree(ROOT / "shared" / "handshake", tmp_path / "handshake")
    return tmp_path


def _python(*arguments: object) -> str:
    command = [sys.executable, "-I", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - of our own making


def _start(layer: Path) -> Any:
    return json.loads(_python("-c", _STARTED, layer))


def test_a_start_compiles_no_pattern_and_has_those_that_it_would_have_compiled(layer: Path) -> None:
    _python(ROOT / "shared" / "precompile_patterns.py", layer)

    told = _start(layer)

    assert told["handed"] > 50
    assert told["others"] == told["late"] == []


def test_a_start_on_another_version_of_python_compiles_its_own(layer: Path) -> None:
    _python(ROOT / "shared" / "precompile_patterns.py", layer)
    [kept] = layer.glob("handshake/patterns.*.bin")
    kept.rename(kept.with_name("patterns.cpython-399-1.bin"))

    told = _start(layer)

    assert told["handed"] < 10
    assert len(told["late"]) > 50
