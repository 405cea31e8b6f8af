"""Scanning: some columns of any number of rows, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.expr.core import Compare
from crmkit.expr.node import Op
from crmkit.repository.door import BATCH
from crmkit.storage.spi import SortKey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from crmkit.expr.core import Core
    from crmkit.repository.door import Door, Row, Where

__all__ = ["scan"]


async def scan(
    door: Door[Any], where: Where, names: Sequence[str], *, deleted: bool = False
) -> AsyncIterator[list[Row]]:
    """Yield the id and some columns of all rows that satisfy an expression, in lists by rising id."""
    parts = await door.bind(where)
    after: tuple[Core, ...] = ()
    while True:
        rows = await door.columns((*parts, *after), ("id", *names), (SortKey("id"),), BATCH, deleted=deleted)
        if rows:
            yield rows
        if len(rows) < BATCH:
            return
        after = (Compare("id", Op.GT, rows[-1][0]),)
