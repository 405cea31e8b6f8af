"""Depth: what happens to a plan that is nested more deeply than a store can follow."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from crmkit.errors import Unsupported

__all__ = ["bounded", "followed"]

P = ParamSpec("P")
T = TypeVar("T")
Work = TypeVar("Work", bound=Callable[..., Coroutine[Any, Any, Any]])


def followed(work: Work) -> Work:
    """Decorate a unit's method that takes a plan, so that one that is nested too deeply is refused.

    Raises:
        Unsupported: Python's stack does not suffice to follow the plan.
    """

    @wraps(work)
    async def follow(*args: Any, **kwargs: Any) -> Any:
        try:
            return await work(*args, **kwargs)
        except RecursionError:
            raise _too_deep() from None

    return cast("Work", follow)


def bounded(work: Callable[P, T]) -> Callable[P, T]:
    """Decorate what compiles a plan, as `followed` does a unit's method; it costs each call much less.

    Raises:
        Unsupported: as for `followed`.
    """

    @wraps(work)
    def follow(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return work(*args, **kwargs)
        except RecursionError:
            raise _too_deep() from None

    return follow


def _too_deep() -> Unsupported:
    return Unsupported("the expression is nested too deeply for this store.", hint="Ask in several smaller steps.")
