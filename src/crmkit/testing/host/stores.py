"""The stores of one run of tests: opened when first needed, and kept for all tests that name the same database."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from crmkit.crm.coroutine import run
from crmkit.errors import BadDefinition
from crmkit.storage.opening import open_store
from crmkit.testing.host.undo import PreparedOnce, undone
from crmkit.testing.host.watch import WatchedStore

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Stores", "labelled"]

_SHORT: Final = {"memory": "memory://", "sqlite": "sqlite://"}
"""Databases that need no address."""
_MOST: Final = 8
"""How many stores are kept at most; the oldest makes room."""


def labelled(databases: Sequence[object]) -> list[tuple[str, str]]:
    """Return the URLs of databases, each with a label that tells it from the others and no secret.

    Raises:
        BadDefinition: one of them names no database.

    >>> labelled(["memory", "mongodb://root:secret@localhost/crm"])
    [('memory', 'memory://'), ('mongodb', 'mongodb://root:secret@localhost/crm')]
    """
    named: list[tuple[str, str]] = []
    seen = Counter[str]()
    for each in databases:
        url = _SHORT.get(each, each) if isinstance(each, str) else ""
        scheme, separator, _ = url.partition("://")
        if not separator:
            shown = f"{each!r}" if isinstance(each, str) else f"an object of type {type(each).__name__}"
            raise BadDefinition(
                f"{shown} names no database for crm_stores.", hint=f"Name a URL, or one of: {', '.join(_SHORT)}."
            )
        label = scheme.partition("+")[0]
        seen[label] += 1
        named.append((label if seen[label] == 1 else f"{label}-{seen[label]}", url))
    return named


class Stores:
    """Hands out stores that are watched, and undone if that is wanted."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Any, ...], PreparedOnce] = {}

    def of(self, url: str, timeout: float | None = None, *, undo: bool) -> WatchedStore:
        """Return the store of a database for one test, to be closed after it.

        Args:
            url: the database.
            timeout: the time-out of its statements. A store cannot lose one, so those with another are other stores.
            undo: whether closing it undoes what was written. What is in memory is gone then in any case.
        """
        if not undo or url == _SHORT["memory"]:
            return WatchedStore(open_store(url, awaited=False))
        key = url, timeout
        if key not in self._kept:
            if len(self._kept) == _MOST:
                run(self._kept.pop(next(iter(self._kept))).close())
            opened = partial(open_store, url, awaited=False)
            self._kept[key] = PreparedOnce(opened(), opened if url in _SHORT.values() else None)
        return WatchedStore(undone(self._kept[key]))

    def close(self) -> None:
        """Close all that are kept."""
        while self._kept:
            run(self._kept.popitem()[1].close())
