"""The unit of work: the one transaction of a session, from its first call to its commit."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from crmkit.errors import CrmError, NotAllowed, RuleBroken, SessionInUse
from crmkit.repository.gate import Gate, gated
from crmkit.storage.spi import Feature
from crmkit.storage.spi.cancel import finished

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Hashable

    from crmkit.model.schema import Schema
    from crmkit.storage.spi import Store, Unit

__all__ = ["Turn", "UnitOfWork"]

T = TypeVar("T")

_DEEPEST: Final = 20
"""How many handlers may run within one another, as what one writes may set off the next."""

_REFUSED: Final = "A write was refused that this database cannot undo alone, so the whole session was undone."
_BROKEN: Final = "A write broke off halfway, so the whole session was undone."
_CANCELLED: Final = "A call was cancelled after something had been written, so the whole session was undone."
_CROWDED: Final = "the session was left while another thread or task was using it, so all of it was undone."
_HELD: Final = "a handler cannot end the transaction of the operation that it is part of."
_LOOKING: Final = "what judges whether something may happen cannot write."
_ENDLESS: Final = f"handlers have set off one another, {_DEEPEST} deep."
_WAY_OUT: Final = "Call rollback() to go on, or open a new session, and write again what should stay."


_INHERITED: Final[list[Unit | None]] = []
"""Transactions of the process that this one was forked from: to end them, or to collect them, would reach into it."""


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

    It serves one operation at a time: its gate is shut meanwhile.

    Attributes:
        turn: changes when something is committed or undone; what was read before may not hold after.

    Args:
        store: the database.
        place: stands for the database and the tenant.
        awaited: whether its coroutines run in an event loop.
        entered: whether it may be used at once; a session may only once it is entered, as nothing else would commit.
        dry_run: whether nothing may be written.
    """

    def __init__(
        self, store: Store, place: Hashable, *, awaited: bool = False, entered: bool = True, dry_run: bool = False
    ) -> None:
        self._awaited = awaited
        self._dry_run = dry_run
        self.turn = Turn(place)
        self._store = store
        self._gate = Gate(awaited=awaited)
        self._unit: Unit | None = None
        self._shared: Unit | None = None
        self._left: Unit | None = None
        self._written: set[str] = set()
        self._sequel: Callable[[], None] | None = None
        self._depth = 0
        self._held = 0
        self._looking = 0
        self._entered = entered
        self._undone = ""
        self._ended = False

    async def reading(self) -> Unit:
        """Return the store's transaction.

        Raises:
            CrmError: the session was not entered, or has ended, or a refused write undid everything.
            SessionInUse: another thread or task is using the session.
        """
        self._gate.enter()
        if not self._awaited:
            return self._unit or await self._begun()
        try:
            unit = self._unit or await self._begun()
            self._shared = self._shared or gated(unit, self._gate, self._cancelled)
        finally:
            self._gate.leave()
        return self._shared

    async def _begun(self) -> Unit:
        if self._ended:
            raise CrmError("the session has ended.", hint="Open a new one with crm.session(actor).")
        if not self._entered:
            raise CrmError("the session was not entered.", hint="Write: with crm.session(actor) as s.")
        self._check_whole()
        unit = self._unit = await self._store.begin()
        return unit

    async def writing(self, schema: Schema) -> Unit:
        """Return the store's transaction, to write rows of a model; see `reading`."""
        if self._dry_run:
            raise NotAllowed("nothing is written in a dry run.", hint="Connect without dry_run=True.")
        if self._looking:
            raise CrmError(_LOOKING, hint="Write in a step that writes.")
        self._gate.enter()
        self._written.add(schema.name)
        self._gate.leave()
        return await self.reading() if self._awaited else self._unit or await self._begun()

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
        with self._gate:
            savepoint = await self._settled(unit.savepoint())
        self._depth += 1
        try:
            yield
        except BaseException:
            self.turn = Turn(self.turn.place)
            self._sequel = None
            with suppress(CrmError):  # an error that ended the unit also ended its savepoints
                with self._gate:
                    await self._settled(savepoint.rollback())
                if self._left is not None:  # what was cancelled was within
                    self._unit, self._left, self._undone = self._left, None, ""
            raise
        else:
            with self._gate:
                await self._settled(savepoint.release())
        finally:
            self._depth = max(self._depth - 1, 0)

    @asynccontextmanager
    async def refusable(self) -> AsyncGenerator[None]:
        """Undo what is written within if it is refused; without savepoints, undo everything since the last commit.

        Where nothing else was written since then, that is the same.

        Raises:
            Refused: as it was raised within, by the policy or a rule; it says so if everything was undone.
        """
        if Feature.SAVEPOINT in self._store.features:
            async with self.nested():
                yield
            return
        alone = not self._written
        try:
            yield
        except (NotAllowed, RuleBroken) as error:
            if alone:
                await self._rolled_back()
                raise
            await self._undo(_REFUSED)
            raise error.adding(_REFUSED, _WAY_OUT) from None

    async def break_off(self) -> None:
        """Undo everything since the last commit, and refuse to go on, as half of a write must not be committed."""
        await self._undo(_BROKEN)

    def _cancelled(self) -> None:
        # Nobody knows how far the call came. What it wrote is undone as soon as the session is asked for anything.
        if self._written:
            self._left, self._unit, self._shared = self._unit, None, None
            self._undone = _CANCELLED

    # -- handlers ------------------------------------------------------------------------------------------------------

    @contextmanager
    def held(self, *, looking: bool = False) -> Generator[None, None, None]:
        """Keep what is called within from ending the transaction, and from writing if it is only looking.

        Raises:
            CrmError: what is called within has led here again and again.
        """
        if self._held >= _DEEPEST:
            raise CrmError(_ENDLESS, hint="Let a handler leave alone what it has brought about itself.")
        self._held += 1
        self._looking += looking
        try:
            yield
        finally:
            self._held -= 1
            self._looking -= looking

    @asynccontextmanager
    async def whole(self) -> AsyncGenerator[None]:
        """Undo what is written within if it raises; without savepoints, undo everything since the last commit."""
        if Feature.SAVEPOINT in self._store.features:
            async with self.nested():
                yield
            return
        alone = not self._written
        try:
            yield
        except BaseException:
            if self._written and not self._undone:
                await (self._rolled_back() if alone else self._undo(_BROKEN))
            raise

    # -- ending --------------------------------------------------------------------------------------------------------

    async def commit(self) -> None:
        """Make everything permanent. A task that is cancelled meanwhile is cancelled once that is done.

        Raises:
            CrmError: a nested part has not ended, a refused write undid everything, or a handler calls it.
            SessionInUse: another thread or task is using the session.
        """
        with self._gate:
            self._check_free()
            self._check_whole()
            await self._settled(self._finish(commit=True))

    async def rollback(self) -> None:
        """Undo everything since the last commit.

        Raises:
            CrmError: a nested part has not ended, or a handler calls it.
            SessionInUse: another thread or task is using the session.
        """
        with self._gate:
            self._check_free()
        await self._rolled_back()

    def enter(self) -> None:
        """Allow use from now on.

        Raises:
            CrmError: a handler calls it.
        """
        self._check_free()
        self._entered = True

    async def end(self, *, commit: bool) -> None:
        """Commit or roll back, and refuse all further use.

        Raises:
            CrmError: it was to commit, and a refused write had undone everything: whoever caught that refusal may not
                know that the rest is gone as well.
            SessionInUse: it was to commit, and another thread or task was using the session; everything is undone.
        """
        if self._gate.inherited:
            _INHERITED.append(self._unit)
            self._gate.enter()
        self._ended = True
        self._depth = 0
        undone = self._undone
        last = self._last(commit=commit and not undone)
        crowded = await (finished(last) if self._awaited else last)
        if commit and crowded:
            raise SessionInUse(_CROWDED, hint="Wait for every thread and task before you leave the session.")
        if commit and undone:
            raise CrmError(undone, hint=_WAY_OUT)

    async def _last(self, *, commit: bool) -> bool:
        """Commit or roll back after whoever uses the session, and return whether anybody does."""
        crowded = await self._gate.last()
        try:
            await self._finish(commit=commit and not crowded)
        finally:
            self._gate.leave()
        return crowded

    async def _finish(self, *, commit: bool) -> None:
        sequel, turn, unit = self._sequel, self.turn, self._close()
        if unit is not None:
            await (unit.commit() if commit else unit.rollback())
        turn.committed = commit
        if commit and sequel is not None:
            sequel()

    async def _settled(self, work: Coroutine[Any, Any, T]) -> T:
        return await (finished(work) if self._awaited else work)

    async def _rolled_back(self) -> None:
        with self._gate:
            await self._settled(self._finish(commit=False))

    def _check_free(self) -> None:
        if self._held:
            raise CrmError(_HELD, hint="Return a refusal, or raise, to have all of it undone.")

    def _check_whole(self) -> None:
        if self._undone:
            raise CrmError(self._undone, hint=_WAY_OUT)

    async def _undo(self, why: str) -> None:
        self._depth = 0  # its savepoints end with the transaction
        await self._rolled_back()
        self._undone = why

    def _close(self) -> Unit | None:
        if self._depth:
            raise CrmError("a nested part of the session has not ended.", hint="Leave its with-block first.")
        unit, self._unit, self._shared, self._left = self._unit or self._left, None, None, None
        self._undone = ""
        self._sequel = None
        self._written.clear()
        if not self._ended:
            self.turn = Turn(self.turn.place)
        return unit
