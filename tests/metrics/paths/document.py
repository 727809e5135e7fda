"""docs/reason-codes.md: every reason code, the paths to it, and what each leaves behind."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from handshake.core.reasons import REGISTRY, REGISTRY_VERSION
from ops.local.settings import ROOT
from tests.metrics.paths.catalogue import OF_THE_GATEWAY, RESERVED
from tests.metrics.paths.observing import Observed

DOCUMENT: Final = ROOT / "docs" / "reason-codes.md"

_BEFORE: Final = f"""# Reason codes

Every code of registry {REGISTRY_VERSION}, the paths that lead to it, and what each leaves behind: one metrics event or
none, what that adds to the roll-ups of its hour and its day, and the signals of the call's log line. The table is what
was observed while the paths were walked; `python -m tests.metrics.paths` walks them again, on DynamoDB Local, and
writes this file. A test fails when it is stale.

An event is told as decision, risk tier and, where it ends nothing, "open". A counter goes up by one; `airt` stands for
the bin of the duration. Signals are 0 on every other call, which is what makes their average a rate; beside them each
call has its `Latency`, and what a person decided its `TimeToDecide`. `Denied` has the dimensions endpoint and
reason_code, `Decisions` has decision. Paths that leave the same behind share a row.

| code | status | route or job | path | event | roll-up counters | signals |
| --- | --- | --- | --- | --- | --- | --- |
"""


def written(observed: Iterable[Observed]) -> str:
    """The whole document."""
    alike: defaultdict[tuple[str, ...], list[Observed]] = defaultdict(list)
    for one in observed:
        alike[(one.path.code, str(one.status or ""), *_left(one))].append(one)
    places = {code: place for place, code in enumerate(REGISTRY)}
    codes = sorted(alike, key=lambda of: places.get(of[0], len(places) + (not of[0])))
    rows = "".join(f"| {' | '.join(_cells(of, alike[of]))} |\n" for of in codes)
    gateway = _codes("## From the gateway alone", _GATEWAY, OF_THE_GATEWAY)
    return _BEFORE + rows + gateway + _codes("## Sent by nothing", _RESERVED, RESERVED)


_GATEWAY: Final = (
    "API Gateway answers these before any handler is called: they become no event and no signal. It answers\n"
    "`trust_context_invalid_request_shape` and `adapter_store_unavailable` of its own accord too (template.yaml)."
)
_RESERVED: Final = (
    "Callers know these from elsewhere, so they stay in the registry; no path of this service leads to them."
)


def _codes(heading: str, words: str, codes: Mapping[str, str]) -> str:
    listed = "".join(f"| `{code}` | {REGISTRY[code].status} | {why} |\n" for code, why in sorted(codes.items()))
    return f"\n{heading}\n\n{words}\n\n| code | status | |\n| --- | --- | --- |\n{listed}"


def _cells(of: tuple[str, ...], paths: Sequence[Observed]) -> Iterable[str]:
    code, status, *left = of
    yield f"`{code}`" if code else "none"
    yield status
    yield "<br>".join(dict.fromkeys(f"`{one.route}`" for one in paths if one.route))
    yield "; ".join(dict.fromkeys(one.path.words for one in paths))
    yield from left


def _left(one: Observed) -> Iterable[str]:
    yield "; ".join(_told(event) for event in one.events) or "none"
    yield ", ".join(sorted(one.counters)) or "none"
    yield ", ".join(sorted(name.partition("{")[0] for name in one.signals)) or "none"


def _told(event: Mapping[str, object]) -> str:
    return f"{event['decision']}, {event['risk_tier']}{'' if event['is_terminal'] else ', open'}"
