"""The store protocol: a dozen methods stand between crmkit and a database."""

from __future__ import annotations

from enum import Enum, unique
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.model.catalog import Catalog
    from crmkit.model.codec import Row, Wires
    from crmkit.model.schema import Schema
    from crmkit.storage.spi.plan import Patch, Query, Removal, Tally

__all__ = ["Feature", "Savepoint", "Store", "Unit"]


@unique
class Feature(Enum):
    """What a store may or may not be able to do. What it does not declare, it refuses with `Unsupported`."""

    TRANSACTIONS = "transactions"
    """Rolling a unit back undoes all of it. Without it, rolling back a unit that wrote is refused."""
    UNIQUE = "unique"
    """Unique groups of columns are kept, also between concurrent writers. Without it, inserting into a model that has
    such a group is refused."""
    REACH = "reach"
    """`Exists`, `Count` and the hops of keys and sort keys can be answered."""
    BUCKETS = "buckets"
    """Keys may group by spans of time."""
    TOP = "top"
    """A query may keep the first rows of each value of a column."""
    SAVEPOINT = "savepoint"
    """A part of a unit can be undone. Without it, `Unit.savepoint` is refused."""
    TIMEOUT = "timeout"
    """A statement can be stopped that takes too long. Without it, `Store.limit_statements` is refused."""
    JOIN = "join"
    """A unit can take part in a transaction that the host began. Without it, `Store.join` is refused."""


class Savepoint(Protocol):
    """A point within a unit to which it can return. It ends with one call of either method, or with the unit.

    Savepoints nest: ending one ends those that were set after it.
    """

    async def release(self) -> None:
        """Keep what was written since, as part of the unit."""

    async def rollback(self) -> None:
        """Undo what was written since. The unit goes on; unique keys that were taken since are free again."""


@runtime_checkable
class Unit(Protocol):
    """One transaction.

    A unit reads what is committed and what it wrote itself. It is used by one task at a time, and ends with one call of
    `commit` or `rollback`. A database's own errors never leave it: they become `Duplicate`, `Busy`, `TimedOut`,
    `Unsupported` or `StoreError`, without values. `TimedOut` ends a unit that has written, and undoes all of it.

    A write that crmkit refuses after it was made is never undone by writing the old values back, which others may
    have seen and which would count as a second change. With `Feature.SAVEPOINT` the unit returns to a savepoint that
    was set before the write; without it, the unit is rolled back as a whole, and the refusal says so.
    """

    async def insert(self, schema: Schema, rows: Sequence[Row]) -> None:
        """Write new rows, each a tuple in the order of `schema.columns`, spelled as the store's wires say.

        Links lead somewhere when rows come through a repository. A database that checks them itself may find, at the
        insert or at the commit, that one no longer does; that is a `StoreError`.

        Raises:
            Duplicate: a unique group of columns, or an id, is taken in the tenant. It names the columns.
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

    async def lock(self, tenant: str, name: str) -> None:
        """Keep other units from taking the same lock until this one ends, as a part of it: a write.

        From then on the unit reads all that was written under the lock before; where that cannot be, it is refused.

        Raises:
            Busy: another unit has the lock, or had it since this one began to write.
        """
        ...

    async def savepoint(self) -> Savepoint:
        """Set a savepoint. That keeps nobody from writing: locks are taken by writes.

        Raises:
            Unsupported: the store does not declare `Feature.SAVEPOINT`.
        """
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

    def limit_statements(self, seconds: float) -> None:
        """Stop each statement that takes longer, in the units that begin from now on.

        Raises:
            Unsupported: the store does not declare `Feature.TIMEOUT`.
        """

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

    async def join(self, handle: Any) -> Unit:
        """Return a unit inside a transaction that the host began. It opens no connection, and closes none.

        The unit sees what the host has written. Its `commit` ends the unit and leaves the transaction, with all that
        was written, to the host. Its `rollback` undoes what the unit wrote and leaves the transaction open; without
        `Feature.SAVEPOINT`, rolling back a unit that wrote is refused with `Unsupported`, and the host must roll back.

        Args:
            handle: what stands for the transaction: the driver's or a framework's own object.

        Raises:
            Unsupported: the store does not declare `Feature.JOIN`.
            StoreError: the handle belongs to another database, or no transaction is open on it.
        """
        ...

    async def close(self) -> None:
        """Give back all resources; may be called twice."""
