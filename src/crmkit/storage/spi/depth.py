"""Depth: what happens to a plan that is nested more deeply than a store can follow."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, TypeVar, cast

from crmkit.errors import Unsupported

__all__ = ["followed"]

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
            raise Unsupported(
                "the expression is nested too deeply for this store.", hint="Ask in several smaller steps."
            ) from None

    return cast("Work", follow)
