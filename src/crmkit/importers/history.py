"""History: from what files hold of a record's stages to its moves, and to the fields that hold where it stands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.errors import Problem, near
from crmkit.importers.rule import key_of
from crmkit.lifecycle import Pipeline, Step
from crmkit.values import NOT_YET

if TYPE_CHECKING:
    from crmkit.importers.section import Parsed

__all__ = ["Entry", "State", "entries_of", "fields_of", "move_of", "stage_named", "steps"]


@attrs.frozen
class Entry:
    """One entry into a stage, as the files have it.

    Attributes:
        stage: the stage.
        at: when; `None` if only the record's present stage is known.
        actor: the key of the user who did it; blank if nobody is named.
        note: what was said about it.
    """

    stage: str
    at: dt.datetime | None
    actor: str = ""
    note: str | None = None


@attrs.frozen
class State:
    """Where a record stands in its pipeline: what the pipeline needs to find the next step."""

    pipeline: str
    stage: str = ""
    stage_since: dt.datetime = NOT_YET
    stage_reached: int = 0
    outcome: str = "open"
    closed_at: dt.datetime | None = None


def stage_named(pipeline: Pipeline, text: str) -> str:
    """Return the stage that a text names; case does not matter.

    Raises:
        Problem: the pipeline has no such stage.
    """
    if text in pipeline.places:
        return text
    known = {key_of(name): name for name in pipeline.places}
    stage = known.get(key_of(text))
    if stage is None:
        raise Problem("unknown_stage", f"is not a stage of {pipeline.name!r}.", hint=near(text, pipeline.places))
    return stage


def entries_of(pipeline: Pipeline, stage: str, entered: Parsed, history: Iterable[Entry]) -> list[Entry]:
    """Return the entries of one record, in order, rows that keep the stage merged.

    A history, sorted by time, is all there is to it; without one, the columns that hold when stages were entered count,
    in the order of the pipeline. Where the record stands now has the last word.

    Args:
        pipeline: the record's pipeline.
        stage: the stage it is in now; blank if the files do not say.
        entered: the row, for its columns of dates.
        history: the rows of a history file, in the order of that file.
    """
    listed = list(history)
    if listed and _time(listed[0]) > _time(listed[-1]):
        # A file with the newest rows first has them so within one instant, too.
        listed.reverse()
    timed = sorted(listed, key=_time)
    if not timed:
        dates = entered.entered
        named = [name for name in pipeline.places if name in dates]
        # Of several stages that close a record, only the one it is in was entered, whatever a shared date column holds.
        timed = [
            Entry(name, dates[name]) for name in named if not stage or pipeline.stage(name).is_open or name == stage
        ]
    merged: list[Entry] = []
    for entry in timed:
        if not merged or merged[-1].stage != entry.stage:
            merged.append(entry)
    if stage and (not merged or merged[-1].stage != stage):
        unsaid = merged or not pipeline.stage(stage).is_open
        merged.append(Entry(stage, None, note="The files do not say when." if unsaid else None))
    return merged


def _time(entry: Entry) -> dt.datetime:
    return entry.at or NOT_YET


def steps(pipeline: Pipeline, state: State, entries: Sequence[Entry], untimed: dt.datetime) -> list[tuple[Step, Entry]]:
    """Return the steps that lead through entries, and so what a record's fields become.

    Times are facts: an entry that is earlier than the one before keeps its time, and no time was spent between them. A
    record that closed nobody knows when has no `closed_at`, so that no figure takes it for fast or for recent.

    Args:
        pipeline: the pipeline.
        state: where the record stands before.
        entries: where it goes.
        untimed: the time of an entry without one, if nothing earlier is known.
    """
    made: list[tuple[Step, Entry]] = []
    for entry in entries:
        at = entry.at or max(untimed, state.stage_since)
        step = pipeline.recorded(state, entry.stage, at=max(at, state.stage_since))
        if step.at != at:
            step = attrs.evolve(step, at=at, closed_at=None if step.closed_at is None else at)
        if entry.at is None:
            # The move needs a time; when the record closed, and how long it took, nobody knows.
            step = attrs.evolve(step, closed_at=None, spent=None)
        made.append((step, entry))
        state = State(**step.changes)
    return made


def fields_of(step: Step, version: int) -> dict[str, Any]:
    """Return the fields that a record gets by its last step."""
    return {**step.changes, "pipeline_version": version}


def move_of(number: int, step: Step, entry: Entry) -> dict[str, Any]:
    """Return the part of a history row that comes from the step."""
    return {
        "number": number,
        "pipeline": step.pipeline,
        "from_stage": step.from_stage,
        "to_stage": step.to_stage,
        "kind": step.kind,
        "position": step.position,
        "outcome": step.outcome,
        "at": step.at,
        "spent": step.spent,
        "actor": entry.actor,
        "note": entry.note,
    }
