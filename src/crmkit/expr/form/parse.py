"""Expressions that people type: the text form, read without evaluating it.

Python's own grammar does the reading, a short list of names and calls decides what may stand. Nothing else is looked up
or run. Because people type them, `and`, `or` and `not` are read as `&`, `|` and `~`, and a value may come first.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, Final

from crmkit.errors import BadExpression, Problem, near
from crmkit.expr.build import Counted, Name, everything, f, nothing
from crmkit.expr.form.show import is_plain
from crmkit.expr.form.typed_value import VALUE_NAMES, read_value
from crmkit.expr.limits import LIMITS, MAX_DIGITS, Limits, Meter, clean_source
from crmkit.expr.node import FLIPPED, Expr, Op, all_of, any_of
from crmkit.expr.table import ROWS

__all__ = ["parse"]

_OPS: Final[Mapping[type[ast.cmpop], Op]] = {
    ast.Eq: Op.EQ, ast.NotEq: Op.NE, ast.Lt: Op.LT, ast.LtE: Op.LE, ast.Gt: Op.GT, ast.GtE: Op.GE,
}  # fmt: skip
_JOINS: Final[Mapping[type[ast.AST], Callable[[Iterable[Expr]], Expr]]] = {
    ast.BitAnd: all_of,
    ast.And: all_of,
    ast.BitOr: any_of,
    ast.Or: any_of,
}
_CONSTANTS: Final[Mapping[str, Expr]] = {"everything": everything, "nothing": nothing}
_METHODS: Final = {method: row.relates for row in ROWS for method in row.methods}
"""The methods of a field, each with whether it takes tests of related records rather than values."""
_PARENTHESES: Final = "Put each comparison in parentheses, as in (f.a > 1) & (f.b == 2)."


def parse(text: str, *, limits: Limits = LIMITS) -> Expr:
    """Return the expression that a text spells; the inverse of `crmkit.expr.form.show.show`.

    Args:
        text: such as `f.amount > Money("10000", "EUR") and not f.owner_id.missing()`.
        limits: how large it may be.

    Raises:
        BadExpression: the text is not of the language; the message names line and column.

    >>> parse('f.stage == "won" and not f.tags.has("vip")') == (f.stage == "won") & ~f.tags.has("vip")
    True
    >>> parse('f.name.startswith("A")')
    Traceback (most recent call last):
    ...
    crmkit.errors.BadExpression: line 1, column 1: f.name has no test 'startswith'. Did you mean 'starts_with'?
    """
    return _Parser(clean_source(text, limits), limits).run()


class _Parser:
    def __init__(self, text: str, limits: Limits) -> None:
        self._text = text.strip()
        self._lines = re.split(r"\r\n|\r|\n", self._text)
        before = text[: len(text) - len(text.lstrip())]
        self._rows = before.count("\n")
        self._columns = len(before) - before.rfind("\n") - 1
        self._meter = Meter(limits)

    def run(self) -> Expr:
        if not self._text:
            raise BadExpression("the expression is empty.", hint="Write everything to mean every record.")
        try:
            tree = ast.parse(self._text, mode="eval")
        except SyntaxError as error:
            place = self._at(error.lineno or 1, max(error.offset or 1, 1))
            if "int_max_str_digits" in error.msg:
                raise BadExpression(f"{place}: a number has more than {MAX_DIGITS} digits.") from None
            raise BadExpression(f"{place}: {error.msg}.", hint="Write it as Python.") from None
        except (ValueError, RecursionError, MemoryError) as error:
            what = "cannot be read" if isinstance(error, ValueError) else "is nested too deep"
            raise BadExpression(f"the expression {what}.") from None
        return self._test(tree.body, 1)

    # -- tests ---------------------------------------------------------------------------------------------------------

    def _test(self, node: ast.expr, depth: int) -> Expr:
        try:
            self._meter.visit(depth)
        except Problem as problem:
            raise BadExpression(f"{self._place(node)} {problem.message}", hint=problem.hint) from None
        match node:
            case ast.BoolOp(op=op, values=parts):
                return self._join(op, parts, depth)
            case ast.BinOp(op=ast.BitAnd() | ast.BitOr() as op):
                return self._join(op, _spine(node), depth)
            case ast.UnaryOp(op=ast.Invert() | ast.Not(), operand=inner):
                return ~self._test(inner, depth + 1)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self._compare(node, left, op, right, depth)
            case ast.Compare():
                raise self._refuse(node, "a chain of comparisons cannot be read.", _PARENTHESES)
            case ast.Call(func=ast.Attribute() as method) if self._is_field(method.value):
                made = self._call(node, method, depth)
                if isinstance(made, Counted):
                    raise self._refuse(node, "a count is not a test.", "Compare it, as in f.contacts.count() > 0.")
                return made
            case ast.Name(id=name) if name in _CONSTANTS:
                return _CONSTANTS[name]
            case _:
                raise self._no_test(node)

    def _join(self, op: ast.AST, parts: list[ast.expr], depth: int) -> Expr:
        self._count(parts)
        return _JOINS[type(op)](self._test(part, depth + 1) for part in parts)

    def _compare(self, node: ast.Compare, left: ast.expr, op: ast.cmpop, right: ast.expr, depth: int) -> Expr:
        known = _OPS.get(type(op))
        if known is None:
            raise self._refuse(
                node, "in, not in and is cannot be read.", "Write .one_of(...), .has(...) or .missing()."
            )
        first, second = self._side(left, depth), self._side(right, depth)
        if not isinstance(first, Name | Counted):
            first, known, second = second, FLIPPED[known], first
        if not isinstance(first, Name | Counted):
            raise self._refuse(node, "this compares no field.", "Name one, as in f.amount > 1.")
        if isinstance(second, Name | Counted):
            raise self._refuse(node, "two fields cannot be compared with each other.")
        if first is f:
            raise self._refuse(node, "f alone is not a field.", "Name one, as in f.amount > 1.")
        with self._placed(node):
            # The language's own operators do the comparing: what they refuse is refused here, in the same words.
            made: Expr = known.apply(first, second)
        return made

    def _side(self, node: ast.expr, depth: int) -> Any:
        if self._is_field(node):
            return self._field(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and self._is_field(node.func.value):
            made = self._call(node, node.func, depth)
            if not isinstance(made, Counted):
                raise self._refuse(node, "a test is compared with nothing.", _PARENTHESES)
            return made
        if isinstance(node, ast.BinOp | ast.Compare | ast.BoolOp):
            raise self._refuse(node, "nothing is computed inside a comparison.", _PARENTHESES)
        return self._value(node)

    def _no_test(self, node: ast.expr) -> BadExpression:
        if self._is_field(node):
            shown = self._field(node).text
            return self._refuse(node, f"{shown} alone is not a test.", f"Compare it, as in {shown} == True.")
        match node:
            case ast.Name(id=name):
                return self._refuse(
                    node, f"{name[:40]!r} is not known here.", near(name[:40], ("f", *_CONSTANTS, *VALUE_NAMES))
                )
            case ast.Constant(value=bool()):
                return self._refuse(node, "a constant is not a test.", "Write everything or nothing.")
            case ast.Call(func=ast.Name(id=name)):
                return self._refuse(
                    node, f"{name[:40]}(...) is not a test.", "A test begins with f, as in f.tags.has(...)."
                )
            case _:
                return self._refuse(node, "this is not a test.", "A test begins with f, as in f.amount > 1.")

    # -- calls ---------------------------------------------------------------------------------------------------------

    def _call(self, node: ast.Call, method: ast.Attribute, depth: int) -> Expr | Counted:
        name = self._field(method.value)
        if method.attr not in _METHODS:
            raise self._refuse(node, f"{name.text} has no test {method.attr[:40]!r}.", near(method.attr[:40], _METHODS))
        if not name.path:
            raise self._refuse(node, f"f.{method.attr}(...) names no field.", f"Write f.name.{method.attr}(...).")
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            raise self._refuse(node, f"{method.attr}(...) takes plain arguments only.")
        self._count(node.args)
        if _METHODS[method.attr]:
            arguments: list[Any] = [self._test(argument, depth + 1) for argument in node.args]
        else:
            arguments = [self._value(argument) for argument in node.args]
        with self._placed(node):
            made: Expr | Counted = getattr(name, method.attr)(*arguments)
        return made

    # -- fields and values ---------------------------------------------------------------------------------------------

    @staticmethod
    def _is_field(node: ast.expr) -> bool:
        while isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        return isinstance(node, ast.Name) and node.id == "f"

    def _field(self, node: ast.expr) -> Name:
        steps: list[str] = []
        while not isinstance(node, ast.Name):
            match node:
                case ast.Attribute(value=inner, attr=name) if is_plain(name):
                    steps.append(name)
                case ast.Attribute(attr=name):
                    raise self._refuse(
                        node, f".{name[:40]} is not a field here.", f'Write ["{name[:40]}"] for the field.'
                    )
                case ast.Subscript(value=inner, slice=ast.Constant(value=str(name))):
                    steps.append(name)
                case _:
                    raise self._refuse(node, "f[...] takes a field's name as text.")
            node = inner
        return f if not steps else Name(*reversed(steps))

    def _value(self, node: ast.expr) -> Any:
        with self._placed(node):
            if isinstance(node, ast.Tuple | ast.List | ast.Set):
                self._count(node.elts)
                return tuple(read_value(element) for element in node.elts)
            return read_value(node)

    # -- places --------------------------------------------------------------------------------------------------------

    def _count(self, parts: list[ast.expr]) -> None:
        most = self._meter.limits.items
        if len(parts) > most:
            raise self._refuse(parts[most], f"this list has {len(parts)} entries, {most} at most.")

    def _place(self, node: ast.expr) -> str:
        # Python counts columns in bytes of UTF-8.
        line = self._lines[node.lineno - 1]
        column = node.col_offset if line.isascii() else len(line.encode()[: node.col_offset].decode())
        return self._at(node.lineno, column + 1)

    def _at(self, line: int, column: int) -> str:
        return f"line {line + self._rows}, column {column + (self._columns if line == 1 else 0)}"

    def _refuse(self, node: ast.expr, message: str, hint: str = "") -> BadExpression:
        return BadExpression(f"{self._place(node)}: {message}", hint=hint)

    @contextmanager
    def _placed(self, node: ast.expr) -> Generator[None]:
        try:
            yield
        except BadExpression as error:
            raise self._refuse(node, error.message, error.hint) from None
        except Problem as problem:
            raise self._refuse(node, f"the value {problem.message}", problem.hint) from None
        except TypeError:
            raise self._refuse(node, "these are not the arguments it takes.") from None


def _spine(node: ast.expr) -> list[ast.expr]:
    """Return all that one operator joins; Python nests `a & b & c` to the left, which is not nesting to people."""
    joined = type(node.op) if isinstance(node, ast.BinOp) else None
    parts: list[ast.expr] = []
    while isinstance(node, ast.BinOp) and type(node.op) is joined:
        parts.append(node.right)
        node = node.left
    parts.append(node)
    return parts[::-1]
