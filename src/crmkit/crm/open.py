"""Opening: from what a caller hands over, a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from crmkit.errors import StoreError, Unsupported

if TYPE_CHECKING:
    from crmkit.storage.spi import Store

__all__ = ["open_store"]

_SQLITE: Final = ("sqlite", "sqlite+pysqlite", "sqlite+aiosqlite")


def open_store(database: Any, *, awaited: bool) -> Store:
    """Return the store for a URL or for a driver's own object.

    Args:
        database: a URL, an SQLAlchemy `Engine` or `AsyncEngine`, a `MongoClient` or `AsyncMongoClient` (whose default
            database is used), or a store.
        awaited: whether it will be used with `await`.

    Raises:
        StoreError: the URL is malformed, or the driver is not installed.
        Unsupported: there is no store for this database, or it does not fit the face.
    """
    store = _store(database, awaited=awaited)
    if awaited and store.io == "blocking":
        raise Unsupported(
            "this store blocks, which would stop the event loop.", hint="Use connect(), or an async driver."
        )
    if not awaited and store.io == "asyncio":
        raise Unsupported("this store must be awaited.", hint="Use aconnect().")
    return store


def _store(database: Any, *, awaited: bool) -> Store:
    if not isinstance(database, str):
        module = type(database).__module__.partition(".")[0]
        if module == "sqlalchemy":
            return _sql(database, awaited=awaited)
        if module == "pymongo":
            return _mongo(database, awaited=awaited)
        if hasattr(database, "begin") and hasattr(database, "wires"):
            store: Store = database
            return store
        raise StoreError(f"a {type(database).__name__} is no database.", hint="Give a URL, an Engine or a MongoClient.")
    scheme, found, _ = database.partition("://")
    if not found:
        raise StoreError("a database is named by a URL.", hint='Write "sqlite:///crm.db", for example.')
    if scheme == "memory":
        from crmkit.storage.memory import MemoryStore

        return MemoryStore()
    if scheme.partition("+")[0] == "sqlite":
        _check_sqlite(database)
        return _sql(database, awaited=awaited)
    if scheme in {"mongodb", "mongodb+srv"}:
        return _mongo(database, awaited=awaited)
    raise Unsupported(f"there is no store for {scheme}:// yet.", hint="There is: sqlite, mongodb, memory.")


def _check_sqlite(url: str) -> None:
    scheme, _, place = url.partition("://")
    if scheme not in _SQLITE:
        raise Unsupported(f"there is no store for {scheme}://.", hint="Write sqlite:///crm.db.")
    if place and not place.startswith(("/", "?")):
        raise StoreError(
            "two slashes are followed by a server's name, and SQLite has no server.",
            hint=f"Write three: sqlite:///{place.rpartition('@')[2]}.",
        )


def _sql(database: Any, *, awaited: bool) -> Store:
    try:
        from crmkit.storage.sql.store import open_async_sql, open_sql
    except ModuleNotFoundError as error:
        raise StoreError(f"{error.name} is not installed.", hint="pip install crmkit") from None
    if awaited and isinstance(database, str) and database.startswith("sqlite://"):
        database = database.replace("sqlite://", "sqlite+aiosqlite://", 1)
    return open_async_sql(database) if awaited else open_sql(database)


def _mongo(database: Any, *, awaited: bool) -> Store:
    try:
        from crmkit.storage.mongo.store import open_async_mongo, open_mongo
    except ModuleNotFoundError as error:
        raise StoreError(f"{error.name} is not installed.", hint="pip install 'crmkit[mongo]'") from None
    return open_async_mongo(database) if awaited else open_mongo(database)
