"""Keeps the public keys of the user pool, by which its tokens are verified: read over HTTPS, remembered, bounded."""

import time
from collections.abc import Callable, Mapping
from typing import Final

import urllib3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

from handshake.core.errors import StoreUnavailableError
from handshake.core.jsonio import BadJsonError, parse
from handshake.people.id_token import Verify, public_numbers

MAX_AGE_S: Final = 3600.0
# A token that names an unknown key may mean a key newer than what was read, so it reads again, but no more often than
# this however many such tokens arrive.
REREAD_AFTER_S: Final = 30.0
# What cannot be read may be in a moment; until then nobody waits for it three seconds more.
RETRY_AFTER_S: Final = 5.0
_MAX_BYTES: Final = 64 * 1024
_MAX_KEYS: Final = 16
_MIN_BITS: Final = 2048
_TIMEOUT: Final = urllib3.Timeout(connect=1.0, read=2.0)

Fetch = Callable[[], bytes]
"""Gives the text of the pool's JWK set. Raises urllib3's HTTPError, StoreUnavailableError."""


class PoolKeys:
    """The keys of one user pool. ``clock`` is monotonic, in seconds."""

    def __init__(self, fetch: Fetch, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: Mapping[str, Verify] = {}
        # When they were read, and when they were asked for: later, where they could not be read.
        self._read_at = self._asked_at = float("-inf")

    def verifier(self, key_id: str) -> Verify | None:
        """Give what verifies signatures of the key ``key_id``; None where the pool has none of that name.

        Raises StoreUnavailableError where the keys are due to be read, and cannot be.
        """
        now = self._clock()
        if now - self._read_at <= MAX_AGE_S and key_id in self._keys:
            return self._keys[key_id]
        failed = self._asked_at != self._read_at
        if now - self._asked_at > (RETRY_AFTER_S if failed else REREAD_AFTER_S):
            self._asked_at = now
            self._keys = self._read()
            self._read_at = now
        elif failed:
            raise StoreUnavailableError(_UNREADABLE)
        return self._keys.get(key_id)

    def _read(self) -> Mapping[str, Verify]:
        try:
            text = self._fetch()
            read = parse(text.decode(), max_bytes=_MAX_BYTES)
            keys = read["keys"][:_MAX_KEYS]
            numbers = {str(key["kid"]): public_numbers(key) for key in keys}
        except (urllib3.exceptions.HTTPError, BadJsonError, UnicodeDecodeError, KeyError, TypeError) as error:
            raise StoreUnavailableError(_UNREADABLE) from error
        return {key_id: _verify_with(*pair) for key_id, pair in numbers.items() if pair and _strong(*pair)}


_UNREADABLE: Final = "The keys of the sign-in cannot be read; retry with backoff."


def fetch_from(url: str) -> Fetch:
    """Give what reads the JWK set at ``url``: bounded, within three seconds, with no redirect and no second try."""
    http = urllib3.PoolManager(timeout=_TIMEOUT, retries=False)

    def fetch() -> bytes:
        answer = http.request("GET", url, redirect=False, preload_content=False)
        try:
            text: bytes = answer.read(_MAX_BYTES + 1)
        finally:
            answer.release_conn()
        if answer.status != 200:
            raise StoreUnavailableError(_UNREADABLE)
        return text

    return fetch


def _strong(exponent: int, modulus: int) -> bool:
    return exponent == 65537 and modulus.bit_length() >= _MIN_BITS


def _verify_with(exponent: int, modulus: int) -> Verify:
    key: RSAPublicKey = RSAPublicNumbers(exponent, modulus).public_key()

    def verify(signed: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, signed, PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True

    return verify
