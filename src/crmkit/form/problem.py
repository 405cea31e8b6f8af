"""What is wrong with a document: every mistake at its path, in one error of the caller's class."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from cattrs.errors import AttributeValidationNote, BaseValidationError, IterableValidationNote

from crmkit.errors import CrmError, Problem

__all__ = ["Problems", "problems_in", "refusal"]

_SHOWN: Final = 20
"""A message that lists more does not help anybody; `problems` holds them all."""


class Problems(Exception):
    """Everything that is wrong with one object of a document; the `field` of each is a path that begins there."""

    def __init__(self, found: Iterable[Problem]) -> None:
        self.found = tuple(found)
        super().__init__(*self.found)


def problems_in(error: Exception, keys: Mapping[str, str] | None = None) -> Iterator[Problem]:
    """Yield what an error says, each problem with its path from where the error was caught.

    Args:
        error: what a hook raised.
        keys: the keys of attributes whose name in the document is another one.
    """
    match error:
        case Problem():
            yield error
        case Problems():
            yield from error.found
        case BaseValidationError():
            for each in error.exceptions:
                step = _step(each, keys or {})
                yield from (problem.at(step + problem.field) for problem in problems_in(each))
        case CrmError() if error.problems:
            yield from (problem.at(f".{problem.field}" if problem.field else "") for problem in error.problems)
        case CrmError():
            yield Problem(error.code, f"is refused: {error.message}", hint=error.hint)
        case RecursionError():
            yield Problem("too_deep", "is nested too deep.")
        case _:
            raise error


def _step(error: Exception, keys: Mapping[str, str]) -> str:
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return f".{keys.get(note.name, note.name)}"
        if isinstance(note, IterableValidationNote):
            return f"[{note.index}]"
    return ""


def refusal(error: type[CrmError], problems: Iterable[Problem], root: str = "$") -> CrmError:
    """Return the error that lists all of these, with the path of each.

    >>> from crmkit.errors import BadDefinition
    >>> wrong = [Problem("a", "is null.", field=".name"), Problem("b", "is true.", hint="Write 1.", field=".steps")]
    >>> refusal(BadDefinition, wrong)
    BadDefinition('$.name is null.; $.steps is true. Write 1.')
    """
    found = tuple(problem.at(root + problem.field) for problem in problems)
    shown = [f"{problem.field} {problem.message}" for problem in found[:_SHOWN]]
    if len(found) == 1:
        made = error(shown[0], hint=found[0].hint)
    else:
        lines = [f"{line} {problem.hint}".rstrip() for line, problem in zip(shown, found, strict=False)]
        more = [f"and {len(found) - _SHOWN} more."] if len(found) > _SHOWN else []
        made = error("; ".join([*lines, *more]))
    made.problems = found
    return made
