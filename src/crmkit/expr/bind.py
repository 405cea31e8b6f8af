"""Binding: names become columns and relations, values become canonical, and mistakes are found.

Every step along a relation passes through the binder's guard, so that what an actor may not see is not there for their
expressions either.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Final, assert_never

from crmkit.errors import BadExpression, Problem, near
from crmkit.expr import core
from crmkit.expr.limits import MAX_NESTED, MAX_RELATIONS
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
from crmkit.model.field import Field
from crmkit.values.translated import SEPARATOR

if TYPE_CHECKING:
    from crmkit.model.catalog import Catalog
    from crmkit.model.schema import Relation, Schema

__all__ = ["UNKNOWN_STAGE", "Binder", "RowFilter", "Stages"]

RowFilter = Callable[["Schema"], core.Core]
"""Gives, for a model, what each of its rows must satisfy to be there at all."""


Stages = Callable[["Schema"], "Collection[str]"]
"""Gives, for a model, the stages its records can be in; none where they are not known."""


UNKNOWN_STAGE: Final = "unknown_stage"
"""The code of the problem that a stage is named which no known pipeline has."""


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

    def __init__(self, catalog: Catalog, guard: RowFilter = _open, stages: Stages = _unknown) -> None:
        self._catalog = catalog
        self._guard = guard
        self._stages = stages
        self._nested = 0
        self._followed = 0

    def bind(self, schema: Schema, expr: Expr) -> core.Core:
        """Return the core of an expression without placeholders.

        Raises:
            BadExpression: it names what the model does not have, or compares what cannot be compared.
        """
        node = closed(expr)
        self._nested += 1
        try:
            if self._nested > MAX_NESTED:
                raise BadExpression(f"an expression is nested more than {MAX_NESTED} deep.", hint="Flatten it.")
            return self._bound(schema, node)
        finally:
            self._nested -= 1

    def _bound(self, schema: Schema, node: Node) -> core.Core:
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
                # Missing behind a missing link: the negation of "there is one, and it has a value".
                return core.Not(self._along(schema, node.ref, self._present))
            case Compare() | OneOf() | StartsWith() | Contains() | Has():
                return self._along(schema, node.ref, lambda end, name: self._leaf(end, name, node))
            case _:
                assert_never(node)

    # -- the way to a field --------------------------------------------------------------------------------------------

    def step(self, schema: Schema, name: str, ref: Ref) -> Relation:
        """Return the relation of this name.

        Raises:
            BadExpression: it does not exist; the message suggests one that does.
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
            self._check_way(ref, len(steps))
            schema = self._catalog[relation.target]
            rest = rest[1:]
        return tuple(steps), schema, rest

    def _check_way(self, ref: Ref, further: int) -> None:
        if self._followed + further > MAX_RELATIONS:
            raise BadExpression(
                f"{ref.text[:200]} follows more than {MAX_RELATIONS} relations.",
                hint="Start from a model further along.",
            )

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
        followed = len(steps) + 1
        self._check_way(ref, followed)
        self._followed += followed
        try:
            bound = make(relation, self._catalog[relation.target])
        finally:
            self._followed -= followed
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
            # Behind a missing link there are no records, so their number is 0.
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
                    hint=f"Write f.{name}.any(...), or a field of that record.",
                )
            raise BadExpression(f"{schema.name} has no field {name!r}.", hint=near(name, [*schema.fields, *relations]))
        return field

    def _end(self, schema: Schema, ref: Ref) -> Field:
        field = self._field(schema, ref)
        return field.part(ref.path[1]) if len(ref.path) > 1 else field

    def _present(self, schema: Schema, ref: Ref) -> core.Core:
        try:
            column, key = self._end(schema, ref).missing()
        except Problem as problem:
            raise BadExpression(f"{ref.text}: {problem.message}", hint=problem.hint) from None
        return core.Missing(column, negated=True, key=key)

    def _leaf(self, schema: Schema, ref: Ref, expr: Compare | OneOf | StartsWith | Contains | Has) -> core.Core:
        try:
            field = self._end(schema, ref)
            if field.name == "stage" and schema.staged:
                self._check_stages(schema, expr)
            match expr:
                case Compare():
                    return _compare(field, expr.op, expr.value)
                case OneOf():
                    values = expr.values
                    if not isinstance(values, tuple):
                        raise BadExpression(f"{expr.ref.text}.one_of(me.{values.name}) was not resolved.")
                    return _one_of(field, values)
                case StartsWith():
                    return _searched(field, expr.text, start=True)
                case Contains():
                    return _searched(field, expr.text, start=False)
                case Has():
                    return core.Has(*field.tagged(expr.tag))
        except Problem as problem:
            refused = BadExpression(f"{expr.ref.text}: {problem.message}", hint=problem.hint)
            refused.problems = (problem,)
            raise refused from None

    def _check_stages(self, schema: Schema, expr: Expr) -> None:
        named = expr.values if isinstance(expr, OneOf) else (expr.value,) if isinstance(expr, Compare) else ()
        known = self._stages(schema)
        for name in named if isinstance(named, tuple) else ():
            if known and isinstance(name, str) and name not in known:
                raise Problem(
                    UNKNOWN_STAGE,
                    f"{name!r} is not a stage of any pipeline of {schema.name}.",
                    hint=near(name, known),
                )


def _within(schema: Schema, path: tuple[str, ...]) -> bool:
    """Return whether two names stay within one record: an entry of `extra`, or the currency of an amount."""
    field = schema.fields.get(path[0])
    return field is not None and len(path[1:]) == 1 and field.has_part(path[1])


def _compare(field: Field, op: Op, value: Any) -> core.Core:
    """Compare a field, column by column: what takes several compares only where all but the first are equal."""
    (column, key), *more = field.places
    first, *others = field.compared(value, ordered=op not in {Op.EQ, Op.NE})
    beside = Op.NE if op is Op.NE else Op.EQ
    leaf = core.Compare(column, op, first, key)
    if not more:
        return leaf
    leaves = [core.Compare(place, beside, other, key) for (place, key), other in zip(more, others, strict=True)]
    return core.Or((leaf, *leaves)) if op is Op.NE else core.And((*leaves, leaf))


def _searched(field: Field, text: str, *, start: bool) -> core.Core:
    column, folded = field.searched(text)
    if field.several:  # any text starts behind a separator, and where there are none, nothing is contained
        return core.Substring(column, f"{SEPARATOR}{folded}" if start or not folded else folded)
    return core.Prefix(column, folded) if start else core.Substring(column, folded)


def _one_of(field: Field, values: tuple[Any, ...]) -> core.Core:
    (column, key), *more = field.places
    if more:
        return core.Or(tuple(_compare(field, Op.EQ, value) for value in values))
    return core.In(column, _distinct(field.compared(value)[0] for value in values), key=key)


def _distinct(values: Any) -> tuple[Any, ...]:
    seen: dict[Any, Any] = {}
    for value in values:
        seen.setdefault((type(value), value), value)
    return tuple(seen.values())
