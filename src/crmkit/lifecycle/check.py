"""What a pipeline must satisfy before anybody uses it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeVar

from crmkit.errors import BadDefinition, BadExpression, near
from crmkit.expr.bind import Binder
from crmkit.expr.evaluate import is_local
from crmkit.expr.node import Expr, Missing
from crmkit.expr.resolve import SAMPLE, resolve
from crmkit.lifecycle.rule import Place, Rule, RuleKind
from crmkit.lifecycle.stage import Stage, path_of
from crmkit.model.catalog import Catalog

if TYPE_CHECKING:
    from crmkit.model.schema import Schema

__all__ = ["MOST_MOVES", "MOST_STAGES", "definition", "each", "model"]

MOST_STAGES: Final = 100
MOST_MOVES: Final = 500
"""How many stages and rules a pipeline may have, be it written in Python or as a document."""

T = TypeVar("T")
_NONE: Final = Catalog(())
"""Binds what is about one record: in an empty catalog no model leads to another."""
_MOVED: Final = frozenset({"pipeline", "stage", "id", "created_at"})


def each(what: str, kind: type[T], given: Iterable[T], example: str) -> tuple[T, ...]:
    """Return what was given as a tuple, once every part of it is of one kind.

    Raises:
        BadDefinition: a part is of another kind, or it is not a collection at all.
    """
    if isinstance(given, kind) or not isinstance(given, Iterable):
        raise BadDefinition(f"{what} is expected in a list, not alone.", hint=f"Write [{example}].")
    parts = tuple(given)
    for part in parts:
        if not isinstance(part, kind):
            raise BadDefinition(f"{what} is expected, not {type(part).__name__}.", hint=f"Write {example}.")
    return parts


def definition(
    name: str, stages: tuple[Stage, ...], places: Mapping[str, Place], moves: tuple[Rule, ...], initial: str
) -> None:
    """Refuse stages and rules that do not fit together.

    Raises:
        BadDefinition: a name is doubled or unknown, no stage is open, a rule allows nothing, a stage is out of reach.
    """
    where = f"pipeline {name!r}"
    if len(stages) > MOST_STAGES or len(moves) > MOST_MOVES:
        most = f"{MOST_STAGES} and {MOST_MOVES} at most"
        raise BadDefinition(f"{where} has {len(stages)} stages and {len(moves)} rules, {most}.", hint="Split it.")
    names: set[str] = set()
    for number, stage in enumerate(stages):
        if stage.name in names:
            raise BadDefinition(f"{where} has two stages called {stage.name!r}.", hint="Rename one of them.")
        if stage.is_open and number and not stages[number - 1].is_open:
            raise BadDefinition(
                f"{where} has the open stage {stage.name!r} after {stages[number - 1].name!r}, which is closed.",
                hint="List the open stages first.",
            )
        names.add(stage.name)
    if not stages or not stages[0].is_open:
        raise BadDefinition(f"{where} has no open stage.", hint='Add one without an outcome, as in Stage("new").')
    for rule in moves:
        for named in filter(None, (rule.source, rule.target)):
            _known(f"{where}: {rule.text}", named, places)
        if not _allows_any(rule, places):
            raise BadDefinition(f"{where}: {rule.text} allows no move between these stages.", hint="Leave it out.")
    _known(where, initial, places)
    if not places[initial].stage.is_open:
        raise BadDefinition(f"{where} begins at {initial!r}, which is closed.", hint="Begin at an open stage.")
    _reached(where, places, moves, initial)


def _known(where: str, name: str, places: Mapping[str, Place]) -> None:
    if name not in places:
        raise BadDefinition(f"{where} names the stage {name!r}, which is not there.", hint=near(name, places))


def _allows_any(rule: Rule, places: Mapping[str, Place]) -> bool:
    """Return whether a rule allows a move between any two stages, asking of no more pairs than it may be about."""
    sources = [places[rule.source]] if rule.source else list(places.values())
    targets = [places[rule.target]] if rule.target else list(places.values())
    meant = [each for each in sources if rule.source or each.stage.is_open is not (rule.kind is RuleKind.REOPEN)]
    return any(rule.allows(a, b, len(places)) for a in meant for b in targets if a is not b)


def _reached(where: str, places: Mapping[str, Place], moves: tuple[Rule, ...], initial: str) -> None:
    ways = _ways(places, moves, initial)
    reopens = any(rule.kind is RuleKind.REOPEN and not rule.target for rule in moves)
    reached, ahead = {initial}, [initial]
    while ahead:
        further = {name for name in ways.pop(ahead.pop(), ()) if name not in reached}
        reached |= further
        ahead += further
        if not ahead and reopens and any(not places[name].stage.is_open for name in reached):
            # From a closed stage back to wherever a record may have been.
            furthest = max(places[name].position for name in reached if places[name].stage.is_open)
            ahead = [name for name, place in places.items() if place.position <= furthest and name not in reached]
            reached.update(ahead)
    lost = [name for name in places if name not in reached]
    if lost:
        raise BadDefinition(
            f"{where}: no move leads from {initial!r} to {', '.join(map(repr, lost))}.",
            hint=f"Add a rule such as into({lost[0]!r}), or leave the stage out.",
        )


def _ways(places: Mapping[str, Place], moves: tuple[Rule, ...], initial: str) -> dict[str, list[str]]:
    """Return moves out of which all others can be made: who may go several stages ahead may go there one by one."""
    order = list(places)
    opened = [name for name, place in places.items() if place.stage.is_open]
    closed = order[len(opened) :]
    lost = {name for name, place in places.items() if place.stage.outcome == "lost"}
    ways: dict[str, list[str]] = {name: [] for name in order}
    for kind in dict.fromkeys(rule.kind for rule in moves):
        if kind is RuleKind.FORWARD:
            for name, after in pairwise(opened):
                ways[name].append(after)
            ways[opened[-1]] += (name for name in closed if name not in lost)
        elif kind is RuleKind.BACK:
            for before, name in pairwise(opened):
                ways[name].append(before)
    for rule in moves:
        if rule.kind is RuleKind.MOVE:
            ways[rule.source].append(rule.target)
        elif rule.kind is RuleKind.INTO:
            ways[initial].append(rule.target)
    for target in dict.fromkeys(rule.target for rule in moves if rule.kind is RuleKind.REOPEN and rule.target):
        for name in closed:
            ways[name].append(target)
    return ways


# -- the model ---------------------------------------------------------------------------------------------------------


def model(
    name: str, stages: tuple[Stage, ...], moves: tuple[Rule, ...], schema: Schema, catalog: Catalog | None
) -> None:
    """Refuse a model that a pipeline does not fit; what reaches other models waits until there is a catalog of them.

    Raises:
        BadDefinition: the model has no stages, lacks a required or locked field, or cannot answer a guard.
    """
    where = f"pipeline {name!r}"
    if not schema.staged:
        raise BadDefinition(f"{where}: {schema.name} moves through no pipeline.", hint="Let its class inherit Staged.")
    for stage in stages:
        at = f"{where}: stage {stage.name!r}"
        _fields(at, stage, schema)
        for path in stage.requires:
            if "." in path:
                _bound(f"{at} requires {path!r}, which does not fit", Missing(path_of(path)), schema, catalog)
        _bound(f"{at} has a guard that does not fit", stage.guard, schema, catalog)
    for rule in moves:
        _bound(f"{where}: {rule.text} has a guard that does not fit", rule.guard, schema, catalog)


def _fields(where: str, stage: Stage, schema: Schema) -> None:
    for verb, names in (("requires", stage.requires), ("locks", stage.locks)):
        for name in names:
            if name not in schema.fields and not (verb == "requires" and "." in name):
                raise BadDefinition(
                    f"{where} {verb} {name!r}, which {schema.name} has not.", hint=near(name, schema.fields)
                )
    for name in stage.locks:
        if schema.fields[name].managed or name in _MOVED:
            raise BadDefinition(
                f"{where} locks {name!r}, which no update sets.", hint="Lock fields that callers change."
            )


def _bound(what: str, condition: Expr | None, schema: Schema, catalog: Catalog | None) -> None:
    if condition is None or (catalog is None and not is_local(condition, schema)):
        return
    try:
        Binder(catalog or _NONE).bind(schema, resolve(condition, SAMPLE))
    except BadExpression as error:
        raise BadDefinition(f"{what}: {error.message}", hint=error.hint) from None
