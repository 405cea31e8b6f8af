"""The SQL store, blocking and asyncio."""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, TypeAlias

from sqlalchemy import MetaData
from sqlalchemy.exc import SQLAlchemyError

from crmkit.errors import Busy, StoreError, Unsupported
from crmkit.storage.spi.store import Feature
from crmkit.storage.sql.database import Database
from crmkit.storage.sql.dialect import Cause
from crmkit.storage.sql.fit import fit
from crmkit.storage.sql.table import metadata_of
from crmkit.storage.sql.unit import SqlUnit

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

    from crmkit.model.catalog import Catalog
    from crmkit.model.codec import Wires
    from crmkit.storage.sql.channel import Channels
    from crmkit.storage.sql.dialect import Dialect

__all__ = ["AnySqlStore", "AsyncSqlStore", "SqlStore"]

_FEATURES: Final = frozenset(Feature) - {Feature.JOIN}
_INHERITED: Final[list[object]] = []
"""Connections of the process that this one was forked from: the collector must not close them."""


class _Store(ABC):
    """What both stores share: everything but waiting for a connection of the engine."""

    def __init__(self, engine: Engine, dialect: Dialect, channels: Channels, *, own: bool) -> None:
        self._engine = engine
        self._dialect = dialect
        self._channels = channels
        self._own = own
        self._database: Database | None = None
        self._metadata = MetaData()
        self._closed = False
        driver: Any = engine.dialect.loaded_dbapi
        self._errors: tuple[type[Exception], ...] = (driver.Error, SQLAlchemyError, OverflowError, UnicodeError)

    @property
    def features(self) -> frozenset[Feature]:
        """What it can do."""
        return _FEATURES

    @property
    def wires(self) -> Wires:
        """How its driver spells values."""
        return self._dialect.wires

    @property
    def metadata(self) -> MetaData:
        """The tables, once `prepare` was called; see `metadata_of` for them without a database."""
        return self._metadata

    def limit_statements(self, seconds: float) -> None:
        """Stop each statement that takes longer."""
        self._channels.limit = seconds

    async def prepare(self, catalog: Catalog, *, create: bool) -> None:
        """Learn the models, check that their tables fit, and if `create` is true create those which are missing.

        Raises:
            StoreError: the database cannot be reached, or lacks something and `create` is false, or holds tables
                that do not fit the models.
            Busy: other processes kept the database locked.
        """
        if not create and self._own and self._dialect.lacks_file(self._engine.url):
            raise StoreError(
                f"there is no file {self._engine.url.database}.",
                hint="Check the path, or let it be created.",
                absent=True,
            )
        metadata = metadata_of(catalog, self._dialect)

        def settle(connection: Connection) -> None:
            if not create:  # what is refused stays as it is
                fit(connection, metadata, self._dialect, create=False)
            self._dialect.settle(connection, own=self._own)
            if create:
                fit(connection, metadata, self._dialect, create=True)

        try:
            await self._with_connection(settle)
        except self._errors as error:
            raise self._unreachable(error) from None
        self._metadata = metadata
        self._database = Database(catalog, metadata, self._dialect, self._engine.dialect)

    async def begin(self) -> SqlUnit:
        """Return a new unit. It takes a connection with its first statement."""
        if self._closed:
            raise StoreError("the store is closed.", hint="Connect again.")
        if self._database is None:
            raise StoreError("the store does not know its models yet.", hint="Call prepare() first.")
        return SqlUnit(self._database, self._channels.make(), self._errors)

    async def join(self, handle: object) -> NoReturn:  # noqa: ARG002 - the protocol's argument
        """Refuse to join a transaction of the host's.

        Raises:
            Unsupported: always.
        """
        raise Unsupported("this store cannot join a transaction that somebody else began.")

    def before_fork(self) -> None:
        """Close what is idle: of an open file, SQLite would take the locks of this process for the other's own."""
        if self._own and self.io == "blocking":
            self._channels.drain()
            self._engine.pool.dispose()

    def after_fork(self) -> None:
        """Leave all connections to the process that opened them."""
        _INHERITED.append((self._channels.abandon(), self._engine.pool))
        self._engine.dispose(close=False)

    def _unreachable(self, error: Exception) -> StoreError | Busy:
        failure = self._dialect.failure(getattr(error, "orig", None) or error)
        if failure.cause is Cause.BUSY:
            return Busy("another process keeps the database locked.", hint="Try again.")
        if failure.cause is Cause.DUPLICATE:
            columns = ", ".join(failure.columns)
            return StoreError(
                f"a unique index on ({columns}) cannot be created: there are rows with equal values.",
                hint="Make them differ, then try again.",
            )
        hint = self._dialect.writable if failure.cause is Cause.READ_ONLY else "Check the address."
        address = self._engine.url.render_as_string(hide_password=True)
        return StoreError(f"the database {address} cannot be used: {failure.detail}.", hint=hint)

    @property
    @abstractmethod
    def io(self) -> Literal["blocking", "asyncio"]:
        """Whether its coroutines suspend."""

    @abstractmethod
    async def _with_connection(self, work: Callable[[Connection], None]) -> None: ...


class SqlStore(_Store):
    """A SQL database behind a blocking driver. Its coroutines never suspend.

    Args:
        engine: SQLAlchemy's engine.
        dialect: the database's spelling.
        channels: makes the ways to its connections.
        own: whether crmkit made the engine, and so sets the database up and closes it.
    """

    def __init__(self, engine: Engine, dialect: Dialect, channels: Channels, *, own: bool) -> None:
        super().__init__(engine, dialect, channels, own=own)
        if own:
            # A program that ends without closing its CRM, as short ones do, gets no warning of an open connection.
            weakref.finalize(self, _give_back, channels, engine)

    @property
    def io(self) -> Literal["blocking"]:
        """It blocks."""
        return "blocking"

    async def close(self) -> None:
        """Close the connections, unless the engine is a host's."""
        self._closed = True
        if self._own:
            _give_back(self._channels, self._engine)

    async def _with_connection(self, work: Callable[[Connection], None]) -> None:
        with self._engine.connect() as connection:
            work(connection)


def _give_back(channels: Channels, engine: Engine) -> None:
    channels.close()
    engine.dispose()


class AsyncSqlStore(_Store):
    """A SQL database behind an asyncio driver; its arguments are those of `SqlStore`."""

    def __init__(self, engine: AsyncEngine, dialect: Dialect, channels: Channels, *, own: bool) -> None:
        super().__init__(engine.sync_engine, dialect, channels, own=own)
        self._async_engine = engine

    @property
    def io(self) -> Literal["asyncio"]:
        """It needs a running event loop."""
        return "asyncio"

    async def close(self) -> None:
        """Close the connections, unless the engine is a host's."""
        self._closed = True
        if self._own:
            self._channels.close()
            await self._async_engine.dispose()

    async def _with_connection(self, work: Callable[[Connection], None]) -> None:
        async with self._async_engine.connect() as connection:
            await connection.run_sync(work)


AnySqlStore: TypeAlias = SqlStore | AsyncSqlStore
