"""Tokens that the people's door must refuse: forged, foreign, of another use or client, expired, and torn apart.

python -m tests.hostile.id_tokens [COUNT]: draw as many (10,000) and say how many of each kind were taken.
"""

import base64
import hashlib
import hmac
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from handshake.core.errors import HandshakeError
from handshake.people.id_token import signed_in, take_apart
from handshake.people.pool_keys import PoolKeys
from tests.support.people import ALICE, KEY_ID, POOL, claims_of, encoded, jwk, jwk_set, signed

_NO_TIME: Final[tuple[Any, ...]] = (None, "", True, [], {}, "1", {"id": 1})
_NO_TEXT: Final[tuple[Any, ...]] = (None, "", 0, True, [], {}, ["id"], "\u202e", "a" * 300)
_ODD: Final[Mapping[str, tuple[Any, ...]]] = {
    "iss": (*_NO_TEXT, [POOL.issuer], POOL.issuer.upper()),
    "aud": (*_NO_TEXT, [POOL.client_id]),
    "token_use": (*_NO_TEXT, ["id"]),
    "sub": (*_NO_TEXT, " alice", ["alice"]),
    "exp": (*_NO_TIME, 0, -1, -1e300),
    "iat": (*_NO_TIME, 1e300),
    "auth_time": (*_NO_TIME, 1e300),
}


@dataclass(frozen=True)
class Draw:
    """What a forger has: tokens that are ``good``, one signed with a key of their own, and the time (epoch s)."""

    chance: random.Random
    good: str
    stolen: str
    now_s: int

    def claims(self, **changes: Any) -> str:
        """Write claims that would be taken but for ``changes``, as a part of a token."""
        return encoded(json.dumps(claims_of(ALICE, now_s=self.now_s) | changes).encode())

    def signed(self, **changes: Any) -> str:
        """Give what the pool itself signs, with claims that it would make for somebody else, or at another time."""
        return signed(claims_of(ALICE, now_s=self.now_s) | changes)


def forged(chance: random.Random, count: int, *, now_s: int) -> Iterator[tuple[str, str]]:
    """Draw ``count`` tokens, each with the name of its kind; none of them may be taken at ``now_s``."""
    good = [signed(claims_of(ALICE, now_s=now_s, jti=str(number))) for number in range(8)]
    stolen = signed(claims_of(ALICE, now_s=now_s), key="theirs", header={"kid": KEY_ID})
    kinds = sorted(_KINDS)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        yield kind, _KINDS[kind](Draw(chance, chance.choice(good), stolen, now_s))


def _altered_claims(draw: Draw) -> str:
    header, _, signature = draw.good.split(".")
    return f"{header}.{draw.claims(sub=draw.chance.choice(('bob', 'admin')), exp=draw.now_s + 10**9)}.{signature}"


def _flipped(draw: Draw) -> str:
    place = draw.chance.randrange(len(draw.good))
    other = draw.chance.choice([char for char in "ABCxyz019-_" if char != draw.good[place]])
    return draw.good[:place] + other + draw.good[place + 1 :]


def _cut(draw: Draw) -> str:
    return draw.good[: draw.chance.randrange(len(draw.good))]


def _without_signature(draw: Draw) -> str:
    head = {"alg": draw.chance.choice(("none", "None", "NONE", "")), "kid": KEY_ID}
    return f"{encoded(json.dumps(head).encode())}.{draw.claims()}."


def _by_the_public_key(draw: Draw) -> str:
    """Sign with what everybody knows, as the key of a MAC."""
    text = f"{encoded(json.dumps({'alg': 'HS256', 'kid': KEY_ID}).encode())}.{draw.claims(jti=draw.chance.random())}"
    modulus = jwk()["n"]
    key = draw.chance.choice((modulus.encode(), base64.urlsafe_b64decode(modulus + "=="), jwk_set(KEY_ID)))
    return f"{text}.{encoded(hmac.digest(key, text.encode(), hashlib.sha256))}"


def _another_header(draw: Draw) -> str:
    names = (KEY_ID, "", "../x", "a" * 500)
    head = {"alg": draw.chance.choice(("RS384", "PS256", "ES256")), "kid": draw.chance.choice(names)}
    return ".".join([encoded(json.dumps(head).encode()), *draw.good.split(".")[1:]])


def _noise(draw: Draw) -> str:
    return ".".join(encoded(draw.chance.randbytes(draw.chance.randrange(200))) for _ in range(draw.chance.randrange(5)))


def _odd_claim(draw: Draw) -> str:
    name = draw.chance.choice(sorted(_ODD))
    return draw.signed(**{name: draw.chance.choice(_ODD[name])})


_KINDS: Final[Mapping[str, Callable[[Draw], str]]] = {
    "altered claims": _altered_claims,
    "a flipped character": _flipped,
    "cut short": _cut,
    "without a signature": _without_signature,
    "by the public key": _by_the_public_key,
    "another header": _another_header,
    "noise": _noise,
    "an odd claim": _odd_claim,
    "signed by another key": lambda draw: draw.stolen,
    "of another pool": lambda draw: draw.signed(iss=f"{POOL.issuer[:-3]}{draw.chance.randrange(100, 999)}"),
    "an access token": lambda draw: draw.signed(token_use=draw.chance.choice(("access", "refresh", "ID", ""))),
    "of another client": lambda draw: draw.signed(aud=draw.chance.choice(("another", "PAGE-CLIENT", "page-client "))),
    "expired": lambda draw: draw.signed(exp=draw.now_s - draw.chance.randrange(10**6)),
    "not valid yet": lambda draw: draw.signed(iat=draw.now_s + draw.chance.randrange(31, 10**6)),
}


def main(count: int) -> int:
    """Draw ``count`` tokens, print how many of each kind were taken, and return how many were in all."""
    keys, now_s = PoolKeys(lambda: jwk_set(KEY_ID)), int(time.time())
    drawn: Counter[str] = Counter()
    taken: Counter[str] = Counter()
    for kind, text in forged(random.Random(), count, now_s=now_s):  # noqa: S311 - draws attacks, keeps no secret
        drawn[kind] += 1
        try:
            apart = take_apart(text)
            signed_in(apart, keys.verifier(apart.key_id), POOL, now_s=now_s)
        except HandshakeError:
            continue
        taken[kind] += 1
    for kind in sorted(drawn):
        print(f"{kind:24} {drawn[kind]:6} tokens, {taken[kind]} taken")
    return taken.total()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
