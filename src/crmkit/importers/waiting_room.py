"""Rows that wait for others of their own file, such as subsidiaries that stand before their parents."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final, TypeAlias
from uuid import UUID

import attrs

from crmkit.values import key_of

if TYPE_CHECKING:
    from crmkit.importers.crosswalk import Crosswalk

__all__ = ["Waiter", "WaitingRoom"]

_Name: TypeAlias = tuple[str, str]
"""How a row can be linked to: by which field, blank for its key, and the text."""
_MOST: Final = 5_000
"""How many rows leave at a time."""


@attrs.frozen
class Waiter:
    """A row that waits: its number in the file, its key and id, what it links to, and how others name it."""

    record: int
    key: str
    id: UUID
    targets: tuple[tuple[str, str], ...]
    names: dict[str, str]


class WaitingRoom:
    """The rows of one file that wait for others of it; of each, only keys and names are held.

    Args:
        keys: what is known already.
        entity: the model.
    """

    def __init__(self, keys: Crosswalk, entity: str) -> None:
        self._keys = keys
        self._entity = entity
        self._waiting: dict[int, Waiter] = {}

    def enter(self, waiter: Waiter) -> None:
        """Take in a row."""
        self._waiting[waiter.record] = waiter

    def leave(self) -> Iterator[list[Waiter]]:
        """Yield the rows that can be loaded, group after group; load each, in its order, before asking for the next.

        First come rows after those that they link to, then those that link to each other in circles, which are made
        known beforehand, with all that hangs on them. What links to nothing comes last: that is where it is rejected.
        """
        yield from self._groups(self._in_order())
        circles = self._hanging_together()
        for each in circles:
            self._keys.learn(self._entity, each.key, each.id, each.names.items())
        yield from self._groups(circles)
        yield from self._groups(list(self._waiting.values()))

    def _groups(self, rows: Iterable[Waiter]) -> Iterator[list[Waiter]]:
        group: list[Waiter] = []
        for each in rows:
            self._waiting.pop(each.record)
            group.append(each)
            if len(group) == _MOST:
                yield group
                group = []
        if group:
            yield group

    def _in_order(self) -> list[Waiter]:
        """Return the rows that come after all they link to, each after those."""
        links = _Links(self._waiting.values())
        ready = deque(
            each
            for each in self._waiting.values()
            if not links.open[each.record] and all(self._known(*target) for target in each.targets)
        )
        ordered: list[Waiter] = []
        while ready:
            each = ready.popleft()
            ordered.append(each)
            # A target that no waiting row bears any more is about to be known.
            ready += (
                other
                for other in links.without(each)
                if not links.open[other.record] and all(links.borne(t) or self._known(*t) for t in other.targets)
            )
        return ordered

    def _hanging_together(self) -> list[Waiter]:
        """Return the rows that link to each other, and to nothing that is missing."""
        links = _Links(self._waiting.values())
        left = dict(self._waiting)
        lost = deque(
            each
            for each in self._waiting.values()
            if not all(links.borne(target) or self._known(*target) for target in each.targets)
        )
        while lost:
            each = lost.popleft()
            if left.pop(each.record, None) is not None:
                lost += (
                    other
                    for other in links.without(each)
                    if not all(links.bearers[links.name(t)] or self._known(*t) for t in other.targets)
                )
        return list(left.values())

    def _known(self, by: str, text: str) -> bool:
        return bool(self._keys.find(self._entity, by, text))


class _Links:
    """Who waits for whom; each link is followed once, however long the chains are.

    Attributes:
        bearers: how many of the rows bear a name.
        open: for how many names a row still waits, by its number.
    """

    def __init__(self, rows: Iterable[Waiter]) -> None:
        rows = list(rows)
        self.bearers: Counter[_Name] = Counter(name for each in rows for name in _names(each))
        self._names = frozenset(self.bearers)
        self._waiting: dict[_Name, list[Waiter]] = {}
        self.open: Counter[int] = Counter()
        for each in rows:
            for name in {self.name(target) for target in each.targets} & self._names:
                self._waiting.setdefault(name, []).append(each)
                self.open[each.record] += 1

    def name(self, target: tuple[str, str]) -> _Name:
        """Return the name that a link means: an old key as it is or, if no row bears it so, without regard to case."""
        return target if target in self._names else (target[0], key_of(target[1]))

    def borne(self, target: tuple[str, str]) -> bool:
        """Return whether a row bears the name that a link means, or bore it."""
        return self.name(target) in self._names

    def without(self, row: Waiter) -> Iterator[Waiter]:
        """Take a row away, and yield those that wait for a name which nobody bears any more."""
        for name in _names(row):
            self.bearers[name] -= 1
            if not self.bearers[name]:
                for other in self._waiting.get(name, ()):
                    self.open[other.record] -= 1
                    yield other


def _names(row: Waiter) -> set[_Name]:
    """Return every key and name under which a row can be linked to."""
    names = {(by, key_of(text)) for by, text in row.names.items()}
    return names | {("", row.key), ("", key_of(row.key))}
