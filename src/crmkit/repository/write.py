"""Writing: the one way by which rows are inserted and changed, with policy, links and version checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.errors import NotAllowed, NotFound, Refused, Stale
from crmkit.expr.core import And, Compare, Core, In, Missing
from crmkit.expr.evaluate import evaluate, is_local
from crmkit.expr.node import Always, Expr, Op
from crmkit.repository.link import check_links
from crmkit.security.access import Action
from crmkit.storage.spi import Patch, Removal

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from crmkit.model.codec import Row
    from crmkit.model.schema import Schema
    from crmkit.repository.work import Work

__all__ = ["Writer"]


class Writer:
    """Writes the records of one model within one unit of work.

    Values must be clean: nothing is converted or checked field by field here.
    """

    def __init__(self, work: Work, schema: Schema) -> None:
        self._work = work
        self._schema = schema
        self._codec = work.setup.codec(schema)

    async def insert(self, records: Sequence[Any], ids: Sequence[UUID], now: dt.datetime) -> list[Row]:
        """Write new records under their ids and return the rows that hold them.

        Raises:
            BadRecord: a link leads nowhere.
            Duplicate: a unique field's value is taken.
            NotAllowed: the policy lets the actor create no such record.
        """
        work, schema = self._work, self._schema
        await check_links(work, schema, records, schema.links, frozenset(ids))
        tenant, actor, dump = work.actor.tenant, work.actor.key, self._codec.dump_new
        rows = [dump(record, tenant, id_, now, actor) for record, id_ in zip(records, ids, strict=True)]
        rule = work.guard.rule(schema, Action.CREATE)
        self.check_images([self.loaded(row) for row in rows] if rule != Always(True) else (), rule)
        unit = await work.unit()
        await unit.insert(schema, rows)
        if not is_local(rule, self._schema) and not await self._all_within(ids, Action.CREATE):
            # Only the store could tell, so the rows had to be there first; they must not outlive the refusal.
            await unit.remove(Removal(schema, And((self._tenant(), In("id", tuple(ids))))))
            raise self._refusal(Action.CREATE)
        return rows

    async def change(
        self, record: Any, clean: Mapping[str, Any], now: dt.datetime, action: Action, *, deleted: bool = False
    ) -> Any:
        """Write changes to a record and return it as it now stands.

        Args:
            record: the record, as it was last read.
            clean: fields and their new values.
            now: when it is written.
            action: what the policy is asked for.
            deleted: whether it is a deleted record that is changed.

        Raises:
            BadRecord: a link leads nowhere.
            Stale: somebody else changed the record first.
            Duplicate: a unique field's value is taken.
            NotFound: the record is gone, or was never there for this actor.
            NotAllowed: the policy lets the actor not do this.
            Refused: it should be a deleted record, and is none.
        """
        work, schema = self._work, self._schema
        stamps = {"version": record.version + 1, "updated_at": now, "updated_by": work.actor.key}
        changes = {**clean, **stamps}
        changed = self._codec.replace(record, **changes)
        links = [link for link in schema.links if link.name in clean]
        if links:
            await check_links(work, schema, [changed], links)
        where: list[Core] = [*work.guard.scope(schema, action, deleted=deleted), work.same_id(record.id)]
        where.append(Compare("version", Op.EQ, record.version))
        if deleted:
            where.append(Missing("deleted_at", negated=True))
        rule = work.guard.rule(schema, action)
        held = record
        if rule != Always(True):
            # The policy judges what the store holds with the changes made, not what the caller's record says it holds.
            rows = await work.rows(schema, where, self._codec.read)
            if not rows:
                await self._diagnose(record, action, deleted=deleted)
            held = self._codec.load(rows)[0]
            if is_local(rule, schema) and not evaluate(rule, self._codec.replace(held, **changes)):
                raise self._refusal(action)
        unit = await work.unit()
        if not await unit.patch(Patch(schema, And(tuple(where)), self._encoded(changes))):
            await self._diagnose(record, action, deleted=deleted)
        if not is_local(rule, schema) and not await self._all_within([record.id], action):
            before = self._encoded({name: getattr(held, name) for name in changes})
            await unit.patch(Patch(schema, And((self._tenant(), work.same_id(record.id))), before))
            raise self._refusal(action)
        return changed

    def check_images(self, records: Sequence[Any], rule: Expr) -> None:
        """Refuse records that the policy does not let the actor create, as far as their own fields tell.

        Raises:
            NotAllowed: there is one.
        """
        if is_local(rule, self._schema) and not all(evaluate(rule, record) for record in records):
            raise self._refusal(Action.CREATE)

    def loaded(self, row: Sequence[Any]) -> Any:
        """Return the record that a row holds."""
        columns = self._codec.columns
        return self._codec.load([[row[columns.index(name)] for name in self._codec.read]])[0]

    # -- within --------------------------------------------------------------------------------------------------------

    def _tenant(self) -> Core:
        return Compare("tenant", Op.EQ, self._work.actor.tenant)

    def _refusal(self, action: Action) -> NotAllowed:
        return NotAllowed(f"the policy does not let this actor {action.value} this {self._schema.name}.")

    def _encoded(self, values: Mapping[str, Any]) -> dict[str, Any]:
        encode, fields, columns = self._codec.encode, self._schema.fields, self._schema.columns_of
        return {
            column.name: encode(column, part)
            for name, value in values.items()
            for column, part in zip(columns[name], fields[name].to_columns(value), strict=True)
        }

    async def _all_within(self, ids: Sequence[UUID], action: Action) -> bool:
        """Tell whether rows just written satisfy a rule that follows relations."""
        scope = self._work.guard.scope(self._schema, action, deleted=True)
        return len(await self._work.rows(self._schema, (*scope, In("id", tuple(ids))))) == len(ids)

    async def _diagnose(self, record: Any, action: Action, *, deleted: bool) -> None:
        """Say why a guarded write met no row; what the actor may not see is not there."""
        schema = self._schema
        scope = self._work.guard.scope(schema, Action.READ, deleted=True)
        rows = await self._work.rows(schema, (*scope, self._work.same_id(record.id)), ("version", "deleted_at"))
        if not rows:
            raise NotFound(f"there is no {schema.name} {record.id}.")
        version, deleted_at = rows[0]
        if version != record.version:
            raise Stale(schema.name, record.id, record.version, version)
        if deleted and deleted_at is None:
            raise Refused(f"the {schema.name} {record.id} is not deleted.", hint="There is nothing to restore.")
        if not deleted and deleted_at is not None:
            raise NotFound(f"the {schema.name} {record.id} is deleted.", hint="Call restore() first.")
        raise self._refusal(action)
