"""One unit of work on MongoDB: reads as they come, and from the first write on one transaction."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn

import pymongo
from bson.errors import BSONError
from pymongo import timeout
from pymongo.errors import PyMongoError, ServerSelectionTimeoutError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from crmkit.errors import StoreError, Unreachable, Unsupported
from crmkit.expr.core import Constant
from crmkit.model.codec import pause_collector
from crmkit.storage.mongo.document import Document, documents_of, projection, rows_of
from crmkit.storage.mongo.error import error_of
from crmkit.storage.mongo.order import is_native, native_sort, ordered_stages
from crmkit.storage.mongo.select import Selector
from crmkit.storage.mongo.tally import tally_rows
from crmkit.storage.spi.depth import followed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from crmkit.model.catalog import Catalog
    from crmkit.model.codec import Row
    from crmkit.model.schema import Schema
    from crmkit.storage.mongo.driver import Driver
    from crmkit.storage.spi.plan import Patch, Query, Removal, Tally

__all__ = ["MongoUnit"]

_BATCH: Final = 10_000
_FAULTS: Final = (PyMongoError, BSONError, OverflowError)
_SNAPSHOT: Final = (ReadConcern("snapshot"), WriteConcern("majority"), ReadPreference.PRIMARY)
_COMMIT_ATTEMPTS: Final = 5
_LAST_WORDS: Final = 0.1
"""Seconds in which a server that does not answer is told once more that a transaction is over."""
_UNKNOWN_COMMIT: Final = "UnknownTransactionCommitResult"


class MongoUnit:
    """One transaction on a `MongoStore`.

    Until its first write a unit reads what is committed at each moment, which costs no transaction. Its first write
    starts one; from then on it reads and writes one snapshot and what it wrote itself. The database ends a transaction
    after 60 seconds (`transactionLifetimeLimitSeconds`), so large loads are better cut into several units.

    The database aborts a transaction at its first error, a duplicate included. The unit is finished then: everything
    but `rollback` raises `StoreError`.
    """

    def __init__(self, driver: Driver, catalog: Catalog, most_keys: int, limit: float | None = None) -> None:
        self._driver = driver
        self._limit = limit
        self._catalog = catalog
        self._most_keys = most_keys
        self._session = driver.client.start_session(causal_consistency=True)
        self._writing = False
        self._over = ""

    # -- reading -------------------------------------------------------------------------------------------------------

    @followed
    async def fetch(self, query: Query) -> list[Row]:
        """Return the rows that a query asks for."""
        schema, columns, order = query.schema, query.columns, query.order
        self._check()
        if query.limit == 0 or query.where == Constant(False):
            return []
        selector = self._selector()
        selection = await selector.select(schema, query.where)
        stages = None
        if selection.joins or query.top is not None or not is_native(schema, order):
            stages = await ordered_stages(query, selection, selector, self._catalog)
        with pause_collector():
            if stages is not None:
                documents = await self._run(schema, stages)
            else:
                cursor = self._driver.collection(schema).find(
                    selection.match,
                    projection(schema, columns),
                    sort=native_sort(order),
                    limit=query.limit or 0,
                    batch_size=min(query.limit or _BATCH, _BATCH),
                    session=self._session,
                )
                documents = await self._call(schema.name, cursor.to_list)
            return rows_of(schema, columns, documents)

    @followed
    async def tally(self, tally: Tally) -> list[Row]:
        """Return the groups that a tally asks for, in canonical values."""
        self._check()
        return await tally_rows(tally, self._selector(), self._catalog, self._run)

    def _selector(self) -> Selector:
        return Selector(self._catalog, self._run, self._most_keys)

    async def _run(self, schema: Schema, stages: Sequence[Document]) -> list[Document]:
        aggregate = self._driver.collection(schema).aggregate
        options = {"session": self._session, "allowDiskUse": True, "batchSize": _BATCH}
        cursor = await self._call(schema.name, partial(aggregate, list(stages), **options))
        found: list[Document] = await self._call(schema.name, cursor.to_list)
        return found

    # -- writing -------------------------------------------------------------------------------------------------------

    async def insert(self, schema: Schema, rows: Sequence[Row]) -> None:
        """Write new rows.

        Raises:
            Duplicate: a unique group of columns, or an id, is taken. The unit is finished.
            Busy: another unit that is still open wrote that id or that group. The unit is finished.
        """
        await self._write()
        if rows:
            insert = self._driver.collection(schema).insert_many
            await self._call(schema.name, partial(insert, documents_of(schema, rows), session=self._session))

    @followed
    async def patch(self, patch: Patch) -> int:
        """Change rows in place and return how many.

        Raises:
            Duplicate: a unique group of columns is taken. The unit is finished.
            Busy: another unit that is still open wrote one of the rows. The unit is finished.
        """
        update = partial(self._driver.collection(patch.schema).update_many, update={"$set": dict(patch.changes)})
        return sum([done.matched_count async for done in self._each(patch, update)])

    @followed
    async def remove(self, removal: Removal) -> int:
        """Remove rows and return how many.

        Raises:
            Busy: another unit that is still open wrote one of the rows. The unit is finished.
        """
        delete = self._driver.collection(removal.schema).delete_many
        return sum([done.deleted_count async for done in self._each(removal, delete)])

    async def _each(self, plan: Patch | Removal, write: Callable[..., Any]) -> AsyncIterator[Any]:
        """Write with each of the filters whose rows together are those of a plan, and yield the driver's answers."""
        await self._write()
        selection = await self._selector().select(plan.schema, plan.where)
        matches = [selection.match]
        if selection.joins:  # a write's filter cannot hold lookups
            found = await self._run(plan.schema, [*selection.stages(), {"$project": {"_id": 1}}])
            ids = [document["_id"] for document in found]
            matches = [{"_id": {"$in": ids[start : start + _BATCH]}} for start in range(0, len(ids), _BATCH)]
        for match in matches:
            yield await self._call(plan.schema.name, partial(write, match, session=self._session))

    async def lock(self, tenant: str, name: str) -> None:
        """Keep other units from taking the same lock until this one ends, by writing one document that stands for it.

        Raises:
            Busy: another unit has it, or has ended since this one began to write. The unit is finished.
        """
        await self._write()
        key = {"_id": {"tenant": tenant, "name": name}}
        update = partial(self._driver.locks.update_one, key, {"$inc": {"taken": 1}}, upsert=True)
        await self._call("a lock", partial(update, session=self._session))

    async def _write(self) -> None:
        self._check()
        if not self._writing:
            await self._driver.settle(self._session.start_transaction(*_SNAPSHOT))
            self._writing = True

    # -- savepoints ----------------------------------------------------------------------------------------------------

    async def savepoint(self) -> NoReturn:
        """Refuse to set a savepoint.

        Raises:
            Unsupported: always.
        """
        raise Unsupported("MongoDB has no savepoints: a unit of work is undone as a whole.", hint="Use a second one.")

    # -- ending --------------------------------------------------------------------------------------------------------

    async def commit(self) -> None:
        """Make everything permanent and visible, and end the unit.

        Raises:
            Busy: the database aborted the transaction. Nothing was written.
            StoreError: the database did not answer, so it is unknown whether the unit was committed.
        """
        self._check()
        failure = None
        try:
            if self._writing:
                await self._commit()
        except _FAULTS as error:
            failure = error_of(error, "this unit of work")
            if isinstance(error, PyMongoError) and error.has_error_label(_UNKNOWN_COMMIT):
                failure = StoreError(
                    "the database did not say whether the unit of work was committed.",
                    hint="Read what it should have changed before running it again.",
                )
        finally:
            await self._end()
        if failure is not None:
            raise failure

    async def _commit(self) -> None:
        for attempt in range(_COMMIT_ATTEMPTS):
            try:
                await self._driver.settle(self._session.commit_transaction())
            except PyMongoError as error:
                absent = isinstance(error, ServerSelectionTimeoutError)
                if absent or not error.has_error_label(_UNKNOWN_COMMIT) or attempt + 1 == _COMMIT_ATTEMPTS:
                    raise
            else:
                return

    async def rollback(self) -> None:
        """Undo everything and end the unit."""
        if self._session.has_ended:
            self._check()
        await self._end()

    async def _end(self) -> None:
        self._over = self._over or "the unit of work has ended."
        # Ending a session aborts its transaction; the driver swallows what goes wrong there, as the server ends it too.
        await self._driver.settle(self._session.end_session())

    # -- the driver ----------------------------------------------------------------------------------------------------

    async def _call(self, entity: str, call: Callable[[], Any]) -> Any:
        """Return what a call of the driver gives; make its errors crmkit's, and be finished after one that aborts."""
        try:
            if self._limit is None:
                return await self._driver.settle(call())
            with pymongo.timeout(self._limit):
                return await self._driver.settle(call())
        except _FAULTS as error:
            failure = error_of(error, entity)
        if self._writing:
            self._over = f"the database aborted this unit of work: {failure.message}"
            with timeout(_LAST_WORDS) if isinstance(failure, Unreachable) else nullcontext():
                await self._driver.settle(self._session.abort_transaction())
            self._writing = False
        raise failure  # outside the handler, so that the driver's error, which may hold values, does not travel along

    def _check(self) -> None:
        if self._over:
            raise StoreError(self._over, hint="Begin another one.")
