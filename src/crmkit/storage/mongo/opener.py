"""Opens MongoDB stores; imports the driver no earlier than that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from crmkit.errors import StoreError

if TYPE_CHECKING:
    from crmkit.storage.mongo.store import MongoStore

__all__ = ["opener"]

_TAKEN: Final = {"MongoClient", "AsyncMongoClient", "Database", "AsyncDatabase"}


class MongoOpener:
    """Takes URLs, a `MongoClient` or an `AsyncMongoClient`, and one of their databases."""

    def takes(self, database: object) -> bool:
        """Return whether the object is one of the driver's clients or databases."""
        return any(cls.__name__ in _TAKEN and cls.__module__.startswith("pymongo.") for cls in type(database).__mro__)

    def __call__(self, database: Any, *, awaited: bool) -> MongoStore:
        """Return a store.

        Raises:
            StoreError: the URL is malformed, or the driver is not installed.
        """
        try:
            from crmkit.storage.mongo.store import open_async_mongo, open_mongo
        except ModuleNotFoundError as error:
            raise StoreError(f"{error.name} is not installed.", hint="Run: pip install 'crmkit[mongo]'") from None
        return open_async_mongo(database) if awaited else open_mongo(database)


opener = MongoOpener()
"""The entry point."""
