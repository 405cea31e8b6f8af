"""SQLite, as the SQL store needs it."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from sqlalchemy import URL, BigInteger, ColumnElement, Connection, Select, String, Text, func, literal_column, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.sql.expression import UnaryExpression
from sqlalchemy.sql.operators import custom_op
from sqlalchemy.types import CHAR, TypeEngine

from crmkit.errors import Busy, StoreError
from crmkit.model.field import Column
from crmkit.model.kind import Kind
from crmkit.storage.spi.plan import Bucket, SortKey
from crmkit.storage.sql.dialect import Cause, Failure
from crmkit.storage.sql.sqlite.failure import failure_of
from crmkit.storage.sql.wire import TEXT_WIRES

__all__ = ["SqliteDialect"]

_OLDEST: Final = (3, 36)  # the first with the memory databases that several connections share
_WAL_PATIENCE: Final = 5.0

_LOW_BITS: Final = 32
_ONE: Final[ColumnElement[int]] = literal_column("1")
_TYPES: Final[Mapping[Kind, Callable[[Column], TypeEngine[Any]]]] = {
    # A column of type DATE, DATETIME or JSON would turn text that looks like a number into one. The four types used
    # here keep text as text and whole numbers as whole numbers.
    Kind.INT: lambda _: BigInteger(),
    Kind.DECIMAL: lambda _: BigInteger(),
    Kind.TEXT: lambda column: String(column.max),
    Kind.DATE: lambda _: CHAR(10),
    Kind.INSTANT: lambda _: CHAR(29),
    Kind.UUID: lambda _: CHAR(32),
    Kind.TAGS: lambda _: Text(),
    Kind.EXTRA: lambda _: Text(),
    Kind.JSON: lambda _: Text(),
}

_PLUS: Final[custom_op[Any]] = custom_op("+")


class SqliteDialect:
    """SQLite from 3.36, through the sqlite3 module or aiosqlite."""

    name = "sqlite"
    writable = (
        "Make the file and its folder writable. To read a file that nobody writes, use "
        "sqlite:///path?mode=ro&immutable=1."
    )
    wires = TEXT_WIRES
    # A transaction that first reads and then writes can fail with SQLITE_BUSY_SNAPSHOT, which no waiting cures. Taking
    # the write lock at once means waiting for it at once.
    begin = "BEGIN IMMEDIATE"
    snapshot = "BEGIN"
    savepoint = "SAVEPOINT {}"
    release = "RELEASE {}"
    rollback_to = "ROLLBACK TO {}"
    deferrable = True
    partial_indexes = True
    sum_width = 2

    def type_of(self, column: Column) -> TypeEngine[Any]:
        """Return the type of a table's column, which holds no `BOOL`."""
        return _TYPES[column.kind](column)

    def check_meaning(self, text: str) -> Hashable:
        """Return the text without blanks and quotation marks: SQLite keeps it as it was written."""
        return "".join(text.split()).replace('"', "")

    def settle(self, connection: Connection, *, own: bool) -> None:
        """Check version and encoding; put a file of our own into WAL mode, where readers and a writer do not meet."""
        version = connection.dialect.server_version_info or ()
        if version < _OLDEST:
            raise StoreError(
                f"SQLite is {'.'.join(map(str, version))}; crmkit needs {'.'.join(map(str, _OLDEST))} or newer.",
                hint="Use a Python that was built with a newer SQLite.",
            )
        encoding = connection.exec_driver_sql("PRAGMA encoding").scalar()
        if encoding != "UTF-8":
            raise StoreError(
                f"the database keeps its text in {encoding}, where text does not sort by code point.",
                hint="Copy it into a new database, which will be UTF-8.",
            )
        if own:
            _enter_wal(connection)

    def lacks_file(self, url: URL) -> bool:
        """Return whether the database is a file that is not there."""
        path = url.database or ":memory:"
        if path.startswith("file:"):
            if "vfs" in url.query or url.query.get("mode") == "memory":
                return False
            path = unquote(urlsplit(path).path)
        return path != ":memory:" and not Path(path).exists()

    def lock_schema(self, connection: Connection) -> None:
        """Take the write lock, unless a listener of the host's has begun a transaction already."""
        driver: Any = connection.connection.driver_connection
        if not driver.in_transaction:
            connection.exec_driver_sql(self.begin)

    # -- expressions ---------------------------------------------------------------------------------------------------

    def aside(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return the column behind a plus sign, which keeps SQLite from looking for an index on it."""
        return UnaryExpression(column, operator=_PLUS, type_=column.type)

    def among(self, column: ColumnElement[Any], values: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return whether the column's value is in a JSON list; an index on the column serves."""
        return column.in_(select(func.json_each(values).table_valued("value").c.value))

    def holds(self, column: ColumnElement[Any], text: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return whether the text is found; `LIKE` would disregard the case of ASCII letters."""
        return func.instr(column, text) > literal_column("0")

    def tagged(self, column: ColumnElement[Any], tag: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return whether a JSON list holds a text."""
        entry = func.json_each(column).table_valued("value")
        return select(_ONE).select_from(entry).where(entry.c.value == tag).exists()

    def entry(
        self,
        column: ColumnElement[Any],
        key: ColumnElement[Any],
        values: ColumnElement[Any] | None,
        *,
        negated: bool = False,
    ) -> ColumnElement[bool]:
        """Return whether a JSON object has such an entry.

        The object is unfolded into rows because a path such as `$."key"` cannot name every key.
        """
        entry = func.json_each(column).table_valued("key", "value", "type")
        found: Select[Any] = select(_ONE).select_from(entry)
        found = found.where(entry.c.key == key, entry.c.type != literal_column("'null'"))
        if values is not None:
            given = func.json_each(values).table_valued("value", "type")
            same: Select[Any] = select(_ONE).select_from(given).correlate(entry)
            same = same.where(given.c.type == entry.c.type, given.c.value == entry.c.value)
            found = found.where(~same.exists() if negated else same.exists())
        return found.exists()

    def ordered(self, column: ColumnElement[Any], key: SortKey, *, nullable: bool) -> ColumnElement[Any]:
        """Return what to order by; SQLite's own order is missing first when ascending, last when descending."""
        direction = column.desc() if key.descending else column.asc()
        if not nullable or key.missing_first is not key.descending:
            return direction
        return direction.nulls_first() if key.missing_first else direction.nulls_last()

    # -- measures and keys ---------------------------------------------------------------------------------------------

    def sum_parts(self, column: ColumnElement[Any]) -> Sequence[ColumnElement[Any]]:
        """Return the sums of the upper and of the lower 32 bits; a plain sum fails where it passes 64."""
        high = column.bitwise_rshift(literal_column(str(_LOW_BITS)))
        low = column.bitwise_and(literal_column(str((1 << _LOW_BITS) - 1)))
        return func.sum(high), func.sum(low)

    def whole_sum(self, parts: Sequence[Any]) -> int:
        """Return the sum of both halves."""
        high, low = parts
        return 0 if high is None else (int(high) << _LOW_BITS) + int(low)

    def year(self, instant: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return the first four digits as a number."""
        return func.substr(instant, _ONE, literal_column("4")).cast(BigInteger)

    def utc_day(self, instant: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return the date part of the text."""
        return func.substr(instant, _ONE, literal_column("10"))

    def shifted_day(self, instant: ColumnElement[Any], shift: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return the date after the shift."""
        return func.date(instant, shift)

    def shift(self, seconds: int) -> object:
        """Return a modifier of SQLite's date function."""
        return f"{seconds:+d} seconds"

    def first_day(self, day: ColumnElement[Any], bucket: Bucket) -> ColumnElement[Any]:
        """Return the first day as ISO text."""
        year = func.substr(day, _ONE, literal_column("4"))
        match bucket:
            case Bucket.DAY:
                return day
            case Bucket.WEEK:
                # "weekday 1" moves forward to a Monday, or not at all.
                return func.date(day, literal_column("'-6 days'"), literal_column("'weekday 1'"))
            case Bucket.MONTH:
                return func.substr(day, _ONE, literal_column("7")).concat(literal_column("'-01'"))
            case Bucket.QUARTER:
                month = func.substr(day, literal_column("6"), literal_column("2")).cast(BigInteger)
                place = month * literal_column("2") - _ONE
                start = func.substr(literal_column("'010101040404070707101010'"), place, literal_column("2"))
                return year.concat(literal_column("'-'")).concat(start).concat(literal_column("'-01'"))
            case Bucket.YEAR:
                return year.concat(literal_column("'-01-01'"))

    # -- errors --------------------------------------------------------------------------------------------------------

    def failure(self, error: BaseException) -> Failure:
        """Return what an error of the sqlite3 module means."""
        return failure_of(error)


def _enter_wal(connection: Connection) -> None:
    # While another process switches the same file, SQLite answers "locked" without waiting as it otherwise does.
    deadline = time.monotonic() + _WAL_PATIENCE
    while True:
        try:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            return
        except OperationalError as error:
            cause = failure_of(error.orig or error).cause
            if cause is Cause.READ_ONLY:  # readers can do with the mode it is in
                return
            if cause is not Cause.BUSY:
                raise
            if time.monotonic() > deadline:
                raise Busy("another process keeps the database locked.", hint="Try again.") from None
            time.sleep(0.01)
