"""The evidence of one request from submission to reported outcome, as docs/grants.md shows it.

`python -m tests.contract.timeline` plays the request through the API on DynamoDB Local and writes the table anew; a
test holds the document to it.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ops.local.dynamodb import dynamodb_local
from ops.local.settings import ROOT
from tests.support import engines
from tests.support.service import InProcess, act, claim, extend, get, human, report, submission, submit
from tests.support.workflow_requests import an_action

GRANTS: Final = ROOT / "docs/grants.md"
BEGIN: Final = "<!-- python -m tests.contract.timeline -->"
END: Final = "<!-- end -->"
_BEGAN_MS: Final = 1_772_720_700_000
# What the table shows of each event, by its kind; digests and ids that differ from run to run are left out.
_SHOWN: Final = {
    "decided": ("tier", "escalatedBy", "expiresAt", "operation"),
    "extended": ("from", "to", "extensions", "reason"),
    "closed": ("from", "to", "executeBy", "reason"),
    "claimed": ("grantId", "audience", "expiresAt"),
    "reported": ("outcome", "detail"),
}
_TIMES: Final = frozenset({"expiresAt", "executeBy"})


def played(service: InProcess) -> list[dict[str, Any]]:
    """Have one payment escalated, extended, approved, claimed and reported; gives its evidence as the API does."""

    def at(seconds: int) -> InProcess:
        return replace(service, now_ms=lambda: _BEGAN_MS + 1000 * seconds)

    names = {"requestId": "pay-17", "principalId": "ana", "agentId": "buyer", "tenantId": "acme"}
    context = {"amount": 150, "category": "ops"}
    request = submission(**names, context=context, timestamp=_BEGAN_MS, action=an_action())
    approver = human("ben", tenantId="acme", scopes=["workflow:resolve"])
    digest = submit(at(0), request).body["actionDigest"]
    extend(at(90), request, 600, envelope=approver, reason="I ask the supplier")
    act(at(400), request, envelope=approver, key="k-1", reason="the invoice is right")
    grant = claim(
        at(430), request, digest=digest, key="k-2", envelope=human("buyer", tenantId="acme", subjectType="agent")
    )
    executor = human("buyer", tenantId="acme", subjectType="agent")
    report(at(433), grant.body["grantId"], envelope=executor, detail="transfer 9b1f")
    events: list[dict[str, Any]] = get(
        at(440), "/workflow/evidence/pay-17", envelope=human("ana", tenantId="acme")
    ).body
    return events


def table(events: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of the table: one for each step, which leaves a lineage and an audit event."""
    yield "| after | event | by | says |"
    yield "| ---: | --- | --- | --- |"
    for lineage, audit in zip(events[::2], events[1::2], strict=True):
        payload = {**audit["payload"], **lineage["payload"]}
        kind = payload["event"]
        shown = (f"{name} {_text(name, kind, payload[name])}" for name in _SHOWN[kind] if payload.get(name) is not None)
        by = audit["payload"].get("actor", payload.get("principalId"))
        after = (audit["timestamp"] - _BEGAN_MS) // 1000
        yield f"| {after} s | `{kind}`, `{audit['reasonCode']}` | {by} | {'; '.join(shown)} |"


def _text(name: str, kind: str, value: Any) -> str:
    if name in _TIMES or (kind == "extended" and name in ("from", "to")):
        return f"{(value - _BEGAN_MS) // 1000} s"
    if isinstance(value, dict):
        return ", ".join(f"{key} {part}" for key, part in value.items())
    return str(value)


def main() -> None:
    """Write the document's table anew."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        dynamodb_local(log=Path(scratch) / "log", home=engines.DYNAMODB_LOCAL) as endpoint,
    ):
        client = engines.client_of("dynamodb", endpoint)
        events = played(InProcess(client, engines.create_tables(client)))
    before, _, rest = GRANTS.read_text(encoding="utf-8").partition(BEGIN)
    lines = "\n".join(table(events))
    GRANTS.write_text(f"{before}{BEGIN}\n{lines}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
