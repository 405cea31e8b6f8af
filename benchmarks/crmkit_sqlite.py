"""crmkit on SQLite, and the table that it leaves for the raw driver to copy."""

# ruff: noqa: D102 - Participant says what each method does

from benchmarks import sqlite_file
from benchmarks.crmkit_face import Crmkit
from benchmarks.participant import Workload
from benchmarks.sqlite_raw import StoredTable, read_table

SCOPE = "tenant = ? AND deleted_at IS NULL"
TENANT = "main"


class CrmkitSqlite(Crmkit):
    """crmkit on a file."""

    def __init__(self, workload: Workload) -> None:
        self.path = workload.folder / "crmkit.db"
        super().__init__(workload, f"sqlite:///{self.path}")

    def remove(self) -> None:
        sqlite_file.remove(self.path)

    def stored(self) -> StoredTable:
        """Return the customers as crmkit has stored them."""
        self.clear()
        self.build()
        self.add()
        return read_table(self.path, self.schema.plural, SCOPE, (TENANT,))
