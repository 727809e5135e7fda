"""The way back over a release: which versions, from what CloudFormation remembers."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import boto3
import pytest
from botocore.stub import Stubber

from ops.local.deployment import Deployment, new_session
from ops.release.rollback import (
    Alias,
    Move,
    Release,
    RollbackRefusedError,
    moves_back,
    moves_to,
    read_releases,
    releases,
)

_ARN: Final = "arn:aws:lambda:eu-west-1:111122223333:function:"


def _events(*releases_: tuple[str, dict[str, str], str]) -> list[dict[str, str]]:
    """Events as CloudFormation lists them, newest first, of ``(first status, versions, last status)`` each."""

    def all_events() -> Iterator[dict[str, str]]:
        for first, versions, last in releases_:
            yield _event("AWS::CloudFormation::Stack", "the-stack", first)
            yield _event("AWS::CloudFormation::Stack", "a-nested-one", "UPDATE_IN_PROGRESS")
            for function, version in versions.items():
                yield _event("AWS::Lambda::Version", "", "CREATE_IN_PROGRESS")
                yield _event("AWS::Lambda::Version", f"{_ARN}{function}:{version}", "CREATE_COMPLETE")
            yield _event("AWS::CloudFormation::Stack", "a-nested-one", "UPDATE_COMPLETE")
            yield _event("AWS::CloudFormation::Stack", "the-stack", last)

    return list(reversed(list(all_events())))


def _event(kind: str, physical: str, status: str) -> dict[str, str]:
    return {"StackId": "the-stack", "ResourceType": kind, "PhysicalResourceId": physical, "ResourceStatus": status}


FIRST: Final = ("CREATE_IN_PROGRESS", {"workflow": "1", "policy": "1"}, "CREATE_COMPLETE")
GOOD: Final = ("UPDATE_IN_PROGRESS", {"workflow": "2", "policy": "2"}, "UPDATE_COMPLETE")
FAILED: Final = ("UPDATE_IN_PROGRESS", {"workflow": "3", "policy": "3"}, "UPDATE_ROLLBACK_COMPLETE")
BAD: Final = ("UPDATE_IN_PROGRESS", {"workflow": "4"}, "UPDATE_COMPLETE")
ALARMS_ONLY: Final[Any] = ("UPDATE_IN_PROGRESS", {}, "UPDATE_COMPLETE")


def _live(**versions: str) -> dict[str, Alias]:
    return {name: Alias(version, "revision", {}) for name, version in versions.items()}


def _targets(moves: Sequence[Move]) -> dict[str, str]:
    return {one.function: one.to for one in moves}


def test_releases_are_read_oldest_first_with_what_became_of_them() -> None:
    assert releases(_events(FIRST, FAILED)) == [
        Release({"workflow": "1", "policy": "1"}, rolled_back=False),
        Release({"workflow": "3", "policy": "3"}, rolled_back=True),
    ]


def test_a_version_that_a_later_release_left_alone_is_of_the_release_that_published_it() -> None:
    events = _events(FIRST, ("UPDATE_IN_PROGRESS", {"workflow": "2", "policy": "1"}, "UPDATE_COMPLETE"))

    assert [release.versions for release in releases(events)] == [{"workflow": "1", "policy": "1"}, {"workflow": "2"}]


def test_a_version_of_a_release_that_was_rolled_back_is_never_gone_back_to() -> None:
    moves = moves_back(_live(workflow="4", policy="2"), releases(_events(FIRST, GOOD, FAILED, BAD)))

    assert _targets(moves) == {"workflow": "2", "policy": "2"}
    assert [one.function for one in moves if one.needed] == ["workflow"]


def test_a_release_that_published_nothing_is_not_the_last_one() -> None:
    moves = moves_back(_live(workflow="4", policy="2"), releases(_events(FIRST, GOOD, BAD, ALARMS_ONLY)))

    assert _targets(moves) == {"workflow": "2", "policy": "2"}


def test_asking_twice_goes_back_once() -> None:
    moves = moves_back(_live(workflow="2", policy="2"), releases(_events(FIRST, GOOD, BAD)))

    assert not any(one.needed for one in moves)


def test_a_function_that_came_with_the_release_stays() -> None:
    history = releases(_events(FIRST, ("UPDATE_IN_PROGRESS", {"workflow": "2", "newcomer": "1"}, "UPDATE_COMPLETE")))

    moves = moves_back(_live(workflow="2", policy="1", newcomer="1"), history)

    assert _targets(moves) == {"workflow": "1", "policy": "1", "newcomer": "1"}


def test_traffic_left_on_a_second_version_is_taken_from_it() -> None:
    aliases = {"workflow": Alias("2", "revision", {"4": 0.3})}

    assert [one.needed for one in moves_to(aliases, {"workflow": "2"})] == [True]


@pytest.mark.parametrize(
    ("live", "history", "whose"),
    [
        ({"workflow": "1", "policy": "1"}, [FIRST], "any function"),
        ({"workflow": "4", "policy": "2"}, [BAD], "workflow"),  # events of what came before are forgotten
        ({"workflow": "1"}, [], "any function"),
    ],
    ids=["first release", "forgotten", "no events"],
)
def test_where_nothing_is_known_to_go_back_to_nothing_is_guessed(
    live: dict[str, str], history: list[Any], whose: str
) -> None:
    with pytest.raises(RollbackRefusedError, match=rf"before the last release of {re.escape(whose)}; .*--to"):
        moves_back(_live(**live), releases(_events(*history)))


def test_a_stack_that_is_being_updated_is_left_to_codedeploy(monkeypatch: pytest.MonkeyPatch) -> None:
    session = boto3.Session("key", "secret", region_name="eu-west-1")
    client = session.client("cloudformation")
    stack = {"StackName": "some", "StackStatus": "UPDATE_IN_PROGRESS", "CreationTime": datetime.now(UTC)}
    monkeypatch.setattr(Deployment, "client", lambda *_: client)

    with Stubber(client) as stubber:
        stubber.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": "some"})
        with pytest.raises(RollbackRefusedError, match="Stop the deployment"):
            read_releases(Deployment(new_session("key", "secret"), None, {}), "some")
