"""Binding: names become columns and relations, values become canonical, and mistakes are found.

Every step along a relation passes through the binder's guard, so that what an actor may not see is not there for their
expressions either.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, assert_never

from crmkit.errors import BadExpression, Problem, near
from crmkit.expr import core
from crmkit.expr.literal import canonical, folded, money_value, tag_of
from crmkit.expr.node import (
    Always,
    And,
    Compare,
    Contains,
    Counts,
    Expr,
    Has,
    Missing,
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
from crmkit.model.field import Field, FieldKind
from crmkit.values import Money

if TYPE_CHECKING:
    from crmkit.model.catalog import Catalog
    from crmkit.model.schema import Relation, Schema

__all__ = ["Binder", "Guard", "Stages"]

Guard = Callable[["Schema"], core.Core]
"""Gives, for a model, what each of its rows must satisfy to be there at all."""


Stages = Callable[["Schema"], "Collection[str]"]
"""Gives, for a model, the stages its records can be in; none where they are not known."""


def _open(_schema: Schema) -> core.Core:
    return core.Constant(True)


def _unknown(_schema: Schema) -> tuple[str, ...]:
    return ()


class Binder:
    """Binds expressions to the models of one catalog.

    Args:
        catalog: the models.
        guard: what is asked of every row that a relation leads to.
        stages: names the stages that a model's records can be in, where that is known.
    """

    def __init__(self, catalog: Catalog, guard: Guard = _open, stages: Stages = _unknown) -> None:
        self._catalog = catalog
        self._guard = guard
        self._stages = stages

    def bind(self, schema: Schema, expr: Expr) -> core.Core:
        """Return the core of an expression without placeholders.

        Raises:
            BadExpression: it names what the model does not have, or compares what cannot be compared.
        """
        node = closed(expr)
        match node:
            case Always():
                return core.Constant(node.value)
            case And():
                return core.And(tuple(self.bind(schema, item) for item in node.items))
            case Or():
                return core.Or(tuple(self.bind(schema, item) for item in node.items))
            case Not():
                return core.Not(self.bind(schema, node.item))
            case Reaches():
                return self._reach(schema, node)
            case Counts():
                return self._count(schema, node)
            case Missing():
                # Missing beyond a missing link: the negation of "there is one, and it has a value".
                return core.Not(self._along(schema, node.ref, self._present))
            case Compare() | OneOf() | StartsWith() | Contains() | Has():
                return self._along(schema, node.ref, lambda end, name: self._leaf(end, name, node))
            case _:
                assert_never(node)

    # -- the way to a field --------------------------------------------------------------------------------------------

    def step(self, schema: Schema, name: str, ref: Ref) -> Relation:
        """Return the relation of this name.

        Raises:
            BadExpression: there is none; the message suggests one.
        """
        relation = self._catalog.relations(schema).get(name)
        if relation is None:
            if name in schema.fields:
                raise BadExpression(f"{ref.text}: {schema.name}.{name} is a field and leads nowhere.")
            raise BadExpression(
                f"{ref.text}: {schema.name} has no relation {name!r}.",
                hint=near(name, [*self._catalog.relations(schema), *schema.fields]),
            )
        return relation

    def hops(self, schema: Schema, ref: Ref) -> tuple[tuple[Relation, ...], Schema, tuple[str, ...]]:
        """Split a reference into the steps to one record each, the model they lead to, and the names left there.

        Raises:
            BadExpression: a step does not exist, or may lead to several records.
        """
        if not ref.path:
            raise BadExpression("f alone names no field.", hint="Write f.name, or another field.")
        steps: list[Relation] = []
        rest = ref.path
        while len(rest) > 1 and not _within(schema, rest):
            relation = self.step(schema, rest[0], ref)
            if relation.many:
                raise BadExpression(
                    f"{ref.text}: {rest[0]!r} may lead to several records.",
                    hint=f"Write .{rest[0]}.any(...), .all(...), .none(...) or .count(...).",
                )
            steps.append(relation)
            schema = self._catalog[relation.target]
            rest = rest[1:]
        return tuple(steps), schema, rest

    def guarded(self, relation: Relation, where: core.Core) -> core.Core:
        """Return `where` together with all that a row reached by `relation` must satisfy."""
        items = [self._guard(self._catalog[relation.target]), where]
        if relation.fixed is not None:
            items.insert(0, core.Compare(relation.fixed[0], Op.EQ, relation.fixed[1]))
        return core.And(tuple(items))

    def _along(self, schema: Schema, ref: Ref, leaf: Callable[[Schema, Ref], core.Core]) -> core.Core:
        steps, end, rest = self.hops(schema, ref)
        bound = leaf(end, Ref(rest))
        for relation in reversed(steps):
            bound = core.Exists(relation, self.guarded(relation, bound))
        return bound

    def _related(self, schema: Schema, ref: Ref, make: Callable[[Relation, Schema], core.Core]) -> core.Core:
        if not ref.path:
            raise BadExpression("f.any(...) names no relation.", hint="Write f.contacts.any(...), or another relation.")
        steps, end, _ = self.hops(schema, Ref((*ref.path[:-1], "id")))
        relation = self.step(end, ref.path[-1], ref)
        bound = make(relation, self._catalog[relation.target])
        for step in reversed(steps):
            bound = core.Exists(step, self.guarded(step, bound))
        return bound

    # -- relations -----------------------------------------------------------------------------------------------------

    def _reach(self, schema: Schema, expr: Reaches) -> core.Core:
        every = expr.quantifier is Quantifier.ALL

        def exists(relation: Relation, target: Schema) -> core.Core:
            where = self.bind(target, expr.where)
            return core.Exists(relation, self.guarded(relation, core.Not(where) if every else where))

        bound = self._related(schema, expr.ref, exists)
        return bound if expr.quantifier is Quantifier.ANY else core.Not(bound)

    def _count(self, schema: Schema, expr: Counts) -> core.Core:
        def count(relation: Relation, target: Schema) -> core.Core:
            return core.Count(relation, self.guarded(relation, self.bind(target, expr.where)), expr.op, expr.number)

        bound = self._related(schema, expr.ref, count)
        if len(expr.ref.path) > 1 and expr.op.apply(0, expr.number):
            # Beyond a missing link there are no records, so their number is 0.
            way = self._along(schema, Ref((*expr.ref.path[:-1], "id")), self._present)
            return core.Or((bound, core.Not(way)))
        return bound

    # -- leaves --------------------------------------------------------------------------------------------------------

    def _field(self, schema: Schema, ref: Ref) -> Field:
        name = ref.path[0]
        field = schema.fields.get(name)
        if field is None:
            relations = self._catalog.relations(schema)
            if name in relations:
                raise BadExpression(
                    f"f.{name} is a relation of {schema.name}, not a field.",
                    hint=f"Write f.{name}.any(...), or a field beyond it.",
                )
            raise BadExpression(f"{schema.name} has no field {name!r}.", hint=near(name, [*schema.fields, *relations]))
        return field

    def _present(self, schema: Schema, ref: Ref) -> core.Core:
        field = self._field(schema, ref)
        if field.kind is FieldKind.EXTRA:
            return core.Missing(field.name, negated=True, key=_extra_field(schema, ref).name)
        if field.kind is FieldKind.TAGS:
            raise BadExpression(f"f.{field.name} is never missing.", hint=f"Ask f.{field.name}.has(...).")
        return core.Missing(field.name, negated=True)

    def _leaf(self, schema: Schema, ref: Ref, expr: Compare | OneOf | StartsWith | Contains | Has) -> core.Core:
        field = self._field(schema, ref)
        try:
            if field.name == "stage" and schema.staged:
                self._check_stages(schema, expr)
            match expr:
                case Compare():
                    return _compare(schema, field, ref, expr)
                case OneOf():
                    values = expr.values
                    if not isinstance(values, tuple):
                        raise BadExpression(f"{expr.ref.text}.one_of(me.{values.name}) was not resolved.")
                    return _one_of(schema, field, ref, values)
                case StartsWith():
                    return core.Prefix(*folded(field, expr.text))
                case Contains():
                    return core.Substring(*folded(field, expr.text))
                case Has():
                    return core.Has(*tag_of(field, expr.tag))
        except Problem as problem:
            raise BadExpression(f"{expr.ref.text}: {problem.message}", hint=problem.hint) from None

    def _check_stages(self, schema: Schema, expr: Expr) -> None:
        named = expr.values if isinstance(expr, OneOf) else (expr.value,) if isinstance(expr, Compare) else ()
        known = self._stages(schema)
        for name in named if isinstance(named, tuple) else ():
            if known and isinstance(name, str) and name not in known:
                raise Problem(
                    "unknown_stage", f"{name!r} is no stage of any pipeline of {schema.name}.", hint=near(name, known)
                )


def _within(schema: Schema, path: tuple[str, ...]) -> bool:
    """Tell whether two names stay within one record: an entry of `extra`, or the currency of an amount."""
    field = schema.fields.get(path[0])
    if field is None or len(path[1:]) != 1:
        return False
    return field.kind is FieldKind.EXTRA or (field.kind is FieldKind.MONEY and path[1] == "currency")


def _extra_field(schema: Schema, ref: Ref) -> Field:
    if len(ref.path) == 1:
        raise BadExpression("f.extra is a mapping.", hint='Name one of its entries, as in f.extra["shoe_size"].')
    key = ref.path[1]
    field = schema.extra.get(key)
    if field is None:
        hint = near(key, schema.extra) or "Declare it in connect(..., extra={...})."
        raise BadExpression(f"{schema.name} declares no extra field {key!r}.", hint=hint)
    return field


def _compare(schema: Schema, field: Field, ref: Ref, expr: Compare) -> core.Core:
    op, value = expr.op, expr.value
    if field.kind is FieldKind.EXTRA:
        inner = _extra_field(schema, ref)
        if op not in {Op.EQ, Op.NE}:
            raise Problem("not_ordered", "an extra field is only compared with == and !=.")
        return core.Compare(field.name, op, canonical(inner, value), key=inner.name)
    if field.kind is FieldKind.MONEY:
        if len(ref.path) > 1:
            return core.Compare(field.currency_column, op, money_value(field, value, part=True))
        return _compare_money(field, op, money_value(field, value))
    if op not in {Op.EQ, Op.NE} and field.kind in {FieldKind.CHOICE, FieldKind.FLAG, FieldKind.TAGS}:
        raise Problem("not_ordered", "has no order.", hint="Name the values meant with .one_of(...).")
    return core.Compare(field.name, op, canonical(field, value))


def _compare_money(field: Field, op: Op, money: Any) -> core.Core:
    """Two amounts compare only within one currency; in another one they are just not equal."""
    assert isinstance(money, Money)  # noqa: S101 - money_value has seen to it
    if op is Op.NE:
        return core.Or(
            (core.Compare(field.name, op, money.units), core.Compare(field.currency_column, op, money.currency))
        )
    return core.And(
        (core.Compare(field.currency_column, Op.EQ, money.currency), core.Compare(field.name, op, money.units))
    )


def _one_of(schema: Schema, field: Field, ref: Ref, values: tuple[Any, ...]) -> core.Core:
    if field.kind is FieldKind.EXTRA:
        inner = _extra_field(schema, ref)
        return core.In(field.name, _distinct(canonical(inner, value) for value in values), key=inner.name)
    if field.kind is FieldKind.MONEY:
        if len(ref.path) > 1:
            return core.In(field.currency_column, _distinct(money_value(field, value, part=True) for value in values))
        return core.Or(tuple(_compare_money(field, Op.EQ, money_value(field, value)) for value in values))
    return core.In(field.name, _distinct(canonical(field, value) for value in values))


def _distinct(values: Any) -> tuple[Any, ...]:
    seen: dict[Any, Any] = {}
    for value in values:
        seen.setdefault((type(value), value), value)
    return tuple(seen.values())
