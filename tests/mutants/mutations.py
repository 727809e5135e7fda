"""Find the small changes that can be made to a module: each swaps, forces or drops a single thing.

The text of a change is made from the syntax tree and put in the place of what it changes, so all else stays as it is.
Left out is what no test of behaviour is there for: annotations, decorators, docstrings and messages.
"""

import ast
import copy
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

_COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
}
_EXTREMES: Final = {"min": "max", "max": "min"}
# Expressions of DynamoDB's are text to Python.
_EXPRESSION: Final = re.compile(r"attribute_(not_)?exists|begins_with| BETWEEN |(=|<=|>=|<|>) [:?]|^(SET|ADD) ")
_IN_EXPRESSIONS: Final = (
    (r" AND (?!:)[^()]+?(?= AND | OR |$)", ""),
    (r"^[^()]+? AND (?!:)", ""),
    (r" OR .+$", ""),
    (r"^.+? OR ", ""),
    (r"<=(?= |$)", "<"),
    (r">=(?= |$)", ">"),
    (r"<(?= |$)", "<="),
    (r">(?= |$)", ">="),
    (r"attribute_not_exists", "attribute_exists"),
    (r"attribute_exists", "attribute_not_exists"),
    (r"(?<=^SET )[^,]+, ", ""),
    (r", #?\w+ = :\w+", ""),
    (r" (REMOVE|ADD) .+$", ""),
    (r"(?<!SET) = (?=:\w+( AND|$))", " <> "),
)


_Node = TypeVar("_Node", bound=ast.AST)


@dataclass(frozen=True)
class Mutation:
    """One change of a module: ``before``, in ``function`` of ``file``, becomes ``after``.

    ``function`` is "" for what a module or a class says outside functions. ``number`` tells changes apart that read
    alike. ``text`` is the whole module with the change in it.
    """

    file: str
    function: str
    line: int
    before: str
    after: str
    number: int
    text: str

    @property
    def name(self) -> str:
        """Name the change so that no edit elsewhere in the module renames it."""
        again = f" ({self.number})" if self.number > 1 else ""
        return f"{self.file}:{self.function or 'module'}: {self.before} -> {self.after}{again}"


def mutations(file: str, text: str, *, optional: Collection[str]) -> list[Mutation]:
    """List the changes of a module; ``optional`` are the arguments that may be left out where they are passed."""
    return list(_Module(file, text, optional).changes())


def optional_arguments(text: str) -> set[str]:
    """Name what a module's functions and classes have a default for."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.arguments):
            positional = [*node.posonlyargs, *node.args]
            names |= {argument.arg for argument in positional[len(positional) - len(node.defaults) :]}
            keyed = zip(node.kwonlyargs, node.kw_defaults, strict=True)
            names |= {argument.arg for argument, default in keyed if default}
        elif isinstance(node, ast.ClassDef):
            fields = [member for member in node.body if isinstance(member, ast.AnnAssign) and member.value]
            names |= {field.target.id for field in fields if isinstance(field.target, ast.Name)}
    return names


class _Module:
    def __init__(self, file: str, text: str, optional: Collection[str]) -> None:
        self._file, self._text, self._optional = file, text, optional
        self._tree = ast.parse(text)
        self._lines = text.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))
        self._times: Counter[tuple[str, str, str]] = Counter()

    def changes(self) -> Iterator[Mutation]:
        for statement in self._tree.body:
            yield from self._visit(statement, [self._tree], "")

    def _visit(self, node: ast.AST, above: list[ast.AST], function: str) -> Iterator[Mutation]:
        if _is_passed_over(node):
            return
        if isinstance(node, ast.FunctionDef):
            # The function that a test is known to call: one inside another is part of it.
            owner = next((one.name + "." for one in above if isinstance(one, ast.ClassDef)), "")
            function = function or owner + node.name
        for place, instead in self._variants(node, above):
            yield from self._mutation(place, instead, [*above, node], function)
        for name, value in ast.iter_fields(node):
            if name not in _UNTOUCHED:
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        yield from self._visit(child, [*above, node], function)

    def _variants(self, node: ast.AST, above: Sequence[ast.AST]) -> Iterator[tuple[ast.AST, ast.AST]]:
        """Pairs of a node and what may stand in its place."""
        match node:
            case ast.If() | ast.IfExp() if not isinstance(node.test, ast.Constant):
                yield from ((node.test, ast.Constant(value=forced)) for forced in (True, False))
            case ast.comprehension():
                yield from ((test, ast.Constant(value=True)) for test in node.ifs)
            case ast.Call(func=ast.Name(id=name)) if name in _EXTREMES:
                yield node.func, ast.Name(_EXTREMES[name])
            case ast.Call():
                for keyword in node.keywords:
                    if keyword.arg and (keyword.arg in self._optional or keyword.arg[0].isupper()):
                        yield node, ast.Call(node.func, node.args, _without(node.keywords, keyword))
            case ast.expr():
                yield from ((node, instead) for instead in _other_expressions(node))
            case ast.stmt() if _can_go(node, above):
                yield node, ast.Pass()

    def _mutation(self, place: ast.AST, instead: ast.AST, path: Sequence[ast.AST], function: str) -> Iterator[Mutation]:
        # The parts of an f-string and of a slice cannot be replaced by themselves.
        whole = next((node for node in path if isinstance(node, ast.JoinedStr)), place)
        if whole is place and any(isinstance(node, ast.Slice) for node in path[-2:]):
            whole = next(node for node in reversed(path) if isinstance(node, ast.Subscript))
        changed = _replaced(whole, place, instead)
        after = ast.unparse(ast.fix_missing_locations(changed))
        start, end = self._span(whole)
        text = self._text[:start] + (after if isinstance(changed, ast.stmt) else f"({after})") + self._text[end:]
        # Of the module, the statement alone: no other one reads differently for it.
        first, last = self._span(path[1] if len(path) > 1 else whole)
        try:
            ast.parse(text[first : last + len(text) - len(self._text)])
        except SyntaxError:
            return
        context = self._context(whole, path, after)
        key = (function, *context)
        self._times[key] += 1
        yield Mutation(self._file, function, whole.lineno, *context, self._times[key], text)  # type: ignore[attr-defined] # it is an expression or a statement

    def _context(self, whole: ast.AST, path: Sequence[ast.AST], after: str) -> tuple[str, str]:
        """Say what changes, and into what, with enough around a single value to tell what it is."""
        before = ast.unparse(whole)
        around = next((node for node in reversed(path) if isinstance(node, _TELLING) and node is not whole), None)
        if around is None or len(before) > 20:
            return before, after
        start, end = self._span(around)
        if end - start > 120:
            return before, after
        first, last = self._span(whole)
        old = self._text[start:end]
        new = self._text[start:first] + after + self._text[last:end]
        return " ".join(old.split()), " ".join(new.split())

    def _span(self, node: ast.AST) -> tuple[int, int]:
        assert isinstance(node, ast.expr | ast.stmt | ast.keyword)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._offset(node.lineno, node.col_offset), self._offset(node.end_lineno, node.end_col_offset)

    def _offset(self, line: int, column: int) -> int:
        # Columns count bytes.
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode())


_TELLING: Final = (ast.Assign, ast.AnnAssign, ast.Return, ast.keyword, ast.Compare, ast.BinOp, ast.Call, ast.Expr)
_NO_NUMBERS: Final = {ast.JoinedStr, ast.List, ast.Tuple, str, bytes}
# Fields of the syntax tree: what types say, how functions are wrapped, and patterns, which the type checker holds.
_UNTOUCHED: Final = {"annotation", "returns", "decorator_list", "bases", "pattern"}


def _other_expressions(node: ast.expr) -> Iterator[ast.expr]:
    """Yield what may stand in the place of an expression that decides, counts or lists something."""
    match node:
        case ast.Compare():
            for at, operator in enumerate(node.ops):
                operators = [*node.ops[:at], _COMPARISONS[type(operator)](), *node.ops[at + 1 :]]
                yield ast.Compare(node.left, operators, node.comparators)
        case ast.BoolOp():
            yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
            for value in node.values:
                others = _without(node.values, value)
                yield ast.BoolOp(node.op, others) if len(others) > 1 else others[0]
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.BinOp() if type(node.op) in _ARITHMETIC and _NO_NUMBERS.isdisjoint(
            map(_kind, (node.left, node.right))
        ):
            yield ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)
        case ast.Constant():
            yield from (ast.Constant(value) for value in _other_values(node.value))
        case ast.Dict(keys=keys, values=values) if len(keys) > 1:
            for at in range(len(keys)):
                yield ast.Dict(keys[:at] + keys[at + 1 :], values[:at] + values[at + 1 :])
        case ast.List(ctx=ast.Load(), elts=elements) if len(elements) > 1:
            yield from (ast.List(_without(elements, element), node.ctx) for element in elements)
        case ast.Set(elts=elements) if len(elements) > 1:
            yield from (ast.Set(_without(elements, element)) for element in elements)


def _other_values(value: object) -> Iterator[bool | int | str]:
    match value:
        case bool():
            yield not value
        case int():
            yield value + 1
        case str() if _EXPRESSION.search(value):
            for pattern, instead in _IN_EXPRESSIONS:
                for match in re.finditer(pattern, value):
                    yield value[: match.start()] + instead + value[match.end() :]


def _without(nodes: list[_Node], left_out: _Node) -> list[_Node]:
    return [node for node in nodes if node is not left_out]


def _kind(node: ast.AST) -> type:
    return type(node.value) if isinstance(node, ast.Constant) else type(node)


def _is_passed_over(node: ast.AST) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Assert():
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Expr(value=ast.Call(func=ast.Name(id="assert_never"))):
            return True
        case ast.AnnAssign(value=None):
            return True
    return False


def _can_go(node: ast.stmt, above: Sequence[ast.AST]) -> bool:
    """Say whether a statement may be left out so that what is left can still run."""
    match node:
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Continue() | ast.Break() | ast.Delete():
            return True
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            return True
        case ast.Assign(targets=[ast.Name(id=name)]):
            function = next((one for one in reversed(above) if isinstance(one, ast.FunctionDef)), None)
            return function is not None and _is_set_before(name, node, function)
        case ast.Return():
            return not isinstance(above[-1], ast.FunctionDef)
    return False


def _is_set_before(name: str, assignment: ast.stmt, function: ast.FunctionDef) -> bool:
    names = (one for one in ast.walk(function) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store))
    arguments = (one.arg for one in ast.walk(function.args) if isinstance(one, ast.arg))
    return name in arguments or any(one.id == name and one.lineno < assignment.lineno for one in names)


def _replaced(whole: ast.AST, place: ast.AST, instead: ast.AST) -> ast.AST:
    if whole is place:
        return instead
    # A copy that has the other node in the place of the one, which is told apart by being itself.
    return copy.deepcopy(whole, {id(place): instead})
