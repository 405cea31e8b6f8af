"""Gates: a session serves one operation at a time, whatever threads and tasks share it."""

from __future__ import annotations

import threading
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, cast

from crmkit.errors import SessionInUse
from crmkit.storage.spi import fork

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from crmkit.storage.spi import Unit

__all__ = ["THREAD", "Gate", "gated"]

P = ParamSpec("P")
T = TypeVar("T")
_MOMENT: Final = 0.001
"""Seconds between two looks at whether another task has finished."""


class _Thread(threading.local):
    def __init__(self) -> None:
        self.shut: list[Gate] = []


THREAD: Final = _Thread()
"""Knows the gates that the blocking operation of this thread has shut; it opens them when it ends."""


class Gate:
    """Admits one caller at a time to a session, and refuses any other at once.

    Args:
        awaited: whether each call of the store passes by itself, as awaited operations give way within such calls only;
            otherwise a thread that has entered is in until its blocking operation ends.
    """

    __slots__ = ("_acquire", "_awaited", "_process", "_release", "_thread")

    def __init__(self, *, awaited: bool) -> None:
        self._awaited = awaited
        lock = threading.Lock()
        self._acquire, self._release = lock.acquire, lock.release
        self._process = fork.process
        self._thread = 0

    @property
    def inherited(self) -> bool:
        """Whether the session is that of a process from which this one was forked."""
        return self._process != fork.process

    def enter(self) -> None:
        """Let a caller in.

        Raises:
            SessionInUse: somebody else is in.
        """
        thread = get_ident()
        if self._thread == thread:
            return
        if self._process != fork.process:
            raise SessionInUse(
                "the session is that of a process from which this one was forked.",
                hint="Open one after the fork: with crm.session(actor) as s.",
            )
        if not self._acquire(False):
            raise SessionInUse(
                "another thread or task is using the session at this moment.",
                hint="Give each thread and each task a session of its own.",
            )
        if not self._awaited:
            self._thread = thread
            THREAD.shut.append(self)

    def leave(self) -> None:
        """Let the next one in, unless the operation goes on."""
        if self._awaited:
            self._release()

    def open(self) -> None:
        """Let the next one in, as the operation has ended."""
        self._thread = 0
        self._release()

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, *_: object) -> None:
        self.leave()

    async def last(self) -> bool:
        """Let a caller in after whoever is, and return whether somebody was."""
        try:
            self.enter()
        except SessionInUse:
            return await self._waited()
        return False

    async def _waited(self) -> bool:
        if not self._awaited:
            self._acquire()
            self._thread = get_ident()
            THREAD.shut.append(self)
            return True
        import asyncio  # here, as only those who await need it

        while not self._acquire(False):  # noqa: ASYNC110 - an Event would cost every call for this one
            await asyncio.sleep(_MOMENT)
        return True


class GatedUnit:
    """A store's unit of a session that is awaited: each read and each write shuts the gate.

    Args:
        unit: the store's.
        gate: the session's.
        broken_off: is called when a call was broken off, as in a cancelled task.
    """

    def __init__(self, unit: Unit, gate: Gate, broken_off: Callable[[], None]) -> None:
        def through(call: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
            async def called(*given: P.args, **named: P.kwargs) -> T:
                with gate:
                    try:
                        return await call(*given, **named)
                    except Exception:
                        raise
                    except BaseException:
                        broken_off()
                        raise

            return called

        self.insert = through(unit.insert)
        self.fetch = through(unit.fetch)
        self.tally = through(unit.tally)
        self.patch = through(unit.patch)
        self.remove = through(unit.remove)
        self.lock = through(unit.lock)
        self.savepoint = unit.savepoint
        self.commit = unit.commit
        self.rollback = unit.rollback


def gated(unit: Unit, gate: Gate, broken_off: Callable[[], None]) -> Unit:
    """Return a unit behind a gate; see `GatedUnit`."""
    return cast("Unit", GatedUnit(unit, gate, broken_off))  # checkers name the types of coroutines differently
