"""Ways: what the moves of a pipeline say of a record that is in a stage, whatever its history shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from crmkit.lifecycle.pipeline import Pipeline
    from crmkit.lifecycle.rule import Place, Rule

__all__ = ["Ways", "gates"]


class Ways(dict[str, "Mapping[str, Sequence[Rule]]"]):
    """The rules by which a record may leave a stage, by the stage that it enters; the stages come in order.

    Roles and guards are not asked, and a record is taken to have been everywhere. Looked up when first asked for.
    """

    def __init__(self, places: Mapping[str, Place], moves: Sequence[Rule]) -> None:
        self._places = places
        self._moves = moves

    def __missing__(self, source: str) -> Mapping[str, Sequence[Rule]]:
        place, last = self._places[source], len(self._places)
        by_goal: dict[str, list[Rule]] = {name: [] for name in self._places if name != source}
        for rule in self._moves:
            for name in _goals(rule, source, by_goal):
                if rule.allows(place, self._places[name], last):
                    by_goal[name].append(rule)
        found = self[source] = {name: rules for name, rules in by_goal.items() if rules}
        return found


def _goals(rule: Rule, source: str, others: Iterable[str]) -> Iterable[str]:
    """Return the stages to which a rule may lead, looking at no more of them than it names."""
    if rule.source not in {"", source} or rule.target == source:
        return ()
    return (rule.target,) if rule.target else others


def gates(pipeline: Pipeline) -> Mapping[str, str]:
    """Return, for each stage, the furthest open stage that every way to it from the beginning leads through.

    These are dominators of the graph of moves: without such a stage, the other one is out of reach.
    Roles and guards are not asked: they close a way for some, and nobody knows for whom.

    >>> from crmkit.lifecycle.built_in import OPPORTUNITY
    >>> gates(OPPORTUNITY)["lost"], gates(OPPORTUNITY)["needs"]
    ('contact', 'needs')
    """
    places = pipeline.places
    ways = {name: pipeline.ways[name].keys() for name in places}
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
