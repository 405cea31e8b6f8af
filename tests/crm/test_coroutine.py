"""What would really wait is refused where there is no event loop, however it would."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from crmkit import Unsupported
from crmkit.crm.coroutine import run, step_into, step_through


async def sleep():
    await asyncio.sleep(0.01)


async def give_way():
    await asyncio.sleep(0)


async def wait_in_a_thread():
    await asyncio.to_thread(int)


async def limit_the_time():
    async with asyncio.timeout(1):
        await asyncio.sleep(0)


async def ask_for_the_loop():
    asyncio.get_running_loop()


async def wait_for_an_event():
    await asyncio.Event().wait()


async def wait_in_a_queue():
    await asyncio.Queue[int]().get()


WAITS = [sleep, give_way, wait_in_a_thread, limit_the_time, ask_for_the_loop, wait_for_an_event, wait_in_a_queue]
REFUSED = r"this call needs a running event loop. Use aconnect\(\) and await the calls."


@pytest.mark.parametrize("wait", WAITS)
def test_a_call_that_waits_is_refused(wait):
    with pytest.raises(Unsupported, match=REFUSED):
        run(wait())


def test_so_it_is_within_the_loop_of_somebody_else():
    async def within() -> None:
        run(sleep())

    with pytest.raises(Unsupported, match=REFUSED):
        asyncio.run(within())


@pytest.mark.parametrize("wait", WAITS)
def test_a_generator_that_waits_is_refused_after_what_it_gave(wait):
    async def numbers():
        yield 1
        await wait()
        yield 2

    found = step_through(numbers())
    assert next(found) == 1
    with pytest.raises(Unsupported, match=REFUSED):
        next(found)


@pytest.mark.parametrize("wait", WAITS)
def test_a_context_manager_that_waits_is_refused(wait):
    @asynccontextmanager
    async def held():
        await wait()
        yield

    with pytest.raises(Unsupported, match=REFUSED), step_into(held()):
        pass


@pytest.mark.parametrize(
    "error",
    [RuntimeError("no running engine"), RuntimeError(), ValueError("no running event loop"), AttributeError("x")],
)
def test_any_other_error_stays_what_it_is(error):
    async def fail():
        raise error

    with pytest.raises(type(error)) as caught:
        run(fail())
    assert caught.value is error
