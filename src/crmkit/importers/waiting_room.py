"""Rows that wait for others of their own file, such as subsidiaries that stand before their parents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from uuid import UUID

import attrs

from crmkit.importers.rule import key_of

if TYPE_CHECKING:
    from crmkit.importers.crosswalk import Crosswalk

__all__ = ["Waiter", "WaitingRoom"]


@attrs.frozen
class Waiter:
    """A row that waits: its number among them, its key and id, what it links to, and how others name it."""

    number: int
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
        self._count = 0

    def enter(self, key: str, id: UUID, targets: Iterable[tuple[str, str]], names: dict[str, str]) -> int:
        """Take in a row and return its number."""
        self._count += 1
        self._waiting[self._count] = Waiter(self._count, key, id, tuple(targets), names)
        return self._count

    def leave(self) -> Iterator[list[Waiter]]:
        """Yield the rows that can be loaded, group after group; load each before asking for the next.

        First come rows whose targets are there, then those that link to each other in circles, which are made known
        beforehand. What links to nothing comes last: that is where it is rejected.
        """
        while self._waiting:
            ready = self._ready()
            if not ready:
                ready = self._circles()
                for each in ready:
                    self._keys.learn(self._entity, each.key, each.id, each.names.items())
            ready = ready or list(self._waiting.values())
            for each in ready:
                del self._waiting[each.number]
            yield ready

    def _ready(self) -> list[Waiter]:
        """Return the rows all of whose targets are there, and which no waiting row could make ambiguous."""
        named = _named(self._waiting.values())
        return [
            each
            for each in self._waiting.values()
            if all((by, _form(by, text)) not in named and self._known(by, text) for by, text in each.targets)
        ]

    def _circles(self) -> list[Waiter]:
        """Return the rows that link to each other, and to nothing that is missing."""
        left = dict(self._waiting)
        while True:
            named = _named(left.values())
            lost = [
                number
                for number, each in left.items()
                if not all((by, _form(by, text)) in named or self._known(by, text) for by, text in each.targets)
            ]
            if not lost:
                return list(left.values())
            for number in lost:
                del left[number]

    def _known(self, by: str, text: str) -> bool:
        return bool(self._keys.find(self._entity, by, text))


def _form(by: str, text: str) -> str:
    return key_of(text) if by else text


def _named(rows: Iterable[Waiter]) -> set[tuple[str, str]]:
    """Return every key and name under which some of these rows can be linked to."""
    named: set[tuple[str, str]] = set()
    for each in rows:
        named.add(("", each.key))
        named |= {(by, key_of(text)) for by, text in each.names.items()}
    return named
