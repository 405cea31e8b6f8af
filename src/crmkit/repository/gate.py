"""Gates: a session serves one operation at a time, whatever threads and tasks share it."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from crmkit.errors import SessionInUse
from crmkit.storage.spi.fork import process

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from crmkit.storage.spi import Unit

__all__ = ["Gate", "GatedUnit", "Operation"]

P = ParamSpec("P")
T = TypeVar("T")
_MOMENT: Final = 0.001
"""Seconds between two looks at whether another task has finished."""


class _Thread(threading.local):
    gates: list[Gate] | None = None
    """The gates that are shut until this thread's blocking operation ends; `None` outside of one."""


_THREAD: Final = _Thread()


class Operation:
    """A blocking operation: the session that it uses is its own until it ends.

    An awaited one needs no such thing: it suspends only within the calls of its store, and each of them shuts the gate.
    """

    __slots__ = ("_outermost",)

    def __enter__(self) -> None:
        self._outermost = _THREAD.gates is None
        if self._outermost:
            _THREAD.gates = []

    def __exit__(self, *_: object) -> None:
        if self._outermost:
            gates, _THREAD.gates = _THREAD.gates, None
            for gate in gates or ():
                gate.release()


class Gate:
    """Admits one caller at a time to a session, and refuses any other at once."""

    __slots__ = ("_lock", "_process")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = process()

    @property
    def inherited(self) -> bool:
        """Whether the session is that of a process from which this one was forked."""
        return self._process != process()

    def enter(self) -> bool:
        """Let a caller in, and return whether that is for all of its operation; otherwise it must leave.

        Raises:
            SessionInUse: somebody else is in.
        """
        gates = _THREAD.gates
        if gates is not None and self in gates:
            return True
        if self._process != process():
            raise SessionInUse(
                "the session is that of a process from which this one was forked.",
                hint="Open one after the fork: with crm.session(actor) as s.",
            )
        if not self._lock.acquire(blocking=False):
            raise SessionInUse(
                "another thread or task is using the session at this moment.",
                hint="Give each thread and each task a session of its own.",
            )
        if gates is None:
            return False
        gates.append(self)
        return True

    def leave(self) -> None:
        """Let the next one in, unless the operation goes on."""
        if _THREAD.gates is None:
            self.release()

    def release(self) -> None:
        """Let the next one in."""
        self._lock.release()

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, *_: object) -> None:
        self.leave()

    async def last(self) -> bool:
        """Let a caller in after whoever is, and return whether somebody was."""
        with suppress(SessionInUse):
            self.enter()
            return False
        gates = _THREAD.gates
        if gates is not None:
            self._lock.acquire()
            gates.append(self)
            return True
        import asyncio  # here, as only those who await need it

        while not self._lock.acquire(blocking=False):  # noqa: ASYNC110 - an Event would cost every call for the sake of this one
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
        self._gate = gate
        self._broken_off = broken_off
        self.insert = self._gated(unit.insert)
        self.fetch = self._gated(unit.fetch)
        self.tally = self._gated(unit.tally)
        self.patch = self._gated(unit.patch)
        self.remove = self._gated(unit.remove)
        self.lock = self._gated(unit.lock)
        self.savepoint = unit.savepoint
        self.commit = unit.commit
        self.rollback = unit.rollback

    def _gated(self, call: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        async def called(*given: P.args, **named: P.kwargs) -> T:
            with self._gate:
                try:
                    return await call(*given, **named)
                except Exception:
                    raise
                except BaseException:
                    self._broken_off()
                    raise

        return called
