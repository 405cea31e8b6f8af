"""Ladders: the stages of a funnel, and how a stage of any earlier version of the pipeline is read onto them.

Sets of stages are kept as the bits of an integer: bit `n` stands for the stage number `n` of the present definition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from crmkit.lifecycle.way import gates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.lifecycle import Pipeline, Stage

__all__ = ["FIRST", "Ladder", "Place", "Rungs"]

FIRST: Final = 1
"""The bit of the first stage."""


@attrs.frozen(eq=False)
class Rungs:
    """The stages of the present definition, in order, as numbers and bits.

    Attributes:
        stages: all of them; the open ones come first.
        numbers: their numbers by name, from 0.
        open: the bits of the open stages.
        onward: for each stage, the bits of those that count as going on from it: later open ones, and every end but a
            lost one.
    """

    stages: tuple[Stage, ...]
    numbers: dict[str, int]
    open: int
    onward: tuple[int, ...]

    @classmethod
    def of(cls, pipeline: Pipeline) -> Rungs:
        """Return the rungs of a pipeline."""
        stages = pipeline.stages
        good = sum(1 << number for number, stage in enumerate(stages) if stage.outcome != "lost")
        return cls(
            stages,
            {stage.name: number for number, stage in enumerate(stages)},
            sum(1 << number for number, stage in enumerate(stages) if stage.is_open),
            tuple(good >> (number + 1) << (number + 1) if stage.is_open else 0 for number, stage in enumerate(stages)),
        )

    def bit(self, name: str, outcome: str) -> int:
        """Return the bit of the stage that has this name and means this; 0 if there is not one."""
        number = self.numbers.get(name)
        return 0 if number is None or self.stages[number].outcome != outcome else 1 << number


@attrs.frozen(eq=False)
class Place:
    """Where one move led to, read onto the present definition.

    Attributes:
        bit: the present stage that it is; 0 if the pipeline no longer has it.
        earlier: the present open stages that a record passed before it got there, in the version of the move: all that
            come before it; for a lost end, which is entered from anywhere, those that every way to it leads through.
        rank: its position in that version.
        outcome: what it meant there.
        version: that version.
    """

    bit: int
    earlier: int
    rank: int
    outcome: str
    version: int


class Ladder:
    """Reads the stages of one version of a pipeline onto the present ones.

    A stage is the present one of the same name. One that no longer exists counts as renamed if both versions have as
    many open stages and the present stage in its position is new; otherwise it was removed, and a record that was there
    has still passed the stages before it. An end of another name is the present end of the same outcome.

    Args:
        rungs: the present stages.
        version: the number of the version.
        old: its definition; `None` if it is not known, so that only positions count.
    """

    def __init__(self, rungs: Rungs, version: int, old: Pipeline | None) -> None:
        self._rungs = rungs
        self._version = version
        self._places: dict[str, Place] = {}
        opened = [] if old is None else [stage.name for stage in old.stages if stage.is_open]
        earlier = 0
        for rank, name in enumerate(opened, 1):
            bit = self._open_bit(rank, opened)
            self._places[name] = Place(bit, earlier, rank, "open", version)
            earlier |= bit
        if old is None:
            return
        passed = gates(old)
        for stage in old.stages:
            if not stage.is_open:
                rank, gate = len(self._places) + 1, self._places[passed[stage.name]]
                before = gate.earlier | gate.bit if stage.outcome == "lost" else earlier
                self._places[stage.name] = Place(
                    self._end(stage.name, stage.outcome), before, rank, stage.outcome, version
                )

    def place(self, stage: str, position: int, outcome: str) -> Place:
        """Return where a move led to.

        Args:
            stage: the stage it entered.
            position: its position then, from 1.
            outcome: what it meant then.
        """
        place = self._places.get(stage)
        if place is None or place.outcome != outcome:
            place = self._places[stage] = self._guessed(stage, position, outcome)
        return place

    def _guessed(self, stage: str, position: int, outcome: str) -> Place:
        rungs = self._rungs
        if outcome != "open":
            earlier = 0 if outcome == "lost" else rungs.open
            return Place(self._end(stage, outcome), earlier, position, outcome, self._version)
        bit = rungs.bit(stage, "open")
        if not bit:
            bit = 1 << (position - 1) & rungs.open
        below = (bit or rungs.open + 1) - 1
        return Place(bit, below & rungs.open, position, outcome, self._version)

    def _open_bit(self, rank: int, opened: Sequence[str]) -> int:
        rungs, name = self._rungs, opened[rank - 1]
        bit = rungs.bit(name, "open")
        if bit or len(opened) != rungs.open.bit_length():
            return bit
        return 0 if rungs.stages[rank - 1].name in opened else 1 << (rank - 1)

    def _end(self, name: str, outcome: str) -> int:
        rungs = self._rungs
        same = (1 << number for number, stage in enumerate(rungs.stages) if stage.outcome == outcome)
        return rungs.bit(name, outcome) or next(same, 0)
