"""Running a coroutine that never suspends to its end, without an event loop.

Everything that talks to a store is written once, with `await`. A blocking store's coroutines do their work and return;
there is nothing to wait for, so one step finishes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from crmkit.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator
    from typing import Any

__all__ = ["run", "step_through"]

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns.

    Raises:
        Unsupported: it suspended, as those of an asyncio store do.
    """
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    coroutine.close()
    raise Unsupported("this store needs a running event loop.", hint="Use aconnect() and await the calls.")


def step_through(source: AsyncIterator[T]) -> Iterator[T]:
    """Yield what an asynchronous iterator yields."""

    async def following() -> T:
        return await anext(source)

    while True:
        try:
            item = run(following())
        except StopAsyncIteration:
            return
        yield item
