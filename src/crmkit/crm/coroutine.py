"""Running a coroutine that never suspends to its end, without an event loop.

Everything that talks to a store is written once, with `await`. A blocking store's coroutines do their work and return;
there is nothing to wait for, so one step finishes them.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from crmkit.errors import BadDefinition, Unsupported
from crmkit.repository.gate import THREAD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
    from contextlib import AbstractAsyncContextManager

__all__ = ["blocking", "run", "step_into", "step_through"]

T = TypeVar("T")
_NO_LOOP: Final = re.compile(r"no (running|current) event loop")
"""What asyncio says, in a plain `RuntimeError`, where something would wait outside of a loop."""


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns.

    Raises:
        Unsupported: it suspended, as those of an asyncio store do, or asked for the event loop.
    """
    gates = THREAD.shut
    before = len(gates)
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    except (RuntimeError, AttributeError) as error:
        if not _misses_loop(error):
            raise
        raise _needs_loop() from error
    finally:
        while len(gates) > before:  # those that were shut in between
            gates.pop().open()
    coroutine.close()
    raise _needs_loop()


def _misses_loop(error: RuntimeError | AttributeError) -> bool:
    if isinstance(error, AttributeError):  # asyncio's locks and queues take the loop, which is None, without a look
        return error.obj is None and error.name == "create_future"
    return _NO_LOOP.search(str(error)) is not None


def _needs_loop() -> Unsupported:
    return Unsupported("this call needs a running event loop.", hint="Use aconnect() and await the calls.")


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


@contextmanager
def step_into(manager: AbstractAsyncContextManager[T]) -> Generator[T, None, None]:
    """Enter an asynchronous context manager, and leave it."""
    value = run(manager.__aenter__())
    try:
        yield value
    except BaseException as error:
        if not run(manager.__aexit__(type(error), error, error.__traceback__)):
            raise
    else:
        run(manager.__aexit__(None, None, None))


def blocking(kind: Callable[[Any], T], inner: object) -> T:
    """Return the twin of an awaited object, given the class of the twin.

    Raises:
        BadDefinition: the class is the awaited one.
    """
    if kind is type(inner):
        raise BadDefinition(
            f"{type(inner).__name__} is awaited.", hint=f"Give {type(inner).__name__.removeprefix('Async')}."
        )
    return kind(inner)
