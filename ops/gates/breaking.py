"""Find the changes of the OpenAPI document that break callers who rely on a released one.

Requests may only become freer and answers only more exact: a caller's old request must still be accepted, and what it
reads from an answer must still be there. New routes, optional fields, statuses and reason codes break nobody.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

Schema = Mapping[str, Any]
Document = Mapping[str, Any]
Breaks = Iterator[str]

_METHODS: Final = frozenset({"get", "put", "post", "delete", "patch", "head", "options"})
_JSON: Final = "application/json"
# Bounds that narrow a request when they rise, and those that narrow it when they fall.
_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_NAMELESS: Final = "any type"


def breaking_changes(released: Document, now: Document) -> Breaks:
    """Yield each change between the documents that breaks a caller, in words that name the place."""
    for path, operations in released["paths"].items():
        if path not in now["paths"]:
            yield f"{path} is gone"
            continue
        for method in sorted(operations.keys() & _METHODS):
            place = f"{method.upper()} {path}"
            if method not in now["paths"][path]:
                yield f"{place} is gone"
            else:
                yield from _operation(_Pair(released, now), place, operations[method], now["paths"][path][method])
    yield from _codes(released, now)


class _Pair:
    """Holds two documents to follow references in, and the pairs of references that are being compared already."""

    def __init__(self, released: Document, now: Document, visited: Iterable[tuple[Any, ...]] = ()) -> None:
        self._documents = (released, now)
        self.visited = set(visited)

    def branch(self) -> "_Pair":
        """Return a pair that has visited the same, whose further visits this one does not see."""
        return _Pair(*self._documents, self.visited)

    def flat(self, schema: Schema, which: int) -> Schema:
        """Return ``schema`` of the released document (0) or today's (1), its reference followed and allOf merged."""
        merged: dict[str, Any] = {}
        for part in self._parts(schema, which):
            for name, value in part.items():
                if name == "properties":
                    merged[name] = {**merged.get(name, {}), **value}
                elif name == "required":
                    merged[name] = [*merged.get(name, ()), *value]
                else:
                    merged[name] = value
        return merged

    def follow(self, node: Any, which: int) -> Any:
        """Return ``node`` itself, or the target of its ``$ref``."""
        while "$ref" in node:
            target: Any = self._documents[which]
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            node = target
        return node

    def _parts(self, schema: Schema, which: int) -> Iterator[Schema]:
        if "$ref" in schema:
            yield from self._parts(self.follow(schema, which), which)
        for part in schema.get("allOf", ()):
            yield from self._parts(part, which)
        yield {name: value for name, value in schema.items() if name not in ("$ref", "allOf")}


def _operation(pair: _Pair, place: str, old: Schema, new: Schema) -> Breaks:
    if old.get("operationId") != new.get("operationId"):
        yield f"{place} is now called {new.get('operationId')}, which renames it in clients made from the document"
    demanded = [set(one) for one in old.get("security", ())]
    for alternative in new.get("security", ()):
        if extra := set(alternative) - set().union(*demanded):
            yield f"{place} now demands {', '.join(sorted(extra))}"
    yield from _parameters(pair, place, old, new)
    before, after = (_body(pair, one, which) for which, one in enumerate((old, new)))
    if before is None and after is not None and new["requestBody"].get("required"):
        yield f"{place} now demands a body"
    if before is not None and after is not None:
        yield from _request(pair, f"{place} body", before, after)
    for status, answer in old["responses"].items():
        if status not in new["responses"]:
            yield f"{place} no longer answers {status}"
            continue
        schemas = [_content(pair, one, which) for which, one in enumerate((answer, new["responses"][status]))]
        if schemas[0] is not None and schemas[1] is not None:
            yield from _response(pair, f"{place} {status}", schemas[0], schemas[1])
        elif schemas[0] is not None:
            yield f"{place} {status} no longer has a JSON body"


def _parameters(pair: _Pair, place: str, old: Schema, new: Schema) -> Breaks:
    before, after = (
        {(one["in"], one["name"]): one for one in (pair.follow(raw, which) for raw in operation.get("parameters", ()))}
        for which, operation in enumerate((old, new))
    )
    for (where, name), parameter in before.items():
        there = after.get((where, name))
        if there is None:
            yield f"{place} no longer takes {where} parameter {name}"
            continue
        if there.get("required") and not parameter.get("required"):
            yield f"{place} now demands {where} parameter {name}"
        yield from _request(pair, f"{place} {name}", parameter.get("schema", {}), there.get("schema", {}))
    for (where, name), parameter in after.items():
        if (where, name) not in before and parameter.get("required"):
            yield f"{place} now demands {where} parameter {name}"


def _request(pair: _Pair, place: str, old: Schema, new: Schema) -> Breaks:
    """Yield what a caller might send by ``old`` that ``new`` does not take."""
    if _seen(pair, "request", old, new):
        return
    before, after = pair.flat(old, 0), pair.flat(new, 1)
    yield from _types(place, before, after, widened=False)
    yield from _bounds(place, before, after)
    yield from _fewer_values(place, before, after)
    required = set(after.get("required", ())) - set(before.get("required", ()))
    for name in sorted(required):
        yield f"{place}.{name} is now required"
    closed = after.get("additionalProperties") is False
    if closed and before.get("additionalProperties") is not False:
        yield f"{place} no longer takes fields it does not name"
    for name, schema in before.get("properties", {}).items():
        if name in after.get("properties", {}):
            yield from _request(pair, f"{place}.{name}", schema, after["properties"][name])
        elif closed:
            yield f"{place}.{name} is no longer taken"
    yield from _items(pair, place, before, after, _request)
    yield from _branches(pair, place, before, after, _request, each="old")


def _response(pair: _Pair, place: str, old: Schema, new: Schema) -> Breaks:
    """Yield what a caller reads by ``old`` that ``new`` no longer promises."""
    if _seen(pair, "response", old, new):
        return
    before, after = pair.flat(old, 0), pair.flat(new, 1)
    yield from _types(place, before, after, widened=True)
    # Of several shapes that an answer may have each is compared by itself, below.
    for name, schema in ({} if _alternatives(after) else before.get("properties", {})).items():
        if name not in after.get("properties", {}):
            yield f"{place}.{name} is gone"
            continue
        if name in before.get("required", ()) and name not in after.get("required", ()):
            yield f"{place}.{name} is no longer always there"
        yield from _response(pair, f"{place}.{name}", schema, after["properties"][name])
    yield from _items(pair, place, before, after, _response)
    yield from _branches(pair, place, before, after, _response, each="new")


def _items(pair: _Pair, place: str, before: Schema, after: Schema, compare: Callable[..., Breaks]) -> Breaks:
    if isinstance(before.get("items"), Mapping) and isinstance(after.get("items"), Mapping):
        yield from compare(pair, f"{place}[]", before["items"], after["items"])


def _branches(
    pair: _Pair, place: str, before: Schema, after: Schema, compare: Callable[..., Breaks], *, each: str
) -> Breaks:
    """Fit each old alternative of a request to a new one, and each new one of an answer to an old one."""
    olds, news = _alternatives(before), _alternatives(after)
    if not olds and not news:
        return
    # A schema without alternatives is its own only one.
    olds, news = olds or [before], news or [after]
    pairs = [[(old, new) for new in news] for old in olds] if each == "old" else [[(o, n) for o in olds] for n in news]
    for choices in pairs:
        # A pair that is compared already higher up is not compared again here, so each choice starts anew.
        breaks = [(_unlike(old, new), list(compare(pair.branch(), place, old, new))) for old, new in choices]
        if all(found for _, found in breaks):
            # What is told is what became of the alternative that is most like it.
            yield from min(breaks, key=lambda choice: (choice[0], len(choice[1])))[1]


def _unlike(before: Schema, after: Schema) -> bool:
    """Say whether the two are of no type in common, as far as they name any."""
    old, new = _type_of(before), _type_of(after)
    return bool(old and new) and not old & new


def _alternatives(schema: Schema) -> list[Schema]:
    return [*schema.get("anyOf", ()), *schema.get("oneOf", ())]


def _types(place: str, before: Schema, after: Schema, *, widened: bool) -> Breaks:
    old, new = _type_of(before), _type_of(after)
    lost, gained = old - new if new else set(), new - old if old else set()
    if widened and old and not new and not _alternatives(after):
        gained = {_NAMELESS}
    if not widened and new and not old and not _alternatives(before) and not _says_values(before):
        lost = {_NAMELESS}
    if widened and gained:
        yield f"{place} may now be {', '.join(sorted(gained))}, not only {', '.join(sorted(old))}"
    if not widened and lost:
        yield f"{place} may no longer be {', '.join(sorted(lost))}"


def _type_of(schema: Schema) -> set[str]:
    named = schema.get("type", [])
    types = {named} if isinstance(named, str) else set(named)
    return types | ({"integer"} if "number" in types else set())


def _says_values(schema: Schema) -> bool:
    return "const" in schema or "enum" in schema


def _bounds(place: str, before: Schema, after: Schema) -> Breaks:
    for bound in (*_LOWER, *_UPPER, "pattern"):
        if bound not in after:
            continue
        old, new = before.get(bound), after[bound]
        if (
            old is None
            or (bound == "pattern" and new != old)
            or (bound in _LOWER and new > old)
            or (bound in _UPPER and new < old)
        ):
            yield f"{place} is narrower: {bound} is {new}, was {'unbounded' if old is None else old}"


def _fewer_values(place: str, before: Schema, after: Schema) -> Breaks:
    old, new = _values(before), _values(after)
    if new is None:
        return
    if old is None:
        yield f"{place} now takes only {', '.join(map(str, new))}"
    elif lost := [value for value in old if value not in new]:
        yield f"{place} no longer takes {', '.join(map(str, lost))}"


def _values(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _body(pair: _Pair, operation: Schema, which: int) -> Schema | None:
    body = operation.get("requestBody")
    return None if body is None else _content(pair, body, which)


def _content(pair: _Pair, node: Schema, which: int) -> Schema | None:
    schema: Schema | None = pair.follow(node, which).get("content", {}).get(_JSON, {}).get("schema")
    return schema


def _seen(pair: _Pair, kind: str, old: Schema, new: Schema) -> bool:
    """Tell whether these two schemas are being compared already: schemas may refer to themselves."""
    if "$ref" not in old or "$ref" not in new:
        return False
    key = (kind, old["$ref"], new["$ref"])
    if key in pair.visited:
        return True
    pair.visited.add(key)
    return False


def _codes(released: Document, now: Document) -> Breaks:
    """Compare the status, class and retry advice of each reason code, which are promises too."""
    current = now.get("x-reason-codes", {}).get("codes", {})
    for code, row in released.get("x-reason-codes", {}).get("codes", {}).items():
        there = current.get(code)
        if there is None:
            yield f"reason code {code} is gone"
            continue
        for name in sorted(row.keys() & {"status", "responseClass", "retry", "family"}):
            if row[name] != there.get(name):
                yield f"reason code {code}: {name} is {there.get(name)}, was {row[name]}"
