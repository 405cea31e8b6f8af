"""Conditions, put together the way SQLAlchemy needs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, false, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import Boolean

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler

__all__ = ["joined"]

_WIDEST: Final = 64
"""More conditions than these are joined in groups: databases bound how deep `a OR b OR c` may be nested."""


def joined(
    join: Callable[..., ColumnElement[bool]], items: Sequence[ColumnElement[bool]], *, empty: bool
) -> ColumnElement[bool]:
    """Return conditions joined by `and_` or `or_`; `empty` is what none of them means."""
    if len(items) <= _WIDEST:
        return join(true() if empty else false(), *items)
    size = max(_WIDEST, -(-len(items) // _WIDEST))
    groups = [_Parentheses(joined(join, items[at : at + size], empty=empty)) for at in range(0, len(items), size)]
    return joined(join, groups, empty=empty)


class _Parentheses(ColumnElement[bool]):
    """A condition in parentheses that SQLAlchemy does not take for superfluous."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, inner: ColumnElement[bool]) -> None:
        self.inner = inner


@compiles(_Parentheses)
def _compile_parentheses(element: _Parentheses, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(element.inner, **options)})"
