"""Every decision and every denial is counted once, whatever path leads to it; and every path is known."""

from collections.abc import Callable, Iterator, Mapping

import pytest

from handshake.api.people import PREFIX
from handshake.core.reasons import REGISTRY
from ops.local.settings import ROOT
from ops.local.translation import environment_of
from ops.openapi.operations import OPERATIONS
from tests.metrics.paths.catalogue import OF_THE_GATEWAY, PATHS, RESERVED
from tests.metrics.paths.document import DOCUMENT, written
from tests.metrics.paths.observing import Observed, observe, on_dynamodb_local
from tests.metrics.paths.path import Path
from tests.support.outcomes import STATUS_OF

Observe = Callable[[Path], Observed]

# Contract section 1: errors that are no decision reasons.
BESIDE = {"invalid_metric_query": 400, "invalid_metrics_event": 400}
# The one route that asks no store: only the gateway says so of it, when its function does not answer.
STORELESS = {("GET /.well-known/jwks.json", "adapter_store_unavailable")}
FAMILIES = ("trust_context", "security", "policy", "hitl", "adapter")


@pytest.fixture(scope="module")
def observed(dynamodb_local_endpoint: str) -> Iterator[Observe]:
    """Give what a path leaves behind, each walked once."""
    known: dict[int, Observed] = {}
    with on_dynamodb_local(dynamodb_local_endpoint) as service:

        def once(path: Path) -> Observed:
            return known.get(id(path)) or known.setdefault(id(path), observe(service, path))

        yield once


def _walked(path: Path) -> str:
    return f"{path.code}: {path.words}"


def _is_security_denial(code: str) -> bool:
    return code.startswith("security_") and code not in {"security_artifact_authorized", "security_agent_stopped"}


def _status(path: Path) -> int:
    if not path.code or path.decides or path.code == "security_artifact_authorized":
        return 200
    return (STATUS_OF | BESIDE)[path.code]


def _signals(path: Path) -> Mapping[str, int]:
    """Give what the log line must signal, by the words of contract section 6 and of decision 21."""
    refused = _status(path) >= 400
    told = {
        "SecurityDenied": _is_security_denial(path.code),
        "TenantMismatchDenied": path.code == "security_read_tenant_mismatch",
        "ReplayGuardUnavailable": path.code == "security_replay_guard_unavailable",
        "AgentStoppedDenied": path.code == "security_agent_stopped",
        "Denied{endpoint,reason_code}": refused or path.decides == "deny",
        "Extended": path.words == "an extension of a deadline",
        "Decisions{decision}": not refused and bool(path.decides) and path.counted is not None,
    }
    return {name: 1 for name, is_told in told.items() if is_told}


def _counters(path: Path) -> Mapping[str, int]:
    """Give what one event must add to its roll-ups, by the words of contract section 5."""
    counted = path.counted
    if counted is None:
        return {}
    code = path.reports or path.code
    denied, risky = counted.decision == "deny", counted.risk_tier in {"high", "critical"}
    told = {
        "events": True,
        "denied": denied,
        "security_denied": denied and _is_security_denial(code),
        "replay_detected": code == "security_replay_detected",
        "replay_guard_unavailable": code == "security_replay_guard_unavailable",
        "high_risk": risky,
        "high_risk_stopped": risky and counted.decision in {"deny", "escalate"},
        "allowed": counted.decision == "allow",
        "allowed_with_lineage": counted.decision == "allow",
        "terminal": counted.terminal,
        "airt": counted.incident,
        **{f"family_{family}": code.startswith(f"{family}_") for family in FAMILIES},
    }
    reported = ("", "reported_") if path.reports else ("",)  # what was reported is told apart too (section 9.18)
    return {f"{kind}{name}": 1 for name, is_told in told.items() if is_told for kind in reported}


@pytest.mark.parametrize("path", PATHS, ids=_walked)
def test_a_path_ends_in_its_code_and_is_counted_once_or_not_at_all(observed: Observe, path: Path) -> None:
    left = observed(path)

    if left.reply is not None:
        assert (left.status, left.reply.body.get("reasonCode", "")) == (_status(path), path.code)
    counted = path.counted
    assert [
        (event["decision"], event["reason_code"], event["risk_tier"], event["is_terminal"]) for event in left.events
    ] == ([(counted.decision, path.reports or path.code, *counted[1:3])] if counted else [])
    assert left.counters == _counters(path)


@pytest.mark.parametrize("path", [path for path in PATHS if path.calls], ids=_walked)
def test_a_call_has_one_log_line_whose_signals_tell_its_end(observed: Observe, path: Path) -> None:
    left = observed(path)

    [line] = left.lines
    assert (line["status"], line.get("reason_code", "")) == (_status(path), path.code)
    assert left.signals == _signals(path)


def test_an_expiry_found_by_the_schedule_is_a_metric_of_the_job(observed: Observe) -> None:
    [path] = [path for path in PATHS if path.job]
    left = observed(path)

    assert [line["job"] for line in left.lines] == ["hitl_expiry", "reminders", "grant_lapse"]
    assert left.signals == {"Runs{job}": 3, "Expired{job}": 1, "ExpiredUnseen{job}": 1}


def test_a_synthetic_call_is_no_metric(observed: Observe) -> None:
    [path] = [path for path in PATHS if path.synthetic]

    assert observed(path).lines == []


def test_every_refusal_that_the_api_document_promises_has_a_path(observed: Observe) -> None:
    promised = {
        (f"{method} {resource}", reason.code)
        for (method, resource), operation in OPERATIONS.items()
        for reason in operation.refusals
    }
    walked = {
        (left.route, left.path.code) for left in map(observed, PATHS) if left.path.calls and _status(left.path) >= 400
    }
    # People are answered by the same routes behind another door, whose own refusals alone are walked there.
    peoples = {code for route, code in walked if f" {PREFIX}/" in route}
    walked = {(route, code) for route, code in walked if f" {PREFIX}/" not in route}
    assert peoples == {"security_token_invalid", "security_person_unknown", "security_person_disabled"}

    promised = {(route, code) for route, code in promised if code not in OF_THE_GATEWAY} - STORELESS
    assert (walked - promised, promised - walked) == (set(), set())


def test_codes_without_a_path_are_the_gateways_and_the_reserved_ones() -> None:
    walked = {path.code for path in PATHS} - {""}

    assert walked - REGISTRY.keys() == BESIDE.keys()
    assert REGISTRY.keys() - walked == (OF_THE_GATEWAY.keys() - {"security_token_invalid"}) | RESERVED.keys()
    assert set(RESERVED) == {
        "security_identity_envelope_required",
        "security_identity_claim_missing",
        "security_identity_provider_not_configured",
        "policy_max_transaction_exceeded",
    }


def test_what_the_gateway_answers_is_in_the_template() -> None:
    answers = str(environment_of(ROOT, "production").resources["Api"]["Properties"]["Body"])

    sent = {code for code in REGISTRY if f'"{code}"' in answers}

    assert sent == OF_THE_GATEWAY.keys() | {"trust_context_invalid_request_shape", "adapter_store_unavailable"}


def test_the_document_tells_what_was_observed(observed: Observe) -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == written(map(observed, PATHS)), (
        "docs/reason-codes.md is stale: python -m tests.metrics.paths writes it"
    )
