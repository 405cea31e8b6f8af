"""The timing: rounds in which the participants alternate, and what they took."""

import dataclasses
import gc
import statistics
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from benchmarks.item import Item
from benchmarks.participant import AnyParticipant

R = TypeVar("R")


@dataclasses.dataclass(frozen=True, slots=True)
class Timing:
    """The seconds that one participant took for one item, round by round."""

    participant: str
    operations: int
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Return the median of the rounds, in seconds."""
        return statistics.median(self.seconds)

    @property
    def microseconds(self) -> float:
        """Return the median per operation, in microseconds."""
        return self.median / self.operations * 1e6


def measure(item: Item, participants: Sequence[AnyParticipant], rounds: int) -> list[Timing]:
    """Time one item on every participant.

    The participants take turns within each round, and every other round goes through them backwards, so that a
    machine that slows down or a disk that fills does not fall on the same one each time.
    """
    taken: dict[str, list[float]] = {participant.title: [] for participant in participants}
    for number in range(rounds):
        for participant in participants if number % 2 == 0 else reversed(participants):
            taken[participant.title].append(once(item, participant, number))
    return [Timing(title, item.operations, tuple(seconds)) for title, seconds in taken.items()]


def once(item: Item, participant: AnyParticipant, number: int) -> float:
    """Return the seconds that one round of an item took on one participant, its answer checked."""
    call = item.prepare(participant, number)
    seconds, result = timed(call)
    item.check(participant, result, number)
    return seconds


def timed(call: Callable[[], R]) -> tuple[float, R]:
    """Return the seconds that a call took, and its result."""
    gc.collect()
    # what the harness holds is not any participant's garbage: without this, each collection walks all of it
    gc.freeze()
    try:
        started = time.perf_counter()
        result = call()
        return time.perf_counter() - started, result
    finally:
        gc.unfreeze()
