"""The sqlite3 module by hand, on a copy of the table that crmkit made and filled."""

# ruff: noqa: D102 - Participant says what each method does

import contextlib
import dataclasses
import pathlib
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

from benchmarks import sqlite_file
from benchmarks.participant import PAGE_SCORE, PAGE_SIZE, PAGE_STATUS, PAGE_TIER, Participant, Workload, changed_one

Row: TypeAlias = tuple[Any, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class StoredTable:
    """A filled table as found in a SQLite file: its definition and its rows, in the order of the ids.

    `scope` is the condition that every query on this table carries (the tenant, and that a row is not deleted),
    as SQL and its arguments.
    """

    name: str
    definition: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    indexes: tuple[tuple[str | None, ...], ...]
    scope: str = ""
    scope_arguments: Row = ()

    def position(self, column: str) -> int:
        """Return where a column stands in a row."""
        return self.columns.index(column)


def read_table(path: pathlib.Path, name: str, scope: str = "", scope_arguments: Row = ()) -> StoredTable:
    """Return a table of a SQLite file, with the statements that created it and its indexes."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        # "table" sorts after "index": a descending order creates the table before its indexes
        definition = connection.execute(
            "SELECT sql FROM sqlite_master"
            " WHERE tbl_name = ? AND type IN ('table', 'index') AND sql IS NOT NULL ORDER BY type DESC",
            (name,),
        ).fetchall()
        cursor = connection.execute(f"SELECT * FROM {name} ORDER BY id")  # noqa: S608 - a name from our own code
        columns = tuple(column[0] for column in cursor.description)
        rows = tuple(cursor.fetchall())
        indexes = connection.execute("SELECT name FROM pragma_index_list(?) WHERE origin <> 'pk'", (name,)).fetchall()
        indexed = tuple(
            tuple(column for (column,) in connection.execute("SELECT name FROM pragma_index_info(?)", index))
            for index in indexes
        )
    return StoredTable(name, tuple(sql for (sql,) in definition), columns, rows, indexed, scope, scope_arguments)


class RawSqlite(Participant[Row, tuple[Any, int]]):
    """Prepared tuples in by executemany, tuples out by fetchall."""

    title: ClassVar[str] = "raw sqlite3"

    def __init__(self, workload: Workload, stored: StoredTable) -> None:
        super().__init__(workload)
        self.stored = stored
        self.path = workload.folder / "raw.db"
        self.connection: sqlite3.Connection | None = None
        key = stored.position("id")
        self.stored_ids = {record.id: row[key] for record, row in zip(workload.records, stored.rows, strict=True)}
        columns, table = ", ".join(stored.columns), stored.name
        marks = ", ".join("?" * len(stored.columns))
        self.insert = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - names from the file itself
        self.select = f"SELECT {columns} FROM {table}"  # noqa: S608 - names from the file itself
        self.where = f" WHERE {stored.scope} AND " if stored.scope else " WHERE "
        self.set_score = f"UPDATE {table} SET score = ?, version = version + 1, updated_at = ?"  # noqa: S608 - the same

    @property
    def opened(self) -> sqlite3.Connection:
        if self.connection is None:
            self.connection = sqlite_file.connect(self.path)
        return self.connection

    def clear(self) -> None:
        self.close()
        sqlite_file.remove(self.path)
        for statement in self.stored.definition:
            self.opened.execute(statement)

    def build(self) -> None:
        """Do nothing: the rows are finished."""

    def add(self) -> None:
        connection = self.opened
        connection.execute("BEGIN")
        connection.executemany(self.insert, self.stored.rows)
        connection.execute("COMMIT")

    def read(self) -> Sequence[Row]:
        where = f" WHERE {self.stored.scope}" if self.stored.scope else ""
        return self.opened.execute(self.select + where, self.stored.scope_arguments).fetchall()

    def get(self, ids: Sequence[uuid.UUID]) -> Sequence[Row]:
        execute, scope = self.opened.execute, self.stored.scope_arguments
        statement = f"{self.select}{self.where}id = ?"
        keys = self.stored_ids
        return [execute(statement, (*scope, keys[id_])).fetchone() for id_ in ids]

    def hold(self, ids: Sequence[uuid.UUID]) -> Sequence[tuple[Any, int]]:
        key, version = self.stored.position("id"), self.stored.position("version")
        return [(row[key], row[version]) for row in self.get(ids)]

    def update(self, held: Sequence[tuple[Any, int]], score: int) -> None:
        execute, scope = self.opened.execute, self.stored.scope_arguments
        statement = f"{self.set_score}{self.where}id = ? AND version = ?"
        # any time in the stored form will do: encoding one is not the raw driver's work
        changed_at = self.stored.rows[-1][self.stored.position("updated_at")]
        for key, version in held:
            execute("BEGIN IMMEDIATE")
            changed_one(self.title, execute(statement, (score, changed_at, *scope, key, version)).rowcount)
            execute("COMMIT")

    def page(self, times: int) -> Sequence[Row]:
        execute = self.opened.execute
        condition = "status = ? AND tier = ? AND score > ? ORDER BY score DESC, id DESC LIMIT ?"
        statement = f"{self.select}{self.where}{condition}"
        arguments = (*self.stored.scope_arguments, PAGE_STATUS, PAGE_TIER, PAGE_SCORE, PAGE_SIZE)
        rows: Sequence[Row] = ()
        for _ in range(times):
            rows = execute(statement, arguments).fetchall()
        return rows

    def values(self, entity: Row) -> Mapping[str, object]:
        return {name: entity[self.stored.position(name)] for name in ("name", "email", "score", "version")}

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None
