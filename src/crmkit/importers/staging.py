"""Staging: the stages of the records in one file, and the moves that led there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from crmkit.errors import BadDefinition, Problem
from crmkit.expr.core import Compare
from crmkit.expr.node import Op
from crmkit.importers.history import Entry, State, entries_of, fields_of, move_of, stage_named, steps
from crmkit.importers.rule import FileKind

if TYPE_CHECKING:
    from crmkit.importers.import_report import Effect
    from crmkit.importers.run import Run
    from crmkit.importers.section import Parsed, Section
    from crmkit.lifecycle import Pipeline, Step

__all__ = ["Beside", "Staging"]

Beside: TypeAlias = Iterable[tuple["Section", list["Parsed"]]]
"""The rows of other files that belong to one record."""


@attrs.frozen
class _Told(Entry):
    """An entry that a row of a history file tells, with that row."""

    row: Parsed = attrs.field(kw_only=True, eq=False)

    def has(self, effect: Effect) -> None:
        """Say what became of the row."""
        self.row.effect = effect


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
                parsed.staged["stage"] = stage_named(pipeline, stage)
            except Problem as problem:
                parsed.refuse(self._section.column("stage"), problem, stage)

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
        made = steps(pipeline, State(pipeline.name), entries, created)
        parsed.values |= fields_of(made[-1][0], version)
        about = {"entity": self._schema.name, "record_id": parsed.values["id"], "pipeline_version": version}
        return self._moves(about, made, 1)

    async def further(self, parsed: Parsed, record: Any, changes: dict[str, Any], beside: Beside) -> list[Any]:
        """Return the moves that a changed row adds to those that are there, which are never rewritten.

        What the record's fields become is put into `changes`; a history that contradicts ours is a problem of the row.
        """
        pipeline = await self._definitions.followed(self._schema, record.pipeline, record.pipeline_version)
        stored = await self._stored(record)
        known = {(move.to_stage, move.at) for move in stored}
        imported = next((move.to_stage for move in reversed(stored) if move.created_by == self._doors.actor.key), None)
        entries: list[Entry] = []
        for entry in self._entries(parsed, pipeline, beside):
            # The bare present stage says nothing new if the last import said the same, whatever users did since.
            if entry.stage != imported if entry.at is None else (entry.stage, entry.at) not in known:
                entries.append(entry)
            elif isinstance(entry, _Told):
                entry.has("unchanged")
        if entries and stored and entries[0].at is not None and entries[0].at < stored[-1].at:
            message = "has a history with a move before the last one known here; history is never rewritten."
            column = self._section.column("stage") or self._section.key_column
            parsed.refuse(column, Problem("history_conflict", message), parsed.staged.get("stage", ""))
            return []
        if entries and entries[0].stage == record.stage:
            del entries[0]
        state = State(**{each.name: getattr(record, each.name) for each in attrs.fields(State)})
        made = steps(pipeline, state, entries, self._doors.clock())
        version = record.pipeline_version
        if made:
            changes |= fields_of(made[-1][0], version)
        about = {"entity": self._schema.name, "record_id": record.id, "pipeline_version": version}
        return self._moves(about, made, len(stored) + 1)

    def _moves(self, about: dict[str, Any], made: Sequence[tuple[Step, Entry]], first: int) -> list[Any]:
        for _, entry in made:
            if isinstance(entry, _Told):
                entry.has("create")
        return [self._made("stage_move", **about, **move_of(number, *pair)) for number, pair in enumerate(made, first)]

    async def _stored(self, record: Any) -> list[Any]:
        where = (Compare("entity", Op.EQ, self._schema.name), Compare("record_id", Op.EQ, record.id))
        return sorted(await self._doors.of("stage_move").records(where), key=lambda move: int(move.number))

    def _entries(self, parsed: Parsed, pipeline: Pipeline, beside: Beside) -> list[Entry]:
        history: list[Entry] = []
        for section, rows in beside:
            if section.rule.kind is not FileKind.HISTORY:
                continue
            for row in rows:
                if row.problems:
                    continue
                try:
                    stage = stage_named(pipeline, row.staged["stage"])
                except Problem as problem:
                    row.refuse(section.column("stage"), problem, row.staged["stage"])
                    continue
                actor = row.values.get("by")
                by = str(actor) if actor else ""
                history.append(_Told(stage, row.values["at"], by, row.values.get("note"), row=row))
        return entries_of(pipeline, parsed.staged.get("stage", ""), parsed, history)
