"""Cancelling: what a task that is cancelled must still finish, such as giving a connection back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from asyncio import CancelledError
    from collections.abc import Coroutine

__all__ = ["finished"]

T = TypeVar("T")


async def finished(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns. A task that is cancelled meanwhile learns of it once the coroutine has ended."""
    import asyncio  # here, as only those who await need it

    task = asyncio.ensure_future(work)
    cancelled: CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled from (None if task.cancelled() else task.exception())
    return task.result()
