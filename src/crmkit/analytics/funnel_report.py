"""Funnel reports: what was counted, stage by stage."""

from __future__ import annotations

from typing import Any

import attrs

from crmkit.analytics.durations import Durations
from crmkit.analytics.funnel import Reading
from crmkit.analytics.ratio import Ratio
from crmkit.analytics.report import Report, row_of
from crmkit.errors import BadDefinition, near

__all__ = ["FunnelGroup", "FunnelReport", "FunnelStage", "Pattern"]


@attrs.frozen
class Pattern:
    """The records of a group that counted for the same stages and ended alike.

    Attributes:
        stages: the numbers of the stages, as bits.
        unknown: the numbers of the stages of which nobody knows whether they count, as bits.
        fate: how they stand: `open`, `won`, `lost` or `done`.
        count: how many records.
    """

    stages: int
    unknown: int
    fate: str
    count: int

    def has(self, number: int) -> bool:
        """Return whether the records count for a stage."""
        return bool(self.stages >> number & 1)

    def leaves_open(self, number: int) -> bool:
        """Return whether nobody knows if the records count for a stage."""
        return bool(self.unknown >> number & 1)


@attrs.frozen(kw_only=True)
class FunnelStage:
    """One stage of a funnel, in one group.

    Of the records that entered an open stage, each either went on, was lost, is open, or is `aside`:
    `entered = advanced + lost + open + aside`.

    Attributes:
        name: the stage.
        outcome: what it means; for a closing stage only `entered` and the ratios from earlier stages say something.
        entered: how many records count for it, by the funnel's reading.
        advanced: how many of them went on to any later stage or to an end that is not lost.
        lost: how many of them got no further and are lost.
        open: how many of them got no further and are open, so that nobody knows yet.
        aside: how many of them closed, and nobody knows whether they went on before; or, by the strict reading, went on
            in a way that it does not count.
        from_previous: of those in the open stage before, how many count for this one too; `None` for the first.
        from_first: of those in the first stage, how many count for this one too; `None` for the first.
        conversion: advanced out of entered, the open ones included. Excluded from this and the other ratios are records
            of which nobody knows whether they were here, or went on.
        resolved: advanced out of those whose fate is known: advanced or lost.
        drop: lost out of entered, the open ones included.
        skipped: how many records got further without ever having been in it.
        again: how many more times than once records entered it.
        back: how many times a record moved back from it to an earlier stage.
        spent: how long records were in it: of each record that left it, all its visits together.
        last: how long the last visit took.
    """

    name: str
    outcome: str
    entered: int
    advanced: int = 0
    lost: int = 0
    open: int = 0
    aside: int = 0
    from_previous: Ratio | None = None
    from_first: Ratio | None = None
    conversion: Ratio | None = None
    resolved: Ratio | None = None
    drop: Ratio | None = None
    skipped: int = 0
    again: int = 0
    back: int = 0
    spent: Durations = attrs.field(factory=Durations)
    last: Durations = attrs.field(factory=Durations)

    def cells(self) -> dict[str, Any]:
        """Return the stage as a row."""
        counts = ("entered", "advanced", "lost", "open", "aside")
        ratios = ("from_previous", "from_first", "resolved", "drop")
        moves = ("skipped", "again", "back")
        return row_of(self, ("stage", "name"), "outcome", *counts, *ratios, *moves) | self.spent.cells()


@attrs.frozen(kw_only=True)
class FunnelGroup:
    """The funnel of one group of records.

    Attributes:
        key, label: what the records share, and how that is shown.
        pipeline, reading: the name of what was counted, and how.
        entered: how many records entered the pipeline.
        open, won, lost, done: how they stand.
        stages: the stages in the order of the pipeline.
        reopened: how many times a closed record was opened again; its earlier end no longer counts.
        no_history: records of the pipeline without any history in it; they take no part.
        left: records that went on in another pipeline; they take no part.
        patterns: what `conversion` is computed from.
    """

    key: Any
    label: str
    pipeline: str
    reading: Reading
    entered: int
    open: int
    won: int
    lost: int
    done: int
    stages: tuple[FunnelStage, ...]
    reopened: int
    no_history: int
    left: int
    patterns: tuple[Pattern, ...] = attrs.field(repr=False)

    @property
    def excluded(self) -> int:
        """How many records belong to the group and take no part."""
        return self.no_history + self.left

    @property
    def win_rate(self) -> Ratio:
        """Won out of won or lost."""
        return Ratio(
            self.won, self.won + self.lost, open=self.open, excluded=self.excluded + self.done,
            definition="funnel.win_rate/1",
        )  # fmt: skip

    def __getitem__(self, name: str) -> FunnelStage:
        """Return a stage.

        Raises:
            BadDefinition: the pipeline has none of this name.
        """
        return self.stages[self._number(name)]

    def conversion(self, source: str, target: str) -> Ratio:
        """Return how many of the records in one stage count for a later one too.

        The denominator holds the open records; `open` is how many of those that did not get there still may. Records of
        which nobody knows whether they were in either stage are excluded.

        Raises:
            BadDefinition: the pipeline has no such stage, or the second does not come after the first.
        """
        first, second = self._number(source), self._number(target)
        if not self.stages[first].outcome == "open" or second <= first:
            raise BadDefinition(
                f"{target!r} does not come after {source!r} in the pipeline {self.pipeline!r}.",
                hint="A conversion leads from an open stage to a later one.",
            )
        there = missed = opened = unknown = 0
        for pattern in self.patterns:
            if pattern.leaves_open(first) or (pattern.has(first) and pattern.leaves_open(second)):
                unknown += pattern.count
            elif pattern.has(first) and pattern.has(second):
                there += pattern.count
            elif pattern.has(first):
                missed += pattern.count
                opened += pattern.count if pattern.fate == "open" else 0
        return Ratio(
            there,
            there + missed,
            open=opened,
            excluded=self.excluded + unknown,
            definition=f"funnel.{self.reading}.conversion/1",
        )

    def cells(self) -> list[dict[str, Any]]:
        """Return a row for each stage."""
        return [stage.cells() for stage in self.stages]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of these rows."""
        return tuple(self.stages[0].cells())

    def _number(self, name: str) -> int:
        for number, stage in enumerate(self.stages):
            if stage.name == name:
                return number
        raise BadDefinition(
            f"the pipeline {self.pipeline!r} has no stage {name!r}.",
            hint=near(str(name), [stage.name for stage in self.stages]),
        )


@attrs.frozen(kw_only=True)
class FunnelReport(Report[FunnelGroup]):
    """A funnel, group by group.

    Attributes:
        pipeline: the name of the pipeline.
        reading: when a record counts for a stage.
    """

    pipeline: str
    reading: Reading

    def conversion(self, source: str, target: str) -> Ratio:
        """Return the conversion over all groups; see `FunnelGroup.conversion`."""
        return self.total.conversion(source, target)

    def facts(self) -> dict[str, Any]:
        """Return what else belongs to the head of the report, as plain values."""
        return {
            "pipeline": self.pipeline,
            "reading": self.reading,
            "entered": self.total.entered,
            "excluded": {"no_history": self.total.no_history, "left": self.total.left},
            "reopened": self.total.reopened,
        }
