"""The SQL store, blocking and asyncio."""

from __future__ import annotations

import secrets
import weakref
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlalchemy import Engine, MetaData, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import SingletonThreadPool, StaticPool

from crmkit.errors import Busy, StoreError, Unsupported
from crmkit.storage.spi.store import Feature
from crmkit.storage.sql.channel import AiosqliteChannel, Idle, Sqlite3Channel
from crmkit.storage.sql.database import Database
from crmkit.storage.sql.dialect import Fault
from crmkit.storage.sql.fit import fit
from crmkit.storage.sql.sqlite import SqliteDialect
from crmkit.storage.sql.table import metadata_of
from crmkit.storage.sql.unit import SqlUnit

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import URL, Connection
    from sqlalchemy.ext.asyncio import AsyncEngine

    from crmkit.model.catalog import Catalog
    from crmkit.model.codec import Wires
    from crmkit.storage.sql.channel import Channel
    from crmkit.storage.sql.dialect import Dialect

__all__ = ["AsyncSqlStore", "SqlStore", "open_async_sql", "open_sql"]

_FEATURES: Final = frozenset(Feature)
_IDLE_CONNECTIONS: Final = 5
_DIALECTS: Final = {"sqlite": SqliteDialect}


class _Store(ABC):
    """What both stores share: everything but the channel to the driver."""

    def __init__(self, engine: Engine, *, own: bool) -> None:
        self._engine = engine
        self._own = own
        self._dialect = _dialect_of(engine)
        self._database: Database | None = None
        self._metadata = MetaData()
        self._closed = False
        driver: Any = engine.dialect.loaded_dbapi
        self._errors: tuple[type[Exception], ...] = (driver.Error, SQLAlchemyError, OverflowError, UnicodeError)

    @property
    def features(self) -> frozenset[Feature]:
        """What it can do: everything."""
        return _FEATURES

    @property
    def wires(self) -> Wires:
        """How its driver spells values."""
        return self._dialect.wires

    @property
    def metadata(self) -> MetaData:
        """The tables, once `prepare` was called; see `metadata_of` for them without a database."""
        return self._metadata

    async def prepare(self, catalog: Catalog, *, create: bool) -> None:
        """Learn the models, check that their tables fit, and if `create` is true create those which are missing.

        Raises:
            StoreError: the database cannot be reached, or lacks something and `create` is false, or holds tables
                that do not fit the models.
            Busy: other processes kept the database locked.
        """
        if not create and self._own and self._dialect.lacks_file(self._engine.url):
            raise StoreError(
                f"there is no file {self._engine.url.database}.", hint="Check the path, or let it be created."
            )
        metadata = metadata_of(catalog, self._dialect)

        def settle(connection: Connection) -> None:
            self._dialect.settle(connection, own=self._own)
            fit(connection, metadata, self._dialect, create=create)

        try:
            await self._with_connection(settle)
        except self._errors as error:
            raise self._unreachable(error) from None
        self._metadata = metadata
        self._database = Database(catalog, metadata, self._dialect, self._engine.dialect)

    async def begin(self) -> SqlUnit:
        """Return a new unit. It takes a connection with its first statement."""
        if self._closed:
            raise StoreError("the store was closed before.", hint="Connect again.")
        if self._database is None:
            raise StoreError("the store does not know its models yet.", hint="Call prepare() first.")
        return SqlUnit(self._database, self._channel(), self._errors)

    def _unreachable(self, error: Exception) -> StoreError | Busy:
        failure = self._dialect.failure(getattr(error, "orig", None) or error)
        if failure.fault is Fault.BUSY:
            return Busy("another process keeps the database locked.", hint="Try again.")
        if failure.fault is Fault.DUPLICATE:
            columns = ", ".join(failure.columns)
            return StoreError(
                f"a unique index on ({columns}) cannot be created: there are rows with equal values.",
                hint="Make them differ, then try again.",
            )
        address = self._engine.url.render_as_string(hide_password=True)
        return StoreError(f"the database {address} cannot be used: {failure.detail}.", hint="Check the address.")

    @abstractmethod
    def _channel(self) -> Channel: ...

    @abstractmethod
    async def _with_connection(self, work: Callable[[Connection], None]) -> None: ...


class SqlStore(_Store):
    """A SQL database behind a blocking driver. Its coroutines never suspend. Made by `open_sql`."""

    def __init__(self, engine: Engine, *, own: bool) -> None:
        super().__init__(engine, own=own)
        self._idle = Idle(_IDLE_CONNECTIONS if own else 0)
        if own:
            # A program that ends without closing its CRM, as short ones do, is told of no open connection either.
            weakref.finalize(self, _give_back, self._idle, engine)

    @property
    def io(self) -> Literal["blocking"]:
        """It blocks."""
        return "blocking"

    async def close(self) -> None:
        """Close the connections, unless the engine is a host's."""
        self._closed = True
        if self._own:
            _give_back(self._idle, self._engine)

    def _channel(self) -> Channel:
        return Sqlite3Channel(self._engine, self._idle)

    async def _with_connection(self, work: Callable[[Connection], None]) -> None:
        with self._engine.connect() as connection:
            work(connection)


def _give_back(idle: Idle, engine: Engine) -> None:
    idle.close()
    engine.dispose()


class AsyncSqlStore(_Store):
    """A SQL database behind an asyncio driver. Made by `open_async_sql`."""

    def __init__(self, engine: AsyncEngine, *, own: bool) -> None:
        super().__init__(engine.sync_engine, own=own)
        self._async_engine = engine

    @property
    def io(self) -> Literal["asyncio"]:
        """It needs a running event loop."""
        return "asyncio"

    async def close(self) -> None:
        """Close the connections, unless the engine is a host's."""
        self._closed = True
        if self._own:
            await self._async_engine.dispose()

    def _channel(self) -> Channel:
        return AiosqliteChannel(self._async_engine)

    async def _with_connection(self, work: Callable[[Connection], None]) -> None:
        async with self._async_engine.connect() as connection:
            await connection.run_sync(work)


def open_sql(url: str | URL | Engine, *, busy_timeout: float = 5.0) -> SqlStore:
    """Open a SQL store.

    Args:
        url: `sqlite:///path` for a file, `sqlite://` for a database in memory that lives as long as the store, or a
            host's own engine. A file that crmkit opens is put into WAL mode, where writers do not block readers, and
            keeps foreign keys; on a host's engine all settings are the host's. In memory readers wait for a writer's
            transaction to end.
        busy_timeout: how many seconds a statement waits for a lock before `Busy` is raised. On a host's engine
            the host's own setting counts.

    Raises:
        StoreError: the address is no address.
        Unsupported: it names a database that crmkit does not know, or an asyncio driver.

    >>> open_sql("sqlite://").io
    'blocking'
    """
    if isinstance(url, Engine):
        return SqlStore(url, own=False)
    address = _address(url)
    if address.get_dialect().is_async:
        raise Unsupported(f"{address.drivername} is an asyncio driver and must be awaited.", hint="Use aconnect().")
    engine = create_engine(address, **_options(busy_timeout))
    event.listen(engine, "connect", _on_connect)
    return SqlStore(engine, own=True)


def open_async_sql(url: str | URL | AsyncEngine, *, busy_timeout: float = 5.0) -> AsyncSqlStore:
    """Open a SQL store for asyncio; needs the extra `crmkit[async]`.

    Args:
        url: `sqlite+aiosqlite:///path` or just `sqlite:///path` for a file, `sqlite://` for a database in memory, or a
            host's own engine; see `open_sql`.
        busy_timeout: as for `open_sql`.

    Raises:
        StoreError: the address is no address.
        Unsupported: it names a database that crmkit does not know, or greenlet or aiosqlite is not installed.
    """
    try:
        from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

        if isinstance(url, AsyncEngine):
            return AsyncSqlStore(url, own=False)
        address = _address(url)
        if address.drivername == "sqlite":
            address = address.set(drivername="sqlite+aiosqlite")
        engine = create_async_engine(address, **_options(busy_timeout))
    except ImportError as error:
        raise Unsupported(
            f"SQL on asyncio needs {error.name or 'greenlet'}.", hint="Run: pip install 'crmkit[async]'"
        ) from None
    event.listen(engine.sync_engine, "connect", _on_connect)
    return AsyncSqlStore(engine, own=True)


def _address(url: str | URL) -> URL:
    try:
        address = make_url(url)
        name = address.get_backend_name()
    except (ArgumentError, NoSuchModuleError):
        raise StoreError("the address of the database is none.", hint="Write sqlite:///path/to/file.db.") from None
    _known(name)
    if address.database in {None, "", ":memory:"}:
        # Every connection to a plain memory database has a database of its own. This kind is shared by all connections
        # of this process which know its name.
        return address.set(database=f"file:/crmkit-{secrets.token_hex(8)}", query={"vfs": "memdb", "uri": "true"})
    return address


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
    cursor.close()


def _dialect_of(engine: Engine) -> Dialect:
    if isinstance(engine.pool, StaticPool | SingletonThreadPool):
        raise StoreError(
            f"the engine's {type(engine.pool).__name__} gives one connection to several units of work.",
            hint="Use a file, or let crmkit open sqlite:// itself.",
        )
    return _known(engine.dialect.name)


def _known(name: str) -> Dialect:
    if name not in _DIALECTS:
        raise Unsupported(f"crmkit does not know the SQL database {name!r}.", hint=f"It knows: {', '.join(_DIALECTS)}.")
    return _DIALECTS[name]()
