"""Opens stores in memory."""

from __future__ import annotations

from crmkit.storage.memory.store import MemoryStore

__all__ = ["open_memory"]


def open_memory(database: str, *, awaited: bool) -> MemoryStore:  # noqa: ARG001 - every memory:// is a store of its own
    """Return a new store; each is empty, and gone when it is closed.

    >>> open_memory("memory://", awaited=True).io
    'none'
    """
    return MemoryStore()
