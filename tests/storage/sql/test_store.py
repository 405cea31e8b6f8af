"""Opening: files, memory, a host's engine; blocking and asyncio."""

import asyncio
import gc
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qsl

import pytest
from sqlalchemy import URL, create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool, StaticPool

from crmkit.errors import Busy, StoreError, Unsupported
from crmkit.storage.spi import Feature, Store, Unit
from crmkit.storage.sql.sqlite.store import open_async_sqlite, open_sqlite
from crmkit.testing.drive import step
from tests.storage.sql.shop import CATALOG, FIRM, Firm, add, ids, numbers, row


def pragma(store, name):
    with store._engine.connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def test_a_store_says_what_it_is(store):
    typed: Store = store
    assert (typed.io, typed.features) == ("blocking", frozenset(Feature) - {Feature.JOIN})
    assert isinstance(step(store.begin()), Unit)
    assert set(store.metadata.tables) == {"firms", "people"}


def test_a_file_of_our_own_is_set_up(store):
    assert pragma(store, "journal_mode") == "wal"
    assert pragma(store, "synchronous") == 1
    assert pragma(store, "foreign_keys") == 1


@pytest.mark.parametrize("options", [{}, {"poolclass": NullPool}, {"isolation_level": "AUTOCOMMIT"}])
def test_a_host_s_engine_stays_the_host_s(tmp_path, options):
    engine = create_engine(f"sqlite:///{tmp_path / 'host.db'}", **options)
    store = open_sqlite(engine)
    step(store.prepare(CATALOG, create=True))
    step(add(store, Firm(name="n")))
    assert step(numbers(store, ids())) == [1]
    step(store.close())
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM firms")).scalar() == 1
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "delete"
    engine.dispose()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sqlite3 has no autocommit setting before Python 3.12")
def test_an_engine_that_begins_by_itself_is_refused(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'host.db'}", connect_args={"autocommit": False})
    store = open_sqlite(engine)
    step(store.prepare(CATALOG, create=True))
    with pytest.raises(StoreError, match="begin transactions by themselves"):
        step(numbers(store, ids()))
    engine.dispose()


def test_an_engine_with_one_connection_for_all_is_refused():
    with pytest.raises(StoreError, match="StaticPool"):
        open_sqlite(create_engine("sqlite://", poolclass=StaticPool))


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ("postgresql+psycopg://localhost/crm", Unsupported, "'postgresql'"),
        ("sqlite+aiosqlite:///crm.db", Unsupported, "asyncio"),
        ("nonsense", StoreError, "sqlite:///path"),
    ],
)
def test_other_addresses_are_refused(url, error, message):
    with pytest.raises(error, match=message):
        open_sqlite(url)


@pytest.mark.parametrize("place", ["/a\0b.db", "/crm.db?timeout=soon", "/crm.db?uri=maybe"])
def test_a_malformed_address_is_refused(place):
    for opener in (open_sqlite, open_async_sqlite):
        with pytest.raises(StoreError, match="address of the database is malformed"):
            opener(f"sqlite://{place}")


def test_a_driver_that_blocks_is_not_awaited():
    with pytest.raises(Unsupported, match=r"the driver of sqlite\+pysqlite blocks.*Use connect\(\)"):
        open_async_sqlite("sqlite+pysqlite:///crm.db")


# -- SQLite's own parameters -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["crm.db", "a b?c#d%20.db"])
@pytest.mark.parametrize("parameters", ["mode=ro", "mode=ro&uri=true", "mode=ro&immutable=1&timeout=1"])
def test_a_parameter_of_sqlite_s_counts(tmp_path, name, parameters):
    url = URL.create("sqlite", database=str(tmp_path / name))
    store = open_sqlite(url)
    step(store.prepare(CATALOG, create=True))
    step(add(store, Firm(name="n")))
    step(store.close())
    store = open_sqlite(url.set(query=dict(parse_qsl(parameters))))
    step(store.prepare(CATALOG, create=True))
    assert step(numbers(store, ids())) == [1]
    with pytest.raises(
        StoreError, match=r"SQLITE_READONLY: it can only be read\. Make the file and its folder writable"
    ):
        step(add(store, Firm(name="n")))
    step(store.close())
    assert {path.name for path in tmp_path.iterdir()} <= {name, f"{name}-wal", f"{name}-shm"}


def test_a_parameter_that_sqlite_does_not_have_is_refused():
    with pytest.raises(StoreError, match=r"no parameter 'moed'\. There is: cache, immutable, mode"):
        open_sqlite("sqlite:///crm.db?moed=ro")


def test_a_file_with_parameters_is_not_made_unasked(tmp_path):
    store = open_sqlite(f"sqlite:///{tmp_path / 'crm.db'}?cache=private")
    with pytest.raises(StoreError, match="there is no file"):
        step(store.prepare(CATALOG, create=False))
    step(store.close())
    assert not list(tmp_path.iterdir())


@pytest.fixture
def locked_folder():
    """A folder that cannot be written, with a file in WAL mode and one in the journal mode of old."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for path, mode in ((folder / "wal.db", "wal"), (folder / "delete.db", "delete")):
            store = open_sqlite(f"sqlite:///{path}")
            step(store.prepare(CATALOG, create=True))
            step(add(store, Firm(name="n")))
            step(store.close())
            with closing(sqlite3.connect(path)) as connection:
                assert connection.execute(f"PRAGMA journal_mode={mode}").fetchone() == (mode,)
            path.chmod(0o444)
        folder.chmod(0o555)
        user = os.geteuid()
        if user == 0:  # to whom nothing is locked
            os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(user)
            folder.chmod(0o755)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX permissions")
def test_a_folder_that_cannot_be_written(locked_folder):
    store = open_sqlite(f"sqlite:///{locked_folder / 'wal.db'}")
    with pytest.raises(StoreError, match=r"SQLITE_READONLY_DIRECTORY: SQLite writes files beside it") as caught:
        step(store.prepare(CATALOG, create=True))
    assert "Make the file and its folder writable" in caught.value.hint
    assert "?mode=ro&immutable=1" in caught.value.hint
    step(store.close())
    for place in ("wal.db?mode=ro&immutable=1", "delete.db", "delete.db?mode=ro"):
        store = open_sqlite(f"sqlite:///{locked_folder / place}")
        step(store.prepare(CATALOG, create=True))
        assert step(numbers(store, ids())) == [1]
        step(store.close())


# -- memory ------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite://", "sqlite:///:memory:"])
def memory(request):
    opened = open_sqlite(request.param, busy_timeout=0.05)
    step(opened.prepare(CATALOG, create=True))
    yield opened
    step(opened.close())


def test_memory_is_shared_by_threads_and_by_nobody_else(memory):
    writer = threading.Thread(target=lambda: step(add(memory, Firm(name="n"))))
    writer.start()
    writer.join()
    assert step(numbers(memory, ids())) == [1]
    other = open_sqlite("sqlite://")
    step(other.prepare(CATALOG, create=True))
    assert step(numbers(other, ids())) == []
    step(other.close())


def test_in_memory_a_reader_waits_for_a_writer_and_sees_nothing_half_done(memory):
    async def meet():
        writer, reader = await memory.begin(), await memory.begin()
        await writer.insert(FIRM, [row(Firm(name="n"), 1)])
        with pytest.raises(Busy):
            await reader.fetch(ids())
        await writer.commit()
        assert len(await reader.fetch(ids())) == 1
        await reader.commit()

    step(meet())


def test_memory_ends_with_the_store():
    store = open_sqlite("sqlite://")
    step(store.prepare(CATALOG, create=True))
    name = store._engine.url.database
    step(store.close())
    connection = sqlite3.connect(f"{name}?vfs=memdb", uri=True)
    assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    connection.close()


# -- asyncio -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["sqlite+aiosqlite://", "sqlite://", "file"])
def test_asyncio(address, sqlite_url):
    async def story():
        store = open_async_sqlite(sqlite_url if address == "file" else address)
        assert store.io == "asyncio"
        await store.prepare(CATALOG, create=True)
        await add(store, Firm(name="a"), Firm(name="b"))
        found = await asyncio.gather(*(numbers(store, ids()) for _ in range(5)))
        await store.close()
        return found

    assert asyncio.run(story()) == [[1, 2]] * 5


def test_asyncio_on_a_host_s_engine(tmp_path):
    async def story():
        engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'host.db'}")
        store = open_async_sqlite(engine)
        await store.prepare(CATALOG, create=True)
        await add(store, Firm(name="a"))
        await store.close()
        async with engine.connect() as connection:
            count = (await connection.execute(text("SELECT count(*) FROM firms"))).scalar()
        await engine.dispose()
        return count

    assert asyncio.run(story()) == 1


def test_a_cancelled_task_leaves_nothing_behind(sqlite_url):
    async def story():
        store = open_async_sqlite(sqlite_url)
        await store.prepare(CATALOG, create=True)
        started = asyncio.Event()

        async def write():
            unit = await store.begin()
            try:
                await unit.insert(FIRM, [row(Firm(name="n"), 1)])
                started.set()
                while True:
                    await unit.fetch(ids())
            finally:
                await unit.rollback()

        task = asyncio.create_task(write())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await add(store, Firm(name="later"))
        found = await numbers(store, ids())
        await store.close()
        return found

    assert asyncio.run(story()) == [1]


def test_the_blocking_store_loads_nothing_of_asyncio():
    program = """
import sys
from crmkit.storage.sql.sqlite.store import open_sqlite
open_sqlite("sqlite://")
assert not {"greenlet", "aiosqlite", "sqlalchemy.ext.asyncio"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_store_that_is_forgotten_keeps_no_connection_open(tmp_path):
    store = open_sqlite(f"sqlite:///{tmp_path / 'shop.db'}")
    step(store.prepare(CATALOG, create=True))
    unit = step(store.begin())
    step(unit.fetch(ids()))
    step(unit.commit())
    idle = store._channels
    assert idle._leases
    del store, unit
    gc.collect()
    assert not idle._leases
