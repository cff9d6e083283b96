"""The small changes that a program can be drawn from: what could be changed in a text, and to what.

The kinds are those of real mistakes: a condition, a bound, a unit, two arguments in each other's place, a
line left out. What can't change the program's outcome is not drawn: docstrings, annotations, `__slots__`,
decorators (their numbers are sizes of caches), calls that only log, and arguments of min and max.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

KINDS = ("condition", "bound", "unit", "arguments", "line")

NEGATED = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
SHIFTED = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
FACTORS = {60, 1000, 1_000_000, 1024, 3600}
"""Numbers that turn one unit into another."""

ORDERLESS = {"min", "max", "isinstance"}
"""The first two mean the same in any order. With the third, any test that comes there is red."""

LEFT_OUT = (ast.AugAssign, ast.Raise, ast.Delete, ast.Continue, ast.Break)
"""Statements whose absence leaves a program that runs. Without an assignment to a name, hardly any would."""


@dataclass(frozen=True)
class Change:
    """Another text in the place of a part of a file's text."""

    kind: str
    path: str
    line: int
    """Counted from 1."""

    start: int
    end: int
    """The part, in bytes of UTF-8, as ast counts."""

    new: str

    def applied(self, text: str) -> str:
        """Return the file's text with the change."""
        data = text.encode()
        return (data[: self.start] + self.new.encode() + data[self.end :]).decode()

    def is_none(self, text: str) -> bool:
        """Tell whether the program stays the same, as with two arguments that are the same one."""
        return ast.dump(ast.parse(self.applied(text))) == ast.dump(ast.parse(text))

    def told(self, text: str) -> str:
        """Return the change on one line: what stood there, and what stands there now."""
        old = text.encode()[self.start : self.end].decode()
        return f"{self.path}:{self.line} {self.kind}: {_one_line(old)}  →  {_one_line(self.new)}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def changes(path: str, text: str) -> list[Change]:
    """Return every change that may be drawn in a file, in the order of the text."""
    starts = [0]
    for line in text.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = []
    for node in _drawable(ast.parse(text)):
        first, last = starts[node.lineno - 1], starts[(node.end_lineno or 0) - 1]
        start, end = first + node.col_offset, last + (node.end_col_offset or 0)
        found += [Change(kind, path, node.lineno, start, end, new) for kind, new in _variants(node)]
    return sorted(found, key=lambda change: (change.start, change.end, change.new))


def _drawable(node: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """Yield what may be changed below a node."""
    for name, field in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "format_spec"):
            continue
        for child in field if isinstance(field, list) else [field]:
            if isinstance(child, ast.AST) and not _is_mute(child):
                if isinstance(child, ast.expr | ast.stmt):
                    yield child
                yield from _drawable(child)


def _is_mute(node: ast.AST) -> bool:
    """Return whether a node changes no outcome: a docstring, `__slots__`, a line of the log."""
    match node:
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Assign(targets=[ast.Name(id="__slots__")]):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="logger")))):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")) | ast.Import() | ast.ImportFrom() | ast.JoinedStr():
            return True
    return False


def _variants(node: ast.expr | ast.stmt) -> Iterator[tuple[str, str]]:
    """Yield the kinds of changes of a node, each with the node's new text."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in NEGATED:
            yield "condition", _with(node, ops=[NEGATED[type(op)]()])
        case ast.Compare(ops=[op]) if type(op) in SHIFTED:
            yield "bound", _with(node, ops=[SHIFTED[type(op)]()])
        case ast.BoolOp(op=ast.And()):
            yield "condition", _with(node, op=ast.Or())
        case ast.BoolOp(op=ast.Or()):
            yield "condition", _with(node, op=ast.And())
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "condition", f"({ast.unparse(operand)})"
        case ast.IfExp(body=body, orelse=orelse):
            yield "condition", _with(node, body=orelse, orelse=body)
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            yield from _other_numbers(value)
        case ast.BinOp(op=ast.Mult() | ast.Div() | ast.FloorDiv(), right=ast.Constant(value=value)) if (
            value in FACTORS
        ):
            yield "unit", f"({ast.unparse(node.left)})"
        case ast.Call(args=[first, second, *others]) if _has_an_order(node):
            yield "arguments", _with(node, args=[second, first, *others])
        case _ if isinstance(node, LEFT_OUT) or _is_done_for_its_effect(node):
            yield "line", "pass"


def _with(node: ast.expr, **fields: object) -> str:
    """Return the text of a node with other fields."""
    other = copy.deepcopy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return ast.unparse(other)


def _other_numbers(value: float) -> Iterator[tuple[str, str]]:
    if isinstance(value, int):
        yield "bound", str(value + 1)
    if value in FACTORS:
        yield "unit", "1"
    elif value > 1:
        yield "unit", str(value * 1000)


def _has_an_order(call: ast.Call) -> bool:
    """Return whether the first two arguments could stand in each other's place, and mean something else."""
    is_unpacked = any(isinstance(argument, ast.Starred) for argument in call.args[:2])
    return not is_unpacked and ast.unparse(call.func) not in ORDERLESS


def _is_done_for_its_effect(node: ast.expr | ast.stmt) -> bool:
    match node:
        case ast.Expr():
            return True
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            return True
    return False
