"""History: what is told of moves that were made elsewhere, and the steps that follow from it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import attrs

from crmkit.errors import Problem, near
from crmkit.lifecycle.pipeline import Pipeline
from crmkit.lifecycle.step import Step
from crmkit.values import NOT_YET

__all__ = ["Entry", "State", "check_stage", "check_time", "moved", "steps"]


@attrs.frozen
class Entry:
    """One entry into a stage, as somebody tells it.

    Attributes:
        stage: the stage.
        at: when; `None` if only the record's present stage is known.
        by: the id of the user who did it, or the key of another actor; blank if nobody is named.
        note: what was said about it.
    """

    stage: str
    at: dt.datetime | None
    by: UUID | str = ""
    note: str | None = None


def moved(stage: str, /, *, at: dt.datetime, by: UUID | str = "", note: str | None = None) -> Entry:
    """Return a move that was made elsewhere, for the `history` of a record that is added.

    Args:
        stage: the stage that the record entered. One in which it was already keeps it there.
        at: when.
        by: the id of the user who moved it, or the key of another actor, such as `"system:legacy"`; blank if nobody
            knows.
        note: what was said about it.

    >>> moved("proposal", at=dt.datetime(2025, 3, 1, tzinfo=dt.UTC), note="sent v2").stage
    'proposal'
    """
    return Entry(stage, at, by, note)


@attrs.frozen
class State:
    """Where a record stands in its pipeline: what the pipeline needs to find the next step."""

    pipeline: str
    stage: str = ""
    stage_since: dt.datetime = NOT_YET
    stage_reached: int = 0
    outcome: str = "open"
    closed_at: dt.datetime | None = None

    def fields(self, version: int) -> dict[str, Any]:
        """Return the fields of a record that stands here, under a version of the pipeline."""
        return {**attrs.asdict(self), "pipeline_version": version}


def check_stage(pipeline: Pipeline, name: str) -> str:
    """Return the name of a stage that the pipeline has.

    Raises:
        Problem: it has none of this name.
    """
    if name not in pipeline.places:
        raise Problem("unknown_stage", f"is not a stage of {pipeline.name!r}.", hint=near(name, pipeline.places))
    return name


def check_time(at: dt.datetime, now: dt.datetime) -> dt.datetime:
    """Return a time at which something can have happened.

    Raises:
        Problem: it is yet to come.
    """
    if at > now:
        raise Problem("yet_to_come", f"is {at.isoformat()}, which is yet to come.")
    return at


def steps(
    pipeline: Pipeline, state: State, entries: Iterable[Entry], untimed: dt.datetime
) -> tuple[Sequence[tuple[Step, Entry]], State]:
    """Return the steps that lead through entries, and where the record stands after them.

    Nobody asks whether the pipeline allows them, as they have happened. Times are facts: an entry that is earlier than
    the one before keeps its time, and no time was spent between them. A record that closed nobody knows when has no
    `closed_at`, so that no figure takes it for fast or for recent.

    Args:
        pipeline: the pipeline.
        state: where the record stands before.
        entries: where it goes.
        untimed: the time of an entry without one, if nothing earlier is known.
    """
    made: list[tuple[Step, Entry]] = []
    last = max(untimed, state.stage_since)
    for entry in entries:
        at = entry.at or last
        step = pipeline.recorded(state, entry.stage, at=max(at, state.stage_since))
        if step.at != at:
            step = attrs.evolve(step, at=at, closed_at=None if step.closed_at is None else at)
        if entry.at is None:
            # The move needs a time; when the record closed, and how long it took, nobody knows.
            step = attrs.evolve(step, closed_at=None, spent=None)
        made.append((step, entry))
        state = attrs.evolve(state, **step.changes)
        last = max(last, at)
    return made, state
