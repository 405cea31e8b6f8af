"""The guard: tenant, deletion and policy, put around every expression before a store sees it. No path goes round it."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

from crmkit.errors import BadExpression
from crmkit.expr.bind import Binder
from crmkit.expr.build import everything
from crmkit.expr.core import And, Compare, Constant, Core, Exists, In, Missing, Or
from crmkit.expr.node import Expr, Op
from crmkit.expr.normal import normalise
from crmkit.expr.resolve import resolve
from crmkit.security.access import Action
from crmkit.segment import Segment

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmkit.expr.bind import Stages
    from crmkit.expr.node import Ref
    from crmkit.expr.resolve import Facts
    from crmkit.model.catalog import Catalog, Naming
    from crmkit.model.schema import Relation, Schema
    from crmkit.security.access import Actor, Policy

__all__ = ["Guard"]

_CHANGING: Final = frozenset({Action.UPDATE, Action.DELETE})


class Guard:
    """Puts what an actor may touch around what they ask for.

    Placeholders in rules of the policy stand for what is true when the first one is asked for, once for the whole
    session, so that a session sees one set of rules.
    """

    def __init__(
        self, catalog: Catalog, policy: Policy, actor: Actor, facts: Callable[[], Facts], stages: Stages
    ) -> None:
        self._catalog = catalog
        self._policy = policy
        self._actor = actor
        self._facts_now = facts
        self._asked: dict[tuple[str, Action], Expr] = {}
        self._scopes: dict[tuple[str, Action | None, bool], tuple[Core, ...]] = {}
        self._permits: dict[tuple[str, Action], tuple[Core, ...]] = {}
        self._stages = stages

    def scope(self, schema: Schema, action: Action | None, *, deleted: bool = False) -> tuple[Core, ...]:
        """Return what a row must satisfy, in normal form, so that the actor may do this to it.

        What is not to be read cannot be changed either.

        Args:
            schema: the model.
            action: what is done; `None` for what crmkit itself must know, no matter who acts: only the tenant counts.
            deleted: whether deleted rows count as well.
        """
        key = (schema.name, action, deleted)
        scope = self._scopes.get(key)
        if scope is None:
            actions = () if action is None else (Action.READ, action) if action in _CHANGING else (action,)
            scope = self._scopes[key] = self._scope(schema, actions, deleted=deleted)
        return scope

    def outcome(self, schema: Schema, action: Action) -> tuple[Core, ...]:
        """Return what a row must satisfy after an action; whoever hands it over need not see it any more."""
        return self._scope(schema, (action,), deleted=True)

    def _scope(self, schema: Schema, actions: tuple[Action, ...], *, deleted: bool) -> tuple[Core, ...]:
        ground = self._ground(deleted=deleted)
        rules = [core for action in actions for core in self._permitted(schema, action)]
        return _items(normalise(self._catalog, schema, And((*ground, *rules)))) if rules else ground

    def _permitted(self, schema: Schema, action: Action) -> tuple[Core, ...]:
        """Return what the policy asks of a row; where it asks nothing of rows about records, what these ask."""
        key = (schema.name, action)
        held = self._permits.get(key)
        if held is None:
            rule = self.rule(schema, action)
            if rule is not everything:
                held = (self._ruled(schema, rule),)
            else:
                held = self._contained(schema) if action is Action.READ else ()
            self._permits[key] = held
        return held

    # -- rows about records --------------------------------------------------------------------------------------------

    def _contained(self, schema: Schema) -> tuple[Core, ...]:
        """Return what a row must satisfy so that all that it names may be seen; one that names nothing is its owner's.

        Nothing, if the actor may see whatever it could name: then no store is asked anything more.
        """
        namings = self._catalog.namings(schema)
        seen = [core for naming in namings for core in self._seen(naming)]
        if not seen:
            return ()
        named = [Missing(naming.field, negated=True) for naming in namings]
        return (*seen, Or((*named, *self._owned(schema))))

    def _seen(self, naming: Naming) -> tuple[Core, ...]:
        """Return the condition that what a field names may be seen, be it deleted or not; nothing if it always may."""
        asked = {way: self._permitted(self._catalog[way.target], Action.READ) for way in naming.ways}
        if not any(asked.values()):
            return ()
        ground = self._ground(deleted=True)
        visible: list[Core] = [Missing(naming.field)]
        for way, rules in ((way, rules) for way, rules in asked.items() if rules):
            reached = Exists(way, And((*ground, *rules)))
            visible.append(And((Compare(naming.model, Op.EQ, way.target), reached)) if naming.model else reached)
        if naming.model:
            # Only where there is something to ask does the record itself have to be there.
            free = tuple(way.target for way, rules in asked.items() if not rules)
            visible.append(In(naming.model, free))
        return (Or(tuple(visible)),)

    def _owned(self, schema: Schema) -> tuple[Core, ...]:
        if "owner_id" not in schema.fields:
            return (Constant(True),)
        mine = () if self._actor.id is None else (Compare("owner_id", Op.EQ, self._actor.id),)
        return (Missing("owner_id"), *mine)

    # -- expressions ---------------------------------------------------------------------------------------------------

    def rule(self, schema: Schema, action: Action) -> Expr:
        """Return the policy's rule, its placeholders filled in; `everything` itself where it allows everything."""
        key = (schema.name, action)
        held = self._asked.get(key)
        if held is None:
            rule = self._policy.rows(self._actor, action, schema)
            allows_all = rule is everything or rule == everything
            held = self._asked[key] = everything if allows_all else resolve(rule, self._facts)
        return held

    def bind(self, schema: Schema, expr: Expr | Segment, facts: Facts) -> tuple[Core, ...]:
        """Return what the caller's expression demands of a row, every step along a relation within the actor's scope.

        Raises:
            BadExpression: the expression does not fit the model.
        """
        if isinstance(expr, Segment):
            expr = expr.within(schema)
        if not isinstance(expr, Expr):
            raise BadExpression(
                f"an expression is expected, not {type(expr).__name__}.",
                hint="Write one with f, as in f.name == 'Acme'.",
            )
        if expr == everything:
            return ()
        return self.normal(schema, (self._binder().bind(schema, resolve(expr, facts)),))

    def impartial(self, schema: Schema, node: Expr) -> tuple[Core, ...]:
        """Return what a rule of the host demands of a row; it holds for everybody, so all of the tenant counts."""
        return self.normal(schema, (self._ruled(schema, node),))

    def normal(self, schema: Schema, conditions: tuple[Core, ...]) -> tuple[Core, ...]:
        """Return conditions in normal form."""
        return _items(normalise(self._catalog, schema, And(conditions)))

    def reaching(self, relation: Relation, where: tuple[Core, ...]) -> Core:
        """Return the condition that a relation leads to a row within the actor's scope that satisfies others."""
        return normalise(
            self._catalog,
            self._catalog[relation.source],
            Exists(relation, self._binder().guarded(relation, And(where))),
        )

    def hops(self, schema: Schema, ref: Ref) -> tuple[tuple[tuple[Relation, Core], ...], Schema, tuple[str, ...]]:
        """Return the guarded steps that a reference takes, the model they lead to, and the names left there.

        Raises:
            BadExpression: a step does not exist, or may lead to several records.
        """
        binder = self._binder()
        steps, end, rest = binder.hops(schema, ref)
        guarded = tuple(
            (
                step,
                normalise(self._catalog, self._catalog[step.target], binder.guarded(step, Constant(True))),
            )
            for step in steps
        )
        return guarded, end, rest

    def _ruled(self, schema: Schema, rule: Expr) -> Core:
        # Rules may follow relations too. There the tenant and deletion still count, but no further rule: two models
        # whose rules name each other would otherwise never end.
        ground = And(self._ground(deleted=False))
        return Binder(self._catalog, lambda _: ground).bind(schema, rule)

    def _binder(self) -> Binder:
        # Made for each use, as one that is kept would be kept alive by itself.
        return Binder(self._catalog, lambda schema: And(self.scope(schema, Action.READ)), self._stages)

    @cached_property
    def _facts(self) -> Facts:
        return self._facts_now()

    def _ground(self, *, deleted: bool) -> tuple[Core, ...]:
        return _ground(self._actor.tenant, deleted)


@lru_cache(maxsize=1024)  # every session asks for it, and most are of few tenants
def _ground(tenant: str, deleted: bool) -> tuple[Core, ...]:  # noqa: FBT001 - a key of the cache
    same = Compare("tenant", Op.EQ, tenant)
    return (same,) if deleted else (same, Missing("deleted_at"))


def _items(core: Core) -> tuple[Core, ...]:
    if core == Constant(True):
        return ()
    return core.items if isinstance(core, And) else (core,)
