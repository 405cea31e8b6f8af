"""The spool: rows that have to wait, kept in a temporary file, so that memory holds keys only."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

import attrs

__all__ = ["Spool", "SpooledRow"]

_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE companion (section INTEGER, key TEXT, record INTEGER, cells TEXT);
CREATE INDEX companion_key ON companion (section, key, record);
CREATE TABLE taken (section INTEGER, key TEXT, PRIMARY KEY (section, key)) WITHOUT ROWID;
CREATE TABLE deferred (section INTEGER, record INTEGER, cells TEXT, PRIMARY KEY (section, record));
CREATE TABLE planned (model TEXT, field TEXT, value TEXT, id TEXT, record BLOB, PRIMARY KEY (model, field, value, id));
CREATE INDEX planned_id ON planned (model, id);
CREATE TABLE reject (
    section INTEGER, record INTEGER, number INTEGER, col TEXT, code TEXT, message TEXT, value TEXT, cells TEXT,
    PRIMARY KEY (section, record, number)
);
"""


@attrs.frozen
class SpooledRow:
    """A row that waits: the number of its record, and its cells."""

    record: int
    cells: list[str]


class Spool:
    """A temporary SQLite file of this process, gone with it: rows in, and out again by key.

    It is not one of the CRM's stores. SQLite spills to disk by itself once its page cache is full.
    """

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.executescript(_TABLES)
        self._db.execute("BEGIN")

    # -- rows that belong to records ---------------------------------------------------------------------------------

    def put(self, section: int, key: str, record: int, cells: Sequence[str]) -> None:
        """Keep a row for the record with this key."""
        self._db.execute("INSERT INTO companion VALUES (?, ?, ?, ?)", (section, key, record, json.dumps(cells)))

    def take(self, section: int, keys: Iterable[str]) -> dict[str, list[SpooledRow]]:
        """Return the rows of these keys, in the order of the file, and note that their records are there."""
        found: dict[str, list[SpooledRow]] = {}
        asked = json.dumps(list(keys))
        rows = self._db.execute(
            "SELECT key, record, cells FROM companion WHERE section = ? AND key IN (SELECT value FROM json_each(?)) "
            "ORDER BY record",
            (section, asked),
        )
        for key, record, cells in rows:
            found.setdefault(key, []).append(SpooledRow(record, json.loads(cells)))
        return found

    def claim(self, section: int, keys: Iterable[str]) -> None:
        """Note that records with these keys were accepted."""
        self._db.executemany("INSERT OR IGNORE INTO taken VALUES (?, ?)", [(section, key) for key in keys])

    def left(self, section: int) -> Iterator[tuple[str, SpooledRow]]:
        """Yield the rows whose record was never accepted."""
        rows = self._db.execute(
            "SELECT key, record, cells FROM companion AS c WHERE section = ? AND NOT EXISTS "
            "(SELECT 1 FROM taken AS t WHERE t.section = c.section AND t.key = c.key) ORDER BY record",
            (section,),
        )
        for key, record, cells in rows.fetchall():
            yield key, SpooledRow(record, json.loads(cells))

    # -- rows that wait for others -------------------------------------------------------------------------------

    def defer(self, section: int, record: int, cells: Sequence[str]) -> None:
        """Keep a row until others are loaded."""
        self._db.execute("INSERT OR REPLACE INTO deferred VALUES (?, ?, ?)", (section, record, json.dumps(cells)))

    def deferred(self, section: int, records: Sequence[int]) -> list[SpooledRow]:
        """Return deferred rows in the order of `records`."""
        rows = self._db.execute(
            "SELECT record, cells FROM deferred WHERE section = ? AND record IN (SELECT value FROM json_each(?))",
            (section, json.dumps(list(records))),
        )
        found = {record: SpooledRow(record, json.loads(cells)) for record, cells in rows}
        return [found[record] for record in records]

    # -- records as they will be -------------------------------------------------------------------------------------

    def plan(self, model: str, id: str, links: Mapping[str, str], record: bytes) -> None:
        """Keep a record, to be found by each of these fields, one of which is its id."""
        self.unplan(model, (id,))
        rows = [(model, field, value, id, record if field == "id" else None) for field, value in links.items()]
        self._db.executemany("INSERT INTO planned VALUES (?, ?, ?, ?, ?)", rows)

    def planned(self, model: str, field: str, values: Iterable[str]) -> list[bytes]:
        """Return the kept records that have one of these values in a field."""
        rows = self._db.execute(
            "SELECT whole.record FROM planned AS found JOIN planned AS whole "
            "ON whole.model = found.model AND whole.field = 'id' AND whole.value = found.id "
            "WHERE found.model = ? AND found.field = ? AND found.value IN (SELECT value FROM json_each(?))",
            (model, field, json.dumps(list(values))),
        )
        return [record for (record,) in rows]

    def unplan(self, model: str, ids: Iterable[str]) -> None:
        """Keep records no longer."""
        self._db.executemany("DELETE FROM planned WHERE model = ? AND id = ?", [(model, id) for id in ids])

    def unplan_all(self) -> None:
        """Keep no record."""
        self._db.execute("DELETE FROM planned")

    # -- rejects -----------------------------------------------------------------------------------------------------

    def reject(
        self, section: int, record: int, cells: Sequence[str], problems: Sequence[tuple[str, str, str, str]]
    ) -> bool:
        """Keep a rejected row and what is wrong with it: column, code, message and value of each problem.

        Returns:
            whether it was not rejected before; only the first problems of a row are kept.
        """
        cursor = self._db.executemany(
            "INSERT OR IGNORE INTO reject VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (section, record, number, *problem, "" if number else json.dumps(cells))
                for number, problem in enumerate(problems)
            ],
        )
        return cursor.rowcount > 0

    def problems(self) -> Iterator[tuple[int, int, str, str, str, str]]:
        """Yield section, record, column, code, message and value of every problem, in order."""
        yield from self._db.execute(
            "SELECT section, record, col, code, message, value FROM reject ORDER BY section, record, number"
        )

    def rejected(self) -> Iterator[tuple[int, int, list[tuple[str, str, str]], list[str]]]:
        """Yield section, record, the problems (code, column, message) and the cells of every rejected row, in order."""
        rows = self._db.execute(
            "SELECT section, record, col, code, message, cells FROM reject ORDER BY section, record, number"
        )
        for (section, record), group in groupby(rows, key=itemgetter(0, 1)):
            found = list(group)
            problems = [(code, column, message) for _, _, column, code, message, _ in found]
            yield section, record, problems, json.loads(found[0][5])

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def __del__(self) -> None:
        # A report is kept as long as somebody reads it, and nobody has to close it.
        self._db.close()
