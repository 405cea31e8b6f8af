"""SQL stores on SQLite: addresses, the engine's options, files and databases in memory."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import SingletonThreadPool, StaticPool

from crmkit.errors import StoreError, Unsupported
from crmkit.storage.spi.fork import outlive_forks
from crmkit.storage.sql.sqlite.channel import AiosqliteChannels, Sqlite3Channels
from crmkit.storage.sql.sqlite.dialect import SqliteDialect
from crmkit.storage.sql.store import AsyncSqlStore, SqlStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import URL
    from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["open_async_sqlite", "open_sqlite"]

_AnyEngine = TypeVar("_AnyEngine", "Engine", "AsyncEngine")

_AnyStore = TypeVar("_AnyStore", SqlStore, AsyncSqlStore)

_IDLE_CONNECTIONS: Final = 5
_MALFORMED: Final = "the address of the database is malformed."
_PATH: Final = "Write sqlite:///path/to/file.db."
_DRIVER_S: Final = {"uri", "timeout", "isolation_level", "detect_types", "check_same_thread", "cached_statements"}
_SQLITE_S: Final = {"cache", "immutable", "mode", "nolock", "psow", "vfs"}
"""The parameters of an address that the driver reads, and those that SQLite reads: https://www.sqlite.org/uri.html."""


def open_sqlite(url: str | URL | Engine, *, busy_timeout: float = 5.0) -> SqlStore:
    """Open a SQLite store.

    Args:
        url: `sqlite:///path` for a file, `sqlite://` for a database in memory that lives as long as the store, or a
            host's own engine. A file that crmkit opens is put into WAL mode, where writers do not block readers, and
            keeps foreign keys; on a host's engine all settings are the host's. In memory readers wait for a writer's
            transaction to end.
        busy_timeout: how many seconds a statement waits for a lock before `Busy` is raised. On a host's engine
            the host's own setting counts.

    Raises:
        StoreError: the address is malformed, or the engine gives one connection to several units.
        Unsupported: it names another database, or an asyncio driver.

    >>> open_sqlite("sqlite://").io
    'blocking'
    """
    if isinstance(url, Engine):
        return _blocking(url, own=False)
    address = _address(url)
    if address.get_dialect().is_async:
        raise Unsupported(f"{address.drivername} is an asyncio driver and must be awaited.", hint="Use aconnect().")
    engine = _made(create_engine, address, busy_timeout)
    event.listen(engine, "connect", _on_connect)
    return _blocking(engine, own=True)


def open_async_sqlite(url: str | URL | AsyncEngine, *, busy_timeout: float = 5.0) -> AsyncSqlStore:
    """Open a SQLite store for asyncio; needs the extra `crmkit[async]`.

    Args:
        url: `sqlite+aiosqlite:///path` or just `sqlite:///path` for a file, `sqlite://` for a database in memory, or a
            host's own engine; see `open_sqlite`.
        busy_timeout: as for `open_sqlite`.

    Raises:
        StoreError: the address is malformed, or the engine gives one connection to several units.
        Unsupported: it names another database or a driver that blocks, or greenlet or aiosqlite is not installed.
    """
    try:
        from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

        if isinstance(url, AsyncEngine):
            return _awaited(url, own=False)
        address = _address(url)
        if address.drivername == "sqlite":
            address = address.set(drivername="sqlite+aiosqlite")
        if not address.get_dialect().is_async:
            raise Unsupported(
                f"the driver of {address.drivername} blocks, which would stop the event loop.",
                hint="Use connect(), or write sqlite:/// or sqlite+aiosqlite:///.",
            )
        engine = _made(create_async_engine, address, busy_timeout)
    except ImportError as error:
        raise Unsupported(
            f"SQL on asyncio needs {error.name or 'greenlet'}.", hint="Run: pip install 'crmkit[async]'"
        ) from None
    event.listen(engine.sync_engine, "connect", _on_connect)
    return _awaited(engine, own=True)


def _blocking(engine: Engine, *, own: bool) -> SqlStore:
    _check(engine)
    channels = Sqlite3Channels(engine, _IDLE_CONNECTIONS if own else 0)
    return _forkable(SqlStore(engine, SqliteDialect(), channels, own=own), engine)


def _awaited(engine: AsyncEngine, *, own: bool) -> AsyncSqlStore:
    _check(engine.sync_engine)
    return _forkable(AsyncSqlStore(engine, SqliteDialect(), AiosqliteChannels(engine), own=own), engine.sync_engine)


def _forkable(store: _AnyStore, engine: Engine) -> _AnyStore:
    if "vfs" not in engine.url.query:  # a database in memory is its connections, and is copied with them
        outlive_forks(store)
    return store


def _check(engine: Engine) -> None:
    _check_name(engine.dialect.name)
    if isinstance(engine.pool, StaticPool | SingletonThreadPool):
        raise StoreError(
            f"the engine's {type(engine.pool).__name__} gives one connection to several units of work.",
            hint="Use a file, or let crmkit open sqlite:// itself.",
        )


def _check_name(name: str) -> None:
    if name != SqliteDialect.name:
        raise Unsupported(f"this store is for SQLite, and the address is for {name!r}.", hint="Use connect().")


def _address(url: str | URL) -> URL:
    try:
        address = make_url(url)
        name = address.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise StoreError(_MALFORMED, hint=_PATH) from None
    _check_name(name)
    path = address.database or ":memory:"
    if "\0" in path:
        raise StoreError(f"{_MALFORMED[:-1]}: no path holds a null character.", hint=_PATH)
    if path == ":memory:":
        # Every connection to a plain memory database has a database of its own. This kind is shared by all connections
        # of this process which know its name.
        return address.set(database=f"file:/crmkit-{secrets.token_hex(8)}", query={"vfs": "memdb", "uri": "true"})
    if path.startswith("file:") or not address.query.keys() - _DRIVER_S:
        return address
    unknown = sorted(address.query.keys() - _DRIVER_S - _SQLITE_S)
    if unknown:
        known = ", ".join(sorted(_SQLITE_S))
        raise StoreError(f"SQLite has no parameter {unknown[0]!r}.", hint=f"There is: {known}, timeout.")
    # SQLite reads its own parameters only where the file is named by a URI.
    return address.set(database=f"file:{quote(path)}").update_query_dict({"uri": "true"})


def _made(make: Callable[..., _AnyEngine], address: URL, busy_timeout: float) -> _AnyEngine:
    try:
        return make(address, **_options(busy_timeout))
    except (ArgumentError, ValueError):  # such as a timeout that is not a number
        raise StoreError(_MALFORMED, hint=_PATH) from None


def _options(busy_timeout: float) -> dict[str, Any]:
    # Transactions are begun and ended by explicit statements, so the driver must not begin any. A unit keeps its
    # connection; one more is cheap to open, and waiting for another unit's could take for ever.
    return {
        "connect_args": {"timeout": busy_timeout, "isolation_level": None},
        "hide_parameters": True,
        "max_overflow": -1,
    }


def _on_connect(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA synchronous=NORMAL")
    # In KiB. With SQLite's own 2 MB, rows of a bulk write push the indexes that they go into out of memory.
    cursor.execute("PRAGMA cache_size=-32768")
    cursor.close()
