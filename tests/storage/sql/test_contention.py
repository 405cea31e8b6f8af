"""Several writers at once: nobody's work is lost, and nobody waits for a reader."""

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor

from crmkit.expr.core import Compare
from crmkit.expr.nodes import Op
from crmkit.storage.spi import Patch, Query
from crmkit.storage.sql.sqlite.store import open_sqlite
from crmkit.testing.drive import step
from crmkit.values.identifier import uuid_of_int
from tests.storage.sql.shop import CATALOG, FIRM, Firm, add, ids, mine, numbers, row

ONE = mine(Compare("id", Op.EQ, uuid_of_int(1)))


async def raise_score(store, times):
    """Add one to a score so many times, each time as a versioned update that is repeated until it wins."""
    won = 0
    while won < times:
        unit = await store.begin()
        try:
            ((version, score),) = await unit.fetch(Query(FIRM, ONE, ("version", "score")))
            same = mine(Compare("id", Op.EQ, uuid_of_int(1)), Compare("version", Op.EQ, version))
            won += await unit.patch(Patch(FIRM, same, {"version": version + 1, "score": score + 1}))
            await unit.commit()
        finally:
            await unit.rollback()


async def score(store):
    unit = await store.begin()
    found = await unit.fetch(Query(FIRM, ONE, ("version", "score")))
    await unit.commit()
    return found


def test_threads_that_update_one_record(sqlite_url):
    for url in (sqlite_url, "sqlite://"):
        store = open_sqlite(url, busy_timeout=30)
        step(store.prepare(CATALOG, create=True))
        step(add(store, Firm(name="n", score=0)))
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda _, store=store: step(raise_score(store, 25)), range(4)))
        assert step(score(store)) == [(101, 100)]
        step(store.close())


def _update(url, times):
    store = open_sqlite(url, busy_timeout=30)
    step(store.prepare(CATALOG, create=False))
    step(raise_score(store, times))
    step(store.close())


def test_processes_that_update_one_record(sqlite_url, store):
    step(add(store, Firm(name="n", score=0)))
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_update, args=(sqlite_url, 20)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert step(score(store)) == [(61, 60)]


def test_readers_go_on_while_somebody_writes(store):
    step(add(store, Firm(name="n")))

    async def write_slowly(begun, done):
        unit = await store.begin()
        await unit.insert(FIRM, [row(Firm(name="n"), 2)])
        begun.set()
        done.wait()
        await unit.commit()

    begun, done = threading.Event(), threading.Event()
    writer = threading.Thread(target=lambda: step(write_slowly(begun, done)))
    writer.start()
    begun.wait()
    assert step(numbers(store, ids())) == [1]
    done.set()
    writer.join()
    assert step(numbers(store, ids())) == [1, 2]
