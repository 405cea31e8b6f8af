"""The keeper: writes rows that stand besides others, such as history, and models that callers may not write."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from crmkit.expr.core import Compare
from crmkit.expr.node import Op
from crmkit.repository.door import Door, same_id
from crmkit.security.access import Action
from crmkit.storage.spi import Removal

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping

    from crmkit.expr.core import Core

__all__ = ["Keeper", "KeeperOf"]

T = TypeVar("T")
KeeperOf: TypeAlias = Callable[[str], "Keeper[Any]"]
"""Gives the keeper of a model by its name."""


class Keeper(Door[T]):
    """The door of whoever keeps a model: `@entity(kept=...)` closes all others.

    What it has beyond an ordinary door asks no policy, and the journal does not see it.
    """

    def check_writable(self, *, anew: bool) -> None:
        """Let everything pass."""

    async def append(self, records: Iterable[T], at: dt.datetime) -> None:
        """Write new records.

        Raises:
            Duplicate: a unique field's value is taken.
        """
        written = list(records)
        if written:
            await self._insert(self._dumped(written, [self._inside.ids() for _ in written], at))

    async def amend(self, record: Any, values: Mapping[str, Any], at: dt.datetime) -> None:
        """Change a record.

        Raises:
            Stale: somebody else changed the record first.
            NotFound: the record is gone.
        """
        stamps = {"version": record.version + 1, "updated_at": at, "updated_by": self._inside.actor.key}
        where = (same_id(record.id), Compare("version", Op.EQ, record.version))
        if not await self._patch(self._within(where, None, deleted=False), {**values, **stamps}):
            await self._diagnose(record, Action.UPDATE, restoring=False)

    async def discard(self, where: tuple[Core, ...]) -> None:
        """Remove records for good."""
        unit = await self._writing(anew=False)
        await unit.remove(Removal(self.schema, self._within(where, None, deleted=True)))
