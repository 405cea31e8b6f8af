"""Counters of one group of a funnel; their size depends on the pipeline, not on the number of records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import attrs

from crmkit.analytics.durations import Spread
from crmkit.analytics.funnel import Funnel
from crmkit.analytics.funnel_report import FunnelGroup, FunnelStage, Pattern
from crmkit.analytics.journey import LEFT, Journey
from crmkit.analytics.ladder import Rungs
from crmkit.analytics.ratio import Ratio

__all__ = ["GroupCounter"]


class GroupCounter:
    """Counts the journeys of one group.

    Args:
        funnel: what is counted.
        rungs: its stages.
    """

    def __init__(self, funnel: Funnel, rungs: Rungs) -> None:
        self._funnel = funnel
        self._rungs = rungs
        self._patterns: Counter[tuple[int, int, str]] = Counter()
        self._times: Counter[tuple[str, int]] = Counter()
        self._spent = [Spread() for _ in rungs.stages]
        self._last = [Spread() for _ in rungs.stages]
        self._reopened = 0
        self._left = 0
        self.no_history = 0

    def take(self, made: Journey) -> None:
        """Count one record."""
        if made.fate == LEFT:
            self._left += 1
            return
        mask: int = getattr(made, self._funnel.reading)
        unknown = 0 if made.seen else self._rungs.open & ~mask
        self._patterns[mask, unknown, made.fate] += 1
        self._reopened += made.reopened
        for number in _numbers(made.reached & ~made.observed & self._rungs.open if made.seen else 0):
            self._times["skipped", number] += 1
        for bit, times in made.visits.items():
            self._times["again", bit.bit_length() - 1] += times - 1
        for bit, times in made.back.items():
            self._times["back", bit.bit_length() - 1] += times
        for bit, spent in made.spent.items():
            # The present visit is not over, so how long the record will have been there is not known yet.
            if bit != made.staying:
                self._spent[bit.bit_length() - 1].add(spent)
                self._last[bit.bit_length() - 1].add(made.last[bit])

    def merge(self, other: GroupCounter) -> None:
        """Count what another group counted."""
        self._patterns.update(other._patterns)
        self._times.update(other._times)
        for mine, theirs in zip((*self._spent, *self._last), (*other._spent, *other._last), strict=True):
            mine.merge(theirs)
        self._reopened += other._reopened
        self._left += other._left
        self.no_history += other.no_history

    def group(self, key: Any, label: str) -> FunnelGroup:
        """Return what was counted."""
        fates: Counter[str] = Counter()
        for (*_, fate), count in self._patterns.items():
            fates[fate] += count
        bare = FunnelGroup(
            key=key,
            label=label,
            pipeline=self._funnel.pipeline.name,
            reading=self._funnel.reading,
            entered=fates.total(),
            open=fates["open"],
            won=fates["won"],
            lost=fates["lost"],
            done=fates["done"],
            stages=tuple(self._stage(number) for number in range(len(self._rungs.stages))),
            reopened=self._reopened,
            no_history=self.no_history,
            left=self._left,
            patterns=tuple(Pattern(*each, count) for each, count in sorted(self._patterns.items())),
        )
        return _related(bare)

    def _stage(self, number: int) -> FunnelStage:
        stage = self._rungs.stages[number]
        onward = self._rungs.onward[number]
        entered = advanced = unsure = unseen = 0
        stuck: Counter[str] = Counter()
        for (mask, unknown, fate), count in self._patterns.items():
            if mask >> number & 1:
                entered += count
                if mask & onward:
                    advanced += count
                elif unknown & onward:
                    unsure += count
                else:
                    stuck[fate] += count
            elif unknown >> number & 1:
                unseen += count
        if not stage.is_open:
            return FunnelStage(name=stage.name, outcome=stage.outcome, entered=entered)
        lost, opened = stuck["lost"], stuck["open"]
        aside = entered - advanced - lost - opened
        excluded = self.no_history + self._left + unseen

        def ratio(what: str, count: int, of: int, aside: int) -> Ratio:
            definition = f"funnel.{self._funnel.reading}.{what}/1"
            return Ratio(count, of, open=opened, excluded=excluded + aside, definition=definition)

        return FunnelStage(
            name=stage.name,
            outcome=stage.outcome,
            entered=entered,
            advanced=advanced,
            lost=lost,
            open=opened,
            aside=aside,
            conversion=ratio("advanced", advanced, entered - unsure, unsure),
            resolved=ratio("resolved", advanced, advanced + lost, aside),
            drop=ratio("drop", lost, entered - unsure, unsure),
            skipped=self._times["skipped", number],
            again=self._times["again", number],
            back=self._times["back", number],
            spent=self._spent[number].durations(),
            last=self._last[number].durations(),
        )


def _related(group: FunnelGroup) -> FunnelGroup:
    """Return the group with the ratios between its stages."""
    first = before = group.stages[0].name
    stages = [group.stages[0]]
    for stage in group.stages[1:]:
        previous = None if stage.outcome == "lost" else group.conversion(before, stage.name)
        stages.append(attrs.evolve(stage, from_previous=previous, from_first=group.conversion(first, stage.name)))
        before = stage.name if stage.outcome == "open" else before
    return attrs.evolve(group, stages=tuple(stages))


def _numbers(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
