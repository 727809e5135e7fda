"""Find ways into the service that only development may have, if any environment."""

from collections.abc import Mapping
from typing import Any, Final

from ops.gates.env_rules import Cell
from ops.local.translation import Translated

_IAM: Final[list[dict[str, list[str]]]] = [{"AWS_IAM": []}]
# Of the one API whose callers sign nothing: its user pool's tokens, by an authorizer of that name.
_PEOPLES: Final = "PeopleApi"
_SIGNED_IN: Final[list[dict[str, list[str]]]] = [{"SignedIn": []}]


def open_routes(stack: Translated) -> Cell:
    """Find methods that admit callers who neither sign nor, where people do, have signed in.

    HTTP and WebSocket APIs are not for this service.
    """
    offenders = [
        f"{method.upper()} {path}"
        for name, api in stack.of_type("AWS::ApiGateway::RestApi").items()
        for path, operations in api["Properties"]["Body"]["paths"].items()
        for method, operation in operations.items()
        if operation.get("security") != (_SIGNED_IN if name == _PEOPLES else _IAM)
    ]
    offenders += [
        name for name, api in stack.of_type("AWS::ApiGateway::RestApi").items() if not _asks_a_pool(name, api)
    ]
    offenders += stack.of_type("AWS::ApiGatewayV2::Api", "AWS::ApiGateway::Method")
    return Cell.without(offenders, "none")


def _asks_a_pool(name: str, api: Mapping[str, Any]) -> bool:
    """Say whether what admits people is a user pool of the stack's own; of another API nothing is asked."""
    if name != _PEOPLES:
        return True
    schemes = api["Properties"]["Body"]["components"]["securitySchemes"]
    authorizer = schemes["SignedIn"]["x-amazon-apigateway-authorizer"]
    pools = [{"Fn::GetAtt": ["UserPool", "Arn"]}]
    return bool(authorizer["type"] == "cognito_user_pools" and authorizer["providerARNs"] == pools)


def side_doors(stack: Translated) -> Cell:
    """Find function URLs, and permissions that let anyone invoke a function."""
    offenders = [*stack.of_type("AWS::Lambda::Url")]
    for name, permission in stack.of_type("AWS::Lambda::Permission").items():
        properties = permission["Properties"]
        scoped = "SourceArn" in properties or "SourceAccount" in properties or "PrincipalOrgID" in properties
        if properties["Principal"] == "*" or "FunctionUrlAuthType" in properties or not scoped:
            offenders.append(name)
    return Cell.without(offenders, "none")


def stages(stack: Translated, environment: str) -> Cell:
    """Require one stage of each API, named after the environment: another is a preview at a URL of its own."""
    found = [
        *(str(one["Properties"].get("StageName")) for one in stack.of_type("AWS::ApiGateway::Stage").values()),
        *(
            str(one["Properties"]["StageName"])
            for one in stack.of_type("AWS::ApiGateway::Deployment").values()
            if "StageName" in one["Properties"]
        ),
    ]
    previews = [
        name for name, one in stack.of_type("AWS::ApiGateway::Stage").items() if "CanarySetting" in one["Properties"]
    ]
    if previews:
        return Cell("canary stage", f"{', '.join(previews)} has a canary of its own")
    return Cell.equal(", ".join(found), ", ".join([environment] * len(_apis(stack))))


def unpublished(stack: Translated) -> Cell:
    """Find routes that run whatever was uploaded last instead of the version behind an alias."""
    aliases = stack.of_type("AWS::Lambda::Alias")
    offenders = [
        f"{method.upper()} {path}"
        for api in _apis(stack)
        for path, operations in api["Body"]["paths"].items()
        for method, operation in operations.items()
        if not any(f"${{{alias}}}" in str(operation.get("x-amazon-apigateway-integration")) for alias in aliases)
    ]
    return Cell.without(offenders, "none")


def default_endpoint(stack: Translated) -> Cell:
    """Require that the default endpoint is closed where the API has a domain of its own."""
    domains = stack.of_type("AWS::ApiGateway::DomainName", "AWS::ApiGateway::BasePathMapping")
    closed = all(api.get("DisableExecuteApiEndpoint") is True for api in _apis(stack))
    if not domains:
        return Cell("only address" if not closed else "closed")
    return Cell.of(closed, "closed", "open beside a domain of its own")


def data_traces(stack: Translated) -> Cell:
    """Find stages that log bodies and headers, which hold envelopes, tokens and payloads."""
    offenders = [
        name
        for name, stage in stack.of_type("AWS::ApiGateway::Stage").items()
        for setting in stage["Properties"].get("MethodSettings", ())
        if setting.get("DataTraceEnabled") not in (False, None)
    ]
    return Cell.without(offenders, "none")


def _apis(stack: Translated) -> list[dict[str, Any]]:
    return [dict(one["Properties"]) for one in stack.of_type("AWS::ApiGateway::RestApi").values()]
