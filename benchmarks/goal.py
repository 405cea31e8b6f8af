"""What crmkit sets out to reach, and whether it did."""

import dataclasses
from collections.abc import Sequence

from benchmarks.harness import Timing
from benchmarks.item import Item

SUBJECT = "crmkit"
# time over the raw driver, at most; "create" has none, since the raw driver has nothing to build
OVER_RAW = {
    "sqlite": {"add": 1.6, "read": 1.7, "get": 3.0, "update": 2.3, "page": 2.2},
    "mongo": {"add": 1.35, "read": 1.0, "get": 1.15, "update": 1.1, "transact": 1.1, "page": 1.4},
}
# time of a peer over crmkit's, at least, whichever model crmkit takes part with
AHEAD: dict[str, dict[str, float]] = {
    "add": {"SQLAlchemy ORM": 2.5, "Django ORM": 2.5, "advanced-alchemy": 2.5, "mongoengine": 1.9, "beanie": 2.3},
    "read": {"SQLAlchemy ORM": 3.5, "Django ORM": 2.5, "advanced-alchemy": 3.5, "mongoengine": 2.5, "beanie": 2.5},
    "update": dict.fromkeys(("SQLAlchemy ORM", "Django ORM", "advanced-alchemy", "mongoengine", "beanie"), 1.0),
    "transact": {"beanie": 1.0},
}


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
    for peer in others:
        if (goal := AHEAD.get(item.name, {}).get(peer.participant)) is not None:
            ahead = peer.median / ours
            verdicts.append(Verdict(f"ahead of {peer.participant}, at least", ahead, goal, ahead >= goal))
    return verdicts
