"""Ways: what the moves of a pipeline say of a record that is in a stage, whatever its history shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from crmkit.lifecycle.pipeline import Pipeline

__all__ = ["gates"]


def gates(pipeline: Pipeline) -> Mapping[str, str]:
    """Return, for each stage, the furthest open stage that every way to it from the beginning leads through.

    These are dominators of the graph of moves: without such a stage, the other one is out of reach.
    Roles and guards are not asked: they close a way for some, and nobody knows for whom.

    >>> from crmkit.lifecycle.built_in import OPPORTUNITY
    >>> gates(OPPORTUNITY)["lost"], gates(OPPORTUNITY)["needs"]
    ('contact', 'needs')
    """
    places, last = pipeline.places, len(pipeline.places)
    ways = {
        name: {
            goal.stage.name
            for goal in places.values()
            if goal is not start and any(rule.allows(start, goal, last) for rule in pipeline.moves)
        }
        for name, start in places.items()
    }
    found = dict.fromkeys(places, pipeline.initial)
    for name, place in places.items():
        if place.stage.is_open and name != pipeline.initial:
            found |= dict.fromkeys(places.keys() - _reached(ways, pipeline.initial, without=name), name)
    return found


def _reached(ways: Mapping[str, AbstractSet[str]], start: str, *, without: str) -> set[str]:
    reached, ahead = {start}, [start]
    while ahead:
        further = ways[ahead.pop()] - reached - {without}
        reached |= further
        ahead += further
    return reached
