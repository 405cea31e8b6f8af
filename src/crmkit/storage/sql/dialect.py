"""What differs between SQL databases: everything that the rest of this package does not know about one of them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from enum import Enum, unique
from typing import TYPE_CHECKING, Any, Protocol

import attrs

if TYPE_CHECKING:
    from sqlalchemy import URL, ColumnElement, Connection
    from sqlalchemy.types import TypeEngine

    from crmkit.model.codec import Wires
    from crmkit.model.field import Column
    from crmkit.storage.spi.plan import Bucket, SortKey

__all__ = ["Cause", "Dialect", "Failure"]


@unique
class Cause(Enum):
    """Why a database refused a statement."""

    DUPLICATE = "duplicate"
    ORPHAN = "orphan"
    BUSY = "busy"
    READ_ONLY = "read only"
    TIMED_OUT = "timed out"
    REFUSED = "refused"
    OTHER = "other"


@attrs.frozen
class Failure:
    """A driver's error, understood.

    Attributes:
        cause: why it was refused.
        columns: the columns of the unique group that is taken, the tenant among them.
        detail: names only, such as that of a constraint; never a value.
    """

    cause: Cause
    columns: tuple[str, ...] = ()
    detail: str = ""


class Dialect(Protocol):
    """One database's spelling of what stores need.

    To add a SQL database, write a folder with a dialect, `Channels` for each driver, and an opener that hands both to
    `SqlStore` or `AsyncSqlStore`; then name the opener in the entry points `crmkit.stores`.

    Attributes:
        name: SQLAlchemy's name of the dialect.
        writable: the way out where a database can only be read.
        wires: how the driver spells values.
        begin: the statement that starts a transaction which is going to write.
        snapshot: the statement that starts one which only reads, and in which all reads see one state.
        savepoint, release, rollback_to: the statements about a savepoint, `{}` standing for its name.
        deferrable: whether a foreign key can be checked no earlier than at the commit.
        partial_indexes: whether an index can leave out the rows that lack its column, under SQLAlchemy's name for it.
        sum_width: how many columns `sum_parts` selects.
    """

    name: str
    writable: str
    wires: Wires
    begin: str
    snapshot: str
    savepoint: str
    release: str
    rollback_to: str
    deferrable: bool
    partial_indexes: bool
    sum_width: int

    def type_of(self, column: Column) -> TypeEngine[Any]:
        """Return the type of a table's column, which holds no `BOOL`: that one is SQLAlchemy's Boolean everywhere."""
        ...

    def check_meaning(self, text: str) -> Hashable:
        """Return what the condition of a CHECK constraint allows; equal for two texts that allow the same.

        One text is what SQLAlchemy compiled, the other what the database gives back, which may be spelled differently.
        """
        ...

    def settle(self, connection: Connection, *, own: bool) -> None:
        """Check that the database can serve, and put it into the state that stores expect.

        Args:
            connection: to the database, outside a transaction.
            own: whether crmkit opened the database itself, and so may set it up.

        Raises:
            StoreError: it is too old, or set up so that values would be compared wrongly.
        """
        ...

    def lacks_file(self, url: URL) -> bool:
        """Return whether the database is a file that is not there, and that connecting would create."""
        ...

    def lock_schema(self, connection: Connection) -> None:
        """Keep other processes from creating tables until the connection's transaction ends."""
        ...

    # -- expressions ---------------------------------------------------------------------------------------------------

    def aside(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return a related table's column for a condition beside the join, so that the join's index is the one chosen.

        A planner without statistics may prefer an index on the condition, and read it anew for each row.
        """
        ...

    def among(self, column: ColumnElement[Any], values: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return whether the column's value is in a list that is given as JSON text."""
        ...

    def holds(self, column: ColumnElement[Any], text: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return whether the column's text holds another, byte for byte."""
        ...

    def tagged(self, column: ColumnElement[Any], tag: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return whether a tag is among the column's tags."""
        ...

    def entry(
        self,
        column: ColumnElement[Any],
        key: ColumnElement[Any],
        values: ColumnElement[Any] | None,
        *,
        negated: bool = False,
    ) -> ColumnElement[bool]:
        """Return whether an `EXTRA` column has a key whose value is, or if `negated` is not, in a list.

        The list is given as JSON text. Values of different types are different. Without `values`, any will do.
        """
        ...

    def ordered(self, column: ColumnElement[Any], key: SortKey, *, nullable: bool) -> ColumnElement[Any]:
        """Return what to order by, missing values placed as the key says, and so that an index can serve."""
        ...

    # -- measures and keys ---------------------------------------------------------------------------------------------

    def sum_parts(self, column: ColumnElement[Any]) -> Sequence[ColumnElement[Any]]:
        """Return aggregates from which `whole_sum` makes the exact sum of a column."""
        ...

    def whole_sum(self, parts: Sequence[Any]) -> int:
        """Return the sum that `sum_parts` selected; 0 where there was no value."""
        ...

    def year(self, instant: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return an instant's year in UTC, as a number."""
        ...

    def utc_day(self, instant: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return an instant's day in UTC."""
        ...

    def shifted_day(self, instant: ColumnElement[Any], shift: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return the day of an instant moved by a shift as `shift` spells it."""
        ...

    def shift(self, seconds: int) -> object:
        """Return the parameter that moves an instant by so many seconds."""
        ...

    def first_day(self, day: ColumnElement[Any], bucket: Bucket) -> ColumnElement[Any]:
        """Return the first day of the span in which a day lies."""
        ...

    # -- errors --------------------------------------------------------------------------------------------------------

    def failure(self, error: BaseException) -> Failure:
        """Return what a driver's error means."""
        ...
