"""Loading: the door by which an import writes what other systems know, managed fields and history included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from crmkit.repository.move import Moves
from crmkit.repository.write import Writer
from crmkit.security.access import Action

if TYPE_CHECKING:
    from crmkit.model.schema import Schema
    from crmkit.repository.work import Work

__all__ = ["Loader"]


class Loader:
    """Writes records that bring their ids, stages and history along, within one unit of work.

    It is meant for imports: the rules of pipelines are not asked, as what is loaded has happened already. Everything
    else is as for `add` and `update`: the policy decides, links must lead somewhere, versions count, and all of it
    happens in the unit's transaction. Values must be clean: nothing is converted or checked field by field here.
    """

    def __init__(self, work: Work, schema: Schema) -> None:
        self._work = work
        self._schema = schema
        self._writer = Writer(work, schema)
        self._moves = Moves(work, schema)

    async def add(self, records: Sequence[Any], moves: Sequence[Any] = (), names: Sequence[Any] = ()) -> None:
        """Write new records, their history, and what other systems call them.

        Args:
            records: the records, each with its id.
            moves: their stage moves.
            names: their external ids.

        Raises:
            BadRecord: a link leads nowhere.
            Duplicate: a unique field's value, or an external id, is taken.
            NotAllowed: the policy lets the actor create no such record.
        """
        if not records:
            return
        work, schema = self._work, self._schema
        now = work.setup.clock()
        ids = [record.id for record in records]
        await self._writer.insert(records, ids, now)
        await self._moves.record(moves)
        if names:
            crosswalk = work.setup.catalog["external_id"]
            name = work.setup.codec(crosswalk).dump_new
            tenant, actor = work.actor.tenant, work.actor.key
            unit = await work.unit()
            await unit.insert(crosswalk, [name(each, tenant, work.setup.ids(), now, actor) for each in names])
        await work.announce(schema, "imported", now, [(id_, 1, {}) for id_ in ids])

    def allow(self, records: Sequence[Any]) -> None:
        """Refuse records that the policy does not let the actor create, as far as their own fields tell.

        Raises:
            NotAllowed: there is one.
        """
        self._writer.check_images(records, self._work.guard.rule(self._schema, Action.CREATE))

    async def change(self, record: Any, changes: dict[str, Any], moves: Sequence[Any] = ()) -> Any:
        """Write changes to a record, stages included, and the moves that led there; return it as it now stands.

        Raises:
            BadRecord: a link leads nowhere.
            Stale: somebody else changed the record first.
            Duplicate: a unique field's value is taken.
            NotAllowed: the policy lets the actor not do this.
        """
        now = self._work.setup.clock()
        changed = await self._writer.change(record, changes, now, Action.UPDATE)
        await self._moves.record(moves)
        await self._work.announce(
            self._schema, "imported", now, [(changed.id, changed.version, {"fields": sorted(changes)})]
        )
        return changed
