"""Counting what a store is asked for, on any store: a test that a page takes as many statements however long it is."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from crmkit.errors import BadDefinition
from crmkit.storage.opening import open_store
from crmkit.testing.host.layer import StoreLayer, UnitLayer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from crmkit.crm.blocking.connect import Crm
    from crmkit.crm.connect import AsyncCrm
    from crmkit.storage.spi import Store, Unit

__all__ = ["Asked", "WatchedStore", "asked", "assert_statements", "watched"]

T = TypeVar("T")
_ENDS: Final = frozenset({"savepoint", "commit", "rollback"})


@attrs.frozen
class Asked:
    """One thing that a store was asked for.

    Attributes:
        name: the method of its unit, such as `"fetch"`.
        model: the name of the model whose rows were meant; blank if there was none.
    """

    name: str
    model: str = ""

    @property
    def is_statement(self) -> bool:
        """Whether it is about rows or locks, rather than the transaction around them."""
        return self.name not in _ENDS

    def __str__(self) -> str:
        """Return both, as a sentence has them."""
        return f"{self.name} {self.model}".strip()


class WatchedStore(StoreLayer):
    """A store before another one, which notes what is asked for while somebody listens."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.listeners: list[list[Asked]] = []

    async def begin(self) -> Unit:
        """Return a unit that notes what it is asked for."""
        return _WatchedUnit(await self.inner.begin(), self.listeners)

    async def join(self, handle: Any) -> Unit:
        """Return such a unit inside a transaction of the host's."""
        return _WatchedUnit(await self.inner.join(handle), self.listeners)


class _WatchedUnit(UnitLayer):
    def __init__(self, inner: Unit, listeners: list[list[Asked]]) -> None:
        super().__init__(inner)
        self._listeners = listeners

    async def around(self, name: str, model: str, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        for listener in self._listeners:
            listener.append(Asked(name, model))
        return await call()


def watched(database: Any, *, awaited: bool = False) -> WatchedStore:
    """Return the store of a database, ready to be counted: `connect(watched("sqlite:///test.db"))`.

    Args:
        database: what `connect` takes.
        awaited: whether it is for `aconnect`.

    Raises:
        StoreError: as `connect` raises it.
        Unsupported: as `connect` raises it.
    """
    return WatchedStore(open_store(database, awaited=awaited))


@contextmanager
def asked(crm: Crm | AsyncCrm) -> Generator[list[Asked]]:
    """Give a list that grows by each thing that the store of a CRM is asked for.

    Sessions that were opened before count, too. Several such parts may overlap.

    Raises:
        BadDefinition: the CRM was not connected to a watched store.

    >>> from crmkit import connect, system
    >>> crm = connect(watched("memory://"))
    >>> with asked(crm) as found, crm.session(system("test")) as s:
    ...     s.customers.count()
    0
    >>> [str(each) for each in found]
    ['tally customer', 'commit']
    """
    store = crm.environment.store
    if not isinstance(store, WatchedStore):
        raise BadDefinition(
            "the statements of this CRM are not watched.", hint="Connect it so: connect(watched(url)), or use `crm`."
        )
    found: list[Asked] = []
    store.listeners.append(found)
    try:
        yield found
    finally:
        store.listeners[:] = [each for each in store.listeners if each is not found]


@contextmanager
def assert_statements(crm: Crm | AsyncCrm, expected: int) -> Generator[list[Asked]]:
    """Assert that a store is asked for just so much within: rows to be read, counted, written or removed, and locks.

    Raises:
        AssertionError: it was asked for more or less; it lists what.
        BadDefinition: the CRM was not connected to a watched store.

    >>> from crmkit import connect, system
    >>> crm = connect(watched("memory://"))
    >>> with crm.session(system("test")) as s, assert_statements(crm, 1):
    ...     page = s.customers.find()
    """
    with asked(crm) as found:
        yield found
    made = [each for each in found if each.is_statement]
    if len(made) != expected:
        listed = "".join(f"\n  {each}" for each in made) or " none"
        raise AssertionError(f"{expected} statements were expected, and there were {len(made)}:{listed}")
