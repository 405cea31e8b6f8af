"""Channels: one connection of SQLAlchemy's pool, reached through its driver rather than through SQLAlchemy.

SQLAlchemy's own execution costs several times what a database in the same process needs to find a row, so statements
go straight to the driver. Pooling, addresses and the options of a host's engine stay with SQLAlchemy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

__all__ = ["Channel", "Channels", "Values"]

Values: TypeAlias = Sequence[Any] | Mapping[str, Any]
"""The parameters of a statement: in order, or by name, as the driver takes them."""


class Channel(Protocol):
    """A way to one connection. It raises what the driver raises."""

    async def open(self) -> bool:
        """Take a connection, and return whether a transaction is open on it already."""
        ...

    async def rows(self, text: str, values: Values) -> list[Any]:
        """Carry out a statement and return all its rows."""
        ...

    async def change(self, text: str, values: Values = ()) -> int:
        """Carry out a statement and return how many rows it changed."""
        ...

    async def many(self, text: str, rows: Sequence[Values]) -> None:
        """Carry out a statement once for each row of values."""
        ...

    async def close(self) -> None:
        """Give the connection back."""
        ...


class Channels(Protocol):
    """Makes the channels of one store.

    Attributes:
        limit: how many seconds a statement may take; `None` for any time.
    """

    limit: float | None

    def make(self) -> Channel:
        """Return a channel that has no connection yet."""
        ...

    def drain(self) -> None:
        """Give back the connections that are kept between units, if any are."""

    def abandon(self) -> object:
        """Forget these connections without closing them, and return what holds them."""

    def close(self) -> None:
        """Give these connections back, and keep none from now on."""
        ...
