"""History: what files hold of the stages of a record, as the entries that lead there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import attrs

from crmkit.lifecycle.history import Entry, check_stage
from crmkit.values import NOT_YET, key_of

if TYPE_CHECKING:
    from crmkit.importers.section import Parsed
    from crmkit.lifecycle import Pipeline

__all__ = ["FiledEntry", "entries_of", "in_order", "spelled"]


@attrs.frozen
class FiledEntry(Entry):
    """An entry into a stage that a row of a history file tells.

    Attributes:
        row: the row.
    """

    row: Parsed = attrs.field(kw_only=True, eq=False, repr=False)


def in_order(rows: Sequence[Parsed]) -> list[Parsed]:
    """Return the rows that a history file has of one record in order of time, without those that only repeat another.

    A row that says the same as the one before it repeats it. Where the record moved on in between, it came back.
    """
    # A file with the newest rows first has them so within one instant, too.
    newest_first = rows[0].values["at"] > rows[-1].values["at"]
    ordered = sorted(reversed(rows) if newest_first else rows, key=lambda row: row.values["at"])
    return [ordered[0], *(row for before, row in pairwise(ordered) if row.digest != before.digest)]


def spelled(pipeline: Pipeline, text: str) -> str:
    """Return the stage that a text names, as the pipeline spells it; case does not matter.

    Raises:
        Problem: the pipeline has no such stage.
    """
    known = {key_of(name): name for name in pipeline.places}
    return check_stage(pipeline, text if text in pipeline.places else known.get(key_of(text), text))


def entries_of(pipeline: Pipeline, stage: str, entered: Parsed, history: Iterable[Entry]) -> list[Entry]:
    """Return the entries of one record, in order.

    A history, sorted by time, is all there is to it; without one, the columns that hold when stages were entered count,
    in the order of the pipeline. Where the record stands now has the last word.

    Args:
        pipeline: the record's pipeline.
        stage: the stage it is in now; blank if the files do not say.
        entered: the row, for its columns of dates.
        history: the rows of history files, those of each file in order.
    """
    timed = sorted(history, key=lambda entry: entry.at or NOT_YET)
    if not timed:
        dates = entered.entered
        named = [name for name in pipeline.places if name in dates]
        # Of several stages that close a record, only the one it is in was entered, whatever a shared date column holds.
        timed = [
            Entry(name, dates[name]) for name in named if not stage or pipeline.stage(name).is_open or name == stage
        ]
    if stage and (not timed or timed[-1].stage != stage):
        unsaid = timed or not pipeline.stage(stage).is_open
        timed.append(Entry(stage, None, note="The files do not say when." if unsaid else None))
    return timed
