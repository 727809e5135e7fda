"""One OpenID Connect issuer: its endpoints, its keys, and what must hold of an ID token before anybody is signed in."""

import hmac
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx
import jwt

# Of public keys alone: with HS256 the public key would be the secret, and "none" is no signature.
ALGORITHMS: Final = ("RS256", "ES256")
SKEW_S: Final = 30
# The longest that a sign-in is believed, whatever the token says.
MAX_AGE_S: Final = 3600
# So that tokens of made-up keys do not have the keys fetched again and again.
KEYS_EVERY_S: Final = 60


class SignInError(Exception):
    """A sign-in that nobody is believed by. The message says why, and quotes nothing of the token."""


class Issuer:
    """The issuer ``url``, to which this edge is the client ``client_id``."""

    def __init__(self, url: str, client_id: str, client_secret: str, *, clock: Callable[[], float] = time.time) -> None:
        self._url, self._client_id, self._secret, self._clock = url, client_id, client_secret, clock
        self._http = httpx.AsyncClient(timeout=10, trust_env=False)
        self._about: dict[str, Any] = {}
        self._keys: dict[str, jwt.PyJWK] = {}
        self._keys_at = 0.0

    async def aclose(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def authorization_endpoint(self) -> str:
        """Say where people sign in."""
        return str((await self._configuration())["authorization_endpoint"])

    async def signed_in(self, code: str, redirect_uri: str, verifier: str, *, nonce: str) -> Mapping[str, Any]:
        """Exchange a code for the claims of its ID token, verified. Raises SignInError."""
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        endpoint = (await self._configuration())["token_endpoint"]
        answer = await self._http.post(endpoint, data=asked, auth=(self._client_id, self._secret))
        if answer.status_code != httpx.codes.OK:
            raise SignInError("the issuer does not know this login")
        return await self.verified(answer.json().get("id_token"), nonce=nonce)

    async def verified(self, token: Any, *, nonce: str) -> Mapping[str, Any]:
        """Give the claims of an ID token of this issuer, for this client and this login. Raises SignInError.

        Looks at signature, ``iss``, ``aud`` and ``azp``, ``exp``, ``iat`` and ``nonce``.
        """
        try:
            key = await self._key(jwt.get_unverified_header(token).get("kid"))
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[name for name in ALGORITHMS if name == key.algorithm_name],
                issuer=self._url,
                audience=self._client_id,
                options={
                    "require": ["iss", "aud", "sub", "exp", "iat", "nonce"],
                    # Against the clock below, which is this edge's.
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except (jwt.PyJWTError, TypeError, ValueError) as error:
            raise SignInError(f"no ID token of this issuer for this edge ({type(error).__name__})") from None
        now = self._clock()
        if not all(type(claims[name]) in (int, float) for name in ("exp", "iat")):
            raise SignInError("a time of the ID token is no number")
        if claims["exp"] + SKEW_S <= now or claims["iat"] - SKEW_S > now or claims["iat"] + MAX_AGE_S <= now:
            raise SignInError("the ID token is not of now")
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else self._client_id) != self._client_id:
            raise SignInError("the ID token is for another client")
        if not isinstance(claims["nonce"], str) or not hmac.compare_digest(claims["nonce"].encode(), nonce.encode()):
            raise SignInError("the ID token is of another login")
        return claims

    async def _configuration(self) -> Mapping[str, Any]:
        if not self._about:
            answer = await self._http.get(f"{self._url}/.well-known/openid-configuration")
            about = answer.raise_for_status().json()
            if about["issuer"] != self._url:
                raise SignInError("the issuer calls itself otherwise")
            self._about = about
        return self._about

    async def _key(self, kid: Any) -> jwt.PyJWK:
        """Give the issuer's key of that name, fetched anew where it is not known. Raises SignInError."""
        if kid not in self._keys and self._clock() - self._keys_at >= KEYS_EVERY_S:
            answer = await self._http.get((await self._configuration())["jwks_uri"])
            keys = jwt.PyJWKSet.from_dict(answer.raise_for_status().json()).keys
            self._keys = {key.key_id: key for key in keys if key.key_id and key.public_key_use in (None, "sig")}
            self._keys_at = self._clock()
        if kid not in self._keys:
            raise SignInError("the ID token's key is none of the issuer's")
        return self._keys[kid]
