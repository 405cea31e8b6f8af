"""What every record that moves through a pipeline has besides its own fields."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, TypeAlias, get_args

from crmkit.model.declare import Record, choice, fieldset, instant, integer, text
from crmkit.values import NOT_YET

Outcome: TypeAlias = Literal["open", "won", "lost", "done"]
"""What a stage can mean for a record in it: still going on, or how it ended; `done` is an end without a winner."""
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
"""The outcomes, in order."""


@fieldset
class Staged(Record):
    """A record that moves through a pipeline. Subclasses are declared with `@entity`; this class is not a model itself.

    `stage` and `pipeline` may be given when the record is added; from then on `advance` changes them, and with them
    the managed fields, in one transaction with the row of history.
    """

    pipeline: str = text(
        default="", max=80, doc="The name of the pipeline it moves through; blank means the default one."
    )
    pipeline_version: int = integer(
        default=0, managed=True, doc="The version of the pipeline whose rules it follows; 0 before it is added."
    )
    stage: str = text(
        default="", max=80, index=True, doc="The stage it is in; blank at construction means the pipeline's first."
    )
    stage_since: datetime = instant(default=NOT_YET, managed=True, doc="When it entered the present stage.")
    stage_reached: int = integer(
        default=0, managed=True, doc="The greatest position of an open stage that it ever entered, counted from 1."
    )
    outcome: Outcome = choice(
        *OUTCOMES, default="open", index=True, managed=True, doc="What its present stage means: open, or how it ended."
    )
    closed_at: datetime | None = instant(
        default=None, managed=True, doc="When it entered the closing stage it is in; missing while it is open."
    )
