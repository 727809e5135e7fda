"""Builds what Lambda would be given, functions and layer, two ways, zipped by SAM and unpacked as Lambda does."""

import compileall
import importlib.metadata
import json
import os
import shutil
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from samcli.lib.package.utils import make_zip  # type: ignore[import-untyped]
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]  # SAM publishes no types

from ops.local.build import SAM, build, sam_environment
from ops.local.commands import run_logged
from ops.local.settings import ROOT, RUNTIME

LAYER: Final = "SharedLayer"
CEDAR_LAYER: Final = "CedarLayer"
# What Lambda's own runtime brings: its interface client, and that one's requirements.
_RUNTIME_PACKAGES: Final = ("awslambdaric", "simplejson", "snapshot-restore-py")


@dataclass(frozen=True)
class Unpacked:
    """A function as Lambda sees it: its code in ``task``, and each layer's in one of ``layers``."""

    task: Path
    layers: tuple[Path, ...] = ()


def shipped(into: Path) -> dict[str, Unpacked]:
    """Every function of template.yaml, by logical id, as `sam build` makes it for deployment."""
    return _unpacked(build().parent, into)


def with_cedar(into: Path) -> Unpacked:
    """Give what judges submissions, with the layer of Cedar's engine beside the shared one, as template.yaml has it."""
    built = build().parent
    layers = tuple(_as_lambda_has_it(built / name, into / name) for name in (LAYER, CEDAR_LAYER))
    return Unpacked(_as_lambda_has_it(built / "WorkflowFunction", into / "task"), layers)


def ordinary(into: Path) -> dict[str, Unpacked]:
    """The same functions as a plain `sam build` makes them: pip's layer, no makefile, no bytecode."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    for name, resource in template["Resources"].items():
        if name.startswith("Fn::ForEach::"):
            continue  # log groups
        resource.pop("Metadata", None)
        properties = resource.get("Properties", {})
        for key in ("CodeUri", "ContentUri", "Location"):
            if key in properties:
                properties[key] = str(ROOT / properties[key])
    template["Resources"][LAYER]["Metadata"] = {"BuildMethod": RUNTIME}
    into.mkdir(parents=True)
    described = into / "ordinary.json"
    described.write_text(json.dumps(template))
    target = into / "build"
    run_logged(
        [
            *(*SAM, "build", "--template", str(described), "--build-dir", str(target)),
            *("--language-extensions", "--parameter-overrides", f"Environment=local PythonRuntime={RUNTIME}"),
        ],
        cwd=into,
        environment=sam_environment() | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        log=into / "build.log",
    )
    return _unpacked(target, into)


def nothing(into: Path) -> Unpacked:
    """A function whose handler does nothing, with no layer: what the runtime alone takes."""
    task = into / "nothing"
    task.mkdir(parents=True)
    (task / "app.py").write_text("def handler(event, context):\n    return {}\n")
    return Unpacked(task)


def lambda_runtime(into: Path) -> Path:
    """The folder of what Lambda's own runtime brings, compiled, with nothing else of this virtualenv in reach."""
    into.mkdir(parents=True)
    for name in _RUNTIME_PACKAGES:
        for file in importlib.metadata.files(name) or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                target = into / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(str(file.locate()), target)
    compileall.compile_dir(into, quiet=1)
    return into


def _unpacked(built: Path, into: Path) -> dict[str, Unpacked]:
    layer = _as_lambda_has_it(built / LAYER, into / "opt")
    functions = [path for path in built.iterdir() if path.name.endswith("Function")]
    return {path.name: Unpacked(_as_lambda_has_it(path, into / path.name), (layer,)) for path in functions}


def _as_lambda_has_it(folder: Path, into: Path) -> Path:
    """``folder`` through SAM's zip and out again, with the times that the zip gives its files."""
    into.mkdir(parents=True)
    archive = make_zip(str(into / "package"), str(folder))
    with zipfile.ZipFile(archive) as package:
        for member in package.infolist():
            path = package.extract(member, into)
            dated = time.mktime((*member.date_time, 0, 0, -1))
            os.utime(path, (dated, dated))
    Path(archive).unlink()
    return into
