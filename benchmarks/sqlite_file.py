"""SQLite files: the settings that every participant shares, and their indexes."""

import contextlib
import pathlib
import sqlite3
from collections.abc import Iterable

SETTINGS = ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL")


def connect(path: pathlib.Path) -> sqlite3.Connection:
    """Open a file in autocommit mode with the shared settings."""
    connection = sqlite3.connect(path, isolation_level=None)
    for setting in SETTINGS:
        connection.execute(setting)
    return connection


def remove(path: pathlib.Path) -> None:
    """Delete a database with its journal files, if it is there."""
    for suffix in ("", "-wal", "-shm"):
        pathlib.Path(f"{path}{suffix}").unlink(missing_ok=True)


def create_indexes(path: pathlib.Path, table: str, indexes: Iterable[tuple[str, ...]]) -> None:
    """Index a table the same way whichever library made it."""
    with contextlib.closing(connect(path)) as connection:
        for columns in indexes:
            name = f"ix_{table}_{'_'.join(columns)}"
            connection.execute(f"CREATE INDEX {name} ON {table} ({', '.join(columns)})")
