"""`f`, `me` and the relative moments: how expressions are written in Python.

>>> from crmkit.expr.form.show import show
>>> show((f.amount > 10) & ~f.owner_id.missing())
'(f.amount > 10) & ~f.owner_id.missing()'
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, NoReturn, TypeVar, cast

import attrs

from crmkit.errors import BadExpression
from crmkit.expr.node import (
    Always,
    Compare,
    Contains,
    Counts,
    Expr,
    Has,
    Me,
    Missing,
    Moment,
    OneOf,
    Op,
    Quantifier,
    Reaches,
    Ref,
    StartsWith,
    all_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "Counted",
    "Include",
    "Name",
    "Sort",
    "ago",
    "ahead",
    "days",
    "everything",
    "f",
    "hours",
    "me",
    "nothing",
    "now",
    "today",
]

T_co = TypeVar("T_co", covariant=True)

everything: Final[Expr] = Always(True)
"""True of every record."""
nothing: Final[Expr] = Always(False)
"""True of no record."""


@attrs.frozen
class Sort:
    """A field to order by.

    Attributes:
        ref: the field.
        descending: whether the greatest comes first.
        missing: where records without a value go; after all others unless it says `"first"`.
    """

    ref: Ref
    descending: bool = False
    missing: Literal["first", "last"] = "last"


@attrs.frozen(eq=False)
class Include:
    """Related records to fetch beside others; made by `f.contacts.where(...)` and `f.activities.first(3)`.

    Attributes:
        ref: the way to them.
        condition: which of them.
        number: how many for each record, at most; all if left out.
        order: what to sort them by, of their own fields; by id, which is by age, if left out.
    """

    ref: Ref
    condition: Expr = everything
    number: int | None = None
    order: Ref | Sort | Sequence[Ref | Sort] = ()

    def first(self, number: int, *, order: Ref | Sort | Sequence[Ref | Sort] = ()) -> Include:
        """Return the first few of them, of each record that they belong to; see `Name.first`."""
        return attrs.evolve(self, number=number, order=order)


class _Compared(Generic[T_co]):
    """What makes an expression when compared."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # comparing makes an expression, so it cannot be a key

    def _compare(self, op: Op, other: object) -> T_co:
        raise NotImplementedError

    def __eq__(self, other: object) -> T_co:  # type: ignore[override]  # the point of the language
        return self._compare(Op.EQ, other)

    def __ne__(self, other: object) -> T_co:  # type: ignore[override]  # the point of the language
        return self._compare(Op.NE, other)

    def __lt__(self, other: object) -> T_co:
        return self._compare(Op.LT, other)

    def __le__(self, other: object) -> T_co:
        return self._compare(Op.LE, other)

    def __gt__(self, other: object) -> T_co:
        return self._compare(Op.GT, other)

    def __ge__(self, other: object) -> T_co:
        return self._compare(Op.GE, other)


@attrs.frozen(eq=False, init=False, repr=False)
class Name(_Compared[Compare], Ref):
    """A field or a relation, named by attribute access: `f.customer.country`.

    Comparing it makes an expression. A field whose name is also a method here is reached by `f["count"]`.
    """

    def __init__(self, *path: str) -> None:
        object.__setattr__(self, "path", path)

    def __getattr__(self, name: str) -> Name:
        if name.startswith("__"):
            raise AttributeError(name)
        return Name(*self.path, name)

    def __getitem__(self, name: str) -> Name:
        if not isinstance(name, str):
            raise BadExpression(f"{self.text or 'f'}[...] takes a field's name, not {type(name).__name__}.")
        return Name(*self.path, name)

    def __repr__(self) -> str:
        return self.text

    # -- comparisons ---------------------------------------------------------------------------------------------------

    def _compare(self, op: Op, other: object) -> Compare:
        if other is None:
            raise BadExpression(
                f"{self.text} {op.value} None: nothing compares with None.", hint=f"Write {self.text}.missing()."
            )
        if isinstance(other, Ref):
            raise BadExpression(f"{self.text} {op.value} {other.text}: two fields cannot be compared with each other.")
        if isinstance(other, Expr | Counted | Sort):
            raise BadExpression(f"{self.text} {op.value} {type(other).__name__}: a field compares with a value.")
        return Compare(Ref(self.path), op, other)

    __hash__ = Ref.__hash__  # type: ignore[assignment]  # a name is a key as its path is

    def one_of(self, *values: Any) -> OneOf:
        """Return whether the value is present and among these; also takes one collection, or `me.team_ids`."""
        if len(values) == 1 and isinstance(values[0], Me):
            return OneOf(Ref(self.path), values[0])
        if len(values) == 1 and isinstance(values[0], list | tuple | set | frozenset):
            values = tuple(cast("Iterable[Any]", values[0]))
        if None in values:
            raise BadExpression(
                f"{self.text}.one_of(None): nothing compares with None.", hint=f"Add | {self.text}.missing()."
            )
        return OneOf(Ref(self.path), values)

    def missing(self) -> Missing:
        """Return whether there is no value, or no way to one."""
        return Missing(Ref(self.path))

    def starts_with(self, text: str) -> StartsWith:
        """Return whether the text begins so, case aside; the field must be declared with `search=True`."""
        return StartsWith(Ref(self.path), text)

    def contains(self, text: str) -> Contains:
        """Return whether the text holds this anywhere, case aside; the field must be declared with `search=True`."""
        return Contains(Ref(self.path), text)

    def has(self, tag: str, *more: str) -> Expr:
        """Return whether the tag is there; with several, whether all of them are."""
        return all_of(Has(Ref(self.path), each) for each in (tag, *more))

    # -- relations -----------------------------------------------------------------------------------------------------

    def any(self, where: Expr = everything) -> Reaches:
        """Return whether at least one related record satisfies this."""
        return Reaches(Ref(self.path), Quantifier.ANY, where)

    def all(self, where: Expr) -> Reaches:
        """Return whether no related record fails this; true where there is none."""
        return Reaches(Ref(self.path), Quantifier.ALL, where)

    def none(self, where: Expr = everything) -> Reaches:
        """Return whether no related record satisfies this."""
        return Reaches(Ref(self.path), Quantifier.NONE, where)

    def count(self, where: Expr = everything) -> Counted:
        """Return how many related records satisfy this; compare the result with a number."""
        return Counted(Ref(self.path), where)

    def where(self, condition: Expr) -> Include:
        """Return the related records of which this is true, to include them: `f.activities.where(f.kind == "call")`."""
        return Include(Ref(self.path), condition)

    def first(self, number: int, *, order: Ref | Sort | Sequence[Ref | Sort] = ()) -> Include:
        """Return the first few related records of each record, to include them: `f.contacts.first(3, order=f.name)`.

        Args:
            number: how many for each record, at most.
            order: what to sort them by, of their own fields; by id, which is by age, if left out.
        """
        return Include(Ref(self.path), number=number, order=order)

    # -- order ---------------------------------------------------------------------------------------------------------

    def __neg__(self) -> Sort:
        return Sort(Ref(self.path), descending=True)

    def asc(self, *, missing: Literal["first", "last"] = "last") -> Sort:
        """Return the order from the least to the greatest."""
        return Sort(Ref(self.path), missing=missing)

    def desc(self, *, missing: Literal["first", "last"] = "last") -> Sort:
        """Return the order from the greatest to the least."""
        return Sort(Ref(self.path), descending=True, missing=missing)

    # -- what Python would misread -------------------------------------------------------------------------------------

    def __bool__(self) -> NoReturn:
        raise BadExpression(
            f"{self.text or 'f'} is neither true nor false here.",
            hint="Write & for and, | for or, ~ for not, and compare a flag, as in f.active == True.",
        )

    def __and__(self, other: object) -> NoReturn:
        raise BadExpression(
            f"{self.text} alone is not a test, so & and | cannot join it.",
            hint='Put each comparison in parentheses, as in (f.stage == "won") & (f.active == True).',
        )

    __rand__ = __or__ = __ror__ = __and__

    def __contains__(self, value: object) -> NoReturn:
        raise BadExpression(
            f"'in {self.text}' cannot be read.",
            hint=f"Write {self.text}.has(...) for tags, {self.text}.contains(...) for text.",
        )

    def __iter__(self) -> NoReturn:
        raise BadExpression(f"{self.text} cannot be iterated.", hint=f"Write {self.text}.any(...) or .all(...).")


@attrs.frozen(eq=False)
class Counted(_Compared[Counts]):
    """The number of related records; it becomes an expression when compared."""

    ref: Ref
    where: Expr

    def _compare(self, op: Op, other: object) -> Counts:
        if type(other) is not int:
            raise BadExpression(f"{self.ref.text}.count() compares with a whole number, not {type(other).__name__}.")
        return Counts(self.ref, self.where, op, other)

    def __bool__(self) -> NoReturn:
        raise BadExpression("a count is not a test.", hint=f"Compare it, as in {self.ref.text}.count() > 0.")


class _Actor:
    """Facts about the actor, as values: `me.id`, `me.team_ids`, `me.key`."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Me:
        if name.startswith("__"):
            raise AttributeError(name)
        return Me(name)


f: Final = Name()
"""The record that an expression is about."""
me: Final = _Actor()
"""The actor who asks."""


def days(number: float) -> timedelta:
    """Return a span of days of 24 hours."""
    return timedelta(days=number)


def hours(number: float) -> timedelta:
    """Return a span of hours."""
    return timedelta(hours=number)


def now() -> Moment:
    """Return the instant at which the expression is read."""
    return Moment()


def ago(span: timedelta) -> Moment:
    """Return the instant that lies this long before the expression is read."""
    return Moment(offset=-_span(span))


def ahead(span: timedelta) -> Moment:
    """Return the instant that lies this long after the expression is read."""
    return Moment(offset=_span(span))


def _span(span: object) -> timedelta:
    if not isinstance(span, timedelta):
        raise BadExpression(f"a span of time is expected, not {type(span).__name__}.", hint="Write ago(days(90)).")
    return span


def today(offset: int = 0) -> Moment:
    """Return the day on which the expression is read, in the session's zone, plus a number of days."""
    if type(offset) is not int:
        raise BadExpression(f"today() takes a whole number of days, not {type(offset).__name__}.")
    try:
        return Moment(of_day=True, offset=timedelta(days=offset))
    except OverflowError:
        raise BadExpression("today() is given more days than the calendar has.") from None
