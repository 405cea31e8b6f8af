"""Forks: connections of a process that a copy of it must neither use nor close."""

from __future__ import annotations

import os
import sys
import weakref
from typing import Final, Protocol

__all__ = ["Forkable", "outlive_forks", "process"]


class Forkable(Protocol):
    """What holds connections."""

    def before_fork(self) -> None:
        """Close the connections that nobody uses, as far as a copy of them could do harm."""

    def after_fork(self) -> None:
        """Forget every connection, in the copy of the process, without closing it: it is the original's."""


_HOLDERS: Final[weakref.WeakSet[Forkable]] = weakref.WeakSet()
process: int = 0
"""A number that a process and its forks do not share; to ask the system each time would cost more."""


def outlive_forks(holder: Forkable) -> None:
    """Tell a holder of connections about forks for as long as it lives."""
    _HOLDERS.add(holder)


def _before() -> None:
    for holder in list(_HOLDERS):
        holder.before_fork()


def _after() -> None:
    global process  # noqa: PLW0603 - one number for each process
    process += 1
    for holder in list(_HOLDERS):
        holder.after_fork()


if sys.platform != "win32":
    os.register_at_fork(before=_before, after_in_child=_after)
