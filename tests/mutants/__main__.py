"""``make mutants``: change the code at random places on a copy, and count the changes that the tests notice.

    .venv/bin/python -m tests.mutants [--seed 1] [--sample 100] [--only policy/] [--named FILE] [--reach FILE] [--list]

The changes are those of ``mutations.py``, over every room of shared/handshake: rules, stores and use cases. A sample is
the same for the same seed, however the code around a change has moved. Each change is made on a copy of the checkout
and held against the tests that call the changed function, as a first run without changes has noted: the quickest first,
until one fails. What no test notices is printed as a diff, and the run ends with 1 where fewer than 97 of 100 are
noticed.

Changes that change nothing are named in ``equivalents.toml``, each with its reason, and are left out of the sample.
A name there that no change has any more is refused, so that the list stays true.
"""

import argparse
import difflib
import hashlib
import random
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ops.local.settings import ROOT
from tests.mutants.mutations import Mutation, mutations, optional_arguments
from tests.mutants.trials import PACKAGE, TIME, Copy, Trial
from tests.support import engines

EQUIVALENTS: Final = Path(__file__).with_name("equivalents.toml")
TESTED_BY: Final = (
    *("core", "dynamo", "api", "trust", "replay_guards", "policy", "requests", "simulation", "metrics", "incidents"),
    *("release", "agents", "people", "notifications", "channels", "contract", "ops/openapi"),
)
ENOUGH: Final = 0.97
# What types alone say is the type checker's business, and the document's tests'.
_NO_BEHAVIOUR: Final = {"__init__.py", "answers.py", "bodies.py"}


def all_mutations() -> list[Mutation]:
    """List every change of every room."""
    package = ROOT / PACKAGE
    files = [path for path in sorted(package.glob("*/*.py")) if path.name not in _NO_BEHAVIOUR]
    texts = {path.relative_to(package).as_posix(): path.read_text() for path in files}
    optional = {name for text in texts.values() for name in optional_arguments(text)}
    return [change for file, text in texts.items() for change in mutations(file, text, optional=optional)]


def equivalents() -> dict[str, str]:
    """Read the changes that change nothing: why, by their names."""
    named: dict[str, str] = tomllib.loads(EQUIVALENTS.read_text())
    return named


def sampled(changes: Sequence[Mutation], *, seed: int, size: int) -> list[Mutation]:
    """Draw ``size`` of ``changes`` by their names, so that one more or less leaves the others in the sample."""
    lot = {change.name: hashlib.sha256(f"{seed}:{change.name}".encode()).digest() for change in changes}
    return sorted(changes, key=lambda change: lot[change.name])[:size]


def main() -> int:
    """Run, and say how it ended."""
    arguments = _arguments()
    changes, unchanged = all_mutations(), equivalents()
    if stale := unchanged.keys() - {change.name for change in changes}:
        print("equivalents.toml names what is no change any more:", *sorted(stale), sep="\n  ")
        return 2
    left = [change for change in changes if change.name not in unchanged and change.file.startswith(arguments.only)]
    sample = sampled(left, seed=arguments.seed, size=arguments.sample)[arguments.skip :]
    if arguments.named:
        named = set(arguments.named.read_text().splitlines())
        sample = [change for change in left if change.name in named]
    print(f"{len(sample)} of {len(left)} changes, seed {arguments.seed}; {len(unchanged)} change nothing", flush=True)
    if arguments.list:
        print(*(change.name for change in sample), sep="\n")
        return 0
    if missing := engines.dynamodb_local_missing():
        print(missing)
        return 69
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Copy(Path(folder))
        tests = copy.learn(TESTED_BY, kept=arguments.reach)
        if arguments.no_store:
            tests = [test for test in tests if not test.store]
        print(f"{len(tests)} tests pass, after {time.monotonic() - started:.0f} s", flush=True)
        trials = [_shown(copy.attempt(change, tests)) for change in sample]
    _print_table(trials, time.monotonic() - started)
    return 0 if _share(trials) >= ENOUGH else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="which sample; at random")  # noqa: S311 - no secret
    parser.add_argument("--sample", type=int, default=100, help="how many changes")
    parser.add_argument("--skip", type=int, default=0, help="how many of them to leave out, seen before")
    parser.add_argument("--only", default="", help="of files whose name begins so, as policy/ or requests/act.py")
    parser.add_argument("--named", type=Path, help="those that this file names, a line each, instead of a sample")
    parser.add_argument("--no-store", action="store_true", help="leave out the tests that need a DynamoDB")
    parser.add_argument("--list", action="store_true", help="name the changes, and try none")
    parser.add_argument("--reach", type=Path, help="keep here what the tests call, or take it from here")
    return parser.parse_args()


def _shown(trial: Trial) -> Trial:
    mutation = trial.mutation
    print(f"{'caught' if trial.caught_by else 'MISSED'} {trial.seconds:5.1f} s  {mutation.name[:160]}", flush=True)
    if trial.caught_by:
        print(f"                 by {trial.caught_by}", flush=True)
    else:
        print(f"       {trial.tests} tests; its whole name: {mutation.name}")
        print(_diff(mutation), flush=True)
    return trial


def _diff(mutation: Mutation) -> str:
    path = PACKAGE / mutation.file
    before = (ROOT / path).read_text().splitlines()
    lines = difflib.unified_diff(before, mutation.text.splitlines(), str(path), str(path), n=2, lineterm="")
    return "\n".join(f"       {line}" for line in lines)


def _share(trials: Sequence[Trial]) -> float:
    return sum(bool(trial.caught_by) for trial in trials) / len(trials) if trials else 1.0


def _print_table(trials: Sequence[Trial], seconds: float) -> None:
    tried: Counter[str] = Counter(trial.mutation.file.partition("/")[0] for trial in trials)
    caught: Counter[str] = Counter(trial.mutation.file.partition("/")[0] for trial in trials if trial.caught_by)
    print(f"\n{'room':<16}{'caught':>8}{'of':>6}")
    for room in sorted(tried):
        print(f"{room:<16}{caught[room]:>8}{tried[room]:>6}")
    print(f"{'all':<16}{caught.total():>8}{tried.total():>6}   in {seconds / 60:.0f} min")
    if late := sum(trial.caught_by == TIME for trial in trials):
        print(f"{late} of the caught had no end in five times the usual time and a minute, twice")


if __name__ == "__main__":
    sys.exit(main())
