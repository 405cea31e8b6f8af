"""One transaction on a SQL database."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.exc import TimeoutError as PoolTimeout

from crmkit.errors import BadRecord, Busy, CrmError, Duplicate, Problem, StoreError
from crmkit.storage.spi.deadline import timed_out
from crmkit.storage.spi.zone import ranges
from crmkit.storage.sql.dialect import Cause

if TYPE_CHECKING:
    from crmkit.model.codec import Row
    from crmkit.model.schema import Schema
    from crmkit.storage.spi.plan import Patch, Query, Removal, Tally
    from crmkit.storage.spi.zone import Range
    from crmkit.storage.sql.channel import Channel, Values
    from crmkit.storage.sql.database import Command, Database

__all__ = ["SqlSavepoint", "SqlUnit"]

_INSERT: Final = "crmkit_insert"
"""The savepoint round an insert of many rows, which is made whole or not at all."""


class SqlUnit:
    """One transaction.

    What it reads before its first write it reads without a transaction, so that it holds no lock while its caller
    thinks. The first write takes the write lock, and from there on everything belongs to one transaction.

    Args:
        database: what the units of the store share.
        channel: the way to a connection of its own.
        errors: what the driver and the pool raise.
    """

    def __init__(self, database: Database, channel: Channel, errors: tuple[type[Exception], ...]) -> None:
        self._database = database
        self._channel = channel
        self._errors = errors
        self._opened = False
        self._writing = False
        self._ended = ""
        self._written: dict[str, Schema] = {}
        self._savepoints: list[SqlSavepoint] = []

    # -- reads ---------------------------------------------------------------------------------------------------------

    async def fetch(self, query: Query) -> list[Row]:
        """Return the rows that a query asks for, spelled as the store's wires say."""
        return await self._rows(query.schema, self._database.query(query))

    async def tally(self, tally: Tally) -> list[Row]:
        """Return the groups that a tally asks for, in canonical values."""
        zoned = self._database.zoned(tally)
        if not zoned:
            rows = await self._rows(tally.schema, self._database.tally(tally, {}))
        elif self._writing:
            rows = await self._zoned_rows(tally, zoned)
        else:
            # What years there are is asked first; nothing may be added between that and the tally.
            await self._rows(tally.schema, (self._database.dialect.snapshot, ()))
            try:
                rows = await self._zoned_rows(tally, zoned)
            finally:
                with suppress(*self._errors):
                    await self._channel.change("ROLLBACK")
        return self._database.answer(tally, rows)

    async def _zoned_rows(self, tally: Tally, zoned: Sequence[int]) -> list[Any]:
        zones: dict[int, tuple[Range, ...]] = {}
        for place in zoned:
            key = tally.by[place]
            years = await self._rows(tally.schema, self._database.years(tally, key))
            zones[place] = ranges(key.zone, (year for (year,) in years))
        return await self._rows(tally.schema, self._database.tally(tally, zones))

    async def _rows(self, schema: Schema, command: Command) -> list[Any]:
        try:
            if not self._opened:
                await self._open()
            return await self._channel.rows(*command)
        except self._errors as error:
            raise await self._refused(schema, error) from None

    # -- writes --------------------------------------------------------------------------------------------------------

    async def insert(self, schema: Schema, rows: Sequence[Row]) -> None:
        """Write new rows: all of them, or none if one is refused.

        Raises:
            Duplicate: a unique group of columns, or an id, is taken.
        """
        statement = self._database.insert(schema)
        given = rows if statement.arrange is tuple else [statement.arrange(row) for row in rows]
        if len(given) == 1:
            await self._change(schema, (statement.text, given[0]))
        elif given:
            await self._start(schema)
            try:
                await self._insert_all(statement.text, given)
            except self._errors as error:
                raise await self._refused(schema, error) from None

    async def _insert_all(self, text: str, rows: Sequence[Values]) -> None:
        dialect = self._database.dialect
        await self._channel.change(dialect.savepoint.format(_INSERT))
        try:
            await self._channel.many(text, rows)
        except self._errors:
            with suppress(*self._errors):
                await self._channel.change(dialect.rollback_to.format(_INSERT))
            raise
        await self._channel.change(dialect.release.format(_INSERT))

    async def patch(self, patch: Patch) -> int:
        """Change rows in place and return how many.

        Raises:
            Duplicate: as for `insert`.
        """
        return await self._change(patch.schema, self._database.patch(patch))

    async def remove(self, removal: Removal) -> int:
        """Remove rows and return how many."""
        return await self._change(removal.schema, self._database.removal(removal))

    async def lock(self, tenant: str, name: str) -> None:  # noqa: ARG002 - one lock serves all
        """Begin to write: of the databases so far, each has one writer at a time."""
        await self._start(None)

    async def _change(self, schema: Schema, command: Command) -> int:
        await self._start(schema)
        try:
            return await self._channel.change(*command)
        except self._errors as error:
            raise await self._refused(schema, error) from None

    async def _start(self, schema: Schema | None) -> None:
        if not self._writing:
            try:
                if not self._opened:
                    await self._open()
                self._writing = True  # already, as a task may be cancelled while the transaction begins
                await self._channel.change(self._database.dialect.begin)
            except self._errors as error:
                self._writing = False
                raise await self._refused(schema, error) from None
        if schema is not None:
            self._written[schema.name] = schema

    # -- savepoints ----------------------------------------------------------------------------------------------------

    async def savepoint(self) -> SqlSavepoint:
        """Set a savepoint. Before the first write that is only a note: there is nothing yet to return from."""
        if self._ended:
            raise StoreError(self._ended)
        savepoint = SqlSavepoint(self, f"crmkit_{len(self._savepoints)}", made=self._writing)
        if savepoint.made:
            await self._point(self._database.dialect.savepoint, savepoint)
        self._savepoints.append(savepoint)
        return savepoint

    async def end_savepoint(self, savepoint: SqlSavepoint, *, undo: bool) -> None:
        """Release a savepoint, and before that undo what was written since if asked to.

        Raises:
            StoreError: it, or the unit, has ended.
        """
        if self._ended:
            raise StoreError(self._ended)
        if savepoint not in self._savepoints:
            raise StoreError("the savepoint has ended.", hint="Set another one.")
        ending = self._savepoints[self._savepoints.index(savepoint) :]
        if undo and not savepoint.made:
            await self._undo()
        else:
            if undo:
                await self._point(self._database.dialect.rollback_to, savepoint)
            for each in ending:
                if each.made:  # those after it end with it
                    await self._point(self._database.dialect.release, each)
                    break
        del self._savepoints[-len(ending) :]

    async def _undo(self) -> None:
        """Undo all that was written, by ending the transaction; the next write begins another one."""
        if self._writing:
            self._writing = False
            self._written.clear()
            with suppress(*self._errors):  # after some errors the database has rolled back by itself
                await self._channel.change("ROLLBACK")

    async def _point(self, statement: str, savepoint: SqlSavepoint) -> None:
        try:
            await self._channel.change(statement.format(savepoint.name))
        except self._errors as error:
            raise await self._refused(None, error) from None

    # -- the end -------------------------------------------------------------------------------------------------------

    async def commit(self) -> None:
        """Make everything permanent and visible, and end the unit.

        Raises:
            BadRecord: a link leads to no record; everything is undone.
            Busy: others kept the database locked; everything is undone.
            StoreError: the unit was ended before, or by an error; everything is undone.
        """
        if self._ended:
            raise StoreError(self._ended)
        if self._writing:
            try:
                await self._channel.change("COMMIT")
            except self._errors as error:
                failure = self._database.dialect.failure(error)
                lost = await self._orphan() if failure.cause is Cause.ORPHAN else None
                refused = lost or await self._refused(None, error)
                await self.rollback()
                raise refused from None
            self._writing = False
        await self._end("the unit was committed before.")

    async def rollback(self) -> None:
        """Undo everything and end the unit."""
        try:
            await self._undo()
        finally:
            await self._end("the unit was rolled back before.")

    async def _open(self) -> None:
        if self._ended:
            raise StoreError(self._ended)
        if await self._channel.open():
            await self._channel.close()
            raise StoreError(
                "the engine's connections begin transactions by themselves.",
                hint="Leave the driver's autocommit setting at its default.",
            )
        self._opened = True

    async def _end(self, reason: str) -> None:
        self._ended = self._ended or reason
        self._opened = False
        await self._channel.close()

    # -- errors --------------------------------------------------------------------------------------------------------

    async def _refused(self, schema: Schema | None, error: Exception) -> CrmError:
        if isinstance(error, PoolTimeout):
            return Busy(
                "every connection of the engine's pool is in use.", hint="End units sooner, or enlarge the pool."
            )
        failure = self._database.dialect.failure(getattr(error, "orig", None) or error)
        name = schema.name if schema is not None else "record"
        match failure.cause:
            case Cause.DUPLICATE:
                return Duplicate(name, [column for column in failure.columns if column != "tenant"])
            case Cause.REFUSED:
                return StoreError(
                    f"the database refused a row of {name}: {failure.detail}.", hint="Its table does not fit the model."
                )
            case Cause.ORPHAN:
                return await self._orphan() or StoreError(f"a row of {name} links to a row that is not there.")
            case Cause.TIMED_OUT:
                refused: CrmError = timed_out(name)
            case Cause.BUSY:
                refused = Busy("the database is locked by another transaction.", hint="Try again.")
            case Cause.READ_ONLY:
                hint = self._database.dialect.writable
                refused = StoreError(f"the database failed on {name}: {failure.detail}.", hint=hint)
            case Cause.OTHER:
                refused = StoreError(f"the database failed on {name}: {failure.detail}.")
        if self._writing:
            # Some of these errors roll the transaction back inside the database; what followed would then be written
            # without one. So all of it ends here.
            await self.rollback()
            self._ended = "an error of the database ended the unit before."
        return refused

    async def _orphan(self) -> CrmError | None:
        for schema in self._database.catalog:
            for link in schema.links:
                if not link.link_target or not self._written.keys() & {schema.name, link.link_target}:
                    continue
                with suppress(*self._errors):
                    if await self._channel.rows(*self._database.orphans(schema, link)):
                        lost = f"links to a missing {link.link_target}."
                        hint = "Add it first, or leave the link out."
                        return BadRecord(schema.name, [Problem("no_such_link", lost, hint=hint, field=link.name)])
        return None


class SqlSavepoint:
    """A savepoint of a unit.

    Attributes:
        name: its name in SQL.
        made: whether the database knows it. One that was set before the first write stands for the transaction's start.
    """

    def __init__(self, unit: SqlUnit, name: str, *, made: bool) -> None:
        self._unit = unit
        self.name = name
        self.made = made

    async def release(self) -> None:
        """Keep what was written since."""
        await self._unit.end_savepoint(self, undo=False)

    async def rollback(self) -> None:
        """Undo what was written since."""
        await self._unit.end_savepoint(self, undo=True)
