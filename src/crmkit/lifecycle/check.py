"""What a pipeline must satisfy before anybody uses it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, TypeVar

from crmkit.errors import BadDefinition, BadExpression, near
from crmkit.expr.bind import Binder
from crmkit.expr.evaluate import is_local
from crmkit.expr.node import Expr, Missing
from crmkit.expr.resolve import SAMPLE, resolve
from crmkit.lifecycle.rule import Place, Rule
from crmkit.lifecycle.stage import Stage, path_of
from crmkit.model.catalog import Catalog

if TYPE_CHECKING:
    from crmkit.model.schema import Schema

__all__ = ["definition", "each", "model"]

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
    for number, stage in enumerate(stages):
        if stage.name in {other.name for other in stages[:number]}:
            raise BadDefinition(f"{where} has two stages called {stage.name!r}.", hint="Rename one of them.")
        if stage.is_open and number and not stages[number - 1].is_open:
            raise BadDefinition(
                f"{where} has the open stage {stage.name!r} after {stages[number - 1].name!r}, which is closed.",
                hint="List the open stages first.",
            )
    if not stages or not stages[0].is_open:
        raise BadDefinition(f"{where} has no open stage.", hint='Add one without an outcome, as in Stage("new").')
    for rule in moves:
        for named in filter(None, (rule.source, rule.target)):
            _known(f"{where}: {rule.text}", named, places)
        if not any(rule.allows(a, b, len(places)) for a in places.values() for b in places.values() if a is not b):
            raise BadDefinition(f"{where}: {rule.text} allows no move between these stages.", hint="Leave it out.")
    _known(where, initial, places)
    if not places[initial].stage.is_open:
        raise BadDefinition(f"{where} begins at {initial!r}, which is closed.", hint="Begin at an open stage.")
    _reached(where, places, moves, initial)


def _known(where: str, name: str, places: Mapping[str, Place]) -> None:
    if name not in places:
        raise BadDefinition(f"{where} names the stage {name!r}, which is not there.", hint=near(name, places))


def _reached(where: str, places: Mapping[str, Place], moves: tuple[Rule, ...], initial: str) -> None:
    reached = {initial}
    while True:
        furthest = max(places[name].position for name in reached if places[name].stage.is_open)
        further = {
            name
            for name, goal in places.items()
            if any(rule.allows(places[start], goal, furthest) for rule in moves for start in reached if start != name)
        }
        if further <= reached:
            break
        reached |= further
    lost = [name for name in places if name not in reached]
    if lost:
        raise BadDefinition(
            f"{where}: no move leads from {initial!r} to {', '.join(map(repr, lost))}.",
            hint=f"Add a rule such as into({lost[0]!r}), or leave the stage out.",
        )


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
