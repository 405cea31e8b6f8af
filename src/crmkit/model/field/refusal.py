"""Refusals: how a field says that it does not accept a value."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from crmkit.errors import Problem

if TYPE_CHECKING:
    from crmkit.model.field.field import Field

__all__ = ["FAILURES", "listed", "several", "tried", "typed", "unreadable"]

FAILURES: Final = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError)
"""What a kind's own code may raise on hostile input, besides `Problem`."""


def typed(value: Any, wanted: type[Any], words: str, hint: str = "") -> Any:
    """Return a value that is of a type.

    Raises:
        Problem: it is not.
    """
    if not isinstance(value, wanted):
        raise Problem("wrong_type", f"expects {words}, not {type(value).__name__}.", hint=hint)
    return value


def several(found: Iterable[Problem]) -> Problem:
    """Return one problem to raise for all of these, each with its place: the first, which lists them all.

    >>> listed(several(Problem("blank", "is blank.", field=f"tags[{place}]") for place in (0, 2)))
    (Problem('tags[0]: is blank.'), Problem('tags[2]: is blank.'))
    """
    problems = tuple(found)
    first = problems[0].at(problems[0].field)
    first.problems = problems
    return first


def listed(problem: Problem, name: str = "") -> tuple[Problem, ...]:
    """Return all that a problem lists, or itself; placed at `name` if it has no place yet."""
    return problem.problems or ((problem if problem.field else problem.at(name)),)


def tried(field: Field, step: Callable[[Any], Any], value: Any) -> Any:
    """Return what a step of a field makes of a value; whatever the kind's code raises becomes a problem of the field.

    Raises:
        Problem: the step raised one, or failed, as kinds of products may on input that they did not foresee.
    """
    try:
        return step(value)
    except Problem as problem:
        raise several(listed(problem, field.name)) from None
    except FAILURES as error:
        raise unreadable(field, error) from error


def unreadable(field: Field, error: Exception) -> Problem:
    """Return what to say of a value at which a kind's own code failed; the error stays its cause."""
    problem = Problem("unreadable", f"cannot be read as {field.described}.", field=field.name)
    problem.__cause__ = error
    return problem
