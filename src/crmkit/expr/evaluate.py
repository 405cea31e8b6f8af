"""The Python reading: what an expression means, said once. Every store must agree with it.

It reads entities, not rows, and knows nothing of binding or normal form, so that it can judge both.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Protocol, assert_never

from crmkit.errors import Unsupported
from crmkit.expr.node import (
    Always,
    And,
    Compare,
    Contains,
    Counts,
    Expr,
    Has,
    Missing,
    Node,
    Not,
    OneOf,
    Op,
    Or,
    Quantifier,
    Reaches,
    Ref,
    StartsWith,
    closed,
)
from crmkit.expr.resolve import Facts, resolve
from crmkit.expr.table import ROW_OF, Part
from crmkit.model.schema import Schema
from crmkit.values import Money, clean_instant, fold
from crmkit.values.language import clean_language
from crmkit.values.translated import Translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["World", "evaluate", "is_local", "value_of"]


class World(Protocol):
    """The records that relations lead to."""

    def related(self, record: Any, relation: str) -> Iterable[Any]:
        """Return the records to which a relation leads from this one: several, one, or none."""
        ...


def evaluate(expr: Expr, record: Any, *, facts: Facts | None = None, world: World | None = None) -> bool:
    """Return whether an expression is true of a record.

    Args:
        expr: the expression; it must bind to the record's model.
        record: the entity.
        facts: what `me`, `now()` and their like stand for; needed only if the expression names them.
        world: where relations lead; needed only if the expression follows one.

    Raises:
        BadExpression: it is not one of the language's expressions.
        Unsupported: the expression follows a relation and no world was given.

    >>> from types import SimpleNamespace
    >>> from crmkit.expr.build import f
    >>> evaluate(~(f.seats > 4), SimpleNamespace(seats=None))
    True
    """
    return _holds(closed(expr) if facts is None else resolve(expr, facts), record, world)


def is_local(expr: Expr, schema: Schema | None = None) -> bool:
    """Return whether an expression follows no relation, so that one record alone decides it.

    Args:
        expr: the expression.
        schema: the record's model. Without it, `f.x.currency` is taken for the currency of an amount.
    """
    node = closed(expr)
    row = ROW_OF[type(node)]
    return not row.relates and all(_stays(part, getattr(node, part.attribute), schema) for part in row.parts)


def _stays(part: Part, held: Any, schema: Schema | None) -> bool:
    match part.sort:
        case "ref":
            first, *rest = held.path
            return not rest or (first in schema.fields if schema else first == "extra" or rest == ["currency"])
        case "node":
            return is_local(held, schema)
        case "nodes":
            return all(is_local(item, schema) for item in held)
        case "value" | "values" | "op" | "quantifier" | "number" | "flag":
            return True
        case _:
            assert_never(part.sort)


def _holds(node: Node, record: Any, world: World | None) -> bool:  # noqa: C901 - one line per node is the clearest form a specification can take
    match node:
        case Always():
            return node.value
        case And():
            return all(_holds(item, record, world) for item in node.items)
        case Or():
            return any(_holds(item, record, world) for item in node.items)
        case Not():
            return not _holds(node.item, record, world)
        case Missing():
            return _subject(record, node.ref, world)[0] is None
        case Compare():
            value, form = _subject(record, node.ref, world)
            return _compares(value, node.op, form(node.value))
        case OneOf():
            value, form = _subject(record, node.ref, world)
            return any(_compares(value, Op.EQ, form(wanted)) for wanted in node.values)  # type: ignore[union-attr]  # resolved
        case StartsWith():
            value, form = _subject(record, node.ref, world)
            return any(fold(text).startswith(fold(form(node.text))) for text in _texts(value))
        case Contains():
            value, form = _subject(record, node.ref, world)
            return any(fold(form(node.text)) in fold(text) for text in _texts(value))
        case Has():
            return node.tag in (_subject(record, node.ref, world)[0] or ())
        case Reaches():
            found = [_holds(node.where, other, world) for other in _related(record, node.ref, world)]
            readings = {Quantifier.ANY: any(found), Quantifier.ALL: all(found), Quantifier.NONE: not any(found)}
            return readings[node.quantifier]
        case Counts():
            count = sum(_holds(node.where, other, world) for other in _related(record, node.ref, world))
            return _compares(count, node.op, node.number)
        case _:
            assert_never(node)


def value_of(record: Any, ref: Ref, world: World | None = None) -> Any:
    """Return the value of a field; `None` if it, or the way to it, is missing.

    Raises:
        Unsupported: the way follows a relation and no world was given.
    """
    return _subject(record, ref, world)[0]


def _subject(record: Any, ref: Ref, world: World | None) -> tuple[Any, Callable[[Any], Any]]:
    """Return a value, and what puts the literal that it is compared with into the form in which it is held."""
    *way, name = ref.path
    for step in way:
        if step == "extra":
            return record.extra.get(name), _as_it_is
        held = getattr(record, step, None)
        if isinstance(held, Money):
            return held.currency, _as_it_is
        if isinstance(held, Translated):
            return held.get(clean_language(name)), _as_it_is
        if name == "currency" and step == way[-1] and hasattr(record, step):
            return None, _as_it_is
        record = next(iter(_follow(record, step, world)), None)
        if record is None:
            return None, _as_it_is
    schema = getattr(record, "__schema__", None)
    field = schema.fields.get(name) if isinstance(schema, Schema) else None
    return getattr(record, name), _as_it_is if field is None else field.operand


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, Translated):
        return value.values()
    return () if value is None else (value,)


def _as_it_is(literal: Any) -> Any:
    return literal


def _related(record: Any, ref: Ref, world: World | None) -> list[Any]:
    found = [record]
    for step in ref.path:
        found = [other for each in found for other in _follow(each, step, world)]
    return found


def _follow(record: Any, step: str, world: World | None) -> Iterable[Any]:
    if world is None:
        raise Unsupported(
            f"f.{step} leads to other records, which are not available here.",
            hint="Ask a repository, which has a store.",
        )
    return world.related(record, step)


def _compares(value: Any, op: Op, wanted: Any) -> bool:
    if value is None:
        return False
    if isinstance(wanted, dt.datetime):
        wanted = clean_instant(wanted)
    if isinstance(value, Money) and value.currency != wanted.currency:
        return op is Op.NE
    return bool(op.apply(value, wanted))
