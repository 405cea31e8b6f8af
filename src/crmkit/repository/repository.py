"""The repository: every way to read and write records of one model, guarded, checked and versioned."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

from crmkit.errors import BadRecord, CrmError, Problem, RuleBroken
from crmkit.repository.added import check_extra
from crmkit.repository.change import ChangeKind
from crmkit.repository.claim import refuse_managed
from crmkit.repository.door import BATCH, pause_collector
from crmkit.repository.external_id import ExternalIds
from crmkit.repository.moves import Moves
from crmkit.repository.reader import AsyncReader
from crmkit.repository.retelling import told

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from crmkit.lifecycle import Entry
    from crmkit.model.schema import Schema
    from crmkit.repository.change import Change
    from crmkit.repository.retelling import Histories

__all__ = ["AsyncRepository"]

T = TypeVar("T")


class AsyncRepository(AsyncReader[T]):
    """Reads and writes the records of one model within one session.

    Sessions hand them out: `s.customers`, or `s.repository(Customer)`. A record that is handed in stands for the stored
    one with its id and version. What else it says is believed nowhere: where it differs from the stored record, as a
    copy made by `attrs.evolve` does, that is a change, saved with the others or refused.
    """

    # -- writing -------------------------------------------------------------------------------------------------------

    async def add(self, record: T, *, history: Iterable[Entry] = ()) -> T:
        """Write a new record and return it as it now stands: with its id, version 1 and times.

        Args:
            record: the record.
            history: the moves that it made elsewhere, as in `[moved("contact", at=...), moved("won", at=...)]`, in
                order. It then stands where the last one led, and the rules of its pipeline are not asked.

        Raises:
            BadRecord: a link leads nowhere, an added field is not declared, the record is of another model, or the
                history cannot be true.
            Duplicate: a unique field's value is taken.
            NotAllowed: the policy does not let the actor create such a record.
            RuleBroken: a rule of the host does not allow such a record.
            MoveRefused: the stage given is not one to enter.
        """
        change = await self._add([(record, history)] if history else [record], "history")
        return change.after[0]

    async def add_many(self, records: Iterable[T | tuple[T, Iterable[Entry]]]) -> list[UUID]:
        """Write any number of new records in batches and return their ids, in order.

        Each may come with its history, as a pair: `[(deal, [moved("contact", at=...)]), ...]`.
        Everything happens in the session's transaction. Raises what `add` raises; the session should then be rolled
        back, as other batches may be written. A `RuleBroken` tells of all batches.
        """
        ids: list[UUID] = []
        source = iter(records)
        first, broken = 0, None
        while batch := list(islice(source, BATCH)):
            try:
                with pause_collector():
                    ids += (await self._add(batch, "[{}].history", first)).ids
            except RuleBroken as error:
                broken = error.following(broken, first)
            except CrmError as error:
                if broken is None:
                    raise
                raise broken.adding(error.message, error.hint) from None
            first += len(batch)
        if broken is not None:
            raise broken
        return ids

    async def update(self, record: T, /, **changes: Any) -> T:
        """Write changes to a record and return it as it now stands.

        Args:
            record: the record as it was last read, or a changed copy.
            changes: fields and their new values; they win over the copy's.

        Raises:
            BadRecord: a value is refused, or a field is set by crmkit only.
            Stale: somebody else changed the record first.
            Duplicate: a unique field's value is taken.
            NotFound: the record is gone, or was never there for this actor.
            NotAllowed: the policy does not let the actor do this.
            RuleBroken: a rule of the host does not allow it.
        """
        self._check_changeable(record)
        return await self._written(record, self._cleaned(changes), ChangeKind.UPDATED)

    async def delete(self, record: T) -> T:
        """Delete a record so that it can be restored, and return it as it now stands.

        It keeps its unique values. Raises what `update` raises; nothing else is saved, so a changed copy is refused.
        """
        self._check_changeable(record)
        return await self._written(record, {}, ChangeKind.DELETED)

    async def restore(self, record: T) -> T:
        """Bring a deleted record back and return it as it now stands.

        Raises what `delete` raises, and `Refused` if the record is not deleted.
        """
        self._check_changeable(record)
        return await self._written(record, {}, ChangeKind.RESTORED)

    # -- pipelines -----------------------------------------------------------------------------------------------------

    async def advance(
        self,
        record: T,
        stage: str,
        /,
        *,
        note: str | None = None,
        at: dt.datetime | None = None,
        data: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> T:
        """Change a record, move it to another stage of its pipeline, and write its history, in one step.

        Changes and move are judged together, and count as one version.

        Args:
            record: the record as it was last read, or a changed copy.
            stage: the stage to move to.
            note: why, for the history.
            at: when it happened; now if left out.
            data: what handlers of the operation `advance` may need besides.
            changes: fields to set with the move, such as `lost_reason="price"`.

        Raises:
            MoveRefused: the pipeline or a handler does not allow it; it lists every reason.
            RuleBroken: a rule of the host does not allow it.
            Stale: somebody else changed the record first.
        """
        self._check_changeable(record)
        held, clean = await self._door.claimed(record, self._cleaned(changes), ChangeKind.MOVED)
        moved: T = await self._moves.perform("advance", held, clean, stage, data, note=note, at=at)
        return moved

    async def transfer(
        self,
        record: T,
        pipeline: str = "",
        /,
        *,
        stage: str,
        note: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> T:
        """Put a record into a pipeline's present definition, at a stage; the only way out of an older definition.

        Args:
            record: the record as it was last read, or a changed copy.
            pipeline: the pipeline; the record's own if blank.
            stage: the stage it continues in.
            note: why, for the history.
            data: what handlers of the operation `advance` may need besides.

        Raises:
            MoveRefused: the stage demands what the record lacks, or a handler does not allow it.
        """
        self._check_changeable(record)
        held, clean = await self._door.claimed(record, {}, ChangeKind.MOVED)
        name = pipeline or getattr(held, "pipeline", "")
        moved: T = await self._moves.perform("transfer", held, clean, stage, data, note=note, pipeline=name)
        return moved

    async def why_not(self, record: T, stage: str, /, *, data: Mapping[str, Any] | None = None, **changes: Any) -> str:
        """Return why a record may not move to a stage now, as a sentence or several; blank if it may.

        What the stored record would be with the changes is judged, by the pipeline, by handlers of the operation
        `advance`, and by the rules of the host. Raises what `advance` raises but for `MoveRefused` and `RuleBroken`.
        """
        self._check_added(record)
        held, clean = await self._door.claimed(record, self._cleaned(changes))
        return await self._moves.why_not(held, clean, stage, data)

    async def allowed_moves(self, record: T) -> tuple[str, ...]:
        """Return the stages to which a record may move now; see `why_not`."""
        self._check_added(record)
        held, clean = await self._door.claimed(record, {})
        return await self._moves.allowed(held, clean)

    # -- other systems -------------------------------------------------------------------------------------------------

    async def add_external_id(self, record: T, source: str, external_id: str, /) -> None:
        """Note what another system calls a record; nothing happens if that is known already.

        Read it by relation: `f.external_ids.any((f.source == "erp") & (f.external_id == "4711"))`. A later import from
        the same source finds the record by it.

        Args:
            record: the record.
            source: the other system, such as `"salesforce"`.
            external_id: what the other system calls it.

        Raises:
            BadRecord: the source or the external id is blank or too long.
            Duplicate: another record of this model has this external id.
            NotFound: the record is gone, or was never there for this actor.
            NotAllowed: the policy does not let the actor change the record.
        """
        await self._external_ids(record).add(record, source, external_id)

    async def remove_external_id(self, record: T, source: str, external_id: str, /) -> None:
        """Forget what another system calls a record.

        Raises what `add_external_id` raises, and `NotFound` if the record has no such external id.
        """
        await self._external_ids(record).remove(record, source, external_id)

    def _external_ids(self, record: Any) -> ExternalIds:
        self._door.check_writable(anew=True)
        self._check_added(record)
        return ExternalIds(self._doors, self._schema)

    # -- within --------------------------------------------------------------------------------------------------------

    @property
    def _moves(self) -> Moves[T]:
        return Moves(self._doors, self._door)

    async def _add(self, given: list[Any], path: str, first: int = 0) -> Change[T]:
        """Write new records; `path` names the history of the one with a number, which counts from `first`."""
        schema = self._schema
        self._door.check_writable(anew=True)
        records: list[Any]
        records, histories = self._apart(given, path, first)
        now = self._doors.clock()
        make_id = self._doors.ids
        ids = [record.id if record.id.int else make_id() for record in records]
        if schema.extra or any(record.extra for record in records):
            records = [self._door.replace(record, extra=check_extra(schema, record.extra)) for record in records]
        if histories:
            self._moves.check_staged()
        if not schema.staged:
            return await self._door.add(records, ids, at=now)
        return await self._moves.enter(records, ids, now, histories)

    def _apart(self, given: list[Any], path: str, first: int) -> tuple[list[Any], Histories]:
        """Return records, and the histories that some come with, by the place of the record."""
        if set(map(type, given)) == {self._schema.cls}:
            return given, {}
        records: list[Any] = []
        histories: Histories = {}
        for place, each in enumerate(given):
            pair = each if _is_pair(each) else (each, ())
            self._check_model(pair[0])
            records.append(self._schema.taken(pair[0]))
            entries = told(self._schema, path.format(first + place), pair[1])
            if entries[1]:
                histories[place] = entries
        return records, histories

    def _check_model(self, record: Any) -> None:
        if not self._schema.takes(record.__class__):
            raise BadRecord(self._schema.name, [_foreign(self._schema, record.__class__)])

    def _check_changeable(self, record: Any) -> None:
        self._door.check_writable(anew=False)
        self._check_added(record)

    def _check_added(self, record: Any) -> None:
        self._check_model(record)
        if record.version == 0:
            hint = "Add it, and go on with the record that add() returns."
            raise BadRecord(self._schema.name, [Problem("not_added", "the record was never added.", hint=hint)])

    def _cleaned(self, changes: dict[str, Any]) -> dict[str, Any]:
        refuse_managed(self._schema, changes)
        clean = self._schema.clean(changes)
        if "extra" in clean:
            clean["extra"] = check_extra(self._schema, changes["extra"])
        return clean

    async def _written(self, record: T, clean: dict[str, Any], kind: ChangeKind) -> T:
        held, clean = await self._door.claimed(record, clean, kind)
        return await self._door.change(held, clean, kind, at=self._doors.clock())


def _is_pair(given: object) -> TypeGuard[tuple[Any, Any]]:
    two = 2  # a record and its history
    return isinstance(given, tuple) and len(given) == two  # pyright: ignore[reportUnknownArgumentType]


def _foreign(schema: Schema, given: type[Any]) -> Problem:
    other = vars(given).get("__schema__")
    if other is not None and other.root is schema.root:
        names = ", ".join(each.by for each in other.extensions if each not in schema.extensions)
        hint = "Name the extension in connect(..., extensions=[...])."
        return Problem("wrong_model", f"holds fields of {names}, which is not part of this CRM.", hint=hint)
    return Problem("wrong_model", f"expects {schema.cls.__name__}, not {given.__name__}.")
