"""Loading one file of records: which rows are new, changed or nothing new, and writing them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from crmkit.errors import BadRecord, Problem
from crmkit.expr.core import Compare, In
from crmkit.expr.node import Op
from crmkit.importers.admission import Admission
from crmkit.importers.companion import Companions
from crmkit.importers.draft import Draft
from crmkit.importers.section import defaults_of
from crmkit.importers.setting import OnUpdate
from crmkit.importers.staging import Staging
from crmkit.importers.unique_values import UniqueValues, refuse_taken
from crmkit.importers.waiting_room import Waiter, WaitingRoom
from crmkit.repository.added import check_extra
from crmkit.repository.intake import Intake

if TYPE_CHECKING:
    from crmkit.importers.family import Rearranged
    from crmkit.importers.import_report import Effect
    from crmkit.importers.run import Run
    from crmkit.importers.section import Parsed, Section

__all__ = ["SectionLoad"]


class SectionLoad:
    """Loads the rows of one file of records.

    Args:
        run: the import.
        section: the file.
        companions: the files whose rows belong to its records.
    """

    def __init__(self, run: Run, section: Section, companions: Sequence[Section]) -> None:
        self._run = run
        self._section = section
        self._companions = Companions(run, companions)
        self._doors = run.doors
        self._schema = section.schema
        self._door = self._doors.of(section.schema)
        self._intake = Intake(self._doors, section.schema)
        self._counts = run.counts[section.number]
        self._names = run.natural.get(section.schema.name, ())
        self._staging = Staging(run, section, self._made)
        self._seen: dict[str, bytes] = run.seen[section.schema.name]
        self._repeats: dict[str, int] = {}
        self._waiting = WaitingRoom(run.crosswalk, section.schema.name)
        self._families = run.families[section.schema.name]
        self._admission = Admission(run, section, self._families, self._forget)
        self._defaults: dict[str, Any] = {}
        self._stored: dict[str, Any] = {}
        self._live: dict[UUID, Any] = {}
        self._uniques = UniqueValues(run, section, self._companions)

    # -- the file -----------------------------------------------------------------------------------------------------

    async def take(self, batch: Sequence[Parsed]) -> None:
        """Take the next rows of the file."""
        fresh = [parsed for parsed in batch if await self._is_fresh(parsed)]
        await self._run.prepare(fresh)
        await self._look_up(fresh)
        await self._uniques.refuse(fresh, self._stored, self._live)
        ready = [parsed for parsed in fresh if not self._waits(parsed)]
        await self._load(ready)

    async def finish(self) -> None:
        """Load the rows that waited for others of the file: first those whose targets are there, then circles."""
        for ready in self._waiting.leave():
            await self._load_deferred(ready, last=False)

    async def load_last(self, rows: Sequence[Rearranged]) -> None:
        """Load rows that had to wait until all others were loaded."""
        await self._load_deferred(rows, last=True)

    async def _load_deferred(self, ready: Sequence[Waiter | Rearranged], *, last: bool) -> None:
        batch: list[Parsed] = []
        rows = self._run.spool.deferred(self._section.number, [each.record for each in ready])
        for each, row in zip(ready, rows, strict=True):
            parsed = self._section.read(row.record, row.cells)
            parsed.key, parsed.id = each.key, each.id
            await self._staging.choose(parsed)
            batch.append(parsed)
        await self._run.prepare(batch)
        await self._look_up(batch)
        await self._load(batch, last=last)
        await self._run.end_batch()

    # -- which rows ---------------------------------------------------------------------------------------------------

    async def _is_fresh(self, parsed: Parsed) -> bool:
        """Return whether a row is to be loaded; if not, it is rejected or skipped here."""
        await self._staging.choose(parsed)
        if parsed.problems:
            self._run.reject(self._section, parsed)
            return False
        if self._section.repeats:
            parsed.key = self._numbered(parsed.key)
        held = self._seen.get(parsed.key)
        if held is None:
            self._seen[parsed.key] = parsed.digest
            return True
        if held == parsed.digest:
            self._counts.add("merged")
        else:
            message = "stands here for the second time, with other content; the first row counts."
            parsed.refuse(self._section.key_column, Problem("duplicate_id", message), parsed.key)
            self._run.reject(self._section, parsed)
        return False

    def _numbered(self, text: str) -> str:
        """Return the key of a row without one: what it says, and which repetition of it this is.

        Rows that say the same may change places, so the others stay known wherever rows are added to the file.
        """
        number = self._repeats[text] = self._repeats.get(text, 0) + 1
        return text if number == 1 else f"{text} {number}"

    def _reject(self, parsed: Parsed) -> None:
        self._seen.pop(parsed.key, None)
        self._run.reject(self._section, parsed)

    def _waits(self, parsed: Parsed) -> bool:
        """Return whether a row has to wait for the end of its file: it links to one that may still come."""
        keys = self._run.crosswalk
        own = [link for link in parsed.links.values() if link.entity == self._schema.name]
        open_links = [link for link in own if link.by or not keys.find(link.entity, "", link.text)]
        if not open_links or parsed.problems:
            return False
        targets = tuple((link.by, link.text) for link in open_links)
        self._waiting.enter(Waiter(parsed.record, parsed.key, self._id(parsed), targets, self._own_names(parsed)))
        self._run.spool.defer(self._section.number, parsed.record, parsed.cells)
        return True

    # -- what is there already ----------------------------------------------------------------------------------------

    async def _look_up(self, batch: Sequence[Parsed]) -> None:
        """Learn which rows were imported before, which of their records are alive, and what other files add to them."""
        where = (
            Compare("source", Op.EQ, self._run.mapping.source),
            Compare("entity", Op.EQ, self._schema.name),
            In("external_id", tuple(parsed.key for parsed in batch)),
        )
        # Also those of records that the actor may not see: their keys are taken all the same.
        external_ids = self._doors.of("external_id")
        known = await external_ids.records(where, action=None, deleted=True) if batch else []
        self._stored = {each.external_id: each for each in known}
        await self._companions.gather([parsed.key for parsed in batch])
        changed: list[UUID] = []
        same: list[UUID] = []
        for parsed in batch:
            stored = self._stored.get(parsed.key)
            if stored is not None:
                (same if stored.row_digest == self._companions.digest(parsed) else changed).append(stored.record_id)
        seen = self._run.prospects
        self._live = dict.fromkeys(await seen.visible_ids(self._schema, same))
        self._live |= {record.id: record for record in await seen.visible(self._schema, changed)}
        await self._refuse_hidden(batch)

    async def _refuse_hidden(self, batch: Sequence[Parsed]) -> None:
        """Refuse rows whose keys belong to records that the actor may not see, whatever else they say."""
        lost = [each.record_id for each in self._stored.values() if each.record_id not in self._live]
        if not lost:
            return
        hidden = set(lost) - await self._run.prospects.visible_ids(self._schema, lost, deleted=True)
        for parsed in batch:
            stored = self._stored.get(parsed.key)
            if stored is not None and stored.record_id in hidden:
                refuse_taken(parsed, self._section, ("external_id",), parsed.key)

    # -- loading ------------------------------------------------------------------------------------------------------

    async def _load(self, batch: Sequence[Parsed], *, last: bool = False) -> None:
        for parsed in batch:
            if parsed.problems:
                continue
            self._run.resolve(parsed)
            await self._join(parsed)
            if not parsed.problems and parsed.key not in self._stored:
                # Rows after it may link to it.
                self._learn(parsed)
        drafts = [await self._draft(parsed) for parsed in batch]
        waiting = set(await self._admission.judge(drafts, last=last))
        for draft in waiting:
            self._families.wait(self._section.number, draft)
            self._run.spool.defer(self._section.number, draft.parsed.record, draft.parsed.cells)
        accepted = [draft for draft in drafts if draft not in waiting and self._accepts(draft)]
        self._companions.claim(draft.parsed.key for draft in accepted)
        if self._run.write:
            await self._write(accepted)

    def _accepts(self, draft: Draft) -> bool:
        """Count a draft, make it known to rows that link to it, and return whether it is to be written."""
        parsed = draft.parsed
        if parsed.problems:
            self._reject(parsed)
            return False
        if draft.stored is not None and draft.stored.record_id in self._live:
            self._learn(parsed)
        if draft.before is not None:
            self._uniques.give_up(draft)
        if draft.moves:
            self._run.prospects.put("stage_move", draft.moves)
        self._counts.add(draft.effect)
        self._companions.count(parsed.key)
        return True

    async def _write(self, drafts: Sequence[Draft]) -> None:
        new = [draft for draft in drafts if draft.stored is None]
        changed = [draft for draft in drafts if draft.before is not None]
        known = [draft for draft in drafts if draft.stored is not None and draft.digest]
        if new or changed or known:
            await self._run.own()
        moves = [move for draft in new for move in draft.moves]
        await self._intake.add([draft.after for draft in new], moves, list(map(self._name, new)))
        for draft in self._families.downward(changed):
            await self._intake.change(draft.before, draft.changes, draft.moves)
        keeper = self._doors.keeper("external_id")
        for draft in known:
            await keeper.amend(draft.stored, {"row_digest": draft.digest}, self._doors.clock())

    def _name(self, draft: Draft) -> Any:
        return self._made(
            "external_id",
            source=self._run.mapping.source,
            entity=self._schema.name,
            external_id=draft.parsed.key,
            record_id=draft.id,
            row_digest=draft.digest,
        )

    async def _join(self, parsed: Parsed) -> None:
        for row in self._companions.joined(parsed.key):
            parsed.values |= row.values
            parsed.extra |= row.extra
            parsed.entered |= row.entered
            parsed.staged |= row.staged
            await self._staging.choose(parsed)

    async def _draft(self, parsed: Parsed) -> Draft:
        """Return what a row is to make of its record; with problems, if it cannot be."""
        stored = self._stored.get(parsed.key)
        if parsed.problems:
            return Draft(parsed, stored=stored)
        if stored is None:
            return await self._created(parsed)
        if stored.row_digest == self._companions.digest(parsed):
            return Draft(parsed, self._unchanged(parsed), stored)
        return await self._updated(parsed, stored)

    async def _created(self, parsed: Parsed) -> Draft:
        values = parsed.values
        values["id"] = self._id(parsed)
        if self._schema.extra:
            try:
                values["extra"] = check_extra(self._schema, parsed.extra)
            except BadRecord as error:
                for problem in error.problems:
                    parsed.refuse(self._section.key_column, Problem(problem.code, str(problem)))
                return Draft(parsed)
        moves = await self._staging.place(parsed, self._companions.beside(parsed.key)) if self._schema.staged else []
        record = self._door.replace(self._section.defaults, **values)
        record = await self._handled(parsed, None, record, values, moves)
        if record is None or await self._judge(parsed, None, record) is None:
            return Draft(parsed)
        return Draft(parsed, "create", None, self._companions.digest(parsed), after=record, moves=moves)

    async def _updated(self, parsed: Parsed, stored: Any) -> Draft:
        record = self._live.get(stored.record_id)
        if record is None:
            message = f"changes a record of {self._schema.name} that was deleted since the last import."
            hint = "Restore it, or leave the row out."
            parsed.refuse(self._section.key_column, Problem("deleted", message, hint=hint), parsed.key)
            return Draft(parsed, stored=stored)
        changes = self._changes(parsed, record)
        moves: list[Any] = []
        if self._schema.staged:
            moves = await self._staging.further(parsed, record, changes, self._companions.beside(parsed.key))
            if parsed.problems:
                return Draft(parsed, stored=stored)
        # A row of its history may have been refused by now.
        digest = self._companions.digest(parsed)
        digest = digest if digest != stored.row_digest else ""
        if not changes and not moves:
            return Draft(parsed, self._unchanged(parsed), stored, digest)
        after = await self._handled(parsed, record, self._door.replace(record, **changes), changes, moves)
        own = None if after is None else await self._judge(parsed, record, after)
        if own is None:
            return Draft(parsed, stored=stored)
        changes |= own
        return Draft(parsed, "update", stored, digest, record, after, changes, moves)

    async def _judge(self, parsed: Parsed, before: Any, after: Any) -> Mapping[str, Any] | None:
        """Return the fields that a record sets itself; `None` if it may not be, so that its row is refused."""
        judge = self._door.judge
        if not judge.looks_closer:
            return {}
        foresight = await judge.foresee(before, after)
        for problem in foresight.listed:
            parsed.refuse(self._section.column(problem.field) or self._section.key_column, problem)
        return None if foresight.listed else foresight.changes

    async def _handled(
        self, parsed: Parsed, stored: Any, record: Any, changes: dict[str, Any], moves: Sequence[Any]
    ) -> Any:
        """Return a record as handlers leave it, with the changes beside it; `None` if they refuse the row."""
        move = await self._intake.decide(stored, record, changes, moves)
        if move is None:
            return record
        for refusal in move.refusals:
            column = self._section.column(refusal.fields[0]) if refusal.fields else ""
            problem = Problem(refusal.code, refusal.message, hint=refusal.hint)
            parsed.refuse(column or self._section.key_column, problem, "" if column else parsed.key)
        changes |= move.changes
        return None if move.refusals else move.record

    def _unchanged(self, parsed: Parsed) -> Effect:
        for _, rows in self._companions.beside(parsed.key):
            for row in rows:
                row.effect = "unchanged"
        return "unchanged"

    def _changes(self, parsed: Parsed, record: Any) -> dict[str, Any]:
        """Return the fields of a record that a row changes, as the mapping's rules for reruns allow it."""
        changes = self._changed(parsed, record)
        if self._schema.extra:
            extra = check_extra(self._schema, {**record.extra, **parsed.extra})
            if extra != record.extra:
                changes["extra"] = extra
        return changes

    def _changed(self, parsed: Parsed, record: Any) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        for name, value in parsed.values.items():
            held = getattr(record, name)
            rule = self._section.policies.get(name, OnUpdate.OVERWRITE)
            keeps = rule is OnUpdate.NEVER or (rule is OnUpdate.FILL and held not in {None, ()})
            if name not in {"id", "created_at"} and held != value and not keeps:
                changes[name] = value
        return changes

    # -- names --------------------------------------------------------------------------------------------------------

    def _made(self, model: str, **values: Any) -> Any:
        door = self._doors.of(model)
        defaults = self._defaults.get(model) or self._defaults.setdefault(model, defaults_of(door.schema))
        return door.replace(defaults, **values)

    def _id(self, parsed: Parsed) -> UUID:
        id = parsed.id
        if id is None:
            stored = self._stored.get(parsed.key)
            id = parsed.id = stored.record_id if stored is not None else self._doors.ids()
        return id

    def _own_names(self, parsed: Parsed) -> dict[str, str]:
        return {name: parsed.values[name] for name in self._names if name in parsed.values}

    def _learn(self, parsed: Parsed) -> None:
        names = self._own_names(parsed).items()
        self._run.crosswalk.learn(self._schema.name, parsed.key, self._id(parsed), names)

    def _forget(self, parsed: Parsed) -> None:
        names = self._own_names(parsed).items()
        self._run.crosswalk.forget(self._schema.name, parsed.key, self._id(parsed), names)
