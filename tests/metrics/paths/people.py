"""Paths of people who sign in, and are nobody here."""

from typing import Any, Final

from handshake.people.standing import PersonState
from tests.metrics.paths.path import DENIED, Path
from tests.support.people import ask, claims_of, let_in, signed, somebody, switch, token_of, with_people
from tests.support.service import InProcess, Reply


def _unknown(service: InProcess) -> tuple[InProcess, str]:
    return with_people(service), token_of(somebody())


def _disabled(service: InProcess) -> tuple[InProcess, str]:
    person = somebody()
    let_in(service, person)
    switch(service, person, PersonState.DISABLED)
    return with_people(service), token_of(person)


def _of_another_client(service: InProcess) -> tuple[InProcess, str]:
    person = somebody()
    let_in(service, person)
    return with_people(service), signed(claims_of(person, aud="another-client"))


def _ask(_: InProcess, given: Any) -> Reply:
    door, token = given
    return ask(door, "GET", "/me", token)


PEOPLE: Final = (
    Path("security_token_invalid", "a person's call with a token for another client", _of_another_client, _ask, DENIED),
    Path("security_person_unknown", "a call of somebody who has no record", _unknown, _ask, DENIED),
    Path("security_person_disabled", "a call of somebody who is disabled", _disabled, _ask, DENIED),
)
