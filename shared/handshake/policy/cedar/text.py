"""Cedar text before the engine reads it: its bounds, and its policies with their lines (contract.md section 15).

The engine's parser and evaluator recurse on the machine's stack: what is nested some 600 deep ends the process. So each
door holds a text to these bounds first, with a scanner that does not recurse.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from handshake.core.text import is_seen

MAX_BYTES: Final = 64 * 1024
MAX_POLICIES: Final = 200
MAX_NESTING: Final = 32
MAX_OPERATORS: Final = 200
MAX_TOKENS: Final = 2000
MAX_CHAIN: Final = 64
MAX_PATTERN: Final = 128
MAX_STARS: Final = 8
MAX_PATTERNS: Final = 4096
"""Characters of all patterns of a text."""

_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r\n]+|//[^\r\n]*)
      | (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>[0-9]+)
      | (?P<symbol>::|==|!=|<=|>=|&&|\|\||[()\[\]{}<>,;.:@!+*?-])""",
    re.VERBOSE | re.DOTALL,
)
_OPENING: Final = {"(": ")", "[": "]", "{": "}"}
_CLOSING: Final = frozenset(_OPENING.values())
_OPERATORS: Final = frozenset({"&&", "||", "!", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*"}) | {
    "if",
    "in",
    "has",
    "like",
    "is",
}
# What follows one another without brackets, by what the parser makes of it: one level of its stack for each.
_CHAINED: Final = {"&&": "&&", "||": "||", "+": "+", "-": "+", "*": "*", "!": "!", ".": ".", "if": "if"}
_WHITE: Final = frozenset(" \t\r\n")
_PLAIN: Final = re.compile(r"[\t\r\n\x20-\x7e]*")
_ESCAPE: Final = re.compile(r"\\.", re.DOTALL)


class Fault(NamedTuple):
    """What is wrong with a policy: its ``@id``, or its place where it has none; the line, from 1; and why.

    Of a policy that is stored and was in order when it was applied, the line is 0: nobody looks for it in a file.
    """

    policy: str
    line: int
    reason: str

    def __str__(self) -> str:
        """Say it in one line."""
        where = f"line {self.line}: {self.reason}" if self.line else self.reason
        return f"policy {self.policy}, {where}" if self.policy else where


@dataclass(frozen=True)
class PolicyText:
    """One policy as it is written, from its first annotation to its semicolon, and the ``line`` that it begins at.

    ``name`` is its ``@id`` as written, or its place ("number 3") where it has none.
    """

    text: str
    line: int
    name: str


@dataclass(frozen=True)
class Policies:
    """The policies of a text within the bounds, in their order."""

    texts: Sequence[PolicyText]


class _Token(NamedTuple):
    kind: str
    text: str
    line: int
    start: int
    end: int


class _BoundError(Exception):
    """A text lies outside the bounds: the line, and why."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line, self.reason = line, reason


def sha256_of(text: str) -> str:
    """Give what stands for a text where only that is kept: the SHA-256, in hex, of its UTF-8 bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


def split(text: str) -> Policies | Fault:
    """Give the policies of ``text``, or the first bound that it passes. The engine may read what this gives back.

    Work is linear in the length of the text, which is bounded before it is looked at.
    """
    if len(text) > MAX_BYTES or len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        return Fault("", 1, f"the text is longer than {MAX_BYTES} bytes")
    if not _PLAIN.fullmatch(text):
        for place, char in enumerate(text):
            if not (char in _WHITE or is_seen(char)):
                line = text.count("\n", 0, place) + 1
                return Fault("", line, f"it holds U+{ord(char):04X}, which is not a visible character")
    policies: list[PolicyText] = []
    patterns, name = 0, "number 1"
    try:
        for tokens in _policies(_tokens(text)):
            first, last = tokens[0], tokens[-1]
            if len(policies) == MAX_POLICIES:
                raise _BoundError(first.line, f"there are more than {MAX_POLICIES} policies")
            name = _name(tokens) or name
            patterns += _measure(tokens)
            if patterns > MAX_PATTERNS:
                raise _BoundError(first.line, f"all patterns together have more than {MAX_PATTERNS} characters")
            policies.append(PolicyText(text[first.start : last.end], first.line, name))
            name = f"number {len(policies) + 1}"
    except _BoundError as error:
        return Fault(name, error.line, error.reason)
    return Policies(policies)


def _tokens(text: str) -> Iterator[_Token]:
    at, line = 0, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            fault = "a string has no end" if text[at] == '"' else "it holds a character that Cedar has no meaning for"
            raise _BoundError(line, fault)
        if match.lastgroup != "space":
            yield _Token(match.lastgroup, match.group(), line, at, match.end())
        line += match.group().count("\n")
        at = match.end()


def _policies(tokens: Iterator[_Token]) -> Iterator[list[_Token]]:
    """Yield the tokens of each policy, its semicolon among them; brackets hold together what stands inside."""
    policy: list[_Token] = []
    awaited: list[str] = []
    for token in tokens:
        policy.append(token)
        if len(policy) > MAX_TOKENS:
            raise _BoundError(token.line, f"a policy has more than {MAX_TOKENS} tokens")
        if token.kind != "symbol":
            continue
        if token.text in _OPENING:
            awaited.append(_OPENING[token.text])
            if len(awaited) > MAX_NESTING:
                raise _BoundError(token.line, f"brackets nest deeper than {MAX_NESTING} levels")
        elif token.text in _CLOSING:
            if not awaited or awaited.pop() != token.text:
                raise _BoundError(token.line, f"{token.text} closes nothing")
        elif token.text == "?":
            raise _BoundError(token.line, "templates are not taken: name the principal and the resource")
        elif token.text == ";" and not awaited:
            yield policy
            policy = []
    if policy:
        raise _BoundError(policy[0].line, "the policy does not end: a bracket or the semicolon is missing")


def _name(tokens: Sequence[_Token]) -> str | None:
    for place in range(len(tokens) - 4):
        before, word, opening, value = tokens[place : place + 4]
        if (before.text, word.text, opening.text, value.kind) == ("@", "id", "(", "string"):
            return value.text[1:-1]
        if word.text in {"permit", "forbid"}:
            break
    return None


def _measure(tokens: Sequence[_Token]) -> int:
    """Hold a policy to the bounds on operators, chains and patterns. Gives the characters of its patterns."""
    operators = patterns = 0
    # Of each bracket that is open: how often each operator that makes a chain stands directly in it.
    chains: list[Counter[str]] = [Counter()]
    for before, token in zip((None, *tokens), tokens, strict=False):
        if token.kind == "string":
            if before is not None and before.text == "like":
                patterns += _pattern(token)
            continue
        if token.text in _OPENING:
            chains.append(Counter())
        elif token.text in _CLOSING:
            chains.pop()
        elif token.text in {",", ";"}:
            chains[-1].clear()
        if token.text in _OPERATORS:
            operators += 1
            if operators > MAX_OPERATORS:
                raise _BoundError(token.line, f"a policy has more than {MAX_OPERATORS} operators")
            chains[-1]["."] = 0
        if token.text != "!":
            chains[-1]["!"] = 0
        indexed = token.text == "[" and before is not None and (before.kind == "word" or before.text in _CLOSING)
        kind = "." if indexed else _CHAINED.get(token.text)
        if kind:
            # An index stands in the chain outside its own bracket.
            chain = chains[-2] if indexed else chains[-1]
            chain[kind] += 1
            most = MAX_NESTING if kind == "if" else MAX_CHAIN
            if chain[kind] > most:
                raise _BoundError(token.line, f"more than {most} of {token.text} stand in one chain")
    return patterns


def _pattern(token: _Token) -> int:
    pattern = token.text[1:-1]
    if len(pattern) > MAX_PATTERN:
        raise _BoundError(token.line, f"a pattern has more than {MAX_PATTERN} characters")
    if _ESCAPE.sub("", pattern).count("*") > MAX_STARS:
        raise _BoundError(token.line, f"a pattern has more than {MAX_STARS} stars")
    return len(pattern)
