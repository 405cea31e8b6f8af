"""Openers: how a store is found for what a caller hands to `connect`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from crmkit.storage.spi.store import Store

__all__ = ["Opener"]


class Opener(Protocol):
    """Opens the stores of one kind of database.

    A distribution offers one as an entry point of the group `crmkit.stores`, named after the scheme of its URLs. A
    plain function will do if the database is opened by URL only. The module of an opener is imported to ask
    `takes`, so it imports its driver no earlier than it opens a store.
    """

    def takes(self, database: object) -> bool:
        """Return whether a driver's own object, such as an engine or a client, is for this opener; may be left out."""
        ...

    def __call__(self, database: Any, *, awaited: bool) -> Store:
        """Return a store that is not prepared yet.

        Args:
            database: a URL of one of the opener's schemes, or an object that it takes.
            awaited: whether the store will be used with `await`. Where the driver's own object decides otherwise,
                return what it gives; the caller compares `io`.

        Raises:
            StoreError: the URL is malformed, or the driver is not installed.
            Unsupported: the URL names a driver that the store does not know.
        """
        ...
