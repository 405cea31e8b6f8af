"""The store protocol: about ten methods stand between crmkit and a database."""

from __future__ import annotations

from enum import Enum, unique
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.model.catalog import Catalog
    from crmkit.model.codec import Row, Wires
    from crmkit.model.schema import Schema
    from crmkit.storage.spi.plan import Patch, Query, Removal, Tally

__all__ = ["Feature", "Store", "Unit"]


@unique
class Feature(Enum):
    """What a store may or may not be able to do. Whatever it does not declare, it refuses with `Unsupported`."""

    TRANSACTIONS = "transactions"
    """Rolling a unit back undoes all of it. Without it, rolling back a unit that wrote is refused."""
    UNIQUE = "unique"
    """Unique groups of columns are kept, also between concurrent writers. Without it, inserting into a model that has
    such a group is refused."""
    REACH = "reach"
    """`Exists`, `Count` and the hops of keys can be answered."""
    BUCKETS = "buckets"
    """Keys may group by spans of time."""
    QUEUE = "queue"
    """A write that meets one of another unit waits until that unit ends, for some seconds. Without it, it is refused at
    once."""


@runtime_checkable
class Unit(Protocol):
    """One transaction.

    A unit reads what is committed and what it wrote itself. It is used by one task at a time, and ends with one call of
    `commit` or `rollback`. A database's own errors never leave it: they become `Duplicate`, `Busy`, `Unsupported` or
    `StoreError`, without values.
    """

    async def insert(self, schema: Schema, rows: Sequence[Row]) -> None:
        """Write new rows, each a tuple in the order of `schema.columns`, spelled as the store's wires say.

        Links lead somewhere when rows come through a repository. A database that checks them itself may find, at the
        insert or at the commit, that one no longer does; that is a `StoreError`.

        Raises:
            Duplicate: a unique group of columns, or an id, is taken. It names the columns.
        """

    async def fetch(self, query: Query) -> list[Row]:
        """Return the rows that a query asks for, spelled as the store's wires say."""
        ...

    async def tally(self, tally: Tally) -> list[Row]:
        """Return the groups that a tally asks for, in canonical values."""
        ...

    async def patch(self, patch: Patch) -> int:
        """Change rows in place and return how many.

        Raises:
            Duplicate: as for `insert`.
        """
        ...

    async def remove(self, removal: Removal) -> int:
        """Remove rows and return how many."""
        ...

    async def commit(self) -> None:
        """Make everything permanent and visible, and end the unit."""

    async def rollback(self) -> None:
        """Undo everything and end the unit; also one of which an `insert` or the `commit` failed."""


class Store(Protocol):
    """A database, as crmkit needs it. It never sees an actor, a policy or a secret.

    Attributes:
        io: `"blocking"` if its coroutines never suspend, `"asyncio"` if they need a running loop, `"none"` if they do
            no input or output and fit both.
        features: what it can do.
        wires: how its driver spells the kinds of value; empty for canonical values.
    """

    @property
    def io(self) -> Literal["blocking", "asyncio", "none"]:
        """Whether its coroutines suspend."""
        ...

    @property
    def features(self) -> frozenset[Feature]:
        """What it can do."""
        ...

    @property
    def wires(self) -> Wires:
        """How its driver spells values."""
        ...

    async def prepare(self, catalog: Catalog, *, create: bool) -> None:
        """Learn the models; and make sure that tables and indexes are there.

        Args:
            catalog: the models. Called once, before any unit.
            create: whether to create what is missing. Nothing is ever altered or dropped.

        Raises:
            StoreError: the store cannot be reached, or lacks something and `create` is false, or holds tables that do
                not fit the models.
        """

    async def begin(self) -> Unit:
        """Return a new unit; its transaction may start with its first statement."""
        ...

    async def close(self) -> None:
        """Give back all resources; may be called twice."""
