"""Texts as hard on the engine as the bounds let through: `python -m tests.hostile.cedar_bounds MIB [TEXTS]`.

Each is validated, formatted, prepared and judged on a stack of MIB mebibytes, beside so many made at random. Says what
took longest to judge; a process that ends by a signal has found a text that the bounds should not let through.
"""

import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import cedarpy

from handshake.policy.cedar.call import Call
from handshake.policy.cedar.engine import ScopeSet, UnfitTextError, judge, prepare_set
from handshake.policy.cedar.text import Fault, sha256_of, split
from handshake.policy.cedar.tools import Tool, Tools
from handshake.policy.cedar.validate import Prepared, validate
from tests.hostile.cedar_sets import a_case

LONG = "a" * 30_000
SCHEMA = {"properties": {"text": {"type": "string"}, "n": {"type": "integer"}}, "required": ["text", "n"]}
TOOLS = Tools(1, {"tool": Tool("tool", "other", SCHEMA)})
CALL = Call(
    action_type="other",
    agent_id="agent",
    principal_id="principal",
    payload_ref="ref",
    at_ms=1_772_445_600_000,
    environment="production",
    tool="tool",
    arguments={"text": LONG, "n": 1},
)


def forbid(condition: str, name: str = "a") -> str:
    return f'@id("{name}") forbid (principal, action == Action::"tool", resource) when {{ {condition} }};\n'


def pathological() -> Iterator[tuple[str, str]]:
    """Yield texts that reach the bounds, each with its name."""
    yield "brackets", forbid("(" * 30 + "true" + ")" * 30)
    yield "nested sets", forbid("[" * 30 + "1" + "]" * 30 + ".isEmpty()")
    yield "nested records", forbid("{a: " * 29 + "1" + "}" * 29 + " == {a: 1}")
    yield "conditions", forbid("(" + "if context.input.n == 1 then " * 29 + "true" + " else false" * 29 + ")")
    yield "chain of and", forbid(" && ".join(["context.input.n == 1"] * 65))
    yield "chain of or", forbid(" || ".join(["context.input.n == 2"] * 65))
    yield "sums", forbid(" + ".join(["context.input.n"] * 65) + " == 65")
    yield "negations", forbid("!" * 4 + "(" + "!" * 4 + "(context.input.n == 1))")
    yield (
        "many patterns",
        "".join(forbid(f'context.input.text like "{"*a" * 8}{"a" * 100}b"', f"p{number}") for number in range(35)),
    )
    yield (
        "stars",
        "".join(forbid(f'context.input.text like "{"*aaaaaaaaaaaa" * 8}b"', f"p{number}") for number in range(36)),
    )
    yield "a long set", forbid(f"[{', '.join(map(str, range(900)))}].contains(context.input.n)")
    yield "many policies", "".join(forbid(f"context.input.n == {number}", f"p{number}") for number in range(200))
    deep = "(" * 10 + "context.input.n == 1" + ")" * 10
    yield "all at once", "".join(forbid(" && ".join([deep] * 60), f"p{number}") for number in range(15))


def worst_of(texts: Iterator[tuple[str, str]]) -> tuple[float, str, int, int]:
    """Put texts through all that the service does with them.

    Gives the CPU time of the longest judgement by a text that may be applied (ms) and that text's name, how many the
    bounds let through, and how many the engine could read.
    """
    worst, whose, within, read = 0.0, "", 0, 0
    for name, text in texts:
        if isinstance(split(text), Fault):
            continue
        within += 1
        with suppress(ValueError):
            cedarpy.format_policies(text)
        may_be_applied = isinstance(validate(text, TOOLS, unmatched="deny"), Prepared)
        try:
            cedar = prepare_set(sha256_of(text), text)
        except UnfitTextError:
            continue
        read += 1
        started = time.thread_time()
        judge(CALL, [ScopeSet("global", "v1", cedar)], TOOLS)
        took = (time.thread_time() - started) * 1000
        if may_be_applied and took > worst:
            worst, whose = took, name
    return worst, whose, within, read


def main(stack_mib: int, drawn: int) -> None:
    """Do it on a thread with a stack of that size, and print what came of it."""
    draw = random.Random(1)  # noqa: S311 - texts, not secrets

    def texts() -> Iterator[tuple[str, str]]:
        yield from pathological()
        for number in range(drawn):
            yield f"text {number}", _scrambled(draw, "\n".join(a_case(draw).texts))

    def work() -> None:
        judge(CALL, [ScopeSet("global", "v0", None)], TOOLS)
        worst, whose, within, read = worst_of(texts())
        print(f"{worst:.1f} {within} {read} {whose}")

    threading.stack_size(stack_mib * 2**20)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def _scrambled(draw: random.Random, text: str) -> str:
    """Repeat, drop and exchange pieces of a text, so that some is still one."""
    pieces = text.split(" ")
    for _ in range(draw.randint(0, 6)):
        at = draw.randrange(len(pieces))
        match draw.randrange(3):
            case 0:
                pieces[at:at] = pieces[at : at + draw.randint(1, 12)] * draw.randint(1, 20)
            case 1:
                del pieces[at : at + draw.randint(1, 3)]
            case _:
                pieces[at] = draw.choice(("(", ")", "!", "&&", "||", "[", "]", "-", "if", "has", pieces[at]))
        pieces = pieces or ["true"]
    return " ".join(pieces)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 300)
