"""How the kit runs its tests: each is one `async def`, stepped or run in a loop as the store's colour asks."""

from __future__ import annotations

import asyncio
import functools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from unittest import SkipTest

from crmkit.testing.ground import Ground

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from crmkit.storage.spi.store import Feature, Store

__all__ = ["Maker", "driven", "on_ground", "step"]

T = TypeVar("T")


class Maker(Protocol):
    """What a suite offers to its tests."""

    async def make_store(self) -> Store:
        """Return a store that was not prepared yet."""
        ...


def step(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends to its end.

    Raises:
        AssertionError: it suspended.
    """
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise AssertionError("a coroutine of a store suspended, though the store does not declare io='asyncio'")


@contextmanager
def on_ground(suite: Maker) -> Generator[tuple[Ground, Callable[[Coroutine[Any, Any, Any]], Any]]]:
    """Make and prepare a store; give the ground to test on, and what runs a coroutine there."""
    with asyncio.Runner() as runner:
        store = runner.run(suite.make_store())
        run: Callable[[Coroutine[Any, Any, Any]], Any] = runner.run if store.io == "asyncio" else step
        # A suite of some of the kit's classes need not say how a host begins.
        ground = Ground(store, begin_host=getattr(suite, "begin_host", None))
        try:
            run(ground.prepare())
            yield ground, run
        finally:
            run(store.close())


def driven(*needs: Feature) -> Callable[[Callable[[Any, Ground], Coroutine[Any, Any, None]]], Callable[[Any], None]]:
    """Make a test of a suite out of an `async def` that is given the ground.

    Args:
        needs: features without which the store need not pass; the test then says that it was skipped.
    """

    def decorate(body: Callable[[Any, Ground], Coroutine[Any, Any, None]]) -> Callable[[Any], None]:
        @functools.wraps(body)
        def run_body(self: Maker) -> None:
            with on_ground(self) as (ground, run):
                lacking = [feature.value for feature in needs if feature not in ground.store.features]
                if lacking:
                    raise SkipTest(f"the store does not declare {', '.join(lacking)}")
                run(body(self, ground))

        del run_body.__wrapped__  # else pytest would look for a fixture called ground
        return run_body

    return decorate
