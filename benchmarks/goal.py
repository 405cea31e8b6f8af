"""What crmkit sets out to reach, and whether it did."""

import dataclasses
from collections.abc import Sequence

from benchmarks.harness import Timing
from benchmarks.item import Item

SUBJECT = "crmkit"
# time over the raw driver, at most; "create" has none, since the raw driver has nothing to build
OVER_RAW = {
    "sqlite": {"add": 1.6, "read": 1.7, "get": 3.0, "update": 2.3, "page": 2.2},
    "mongo": {"add": 1.35, "read": 1.0, "get": 1.3, "update": 1.1, "page": 1.4},
}
# time of a peer over crmkit's, at least, in the bulk items
AHEAD_IN_BULK = 3.0


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """One goal beside what was measured."""

    text: str
    measured: float
    goal: float
    met: bool


def judge(store: str, item: Item, timings: Sequence[Timing]) -> list[Verdict]:
    """Return the verdicts on one item; the first timing is the raw driver's. Empty when crmkit did not take part."""
    by_title = {timing.participant: timing.median for timing in timings}
    if SUBJECT not in by_title:
        return []
    raw, *others = timings
    ours = by_title[SUBJECT]
    verdicts = []
    if (goal := OVER_RAW[store].get(item.name)) is not None:
        ratio = ours / raw.median
        verdicts.append(Verdict(f"time over {raw.participant}, at most", ratio, goal, ratio <= goal))
    if item.bulk:
        for peer in others:
            if peer.participant != SUBJECT:
                ahead = peer.median / ours
                text = f"ahead of {peer.participant}, at least"
                verdicts.append(Verdict(text, ahead, AHEAD_IN_BULK, ahead >= AHEAD_IN_BULK))
    return verdicts
