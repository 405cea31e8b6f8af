"""Channels of the two drivers: the sqlite3 module and aiosqlite."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from crmkit.storage.spi.cancel import finished
from crmkit.storage.spi.deadline import Deadline

if TYPE_CHECKING:
    from sqlalchemy import Engine, PoolProxiedConnection
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from crmkit.storage.sql.channel import Values

__all__ = ["AiosqliteChannel", "AiosqliteChannels", "Sqlite3Channel", "Sqlite3Channels"]

Lease: TypeAlias = tuple["PoolProxiedConnection", Any]
"""A connection as the pool lends it, and the driver's own, which the pool is slow to name."""
_STEPS: Final = 10_000
"""So many steps of SQLite's machine are taken between two looks at the clock: less than a millisecond."""


class Sqlite3Channels:
    """Makes the channels of a blocking store, and keeps connections that were given back; threads may share it.

    Taking a connection from SQLAlchemy's pool and giving it back costs about as much as finding a row.

    Args:
        engine: the engine.
        size: how many connections are kept; 0 leaves all of them to the pool.
    """

    def __init__(self, engine: Engine, size: int) -> None:
        self.limit: float | None = None
        self._engine = engine
        self._size = size
        self._leases: deque[Lease] = deque()

    def make(self) -> Sqlite3Channel:
        """Return a channel that has no connection yet."""
        return Sqlite3Channel(self, self.limit)

    def take(self) -> Lease:
        """Return a connection."""
        try:
            return self._leases.pop()
        except IndexError:
            pooled = self._engine.raw_connection()
            return pooled, pooled.driver_connection

    def give(self, lease: Lease) -> None:
        """Keep a connection, unless there are enough or a transaction is open on it."""
        pooled, driver = lease
        if len(self._leases) < self._size and not driver.in_transaction:
            self._leases.append(lease)
        else:
            pooled.close()

    def drain(self) -> None:
        """Give back to the pool the connections that are kept."""
        with suppress(IndexError):
            while True:
                self._leases.pop()[0].close()

    def abandon(self) -> object:
        """Forget the connections that are kept, without closing them, and return them."""
        abandoned, self._leases = self._leases, deque()
        return abandoned

    def close(self) -> None:
        """Give all connections back to the pool, and keep none from now on."""
        self._size = 0
        self.drain()


class Sqlite3Channel:
    """A connection of the sqlite3 module. Its coroutines never suspend."""

    __slots__ = ("_deadline", "_driver", "_home", "_lease")

    def __init__(self, home: Sqlite3Channels, limit: float | None) -> None:
        self._home = home
        self._deadline = None if limit is None else Deadline(limit)
        self._lease: Lease | None = None
        self._driver: Any = None

    async def open(self) -> bool:
        """Take a connection."""
        self._lease = self._home.take()
        self._driver = self._lease[1]
        if self._deadline is not None:
            self._driver.set_progress_handler(self._deadline.passed, _STEPS)
        return bool(self._driver.in_transaction)

    async def rows(self, text: str, values: Values) -> list[Any]:
        """Carry out a statement and return all its rows."""
        if self._deadline is not None:
            self._deadline.start()
        rows: list[Any] = self._driver.execute(text, values).fetchall()
        return rows

    async def change(self, text: str, values: Values = ()) -> int:
        """Carry out a statement and return how many rows it changed."""
        if self._deadline is not None:
            self._deadline.start()
        changed: int = self._driver.execute(text, values).rowcount
        return changed

    async def many(self, text: str, rows: Sequence[Values]) -> None:
        """Carry out a statement once for each row of values."""
        if self._deadline is not None:
            self._deadline.start()
        self._driver.executemany(text, rows)

    async def close(self) -> None:
        """Give the connection back; the pool rolls back what may be open on it."""
        lease, driver, self._lease, self._driver = self._lease, self._driver, None, None
        if lease is not None:
            if self._deadline is not None:
                driver.set_progress_handler(None, 0)
            self._home.give(lease)


class AiosqliteChannels:
    """Makes the channels of an asyncio store. The pool keeps the connections."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.limit: float | None = None
        self._engine = engine

    def make(self) -> AiosqliteChannel:
        """Return a channel that has no connection yet."""
        return AiosqliteChannel(self._engine, self.limit)

    def drain(self) -> None:
        """Do nothing."""

    def abandon(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class AiosqliteChannel:
    """A connection of aiosqlite, awaited directly. SQLAlchemy's greenlets serve only to take and to give it back."""

    __slots__ = ("_deadline", "_driver", "_engine", "_lease")

    def __init__(self, engine: AsyncEngine, limit: float | None) -> None:
        self._engine = engine
        self._deadline = None if limit is None else Deadline(limit)
        self._lease: AsyncConnection | None = None
        self._driver: Any = None

    async def open(self) -> bool:
        """Take a connection out of the pool."""
        if self._lease is None:  # it may have been taken for a task that was cancelled meanwhile
            await finished(self._take())
        return bool(self._driver.in_transaction)

    async def _take(self) -> None:
        self._lease = await self._engine.connect()
        self._driver = (await self._lease.get_raw_connection()).driver_connection
        if self._deadline is not None:
            await self._driver.set_progress_handler(self._deadline.passed, _STEPS)

    async def rows(self, text: str, values: Values) -> list[Any]:
        """Carry out a statement and return all its rows."""
        if self._deadline is not None:
            self._deadline.start()
        return list(await self._driver.execute_fetchall(text, values))

    async def change(self, text: str, values: Values = ()) -> int:
        """Carry out a statement and return how many rows it changed."""
        if self._deadline is not None:
            self._deadline.start()
        cursor = await self._driver.execute(text, values)
        changed: int = cursor.rowcount
        await cursor.close()
        return changed

    async def many(self, text: str, rows: Sequence[Values]) -> None:
        """Carry out a statement once for each row of values."""
        if self._deadline is not None:
            self._deadline.start()
        cursor = await self._driver.executemany(text, rows)
        await cursor.close()

    async def close(self) -> None:
        """Put the connection back into the pool, which rolls back what may be open on it."""
        lease, driver, self._lease, self._driver = self._lease, self._driver, None, None
        if lease is not None:
            if self._deadline is not None:
                await driver.set_progress_handler(None, 0)
            await lease.close()
