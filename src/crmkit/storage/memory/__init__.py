"""A store in memory: an honest double for tests and demonstrations, held to the same suite as the databases."""

from crmkit.storage.memory.store import MemoryStore

__all__ = ["MemoryStore"]
