"""check:security-parity: hold contract, template, OpenAPI document and handlers to one protection of each route."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import urllib3

from handshake.api.http import Route
from handshake.trust.token import SUBJECT
from ops.gates.gate import Options
from ops.gates.openapi import COMMITTED, load
from ops.gates.probes import (
    ENVELOPE_CODES,
    TOKEN_CODES,
    Probe,
    answer_to,
    complete,
    envelope_probes,
    token_probes,
    without_identity,
)
from ops.local import deployment
from ops.local.translation import Translated, environment_of
from ops.openapi.document import ENVELOPE, SIGV4, TOKEN, peoples_routes, routes
from ops.release.live_checks import NEEDS_ENVELOPE, NEEDS_TOKEN, Name, check_routes
from ops.verdict import CannotJudgeError, Finding, Verdict

Served = Mapping[Name, Route]

_IAM: Final = "AWS_IAM"
_SIGNED_IN: Final = "SignedIn"
# Their API is judged whether the environment has it or not.
_PEOPLE: Final = {"PeopleSignIn": "true", "PageOrigin": "https://room.example"}
_METHODS: Final = frozenset({"get", "put", "post", "delete", "patch", "head", "any", "x-amazon-apigateway-any-method"})


def check(options: Options) -> Verdict:
    """Hold all four together, and with a stack in ``options`` the deployed API too. See ``Gate``."""
    served = {name: route for table in routes().values() for name, route in table.items()}
    verdict = Verdict()
    judge_template(verdict, environment_of(options.root, "production", **_PEOPLE), served.keys())
    judge_document(verdict, load(options.root / COMMITTED), served.keys())
    judge_handlers(verdict, served)
    if options.stack:
        try:
            check_routes(verdict, deployment.find(options.stack), served.keys())
        except (deployment.NoDeploymentError, urllib3.exceptions.HTTPError) as fault:
            raise CannotJudgeError(f"the stack {options.stack} does not answer: {fault}") from fault
    return verdict


def judge_template(verdict: Verdict, made: Translated, served: Iterable[Name]) -> None:
    """Require that the template's APIs have the routes that are answered: ``served``, and people's where it has theirs.

    The first admits IAM-signed callers only, people's who has signed in only.
    """
    apis = made.of_type("AWS::ApiGateway::RestApi")
    _judge_api(verdict, apis["Api"], served, _IAM)
    if "PeopleApi" in apis:
        peoples = [name for table in peoples_routes().values() for name in table]
        _judge_api(verdict, apis["PeopleApi"], peoples, _SIGNED_IN)


def _judge_api(verdict: Verdict, api: Mapping[str, Any], served: Iterable[Name], admits_by: str) -> None:
    open_for = {
        (method.upper(), path): {scheme for one in operation.get("security", ()) for scheme in one or ("nothing",)}
        for path, operations in api["Properties"]["Body"]["paths"].items()
        for method, operation in operations.items()
        if method in _METHODS
    }
    _same_routes(verdict, "template.yaml", open_for, served)
    for name, schemes in sorted(open_for.items()):
        verdict.require(
            schemes == {admits_by},
            f"{_words(name)} in template.yaml admits by {', '.join(sorted(schemes)) or 'nothing'}, not by {admits_by}",
            f"leave DefaultAuthorizer: {admits_by} to every event; remove the event's own Auth",
        )
    verdict.checked.append(f"{len(open_for)} routes of template.yaml, translated for production: {admits_by}")


def judge_document(verdict: Verdict, document: Mapping[str, Any], served: Iterable[Name]) -> None:
    """Require that the document demands for each route what the contract does."""
    demanded = {
        (method.upper(), path): operation.get("security", document.get("security", []))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    _same_routes(verdict, COMMITTED, demanded, served)
    for name, alternatives in sorted(demanded.items()):
        wanted = {SIGV4, *([ENVELOPE] if name in NEEDS_ENVELOPE else ()), *([TOKEN] if name in NEEDS_TOKEN else ())}
        demanded_here = [sorted(one) for one in alternatives]
        verdict.require(
            demanded_here == [sorted(wanted)],
            f"{_words(name)} in {COMMITTED} demands {demanded_here or 'nothing'}, not {sorted(wanted)}",
            "set envelope and token in ops/openapi/operations.py as contract section 8 has them",
        )
    verdict.checked.append(f"{len(demanded)} routes of {COMMITTED}: signature, envelope, token")


def judge_handlers(verdict: Verdict, served: Served) -> None:
    """Require that handlers refuse what lacks a protection, before the store, and nothing else for that reason."""
    refused = 0
    for name, route in sorted(served.items()):
        subject = NEEDS_TOKEN.get(name, SUBJECT)
        probes = [
            *(envelope_probes(subject) if name in NEEDS_ENVELOPE else ()),
            *(token_probes(subject) if name in NEEDS_TOKEN else ()),
        ]
        for probe in probes:
            verdict.findings += _wrong(route, probe)
        refused += len(probes)
        # What passes with every protection, and what no protection guards, must not be refused for one.
        allowed = complete(subject) if probes else without_identity()
        code = answer_to(route, allowed).code
        verdict.require(
            code not in ENVELOPE_CODES | TOKEN_CODES,
            f"{_words(name)} refuses a call that lacks {allowed.without}: {code}, which the contract does not ask for",
            "put the guard where contract section 8 has it, or mend it",
        )
    for name in sorted((NEEDS_ENVELOPE | NEEDS_TOKEN.keys()) - served.keys()):
        verdict.findings.append(Finding(f"{_words(name)} is protected by the contract and not served", "serve it"))
    verdict.checked.append(f"{len(served)} handlers called in process: {refused} calls without a protection refused")


def _wrong(route: Route, probe: Probe) -> Iterator[Finding]:
    outcome, place = answer_to(route, probe), f"{route.method} {route.resource}"
    if outcome.code != probe.code:
        yield Finding(
            f"{place} without {probe.without} answers {outcome.code or 'no reason code'}, not {probe.code}",
            "call.envelope() first, then call.trust_claims(envelope), before anything else in the handler",
        )
    if outcome.touched:
        yield Finding(
            f"{place} without {probe.without} reached the store: {', '.join(outcome.touched)}",
            "check what protects the route before the use case begins",
        )


def _same_routes(verdict: Verdict, where: str, found: Iterable[Name], served: Iterable[Name]) -> None:
    for name in sorted(set(served) - set(found)):
        verdict.findings.append(
            Finding(f"{_words(name)} is answered by the code and not in {where}", f"add it to {where}")
        )
    for name in sorted(set(found) - set(served)):
        verdict.findings.append(
            Finding(f"{_words(name)} is in {where} and no handler answers it", f"remove it from {where}")
        )


def _words(name: Name) -> str:
    return " ".join(name)
