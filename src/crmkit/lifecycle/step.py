"""Steps: what a repository must write when a record moves."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final, Literal, Protocol

import attrs

from crmkit.lifecycle.rule import Place
from crmkit.lifecycle.stage import Outcome
from crmkit.values import NOT_YET

__all__ = ["StagedRecord", "Step", "StepKind", "kind_of", "made"]

_MILLISECOND: Final = dt.timedelta(milliseconds=1)

StepKind = Literal["enter", "forward", "back", "close", "reopen", "stay", "transfer"]


class StagedRecord(Protocol):
    """A record that moves through a pipeline.

    Attributes:
        pipeline: the pipeline's name; blank for the default one of its model.
        stage: the stage it is in; blank before it enters a pipeline.
        stage_since: when it entered that stage.
        stage_reached: the greatest position of an open stage that it ever entered, counted from 1.
        outcome: what its stage means.
        closed_at: when it entered the closing stage it is in.
    """

    @property
    def pipeline(self) -> str: ...  # noqa: D102 - described above
    @property
    def stage(self) -> str: ...  # noqa: D102 - described above
    @property
    def stage_since(self) -> dt.datetime: ...  # noqa: D102 - described above
    @property
    def stage_reached(self) -> int: ...  # noqa: D102 - described above
    @property
    def outcome(self) -> str: ...  # noqa: D102 - described above
    @property
    def closed_at(self) -> dt.datetime | None: ...  # noqa: D102 - described above


@attrs.frozen
class Step:
    """One move, as the record and its history must hold it.

    Attributes:
        pipeline: the pipeline after the move.
        from_stage: the stage that is left; blank on entering.
        to_stage: the stage that is entered.
        kind: which way it goes; a stay leads nowhere, and a transfer into another pipeline or version.
        position: the place of the stage that is entered, from 1.
        outcome: what that stage means.
        at: when.
        stage_reached: the greatest position of an open stage entered so far.
        closed_at: when the record was closed; `None` if it is open.
        spent: how long it was in the stage that it leaves, in milliseconds; `None` on entering and on staying.
    """

    pipeline: str
    from_stage: str
    to_stage: str
    kind: StepKind
    position: int
    outcome: Outcome
    at: dt.datetime
    stage_reached: int
    closed_at: dt.datetime | None
    spent: int | None

    @property
    def changes(self) -> dict[str, Any]:
        """The fields of the record that change, with their new values; the version is not among them."""
        if self.kind == "stay":
            return {}
        return {
            "pipeline": self.pipeline,
            "stage": self.to_stage,
            "stage_since": self.at,
            "stage_reached": self.stage_reached,
            "outcome": self.outcome,
            "closed_at": self.closed_at,
        }

    def row(self, number: int, actor: str, note: str | None) -> dict[str, Any]:
        """Return the part of a row of history that tells of it, as the given move of its record."""
        return {
            "number": number,
            "pipeline": self.pipeline,
            "from_stage": self.from_stage,
            "to_stage": self.to_stage,
            "kind": self.kind,
            "position": self.position,
            "outcome": self.outcome,
            "at": self.at,
            "spent": self.spent,
            "actor": actor,
            "note": note,
        }


def made(pipeline: str, record: StagedRecord, goal: Place, kind: StepKind, at: dt.datetime) -> Step:
    """Return the step by which a record enters a stage of a pipeline."""
    entering = kind == "enter"
    before = 0 if entering else record.stage_reached
    # Positions in another pipeline mean nothing here; a closed record may keep how far it came, if that far exists.
    if kind == "transfer":
        before = 0 if goal.stage.is_open else min(before, goal.last_open)
    ended = kind == "transfer" and record.outcome == goal.stage.outcome and record.closed_at is not None
    stays_closed = ended or kind == "stay"
    closed_at = record.closed_at if stays_closed else at
    untimed = kind in {"enter", "stay"} or record.stage_since == NOT_YET
    return Step(
        pipeline=pipeline,
        from_stage="" if entering else record.stage,
        to_stage=goal.stage.name,
        kind=kind,
        position=goal.position,
        outcome=goal.stage.outcome,
        at=at,
        stage_reached=max(before, goal.position) if goal.stage.is_open else before,
        closed_at=None if goal.stage.is_open else closed_at,
        spent=None if untimed else (at - record.stage_since) // _MILLISECOND,
    )


def kind_of(source: Place | None, goal: Place) -> StepKind:
    """Return which way a move goes; nowhere comes a record from that enters."""
    if source is None:
        return "enter"
    if source.stage.name == goal.stage.name:
        return "stay"
    if not goal.stage.is_open:
        return "close"
    if not source.stage.is_open:
        return "reopen"
    return "forward" if goal.position > source.position else "back"
