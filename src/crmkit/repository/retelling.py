"""Retelling: new records that come with the history of moves that were made elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias, cast
from uuid import UUID

import attrs

from crmkit.errors import BadRecord, Problem
from crmkit.expr.core import In
from crmkit.lifecycle.history import Entry, State, check_stage, check_time, steps
from crmkit.values import NOT_YET, clean_instant

if TYPE_CHECKING:
    import datetime as dt

    from crmkit.lifecycle import Pipeline
    from crmkit.model.schema import Schema
    from crmkit.repository.door import Door
    from crmkit.repository.doors import Doors

__all__ = ["Histories", "Retelling", "Told", "told"]

Histories: TypeAlias = "dict[int, tuple[str, list[Entry]]]"
"""The histories that some of several records come with, by the record's place: what names each in problems, and it."""


@attrs.frozen
class Told:
    """A record that is new here, and its history.

    Attributes:
        record: the record.
        id: the id that it gets.
        path: what names the history in problems.
        history: its moves, in order; there is one.
    """

    record: Any
    id: UUID
    path: str
    history: Sequence[Entry]


class Retelling:
    """Places records where their histories lead, and makes the rows of history that say so.

    The rules of pipelines are not asked, as what is told has happened. What is told must be possible all the same, and
    everything that is not is listed before anything is written.
    """

    def __init__(self, doors: Doors, door: Door[Any], now: dt.datetime) -> None:
        self._doors = doors
        self._schema = door.schema
        self._replace = door.replace
        self._moves = doors.catalog["stage_move"]
        self._now = now
        self._problems: list[Problem] = []

    async def place(self, told: Sequence[Told]) -> tuple[list[Any], list[Any]]:
        """Return the records as they now stand, and their rows of history.

        Raises:
            BadRecord: a history cannot be true; it lists everything that is wrong with all of them.
        """
        entered = self._doors.definitions.entered
        names = {each.record.pipeline for each in told}
        present = {name: await entered(self._schema, name) for name in names}
        entries = [self._checked(each, present[each.record.pipeline].pipeline) for each in told]
        await self._check_users(told, entries)
        if self._problems:
            raise BadRecord(self._schema.name, self._problems)
        placed: list[Any] = []
        rows: list[Any] = []
        for each, moves in zip(told, entries, strict=True):
            definition = present[each.record.pipeline]
            # A record of unknown age is as old as its first move.
            created = moves[0].at if each.record.created_at == NOT_YET else each.record.created_at
            made, state = steps(definition.pipeline, State(definition.pipeline.name), moves, self._now)
            about = {"entity": self._schema.name, "record_id": each.id, "pipeline_version": definition.number}
            placed.append(self._replace(each.record, id=each.id, created_at=created, **state.fields(definition.number)))
            rows += [
                self._moves.cls(**about, **step.row(number, str(entry.by), entry.note))
                for number, (step, entry) in enumerate(made, 1)
            ]
        return placed, rows

    # -- what cannot be true -------------------------------------------------------------------------------------------

    def _checked(self, told: Told, pipeline: Pipeline) -> list[Entry]:
        entries = [self._clean(entry, pipeline, f"{told.path}[{place}]") for place, entry in enumerate(told.history)]
        clean = [entry for entry in entries if entry is not None]
        if len(clean) < len(entries):
            return []
        times = [entry.at for entry in clean]
        for place, (before, after) in enumerate(pairwise(times), 1):
            if before and after and after < before:
                hint = "List moves in the order in which they were made."
                self._refuse(f"{told.path}[{place}].at", "out_of_order", "is before the move that precedes it.", hint)
        born, stage = told.record.created_at, told.record.stage
        if times[0] and born > times[0]:
            hint = "Leave created_at out, and the record is as old as its first move."
            self._refuse("created_at", "out_of_order", f"is after {told.path}[0].at, its first move.", hint)
        if stage and stage != clean[-1].stage:
            hint = "Leave stage out, or add the move that led there."
            self._refuse("stage", "contradicts", f"is {stage!r}, but {told.path} ends in {clean[-1].stage!r}.", hint)
        return clean

    def _clean(self, entry: Entry, pipeline: Pipeline, path: str) -> Entry | None:
        if not isinstance(entry, Entry):
            self._refuse(path, "wrong_type", f"expects moved(...), not {type(entry).__name__}.")
            return None
        before = len(self._problems)
        fields = self._moves.fields

        def checked(name: str, check: Callable[[], Any]) -> Any:
            try:
                return check()
            except Problem as problem:
                self._problems.append(problem.at(f"{path}.{name}"))

        stage = checked("stage", lambda: check_stage(pipeline, fields["to_stage"].clean(entry.stage)))
        at = checked("at", lambda: check_time(clean_instant(entry.at), self._now))
        by = entry.by if isinstance(entry.by, UUID) else checked("by", lambda: fields["actor"].clean(entry.by))
        note = checked("note", lambda: fields["note"].clean(entry.note))
        return Entry(stage, at, by, note) if len(self._problems) == before else None

    async def _check_users(self, told: Sequence[Told], entries: Sequence[Sequence[Entry]]) -> None:
        wanted = {entry.by for each in entries for entry in each if isinstance(entry.by, UUID)}
        rows = await self._doors.of("user").columns((In("id", tuple(wanted)),), ("id",)) if wanted else []
        if len(rows) == len(wanted):
            return
        lost = wanted.difference(*rows)
        for each, moves in zip(told, entries, strict=True):
            for place, entry in enumerate(moves):
                if entry.by in lost:
                    hint = "Add the user first, or leave by out."
                    message = f"links to user {entry.by}, which does not exist."
                    self._refuse(f"{each.path}[{place}].by", "no_such_link", message, hint)

    def _refuse(self, path: str, code: str, message: str, hint: str = "") -> None:
        self._problems.append(Problem(code, message, hint=hint, field=path))


def told(schema: Schema, path: str, history: object) -> tuple[str, list[Entry]]:
    """Return what a caller gives as the history of a record, with the path that names it in problems.

    Raises:
        BadRecord: it is not a collection of moves.
    """
    if not isinstance(history, Iterable):
        message = f"expects a list of moved(...), not {type(history).__name__}."
        raise BadRecord(schema.name, [Problem("wrong_type", message, field=path)])
    return path, list(cast("Iterable[Entry]", history))
