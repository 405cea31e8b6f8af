"""The unit of work: the one transaction of a session, from its first call to its commit."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import attrs

from crmkit.errors import CrmError, NotAllowed
from crmkit.storage.spi import Feature

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Hashable

    from crmkit.model.schema import Schema
    from crmkit.storage.spi import Store, Unit

__all__ = ["Turn", "UnitOfWork"]

_REFUSED: Final = "A write was refused that this database cannot undo alone, so the whole session was undone."
_BROKEN: Final = "A write broke off halfway, so the whole session was undone."
_WAY_OUT: Final = "Call rollback() to go on, or open a new session, and write again what should stay."


@attrs.define(eq=False)
class Turn:
    """What lies between two ends of a session's transactions: a commit, a rollback, or the undoing of a part.

    Records that a store gave or took in a turn carry it, and may be believed while it lasts or once it is committed.

    Attributes:
        place: the database and the tenant.
        committed: whether it ended by a commit.
    """

    place: Hashable
    committed: bool = False


class UnitOfWork:
    """The store's transaction of one session: begun when first needed, again after each commit or rollback.

    Attributes:
        turn: changes when something is committed or undone; what was read before may not hold after.

    Args:
        store: the database.
        place: stands for the database and the tenant.
        entered: whether it may be used at once; a session may only once it is entered, as nothing else would commit.
    """

    def __init__(self, store: Store, place: Hashable, *, entered: bool = True) -> None:
        self.turn = Turn(place)
        self._store = store
        self._unit: Unit | None = None
        self._written: set[str] = set()
        self._sequel: Callable[[], None] | None = None
        self._depth = 0
        self._entered = entered
        self._undone = ""
        self._ended = False

    async def reading(self) -> Unit:
        """Return the store's transaction.

        Raises:
            CrmError: the session was not entered, or has ended, or a refused write undid everything.
        """
        if self._unit is None:
            if self._ended:
                raise CrmError("the session has ended.", hint="Open a new one with crm.session(actor).")
            if not self._entered:
                raise CrmError("the session was not entered.", hint="Write: with crm.session(actor) as s.")
            self._check_whole()
            self._unit = await self._store.begin()
        return self._unit

    async def writing(self, schema: Schema) -> Unit:
        """Return the store's transaction, to write rows of a model."""
        self._written.add(schema.name)
        return self._unit or await self.reading()

    def vouches(self, record: Any) -> bool:
        """Return whether a record is what this database holds, or held, of this tenant under its id and version."""
        turn = getattr(record, "__turn__", None)
        return turn is self.turn or (turn is not None and turn.committed and turn.place == self.turn.place)

    def has_written(self, schema: Schema) -> bool:
        """Return whether rows of a model may have been written that are not committed yet."""
        return schema.name in self._written

    def when_committed(self, sequel: Callable[[], None]) -> None:
        """Call `sequel` once everything that was written is committed, in place of an earlier one.

        It is dropped when anything is undone.
        """
        self._sequel = sequel

    # -- parts ---------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def nested(self) -> AsyncGenerator[None]:
        """Undo what is written within, and no more, if it raises.

        Raises:
            Unsupported: the store has no savepoints.
        """
        unit = await self.reading()
        savepoint = await unit.savepoint()
        self._depth += 1
        try:
            yield
        except BaseException:
            self.turn = Turn(self.turn.place)
            self._sequel = None
            with suppress(CrmError):  # an error that ended the unit also ended its savepoints
                await savepoint.rollback()
            raise
        else:
            await savepoint.release()
        finally:
            self._depth = max(self._depth - 1, 0)

    @asynccontextmanager
    async def refusable(self) -> AsyncGenerator[None]:
        """Undo what is written within if it is refused; without savepoints, undo everything since the last commit.

        Where nothing else was written since then, that is the same.

        Raises:
            NotAllowed: as it was raised within; it says so if everything was undone.
        """
        if Feature.SAVEPOINT in self._store.features:
            async with self.nested():
                yield
            return
        alone = not self._written
        try:
            yield
        except NotAllowed as error:
            if alone:
                await self.rollback()
                raise
            await self._undo(_REFUSED)
            raise NotAllowed(f"{error.message} {_REFUSED}", hint=_WAY_OUT) from None

    async def break_off(self) -> None:
        """Undo everything since the last commit, and refuse to go on, as half of a write must not be committed."""
        await self._undo(_BROKEN)

    # -- ending --------------------------------------------------------------------------------------------------------

    async def commit(self) -> None:
        """Make everything permanent.

        Raises:
            CrmError: a nested part has not ended, or a refused write undid everything.
        """
        self._check_whole()
        sequel, turn = self._sequel, self.turn
        unit = self._close()
        if unit is not None:
            await unit.commit()
        turn.committed = True
        if sequel is not None:
            sequel()

    async def rollback(self) -> None:
        """Undo everything since the last commit.

        Raises:
            CrmError: a nested part has not ended.
        """
        unit = self._close()
        if unit is not None:
            await unit.rollback()

    def enter(self) -> None:
        """Allow use from now on."""
        self._entered = True

    async def end(self, *, commit: bool) -> None:
        """Commit or roll back, and refuse all further use.

        Raises:
            CrmError: it was to commit, and a refused write had undone everything: whoever caught that refusal may not
                know that the rest is gone as well.
        """
        self._depth = 0
        undone = self._undone
        try:
            if commit and not undone:
                await self.commit()
            else:
                await self.rollback()
        finally:
            self._ended = True
        if commit and undone:
            raise CrmError(undone, hint=_WAY_OUT)

    def _check_whole(self) -> None:
        if self._undone:
            raise CrmError(self._undone, hint=_WAY_OUT)

    async def _undo(self, why: str) -> None:
        self._depth = 0  # its savepoints end with the transaction
        await self.rollback()
        self._undone = why

    def _close(self) -> Unit | None:
        if self._depth:
            raise CrmError("a nested part of the session has not ended.", hint="Leave its with-block first.")
        unit, self._unit = self._unit, None
        self._undone = ""
        self._sequel = None
        self._written.clear()
        self.turn = Turn(self.turn.place)
        return unit
