"""Statements: plans compiled to SQL text, one for each shape, and a bounded cache of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from sqlalchemy import Dialect as Compiling

    from crmkit.storage.sql.channel import Values

__all__ = ["Statement", "StatementCache", "compiled"]


@attrs.frozen
class Statement:
    """A plan as SQL text.

    Attributes:
        text: in the driver's own style of parameters.
        arrange: makes the driver's parameters of the values of a shape.
    """

    text: str
    arrange: Callable[[Sequence[Any]], Values]


class StatementCache:
    """The compiled statements most recently used; safe to share between threads.

    Args:
        size: how many are kept.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = Lock()
        self._held: OrderedDict[Hashable, Statement] = OrderedDict()

    def __len__(self) -> int:
        """Return how many statements are held."""
        return len(self._held)

    def get(self, shape: Hashable) -> Statement | None:
        """Return the statement of a shape, if it is held."""
        with self._lock:
            found = self._held.get(shape)
            if found is not None:
                self._held.move_to_end(shape)
            return found

    def keep(self, shape: Hashable, statement: Statement) -> Statement:
        """Hold the statement of a shape, and return it."""
        with self._lock:
            self._held[shape] = statement
            while len(self._held) > self._size:
                self._held.popitem(last=False)
        return statement


def compiled(statement: Any, parameters: int, compiling: Compiling) -> Statement:
    """Return a statement of SQLAlchemy's as SQL text.

    Args:
        statement: its parameters are named `p0`, `p1` and so on.
        parameters: how many values its shape has.
        compiling: SQLAlchemy's own dialect.
    """
    made = statement.compile(dialect=compiling)
    given = [f"p{place}" for place in range(parameters)]
    # SQLAlchemy adds parameters of its own, such as the 0 of "LIMIT ? OFFSET 0", and leaves out those beside a
    # condition that is always false.
    constants = [name for name in made.params if name not in given]
    added = [made.params[name] for name in constants]
    names = [*given, *constants]
    if made.positiontup is None:  # the driver takes parameters by name
        wanted = [(name, place) for place, name in enumerate(names) if name in made.params]
        return Statement(str(made), lambda values: _by_name(wanted, (*values, *added)))
    order = [names.index(name) for name in made.positiontup]
    if order != list(range(len(names))):
        return Statement(str(made), lambda values: [(*values, *added)[place] for place in order])
    return Statement(str(made), (lambda values: (*values, *added)) if added else tuple)


def _by_name(wanted: Sequence[tuple[str, int]], values: Sequence[Any]) -> dict[str, Any]:
    return {name: values[place] for name, place in wanted}
