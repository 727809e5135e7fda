"""Time a refused trust token, by what is wrong with it: time must tell nothing to who has no key.

Every token is as long as the others, and all take turns in random order. HANDSHAKE_REPETITIONS says how many turns.
"""

import base64
import gc
import hmac
import json
import logging
import math
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from statistics import median
from typing import Any, Final, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from handshake.core.errors import HandshakeError
from handshake.dynamo.tables import Tables
from handshake.trust.keys import verify_with
from handshake.trust.token import verify_token
from tests.support.service import TRUST_KEY, FixedKeys, InProcess, apply_policy

_REPETITIONS: Final = 10_000
_WARM_UP: Final = 200
# A difference is one that chance would hardly make, and large enough to be measured through a network some day.
_CHANCE: Final = 0.001
_MATTERS: Final = 0.02

_BASELINE: Final = "wrong signature, in its first byte"
_CONTROL: Final = "the same once more (noise)"
_LAST: Final = "wrong signature, in its last byte"
_ALL: Final = "wrong signature, in every byte"
_BOTH: Final = "wrong signature and wrong claim"
_NO_JSON: Final = "wrong signature, claims that are no JSON"
_CLAIM: Final = "right signature, wrong claim"
_WITHOUT_KEY: Final = (_CONTROL, _LAST, _ALL, _BOTH, _NO_JSON)

Attempt = Callable[[str], object]


class Compared(NamedTuple):
    """A case against the baseline. ``chance`` is how likely noise alone makes so much of a difference."""

    median_us: float
    ratio: float
    chance: float

    @property
    def differs(self) -> bool:
        """Say if there is a difference that somebody could use."""
        return self.chance < _CHANCE and abs(self.ratio - 1) > _MATTERS


class _Silent:
    """A DynamoDB that takes every write and holds nothing."""

    def __getattr__(self, _operation: str) -> Callable[..., dict[str, Any]]:
        return lambda **_: {"Responses": {}}


def main() -> int:
    """Measure, print, conclude. 1 if time tells something to who has no key."""
    logging.disable()
    repetitions = int(os.environ.get("HANDSHAKE_REPETITIONS", _REPETITIONS))
    console, told = Console(), []
    for name, attempt in _attempts().items():
        table = Table("what is wrong", "median µs", "ratio", "p", "", title=name, title_justify="left", box=SIMPLE_HEAD)
        for case, compared in _compare(attempt, _tokens(), repetitions).items():
            told += [f"{name}: {case}"] if case in _WITHOUT_KEY and compared.differs else []
            verdict = "differs" if compared.differs else "alike"
            cells = f"{compared.median_us:.2f}", f"{compared.ratio:.4f}", f"{compared.chance:.3f}", verdict
            table.add_row(case, *cells)
        console.print(table)
    console.print(f"{repetitions} turns of each; p by rank-sum test against the first row; alike unless p < {_CHANCE}")
    console.print(f"and the medians are more than {_MATTERS:.0%} apart.")
    if told:
        console.print("Time tells something to who has no key: " + "; ".join(told), style="red")
        return 1
    console.print("How much of a signature is right, and what a token with a wrong one claims, cannot be told by time.")
    console.print("Only a right signature shows in it, which takes the key to make.")
    return 0


def _attempts() -> Mapping[str, Attempt]:
    now_s, keys = int(time.time()), FixedKeys([TRUST_KEY])
    service = InProcess(_Silent(), Tables("workflow", "policy", "metrics", "replay_guards", "runtime_kv"))
    return {
        "domain.trust.verify_token": lambda token: _refused(lambda: verify_token(token, keys=[TRUST_KEY], now_s=now_s)),
        "edge.trust_keys.verify_with": lambda token: _refused(lambda: verify_with(keys, token, now_s=now_s)),
        "POST /policy/apply, on a store that answers at once": lambda token: _answered(service, token),
    }


def _refused(verify: Callable[[], object]) -> None:
    try:
        verify()
    except HandshakeError:
        return
    raise AssertionError("a token that must be refused was believed")


def _answered(service: InProcess, token: str) -> None:
    reply = apply_policy(service, {}, token=token)
    assert reply.outcome == (401, "security_invalid_internal_trust_context"), reply


def _tokens() -> Mapping[str, str]:
    now_s = int(time.time())
    claims = {"iss": "handshake-edge", "aud": "handshake-core", "sub": "policy.apply", "jti": "jti-of-a-token"}
    right = json.dumps(claims | {"iat": now_s, "exp": now_s + 300})
    wrong = right.replace("policy.apply", "policy.simul")
    first, last = (lambda raw: _flipped(raw, 0)), (lambda raw: _flipped(raw, -1))
    return {
        _BASELINE: _token(right, first),
        _CONTROL: _token(right, first),
        _LAST: _token(right, last),
        _ALL: _token(right, lambda raw: bytes(byte ^ 0xFF for byte in raw)),
        _BOTH: _token(wrong, first),
        _NO_JSON: _token("{" * len(right), first),
        _CLAIM: _token(wrong, bytes),
    }


def _token(claims: str, tamper: Callable[[bytes], bytes]) -> str:
    signed = f"{_encoded(json.dumps({'alg': 'HS256', 'typ': 'JWT'}).encode())}.{_encoded(claims.encode())}"
    return f"{signed}.{_encoded(tamper(hmac.digest(TRUST_KEY, signed.encode(), 'sha256')))}"


def _flipped(raw: bytes, at: int) -> bytes:
    changed = bytearray(raw)
    changed[at] ^= 1
    return bytes(changed)


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _compare(attempt: Attempt, tokens: Mapping[str, str], repetitions: int) -> Mapping[str, Compared]:
    for token in tokens.values():
        for _ in range(_WARM_UP):
            attempt(token)
    took: dict[str, list[int]] = {case: [] for case in tokens}
    turns = list(tokens.items())
    gc.collect()
    gc.disable()
    try:
        for _ in range(repetitions):
            random.shuffle(turns)  # so that no case always comes after the same one
            for case, token in turns:
                began = time.perf_counter_ns()
                attempt(token)
                took[case].append(time.perf_counter_ns() - began)
    finally:
        gc.enable()
    baseline = took[_BASELINE]
    return {
        case: Compared(median(times) / 1000, median(times) / median(baseline), _chance(baseline, times))
        for case, times in took.items()
    }


def _chance(one: Sequence[int], other: Sequence[int]) -> float:
    """The two-sided p of Mann and Whitney's rank-sum test, by its normal approximation, ties corrected."""
    n, m = len(one), len(other)
    ranked = sorted([(value, False) for value in one] + [(value, True) for value in other])
    ranks, ties, before = 0.0, 0.0, 0
    for _, group in groupby(ranked, key=lambda pair: pair[0]):
        others = [is_other for _, is_other in group]
        size = len(others)
        ranks += sum(others) * (before + (size + 1) / 2)
        ties += size**3 - size
        before += size
    excess = ranks - m * (m + 1) / 2 - n * m / 2
    variance = n * m / 12 * (n + m + 1 - ties / ((n + m) * (n + m - 1)))
    return math.erfc(abs(excess) / math.sqrt(2 * variance)) if variance else 1.0
