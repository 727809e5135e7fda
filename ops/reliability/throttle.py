"""Read and change how many calls a second API Gateway lets through, by route or for the whole stage."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ops.local.deployment import Deployment

EVERY_ROUTE: Final = "*"
_STAGE: Final = "AWS::ApiGateway::Stage"
# Callers' API; people have one of their own.
_API: Final = {"Ref": "Api"}
# A route's own settings begin as API Gateway's defaults, so what the stage counts and logs is set for it too.
_KEPT: Final = {"metricsEnabled": "metrics/enabled", "dataTraceEnabled": "logging/dataTrace"}


@dataclass(frozen=True)
class Limit:
    """Calls a second, and how many may come at once."""

    rate: float
    burst: int

    def __str__(self) -> str:
        return f"{self.rate:g}/s, {self.burst}"


@dataclass(frozen=True)
class Settings:
    """A stage's limits by route (``POST /workflow/requests``), of which ``*`` is every route without its own."""

    limits: Mapping[str, Limit]
    kept: Mapping[str, bool]
    """Return what of its settings for every route a route's own must repeat."""


def in_force(stack: "Deployment") -> Settings:
    """Read what the stage does now."""
    stage = stack.client("apigateway").get_stage(restApiId=stack.outputs["ApiId"], stageName=stack.outputs["ApiStage"])
    settings = stage.get("methodSettings", {})
    limits = {
        _route(key): Limit(float(one["throttlingRateLimit"]), int(one["throttlingBurstLimit"]))
        for key, one in settings.items()
    }
    return Settings(limits, {name: settings.get("*/*", {}).get(name, False) for name in _KEPT})


def deployed(stack: "Deployment", name: str) -> dict[str, Limit]:
    """Read the limits, by route, that the template of the deployed stack ``name`` gives its stage."""
    answer = stack.client("cloudformation").get_template(StackName=name, TemplateStage="Processed")
    template = answer["TemplateBody"]
    stages = [one["Properties"] for one in template["Resources"].values() if one["Type"] == _STAGE]
    [stage] = [one for one in stages if one["RestApiId"] == _API]

    def value(of: Any) -> float:
        if isinstance(of, dict):
            mapping, _, key = of["Fn::FindInMap"]
            return float(template["Mappings"][mapping][stack.outputs["ApiStage"]][key])
        return float(of)

    return {
        _route(f"{one['ResourcePath']}/{one['HttpMethod']}"): Limit(
            value(one["ThrottlingRateLimit"]), int(value(one["ThrottlingBurstLimit"]))
        )
        for one in stage["MethodSettings"]
    }


def routes(stack: "Deployment") -> set[str]:
    """List the routes of the deployed API, as ``POST /workflow/requests``."""
    pages = stack.client("apigateway").get_paginator("get_resources").paginate(restApiId=stack.outputs["ApiId"])
    return {
        f"{method} {item['path']}"
        for page in pages
        for item in page["items"]
        for method in item.get("resourceMethods", {})
    }


def limited(route: str, limit: Limit, now: Settings) -> dict[str, Limit]:
    """Return the limits that change where ``route`` is given ``limit``. EVERY_ROUTE gives no route more than it has."""
    if route != EVERY_ROUTE:
        return {route: limit}
    own = {name: one for name, one in now.limits.items() if name != EVERY_ROUTE}
    return {EVERY_ROUTE: limit} | {
        name: Limit(min(one.rate, limit.rate), min(one.burst, limit.burst)) for name, one in own.items()
    }


def limiting(route: str, limit: Limit, now: Settings) -> list[dict[str, str]]:
    """Make the patch that gives ``route`` its own limit, or every route that has none of its own."""
    path = _path(route)
    patch = [
        _replace(f"{path}/throttling/rateLimit", f"{limit.rate:g}"),
        _replace(f"{path}/throttling/burstLimit", str(limit.burst)),
    ]
    if route != EVERY_ROUTE:
        patch += [_replace(f"{path}/{_KEPT[name]}", str(on).lower()) for name, on in now.kept.items()]
    return patch


def undoing(now: Settings, template: Mapping[str, Limit]) -> list[dict[str, str]]:
    """Make the patch that leaves the template's limits, and no others. Empty where they are in force."""
    patch = []
    for route, limit in now.limits.items():
        if route not in template:
            patch.append({"op": "remove", "path": _path(route)})
        elif template[route] != limit:
            patch += limiting(route, template[route], now)
    return patch


def change(stack: "Deployment", patch: list[dict[str, str]]) -> None:
    """Apply a patch to the stage; API Gateway follows within seconds."""
    stack.client("apigateway").update_stage(
        restApiId=stack.outputs["ApiId"], stageName=stack.outputs["ApiStage"], patchOperations=patch
    )


def _replace(path: str, value: str) -> dict[str, str]:
    return {"op": "replace", "path": path, "value": value}


def _route(key: str) -> str:
    """Read a setting's key, ``workflow/requests/POST`` with a slash before it, escaped, or neither."""
    path, _, method = key.replace("~1", "/").strip("/").rpartition("/")
    return EVERY_ROUTE if path == EVERY_ROUTE else f"{method} /{path}"


def _path(route: str) -> str:
    """Write where a patch finds a route's settings: a JSON pointer, so slashes of the route are escaped."""
    if route == EVERY_ROUTE:
        return "/*/*"
    method, _, path = route.partition(" ")
    return f"/{path.replace('~', '~0').replace('/', '~1')}/{method}"
