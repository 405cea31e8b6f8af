"""The expression language as a user writes it: a closed set of nodes, with no behaviour but how they combine.

```text
truth     Always  Compare  OneOf  Missing  StartsWith  Contains  Has  Reaches  Counts  And  Or  Not
subject   Ref
value     a literal, Me, Moment
```

`Expr` is what users annotate and combine; `Node` is the union of the classes that it can be. `closed` leads from one to
the other, so that a reader which matches on a `Node` and ends in `assert_never` is told by the type checkers when a
class joins the union. `crmkit.expr.table` says how each one is written.

Expressions are two-valued. Any test of a missing value is false; `~p` is true exactly where `p` is
false. So `~(f.amount > 10)` also finds the records without an amount.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from enum import Enum, unique
from typing import Any, Final, NoReturn, TypeAlias, TypeGuard, get_args

import attrs

from crmkit.errors import BadExpression

__all__ = [
    "FLIPPED",
    "ME",
    "NEGATED",
    "Always",
    "And",
    "Compare",
    "Contains",
    "Counts",
    "Expr",
    "Has",
    "Me",
    "Missing",
    "Moment",
    "Node",
    "Not",
    "OneOf",
    "Op",
    "Or",
    "Quantifier",
    "Reaches",
    "Ref",
    "StartsWith",
    "all_of",
    "any_of",
    "closed",
]


@unique
class Op(Enum):
    """The six comparisons."""

    __hash__ = object.__hash__  # part of what each plan is looked up by; Enum's own hash is a function in Python

    EQ = "=="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="

    def apply(self, left: Any, right: Any) -> Any:
        """Return what Python's operator makes of two values.

        >>> Op.LE.apply(1, 2)
        True
        """
        return _APPLY[self](left, right)


_APPLY: Final[Mapping[Op, Callable[[Any, Any], Any]]] = {
    Op.EQ: operator.eq, Op.NE: operator.ne, Op.LT: operator.lt,
    Op.LE: operator.le, Op.GT: operator.gt, Op.GE: operator.ge,
}  # fmt: skip

NEGATED: Final[Mapping[Op, Op]] = {
    Op.EQ: Op.NE, Op.NE: Op.EQ, Op.LT: Op.GE, Op.GE: Op.LT, Op.GT: Op.LE, Op.LE: Op.GT,
}  # fmt: skip
"""For each comparison the one that is true, of values that are present, where it is false."""

FLIPPED: Final[Mapping[Op, Op]] = {
    Op.EQ: Op.EQ, Op.NE: Op.NE, Op.LT: Op.GT, Op.GT: Op.LT, Op.LE: Op.GE, Op.GE: Op.LE,
}  # fmt: skip
"""For each comparison the one that says the same with its sides exchanged."""


@unique
class Quantifier(Enum):
    """How many of the related records must satisfy an expression."""

    ANY = "any"
    ALL = "all"
    NONE = "none"


class Expr:
    """Something that is true or false of a record; combine with `&`, `|` and `~`.

    An object with a true attribute `joins_expressions`, such as a segment, does the combining itself.
    """

    __slots__ = ()

    def __and__(self, other: Expr) -> Expr:
        if getattr(other, "joins_expressions", False):
            return NotImplemented
        return And((*_parts(And, self), *_parts(And, _operand(other))))

    def __or__(self, other: Expr) -> Expr:
        if getattr(other, "joins_expressions", False):
            return NotImplemented
        return Or((*_parts(Or, self), *_parts(Or, _operand(other))))

    def __rand__(self, other: object) -> Expr:
        return _operand(other) & self

    def __ror__(self, other: object) -> Expr:
        return _operand(other) | self

    def __invert__(self) -> Expr:
        return self.item if isinstance(self, Not) else Not(self)

    def __bool__(self) -> NoReturn:
        raise BadExpression(
            "an expression is neither true nor false until a store or evaluate() reads it.",
            hint="Write & for and, | for or, ~ for not, each side in parentheses.",
        )


def _operand(value: object) -> Expr:
    if isinstance(value, Expr | Ref):
        return closed(value)
    raise BadExpression(
        f"& and | join expressions, not {type(value).__name__}.", hint="Put each comparison in parentheses."
    )


def _parts(kind: type[And | Or], expr: Expr) -> tuple[Expr, ...]:
    return expr.items if isinstance(expr, kind) else (expr,)


def all_of(tests: Iterable[Expr]) -> Expr:
    """Return that all of these hold, as `&` between each two would say it, but without making what lies between."""
    return _joined(And, tests)


def any_of(tests: Iterable[Expr]) -> Expr:
    """Return that one of these holds, as `|` between each two would say it."""
    return _joined(Or, tests)


def _joined(kind: type[And | Or], tests: Iterable[Expr]) -> Expr:
    several = tuple(tests)
    return several[0] if len(several) == 1 else kind(tuple(part for test in several for part in _parts(kind, test)))


def closed(expr: object) -> Node:
    """Return an expression as the node it is.

    Raises:
        BadExpression: it is not an expression, or is of a class that this module does not define.

    >>> closed(3)
    Traceback (most recent call last):
    ...
    crmkit.errors.BadExpression: int is not an expression. Write one with f, as in f.name == "Acme".
    """
    if _is_node(expr):
        return expr
    if isinstance(expr, Ref):
        raise BadExpression(f"{expr.text} alone is not a test.", hint=f"Compare it, as in {expr.text} == True.")
    if isinstance(expr, Expr):
        raise BadExpression(
            f"{type(expr).__name__} is not one of the classes of expressions.",
            hint="Combine those that f makes; new ones cannot be added from outside.",
        )
    raise BadExpression(
        f"{type(expr).__name__} is not an expression.", hint='Write one with f, as in f.name == "Acme".'
    )


def _is_node(expr: object) -> TypeGuard[Node]:
    return type(expr) in _NODES


def _held(expr: Expr) -> Node:
    return closed(expr)


def _all_held(items: Iterable[Expr]) -> tuple[Node, ...]:
    return tuple(map(closed, items))


@attrs.frozen(order=False)
class Ref:
    """A field, by the names that lead to it: `("customer", "country")`.

    It is made by attribute access on `f` (see `crmkit.expr.build`). By itself it is not an expression.
    """

    path: tuple[str, ...]

    @property
    def text(self) -> str:
        """The reference as a person writes it."""
        return ".".join(("f", *self.path))


ME: Final = ("id", "key", "team_id", "team_ids")
"""The facts about an actor that expressions may name."""


def _fact(_: object, __: attrs.Attribute[str], name: str) -> None:
    if name not in ME:
        raise BadExpression(f"me.{str(name)[:40]} is not known.", hint=f"There is: {', '.join(ME)}.")


@attrs.frozen
class Me:
    """A fact about the actor who asks: `me.id`, `me.team_ids`. No other attribute is ever read.

    Raises:
        BadExpression: there is no such fact.
    """

    name: str = attrs.field(validator=_fact)


@attrs.frozen
class Moment:
    """A point in time relative to when the expression is read.

    Attributes:
        of_day: whether it is a calendar day rather than an instant.
        offset: what is added to now, or whole days that are added to today.
    """

    of_day: bool = False
    offset: timedelta = timedelta()


@attrs.frozen
class Always(Expr):
    """True of every record, or of no record."""

    value: bool


@attrs.frozen
class Compare(Expr):
    """A value is present, and compares so with another."""

    ref: Ref
    op: Op
    value: Any


@attrs.frozen
class OneOf(Expr):
    """A value is present, and is among these; `values` may be a single `Me` that stands for several."""

    ref: Ref
    values: tuple[Any, ...] | Me


@attrs.frozen
class Missing(Expr):
    """A value is missing, or the way to it is."""

    ref: Ref


@attrs.frozen
class StartsWith(Expr):
    """A text is present and begins so, case aside."""

    ref: Ref
    text: Any


@attrs.frozen
class Contains(Expr):
    """A text is present and holds this anywhere, case aside."""

    ref: Ref
    text: Any


@attrs.frozen
class Has(Expr):
    """A tag is among the tags."""

    ref: Ref
    tag: Any


@attrs.frozen
class Reaches(Expr):
    """Any, all or none of the related records satisfy an expression; all and none also hold where there are none."""

    ref: Ref
    quantifier: Quantifier
    where: Node = attrs.field(converter=_held)


@attrs.frozen
class Counts(Expr):
    """The number of related records that satisfy an expression compares so with a number."""

    ref: Ref
    where: Node = attrs.field(converter=_held)
    op: Op
    number: int


@attrs.frozen
class And(Expr):
    """Every one holds."""

    items: tuple[Node, ...] = attrs.field(converter=_all_held)


@attrs.frozen
class Or(Expr):
    """At least one holds."""

    items: tuple[Node, ...] = attrs.field(converter=_all_held)


@attrs.frozen
class Not(Expr):
    """It does not hold."""

    item: Node = attrs.field(converter=_held)


Node: TypeAlias = Always | Compare | OneOf | Missing | StartsWith | Contains | Has | Reaches | Counts | And | Or | Not
"""The closed set of nodes: every expression is one of these."""

_NODES: Final = frozenset(get_args(Node))
