"""Depth: what happens to a plan that is nested more deeply than a store can follow."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from crmkit.errors import Unsupported

__all__ = ["followed"]

P = ParamSpec("P")
T = TypeVar("T")


def followed(work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Decorate a unit's method that takes a plan, so that one that is nested too deeply is refused.

    Raises:
        Unsupported: Python's stack does not suffice to follow the plan.
    """

    @wraps(work)
    async def follow(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await work(*args, **kwargs)
        except RecursionError:
            raise Unsupported(
                "the expression is nested too deeply for this store.", hint="Ask in several smaller steps."
            ) from None

    return follow
