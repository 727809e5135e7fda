"""Coverage-guided fuzzing of every parser that reads what a caller sent, with Atheris (libFuzzer).

    python tests/hostile/fuzz_parsers.py TARGET CORPUS_FOLDER [-max_total_time=600 and other options of libFuzzer]

A parser may take its input or refuse it with a reason code. Anything else it does is a finding, and libFuzzer keeps the
input that showed it. The search starts from what callers do send, and from what earlier ones left in CORPUS_FOLDER.
"""

import base64
import hmac
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final

# By name, because type checkers do not find it where it is not published.
atheris: Final = import_module("atheris")

sys.path[:0] = [str(Path(__file__).parents[2] / "shared")]
with atheris.instrument_imports(include=["handshake"]):
    from handshake.core.errors import HandshakeError
    from handshake.core.jsonio import BadJsonError, canonical, normal, parse
    from handshake.core.paging import cursor_after, parse_page
    from handshake.core.reasons import REGISTRY
    from handshake.policy.rule_keys import DEFAULT_RULES
    from handshake.policy.rules import parse_rules
    from handshake.requests.submission import Submission, parse_submission
    from handshake.trust.identity import parse_envelope
    from handshake.trust.token import AUDIENCE, ISSUER, SUBJECT, mint_token, verify_token

KEY: Final = b"fuzzing"
NOW_S: Final = 1_772_720_700
MAX_BYTES: Final = 8192

SUBMISSION: Final = {
    "requestId": "r",
    "principalId": "p",
    "agentId": "a",
    "tenantId": "t",
    "actionType": "payment",
    "payloadRef": "x",
    "timestamp": NOW_S * 1000,
    "context": {"amount": 10.5, "category": "ops", "allowedHours": "22:00-06:00", "maxTransaction": 1e2},
}
CLAIMS: Final = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": SUBJECT,
    "iat": NOW_S,
    "exp": NOW_S + 300,
    "jti": "jti-12345",
}
_ARGUMENTS: Final = '{"n":19.99,"t":[true,"x"]}'
ACTION: Final = f'{{"operation":"pay","tool":"bank","toolVersion":"2","resource":"r","arguments":{_ARGUMENTS}}}'
ENVELOPE: Final = {"principalId": "p", "subjectType": "human", "roles": ["admin"], "scopes": ["workflow:read:any"]}


@dataclass(frozen=True)
class Target:
    """A parser, fed with text, and texts to begin with."""

    read: Callable[[str], object]
    seeds: Sequence[str]


def _json(text: str) -> Any:
    """``text``, parsed as the edge parses it."""
    return parse(text, max_bytes=MAX_BYTES)


def _signed(claims: str) -> str:
    """A token that claims whatever, well signed: the only way past the signature."""
    parts = [base64.urlsafe_b64encode(part.encode()).rstrip(b"=") for part in ('{"alg":"HS256","typ":"JWT"}', claims)]
    signature = hmac.digest(KEY, b".".join(parts), "sha256")
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def _bound(text: str) -> None:
    """Hold an action to its digest: the text that is hashed is read as the same action, and no other has its digest."""
    submission = _with_action(text)
    if submission.action is None:
        return
    whole = json.loads(submission.canonical_action or "")
    if _with_action(json.dumps(whole["action"])).canonical_action != submission.canonical_action:
        raise AssertionError("the text that was hashed is read as another action")
    if (submission.action_digest == _APPROVED.action_digest) != (_values(submission) == _values(_APPROVED)):
        raise AssertionError("another action has the digest, or the same one has another")


def _with_action(text: str) -> Submission:
    body = json.dumps(SUBMISSION | {"actionType": "external_call", "action": None})
    return parse_submission(_json(body.replace('"action": null', f'"action":{text}')), now_ms=NOW_S * 1000)


def _values(submission: Submission) -> str:
    """Write an action by another way than the digest's."""
    return canonical(normal(vars(submission.action)))


def _page(text: str) -> object:
    limit, _, cursor = text.partition(" ")
    return parse_page(limit, cursor, parts=(str, int))


TARGETS: Final[Mapping[str, Target]] = {
    "json": Target(_json, ['{"a":[1,-2.5e3,true,null,"\\u00e9\\ud83d\\ude00"]}', "[[[]]]", '{"a":1,"a":2}', "NaN"]),
    "envelope": Target(parse_envelope, [json.dumps(ENVELOPE), json.dumps(ENVELOPE | {"tenantId": " t "})]),
    "token": Target(
        lambda text: verify_token(text, keys=[KEY], now_s=NOW_S),
        [mint_token(KEY, now_s=NOW_S, jti="jti-12345", principal_id="p"), "a.b.c", "..", "e30.e30."],
    ),
    "claims": Target(
        lambda text: verify_token(_signed(text), keys=[KEY], now_s=NOW_S),
        [json.dumps(CLAIMS), json.dumps(CLAIMS | {"principalId": "p", "nbf": NOW_S + 0.5})],
    ),
    "submission": Target(
        lambda text: parse_submission(_json(text), now_ms=NOW_S * 1000).decision_context_hash,
        [json.dumps(SUBMISSION), json.dumps(SUBMISSION | {"actionType": "data_access", "privilegedPath": False})],
    ),
    "action": Target(_bound, [ACTION, '{"operation":"o","arguments":{"n":[1e2,-0,0.1,null]}}']),
    "rules": Target(lambda text: parse_rules(_json(text)), [json.dumps(list(DEFAULT_RULES)), "[]", '[{"id":"r"}]']),
    "page": Target(_page, [f"25 {cursor_after('r', 1)}", "101 ", " e30="]),
}


_APPROVED: Final = _with_action(ACTION)


def hold(target: Target, raw: bytes) -> None:
    """Read ``raw`` as Latin-1, which reaches every one of its characters, and as UTF-8 where it is that."""
    for encoding in ("latin-1", "utf-8"):
        try:
            target.read(raw.decode(encoding))
        except HandshakeError as refused:
            if refused.refusal.reason != REGISTRY.get(refused.refusal.reason.code):
                raise AssertionError(f"{refused.refusal.reason.code} is not in the registry") from refused
        except (BadJsonError, UnicodeDecodeError):
            pass


def main(name: str, corpus: Path, *options: str) -> None:
    """Search until libFuzzer's ``options`` say that it is enough; ends the process."""
    target = TARGETS[name]
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        corpus.joinpath(f"seed-{number}").write_text(seed, encoding="utf-8")
    atheris.Setup([__file__, f"-max_len={MAX_BYTES}", *options, str(corpus)], partial(hold, target))
    atheris.Fuzz()


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in TARGETS:
        sys.exit(f"name a target ({', '.join(TARGETS)}) and a folder")
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
