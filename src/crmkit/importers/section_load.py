"""Loading one file of records: which rows are new, changed or nothing new, and writing them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs

from crmkit.errors import BadRecord, Duplicate, NotAllowed, Problem
from crmkit.expr.core import Compare, In
from crmkit.expr.node import Op
from crmkit.importers.companion import Companions
from crmkit.importers.family import Families
from crmkit.importers.rule import FileKind, OnUpdate
from crmkit.importers.section import defaults_of
from crmkit.importers.staging import Staging
from crmkit.importers.waiting_room import WaitingRoom
from crmkit.repository.added import check_extra
from crmkit.repository.intake import Intake
from crmkit.security.access import Action

if TYPE_CHECKING:
    from crmkit.importers.import_report import Effect
    from crmkit.importers.run import Run
    from crmkit.importers.section import Parsed, Section
    from crmkit.importers.waiting_room import Waiter

__all__ = ["SectionLoad"]


@attrs.define
class _Batch:
    """What a batch of rows writes."""

    created: list[Any] = attrs.field(factory=list[Any])
    moves: list[Any] = attrs.field(factory=list[Any])
    names: list[Any] = attrs.field(factory=list[Any])
    changed: list[tuple[Any, dict[str, Any], list[Any]]] = attrs.field(
        factory=list[tuple[Any, dict[str, Any], list[Any]]]
    )
    digests: list[tuple[Any, str]] = attrs.field(factory=list[tuple[Any, str]])


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
        self._seen: dict[str, bytes] = run.seen.setdefault(section.schema.name, {})
        self._repeats: dict[str, int] = {}
        self._taken: dict[tuple[str, ...], dict[tuple[Any, ...], UUID]] = {}
        self._waiting = WaitingRoom(run.crosswalk, section.schema.name)
        self._families = Families(self._door)
        self._batch = _Batch()
        self._defaults: dict[str, Any] = {}
        self._stored: dict[str, Any] = {}
        self._live: dict[UUID, Any] = {}
        self._judges = {action: self._door.judge(action) for action in (Action.CREATE, Action.UPDATE)}
        self._changeable: frozenset[UUID] = frozenset()
        joined = [set(each.rule.fields) for each in companions if each.rule.kind is FileKind.JOIN]
        self._given = set(section.rule.fields).union(*joined)

    # -- the file -----------------------------------------------------------------------------------------------------

    async def take(self, batch: Sequence[Parsed]) -> None:
        """Take the next rows of the file."""
        fresh = [parsed for parsed in batch if await self._is_fresh(parsed)]
        await self._run.prepare(fresh)
        await self._look_up(fresh)
        await self._check_uniques(fresh)
        ready = [parsed for parsed in fresh if not self._waits(parsed)]
        await self._load(ready)

    async def finish(self) -> None:
        """Load the rows that waited for others of the file: first those whose targets are there, then circles."""
        for ready in self._waiting.leave():
            await self._load_deferred(ready)

    async def _load_deferred(self, ready: Sequence[Waiter]) -> None:
        batch: list[Parsed] = []
        rows = self._run.spool.deferred(self._section.number, [each.number for each in ready])
        for each, row in zip(ready, rows, strict=True):
            parsed = self._section.read(row.record, row.cells)
            parsed.key, parsed.id = each.key, each.id
            batch.append(parsed)
        await self._run.prepare(batch)
        await self._look_up(batch)
        await self._load(batch)
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
        targets = ((link.by, link.text) for link in open_links)
        number = self._waiting.enter(parsed.key, self._id(parsed), targets, self._own_names(parsed))
        self._run.spool.defer(self._section.number, number, parsed.record, parsed.cells)
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
        rows = await self._door.columns((In("id", tuple(same)),), ("id",)) if same else []
        self._live = {id: None for (id,) in rows}
        records = await self._door.records((In("id", tuple(changed)),)) if changed else []
        self._live |= {record.id: record for record in records}
        self._changeable = frozenset(self._live)
        if self._judges[Action.UPDATE] is not None and changed:
            rows = await self._door.columns((In("id", tuple(changed)),), ("id",), action=Action.UPDATE)
            self._changeable = frozenset(id for (id,) in rows)
        await self._refuse_hidden(batch)

    async def _refuse_hidden(self, batch: Sequence[Parsed]) -> None:
        """Refuse rows whose keys belong to records that the actor may not see, whatever else they say."""
        lost = [each.record_id for each in self._stored.values() if each.record_id not in self._live]
        if not lost:
            return
        rows = await self._door.columns((In("id", tuple(lost)),), ("id",), deleted=True)
        hidden = set(lost).difference(id for (id,) in rows)
        for parsed in batch:
            stored = self._stored.get(parsed.key)
            if stored is not None and stored.record_id in hidden:
                self._refuse_taken(parsed, self._section.key_column, ("external_id",), parsed.key)

    def _refuse_taken(self, parsed: Parsed, column: str, fields: Sequence[str], value: str) -> None:
        taken = Duplicate(self._schema.name, fields)
        parsed.refuse(column, Problem(taken.code, taken.message, hint=taken.hint), value)

    async def _check_uniques(self, batch: Sequence[Parsed]) -> None:
        """Refuse rows whose unique values another record has, before the store would refuse the whole batch."""
        for group in self._schema.unique_columns():
            if self._given.isdisjoint(group):
                continue
            rows = [
                (parsed, tuple(self._value(parsed, name) for name in group)) for parsed in batch if not parsed.problems
            ]
            rows = [(parsed, values) for parsed, values in rows if None not in values]
            taken = self._taken.setdefault(group, {})
            taken |= await self._held(group, [values for _, values in rows if values not in taken])
            for parsed, values in rows:
                stored = self._stored.get(parsed.key)
                own = stored.record_id if stored is not None else parsed.id
                holder = taken.get(values)
                if holder is None:
                    parsed.id = taken[values] = own or self._doors.ids()
                elif holder != own:
                    linked = parsed.links.get(group[0])
                    value = str(values[0]) if linked is None else linked.text
                    self._refuse_taken(parsed, self._section.column(group[0]), group, value)

    def _value(self, parsed: Parsed, name: str) -> Any:
        """Return the value that a field will have, also of a link that is still to be resolved; `None` if none yet."""
        for row in self._companions.joined(parsed.key):
            if name in row.values:
                return row.values[name]
        link = parsed.links.get(name)
        if link is None:
            stored = self._stored.get(parsed.key)
            record = self._section.defaults if stored is None else self._live.get(stored.record_id)
            return parsed.values[name] if name in parsed.values else getattr(record, name, None)
        found = self._run.crosswalk.find(link.entity, link.by, link.text)
        return found[0] if len(found) == 1 else None

    async def _held(self, group: tuple[str, ...], wanted: Sequence[tuple[Any, ...]]) -> dict[tuple[Any, ...], UUID]:
        if not wanted:
            return {}
        first = tuple(dict.fromkeys(values[0] for values in wanted))
        rows = await self._door.columns((In(group[0], first),), (*group, "id"), action=None, deleted=True)
        return {values[:-1]: values[-1] for values in rows}

    # -- loading ------------------------------------------------------------------------------------------------------

    async def _load(self, batch: Sequence[Parsed]) -> None:
        await self._resolve(batch)
        accepted: list[str] = []
        lost: set[UUID] = set()
        for parsed in batch:
            stored = self._stored.get(parsed.key)
            effect: Effect = "reject"
            if not parsed.problems and not lost.isdisjoint(self._linked(parsed)):
                self._run.resolve(parsed)
            if not parsed.problems:
                effect = await (self._create(parsed) if stored is None else self._update(parsed, stored))
            if parsed.problems:
                self._reject(parsed)
                if stored is None:
                    self._forget(parsed)
                    lost.add(self._id(parsed))
                continue
            self._counts.add(effect)
            self._companions.count(parsed.key)
            accepted.append(parsed.key)
        self._companions.claim(accepted)
        await self._write()

    async def _resolve(self, batch: Sequence[Parsed]) -> None:
        for parsed in batch:
            if not parsed.problems:
                self._run.resolve(parsed)
                await self._join(parsed)
            if not parsed.problems and parsed.key not in self._stored:
                # Rows after it may link to it.
                self._learn(parsed)
        await self._refuse_circles(batch)

    async def _refuse_circles(self, batch: Sequence[Parsed]) -> None:
        """Refuse rows by which a record would stand above itself, and those that hang on records which fall away."""
        if not self._schema.trees:
            return
        new: dict[UUID, Parsed] = {}
        changed: dict[UUID, tuple[Parsed, dict[str, Any]]] = {}
        for parsed in batch:
            stored = self._stored.get(parsed.key)
            if parsed.problems:
                continue
            if stored is None:
                new[self._id(parsed)] = parsed
            elif (record := self._live.get(stored.record_id)) is not None:
                changed[record.id] = parsed, self._changed(parsed, record)
        await self._families.refuse(new, changed)
        lost = deque(parsed for parsed in new.values() if parsed.problems)
        hanging: dict[UUID, list[Parsed]] = {}
        for parsed in batch if lost else ():
            for id in self._linked(parsed):
                hanging.setdefault(id, []).append(parsed)
        while lost:
            gone = lost.popleft()
            self._forget(gone)
            self._run.crosswalk.refuse(self._schema.name, gone.key, gone.record)
            for parsed in hanging.get(self._id(gone), ()):
                if not parsed.problems:
                    self._run.resolve(parsed)
                    lost += [parsed] if parsed.problems and parsed.key not in self._stored else []

    def _linked(self, parsed: Parsed) -> Iterator[Any]:
        return (parsed.values.get(link.field) for link in parsed.links.values() if link.entity == self._schema.name)

    async def _write(self) -> None:
        batch, self._batch = self._batch, _Batch()
        if not self._run.write:
            return
        if batch.created or batch.changed or batch.digests:
            await self._run.own()
        await self._intake.add(batch.created, batch.moves, batch.names)
        for record, changes, moves in self._families.downward(batch.changed):
            await self._intake.change(record, changes, moves)
        keeper = self._doors.keeper("external_id")
        for stored, digest in batch.digests:
            await keeper.amend(stored, {"row_digest": digest}, self._doors.clock())

    async def _join(self, parsed: Parsed) -> None:
        for row in self._companions.joined(parsed.key):
            parsed.values |= row.values
            parsed.extra |= row.extra
            parsed.entered |= row.entered
            parsed.staged |= row.staged
            await self._staging.choose(parsed)

    async def _create(self, parsed: Parsed) -> Effect:
        values = parsed.values
        values["id"] = id = self._id(parsed)
        if self._schema.extra:
            try:
                values["extra"] = check_extra(self._schema, parsed.extra)
            except BadRecord as error:
                for problem in error.problems:
                    parsed.refuse(self._section.key_column, Problem(problem.code, str(problem)))
                return "reject"
        moves = await self._staging.place(parsed, self._companions.beside(parsed.key)) if self._schema.staged else []
        record = self._door.replace(self._section.defaults, **values)
        if (
            self._refused(parsed, record, Action.CREATE)
            or (record := await self._handled(parsed, None, record, values, moves)) is None
        ):
            return "reject"
        self._batch.moves += moves
        self._batch.created.append(record)
        self._batch.names.append(
            self._made(
                "external_id",
                source=self._run.mapping.source,
                entity=self._schema.name,
                external_id=parsed.key,
                record_id=id,
                row_digest=self._companions.digest(parsed),
            )
        )
        return "create"

    async def _update(self, parsed: Parsed, stored: Any) -> Effect:
        alive = stored.record_id in self._live
        if stored.row_digest == self._companions.digest(parsed):
            if alive:
                self._learn(parsed)
            return self._unchanged(parsed)
        record = self._live.get(stored.record_id)
        if record is None:
            message = f"changes a record of {self._schema.name} that was deleted since the last import."
            parsed.refuse(
                self._section.key_column,
                Problem("deleted", message, hint="Restore it, or leave the row out."),
                parsed.key,
            )
            return "reject"
        changes = self._changes(parsed, record)
        moves: list[Any] = []
        if self._schema.staged:
            moves = await self._staging.further(parsed, record, changes, self._companions.beside(parsed.key))
            if parsed.problems:
                return "reject"
        if changes or moves:
            changed = self._door.replace(record, **changes)
            if self._refused(parsed, changed, Action.UPDATE) or not await self._handled(
                parsed, record, changed, changes, moves
            ):
                return "reject"
        self._learn(parsed)
        if stored.row_digest != (digest := self._companions.digest(parsed)):
            self._batch.digests.append((stored, digest))
        if not changes and not moves:
            return self._unchanged(parsed)
        self._batch.changed.append((record, changes, moves))
        return "update"

    def _refused(self, parsed: Parsed, record: Any, action: Action) -> bool:
        """Refuse a row if the policy does not allow the record that it makes, and return whether it was refused."""
        judge = self._judges[action]
        if judge is None or (judge(record) and (action is Action.CREATE or record.id in self._changeable)):
            return False
        message = f"the policy does not let this actor {action.value} this {self._schema.name}."
        parsed.refuse(self._section.key_column, Problem(NotAllowed.code, message), parsed.key)
        return True

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
