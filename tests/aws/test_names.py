"""Staging and production fit into one account and Region: names are a stack's own, and no singleton is made twice.

What names a resource is read off CloudFormation's provider schemas, which cfn-lint brings: the properties that are its
identity or cannot be changed after it is made.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from tests.aws.translated import ENVIRONMENTS, REGION, Deployment, deployment, references, stack_of

# There is one of each in an account and Region, whoever makes it: the last to write it owns it, until it is deleted.
SINGLETONS: Final = (
    "AWS::ApiGateway::Account",
    "AWS::GuardDuty::Detector",
    "AWS::Logs::AccountPolicy",
    "AWS::SecurityHub::Hub",
    "AWS::XRay::TransactionSearchConfig",
)
# Names that the schema does not mark: further down, or changeable although nobody else may have them.
ALSO_NAMES: Final = {
    "AWS::ApiGateway::RestApi": ("Name",),
    "AWS::Logs::QueryDefinition": ("Name",),
    "AWS::XRay::SamplingRule": ("SamplingRule/RuleName",),
}


@cache
def naming(kind: str) -> tuple[str, ...]:
    """List the properties that name a resource of this type: writable, and its identity or never to change."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema
    lasting = {*schema["primaryIdentifier"], *schema.get("createOnlyProperties", ())} - {
        *schema.get("readOnlyProperties", ())
    }
    names = sorted(one.removeprefix("/properties/") for one in lasting)
    return (*(one for one in names if one.endswith(("Name", "Id"))), *ALSO_NAMES.get(kind, ()))


def given(of: Deployment, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the names that the template gives a resource, as it says them."""
    for name in naming(of.resources[path]["Type"]):
        value: Any = of.resources[path].get("Properties", {})
        for step in name.split("/"):
            value = value.get(step) if isinstance(value, dict) else None
        if value is not None:
            yield name, value


def identity(of: Deployment, path: str) -> tuple[str, ...] | None:
    """Say what nobody else in the account may be called, None where AWS makes a name up beside those it refers to."""
    names = list(given(of, path))
    if all(_made_here(of, path, value) for _, value in names):
        return None
    return (of.resources[path]["Type"], *(f"{name}={of.value(path, value)}" for name, value in names))


def _made_here(of: Deployment, path: str, value: Any) -> bool:
    return any(of.path(stack_of(path), name) for name in references(value))


NAMED: Final = [
    (environment, path)
    for environment in ENVIRONMENTS
    for path in deployment(environment).resources
    if identity(deployment(environment), path)
]


@pytest.mark.parametrize(("environment", "path"), NAMED, ids=[f"{env}-{path}" for env, path in NAMED])
def test_a_name_is_the_stacks_own(environment: str, path: str) -> None:
    of = deployment(environment)
    # A part of something whose name is the stack's, as an alias of its function, may be called what it likes.
    owned = any(
        _made_here(of, path, value) or of.stack_name in str(of.value(path, value)) for _, value in given(of, path)
    )

    assert owned, f"{path} is called {identity(of, path)} in whatever stack makes it"


def test_staging_beside_production_shares_no_name() -> None:
    [one, other] = ({identity(of, path): path for path in of.resources} for of in map(deployment, ENVIRONMENTS))

    assert {one[name] for name in one.keys() & other.keys() - {None}} == set()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_one_stack_gives_no_name_twice(environment: str) -> None:
    of = deployment(environment)
    names = [name for name in (identity(of, path) for path in of.resources) if name]

    assert sorted(names) == sorted(set(names))


def test_staging_beside_production_makes_no_singleton_of_the_account_twice() -> None:
    made = [(kind, env) for kind in SINGLETONS for env in ENVIRONMENTS if deployment(env).of_type(kind)]
    kinds = [kind for kind, _ in made]

    assert kinds == sorted(set(kinds)), f"the account has one of each, and these stacks each make it: {made}"


@pytest.mark.parametrize(
    "kind", sorted({resource["Type"] for env in ENVIRONMENTS for resource in deployment(env).resources.values()})
)
def test_the_schemas_know_every_type_that_is_deployed(kind: str) -> None:
    assert PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema["primaryIdentifier"]
