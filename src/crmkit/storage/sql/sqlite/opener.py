"""Opens SQLite stores; imports SQLAlchemy no earlier than that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from crmkit.errors import StoreError, Unsupported
from crmkit.storage.sql.engine import is_engine_of

if TYPE_CHECKING:
    from crmkit.storage.sql.store import AnySqlStore

__all__ = ["opener"]

_SCHEMES: Final = ("sqlite", "sqlite+pysqlite", "sqlite+aiosqlite")


class SqliteOpener:
    """Takes URLs, and an SQLAlchemy `Engine` or `AsyncEngine`."""

    def takes(self, database: object) -> bool:
        """Return whether the object is an engine on SQLite."""
        return is_engine_of(database, "sqlite")

    def __call__(self, database: Any, *, awaited: bool) -> AnySqlStore:
        """Return a store.

        Raises:
            StoreError: the URL is malformed, or a package is not installed.
            Unsupported: the URL names a driver that the store does not know.
        """
        if isinstance(database, str):
            _check(database)
        else:
            awaited = hasattr(database, "sync_engine")  # an engine knows what it is
        try:
            from crmkit.storage.sql.sqlite.store import open_async_sqlite, open_sqlite
        except ModuleNotFoundError as error:
            raise StoreError(f"{error.name} is not installed.", hint="Run: pip install crmkit") from None
        return open_async_sqlite(database) if awaited else open_sqlite(database)


def _check(url: str) -> None:
    scheme, _, place = url.partition("://")
    if scheme not in _SCHEMES:
        raise Unsupported(f"there is no store for {scheme}://.", hint="Write sqlite:///crm.db.")
    if place and not place.startswith(("/", "?")):
        raise StoreError(
            "two slashes are followed by a server's name, and SQLite has no server.",
            hint=f"Write three: sqlite:///{place.rpartition('@')[2]}.",
        )


opener = SqliteOpener()
"""The entry point."""
