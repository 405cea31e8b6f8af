"""Cancelled tasks: every connection is given back at once, nothing is half done, and a commit is finished."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from crmkit import AsyncCrm, AsyncSession, CrmError, Customer, aconnect, f, system

job = system("test")
# A socket that is cancelled while it connects PyMongo leaves to the collector, and its pool counts it no more.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed (<socket|transport):ResourceWarning")
ASYNC = pytest.mark.parametrize("store_url", ["sqlite", "mongo"], indirect=True)


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()  # here, where it is expected


async def count(crm: AsyncCrm) -> int:
    async with crm.session(job) as s:
        return await s.customers.count()


def idle(crm: AsyncCrm) -> bool:
    """Return whether every connection of the pool is in it; that of MongoDB tells by running dry, see `narrow`."""
    store: Any = crm.environment.store
    return not hasattr(store, "_engine") or store._engine.pool.checkedout() == 0


def narrow(store_url: str) -> str:
    """Return the address with no more connections than the tests need at a time."""
    return store_url + ("&maxPoolSize=5&waitQueueTimeoutMS=5000" if store_url.startswith("mongodb") else "")


@asynccontextmanager
async def cancelled(work: Any, steps: int = 1) -> AsyncIterator[None]:
    """Begin some work, and cancel it after so many turns of the loop."""
    task = asyncio.ensure_future(work)
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    yield


@ASYNC
def test_cancelled_tasks_give_their_connections_back(store_url: str) -> None:
    async def work(crm: AsyncCrm, name: str) -> None:
        async with crm.session(job) as s:
            await s.customers.count()
            await s.customers.add(Customer(name=name))

    async def main() -> None:
        chance = Random(3)
        async with aconnect(narrow(store_url)) as crm:
            for _ in range(40):
                tasks = [asyncio.create_task(work(crm, str(number))) for number in range(5)]
                await asyncio.sleep(chance.random() * 0.01)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                assert idle(crm)
            before = await count(crm)
            await work(crm, "after")  # nobody holds a lock any more
            assert await count(crm) == before + 1

    asyncio.run(main())


@ASYNC
def test_a_commit_that_is_cancelled_is_finished(store_url: str) -> None:
    async def main() -> None:
        async with aconnect(narrow(store_url)) as crm:
            async with crm.session(job) as s:
                await s.customers.add(Customer(name="Acme"))
                async with cancelled(s.commit()):
                    assert await count(crm) == 1
                await s.customers.add(Customer(name="Beta"))
            assert await count(crm) == 2

    asyncio.run(main())


@ASYNC
def test_leaving_a_session_is_finished_too(store_url: str) -> None:
    async def main() -> None:
        async with aconnect(narrow(store_url)) as crm:
            s: AsyncSession = await crm.session(job).__aenter__()
            await s.customers.add(Customer(name="Acme"))
            async with cancelled(s.__aexit__(None, None, None)):
                assert idle(crm)
                assert await count(crm) == 1

    asyncio.run(main())


@ASYNC
def test_after_a_cancelled_call_nothing_of_the_session_is_kept_unnoticed(store_url: str) -> None:
    async def main() -> None:
        async with aconnect(narrow(store_url)) as crm:
            with pytest.raises(CrmError, match="the whole session was undone"):
                async with crm.session(job) as s:
                    await s.customers.add(Customer(name="Before"))
                    async with cancelled(s.customers.add_many([Customer(name="a"), Customer(name="b")])):
                        for attempt in (s.customers.count, s.commit):
                            with pytest.raises(CrmError, match="the whole session was undone"):
                                await attempt()
            assert await count(crm) == 0
            async with crm.session(job) as s:
                await s.customers.add(Customer(name="Before"))
                async with cancelled(s.customers.add(Customer(name="Lost"))):
                    await s.rollback()
                await s.customers.add(Customer(name="After"))
            assert await count(crm) == 1
            assert idle(crm)

    asyncio.run(main())


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("steps", range(1, 12))
def test_a_nested_part_that_is_cancelled_is_undone_alone(store_url: str, steps: int) -> None:
    async def part(s: AsyncSession) -> None:
        async with s.nested():
            await s.customers.add(Customer(name="Undone"))
            await asyncio.sleep(60)

    async def main(*before: str) -> None:
        async with aconnect(narrow(store_url)) as crm:
            async with crm.session(job) as s:
                await s.customers.add_many(Customer(name=name) for name in before)
                async with cancelled(part(s), steps):
                    await s.customers.add(Customer(name="After"))
            async with crm.session(job) as s:
                assert await s.customers.exists(f.name == "After")
                assert not await s.customers.exists(f.name == "Undone")

    asyncio.run(main())
    asyncio.run(main("Before"))
