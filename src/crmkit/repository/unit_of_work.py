"""The unit of work: the one transaction of a session, from its first call to its commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.errors import CrmError

if TYPE_CHECKING:
    from crmkit.model.schema import Schema
    from crmkit.storage.spi import Store, Unit

__all__ = ["UnitOfWork"]


class UnitOfWork:
    """The store's transaction of one session: begun when first needed, again after each commit or rollback.

    Attributes:
        turn: how many transactions came before this one; what was read in one may not hold in the next.

    Args:
        store: the database.
        entered: whether it may be used at once; a session may only once it is entered, as nothing else would commit.
    """

    def __init__(self, store: Store, *, entered: bool = True) -> None:
        self.turn = 0
        self._store = store
        self._unit: Unit | None = None
        self._written: set[str] = set()
        self._entered = entered
        self._ended = False

    async def reading(self) -> Unit:
        """Return the store's transaction.

        Raises:
            CrmError: the session was not entered, or has ended.
        """
        if self._ended:
            raise CrmError("the session has ended.", hint="Open a new one with crm.session(actor).")
        if not self._entered:
            raise CrmError("the session was not entered.", hint="Write: with crm.session(actor) as s.")
        if self._unit is None:
            self._unit = await self._store.begin()
        return self._unit

    async def writing(self, schema: Schema) -> Unit:
        """Return the store's transaction, to write rows of a model."""
        unit = await self.reading()
        self._written.add(schema.name)
        return unit

    def has_written(self, schema: Schema) -> bool:
        """Tell whether rows of a model may have been written that are not committed yet."""
        return schema.name in self._written

    async def commit(self) -> None:
        """Make everything permanent."""
        unit = self._close()
        if unit is not None:
            await unit.commit()

    async def rollback(self) -> None:
        """Undo everything since the last commit."""
        unit = self._close()
        if unit is not None:
            await unit.rollback()

    def enter(self) -> None:
        """Allow use from now on."""
        self._entered = True

    def end(self) -> None:
        """Refuse all further use."""
        self._ended = True

    def _close(self) -> Unit | None:
        unit, self._unit = self._unit, None
        self._written.clear()
        self.turn += 1
        return unit
