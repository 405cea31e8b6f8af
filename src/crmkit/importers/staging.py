"""Staging: the stages of the records in one file, and the moves that led there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from crmkit.errors import BadDefinition, Problem
from crmkit.expr.core import Compare
from crmkit.expr.node import Op
from crmkit.importers.history import FiledEntry, entries_of, spelled
from crmkit.importers.setting import FileKind
from crmkit.lifecycle.history import Entry, State, check_time, steps
from crmkit.repository.lock import breaches

if TYPE_CHECKING:
    from uuid import UUID

    from crmkit.importers.run import Run
    from crmkit.importers.section import Parsed, Section
    from crmkit.lifecycle import Pipeline, Step

__all__ = ["Beside", "Staging"]

Beside: TypeAlias = Iterable[tuple["Section", list["Parsed"]]]
"""The rows of other files that belong to one record."""


class Staging:
    """Places the records of one file in their pipelines.

    Args:
        run: the import.
        section: the file.
        made: makes the record of a model from clean values.
    """

    def __init__(self, run: Run, section: Section, made: Callable[..., Any]) -> None:
        self._run = run
        self._doors = run.doors
        self._definitions = run.doors.definitions
        self._section = section
        self._schema = section.schema
        self._made = made

    async def choose(self, parsed: Parsed) -> None:
        """Check the pipeline and the stage that a row names, and spell the stage as the pipeline does."""
        self._check_entered(parsed)
        if not self._schema.staged or not parsed.staged:
            return
        named, stage = parsed.staged.get("pipeline", ""), parsed.staged.get("stage")
        try:
            pipeline = (await self._definitions.read()).named(self._schema, named).pipeline
        except BadDefinition as error:
            problem = Problem("unknown_pipeline", error.message, hint=error.hint)
            parsed.refuse(self._section.column("pipeline"), problem, named)
            return
        if stage:
            try:
                parsed.staged["stage"] = spelled(pipeline, stage)
            except Problem as problem:
                parsed.refuse(self._section.column("stage"), problem, stage)

    def _check_entered(self, parsed: Parsed) -> None:
        for name, at in parsed.entered.items():
            try:
                check_time(at, self._doors.clock())
            except Problem as problem:
                rule = self._section.rule.entered.get(name)
                parsed.refuse(rule.read[0] if rule else self._section.key_column, problem)

    async def place(self, parsed: Parsed, beside: Beside) -> list[Any]:
        """Give a new record its stage, and return its moves."""
        present = (await self._definitions.read()).named(self._schema, parsed.staged.get("pipeline", ""))
        pipeline, version = present.pipeline, present.number
        entries = self._entries(parsed, pipeline, beside) or [Entry(pipeline.initial, None)]
        times = [entry.at for entry in entries if entry.at is not None]
        if times:
            # A file without the dates of creation still shows when its records were first seen.
            parsed.values.setdefault("created_at", min(times))
        created = parsed.values.get("created_at") or self._doors.clock()
        made, state = steps(pipeline, State(pipeline.name), entries, created)
        parsed.values |= state.fields(version)
        return self._rows(parsed.values["id"], version, made, 1)

    async def further(self, parsed: Parsed, record: Any, changes: dict[str, Any], beside: Beside) -> list[Any]:
        """Return the moves that a changed row adds to those that are there, which are never rewritten.

        What the record's fields become is put into `changes`; a history that contradicts ours is a problem of the row.
        """
        try:
            pipeline = await self._definitions.followed(self._schema, record.pipeline, record.pipeline_version)
        except BadDefinition as error:
            parsed.refuse(self._section.key_column, Problem(error.code, error.message, hint=error.hint), parsed.key)
            return []
        stored = await self._stored(record)
        known = Counter((move.to_stage, move.at) for move in stored)
        imported = next((move.to_stage for move in reversed(stored) if move.created_by == self._doors.actor.key), None)
        entries: list[Entry] = []
        for entry in self._entries(parsed, pipeline, beside):
            if entry.at is None:
                # The bare present stage says nothing new if the last import said the same, whatever users did since.
                new = bool(entries) or entry.stage not in {imported, record.stage}
            else:
                # A record may have entered a stage more than once at one time.
                known[entry.stage, entry.at] -= 1
                new = known[entry.stage, entry.at] < 0
            if new:
                entries.append(entry)
            elif isinstance(entry, FiledEntry):
                entry.row.effect = "unchanged"
        if entries and stored and entries[0].at is not None and entries[0].at < stored[-1].at:
            message = "has a history with a move before the last one known here; history is never rewritten."
            column = self._section.column("stage") or self._section.key_column
            parsed.refuse(column, Problem("history_conflict", message), parsed.staged.get("stage", ""))
            return []
        state = State(**{each.name: getattr(record, each.name) for each in attrs.fields(State)})
        made, state = steps(pipeline, state, entries, self._doors.clock())
        if made:
            changes |= state.fields(record.pipeline_version)
        for each in await breaches(self._schema, record, changes, self._definitions.locked):
            column = self._section.column(each.field) or self._section.key_column
            parsed.refuse(column, Problem(each.code, f"{each.field} {each.message}", hint=each.hint))
        return self._rows(record.id, record.pipeline_version, made, len(stored) + 1)

    def _rows(self, id: UUID, version: int, made: Iterable[tuple[Step, Entry]], first: int) -> list[Any]:
        about = {"entity": self._schema.name, "record_id": id, "pipeline_version": version}
        rows: list[Any] = []
        for number, (step, entry) in enumerate(made, first):
            if isinstance(entry, FiledEntry):
                entry.row.effect = "create"
            rows.append(self._made("stage_move", **about, **step.row(number, str(entry.by), entry.note)))
        return rows

    async def _stored(self, record: Any) -> list[Any]:
        where = (Compare("entity", Op.EQ, self._schema.name), Compare("record_id", Op.EQ, record.id))
        return sorted(await self._doors.of("stage_move").records(where), key=lambda move: int(move.number))

    def _entries(self, parsed: Parsed, pipeline: Pipeline, beside: Beside) -> list[Entry]:
        history: list[Entry] = []
        now = self._doors.clock()
        for section, rows in beside:
            if section.rule.kind is not FileKind.HISTORY:
                continue
            for row in rows:
                if row.problems:
                    continue
                column, text = section.column("stage"), row.staged["stage"]
                try:
                    stage = spelled(pipeline, text)
                    column, text = section.column("at"), ""
                    at = check_time(row.values["at"], now)
                except Problem as problem:
                    row.refuse(column, problem, text)
                    continue
                history.append(FiledEntry(stage, at, row.values.get("by") or "", row.values.get("note"), row=row))
        return entries_of(pipeline, parsed.staged.get("stage", ""), parsed, history)
