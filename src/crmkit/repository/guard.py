"""The guard: tenant, deletion and policy, put around every expression before a store sees it. No path goes round it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.errors import BadExpression
from crmkit.expr.bind import Binder
from crmkit.expr.core import And, Compare, Constant, Core, Missing
from crmkit.expr.node import Always, Expr, Op
from crmkit.expr.normal import normalise
from crmkit.expr.resolve import Facts, resolve
from crmkit.security.access import Action
from crmkit.segment import Segment

if TYPE_CHECKING:
    from crmkit.expr.bind import Stages
    from crmkit.expr.node import Ref
    from crmkit.model.catalog import Catalog
    from crmkit.model.schema import Relation, Schema
    from crmkit.security.access import Actor, Policy

__all__ = ["Guard"]


class Guard:
    """Puts what an actor may touch around what they ask for.

    Rules of the policy are read as of the moment the guard was made, once for the whole session, so that a session sees
    one set of rules.
    """

    def __init__(self, catalog: Catalog, policy: Policy, actor: Actor, facts: Facts, stages: Stages) -> None:
        self._catalog = catalog
        self._policy = policy
        self._actor = actor
        self._facts = facts
        self._scopes: dict[tuple[str, Action, bool], tuple[Core, ...]] = {}
        # Rules of the policy may follow relations too. There the tenant and deletion still count, but no further rule:
        # two models whose rules name each other would otherwise never end.
        self._rules = Binder(catalog, lambda _: And(self._ground(deleted=False)))
        self._binder = Binder(catalog, lambda schema: And(self.scope(schema, Action.READ)), stages)

    def scope(self, schema: Schema, action: Action, *, deleted: bool = False) -> tuple[Core, ...]:
        """Return what a row must satisfy, in normal form, so that the actor may do this to it.

        Args:
            schema: the model.
            action: what is done.
            deleted: whether deleted rows count as well.
        """
        key = (schema.name, action, deleted)
        scope = self._scopes.get(key)
        if scope is None:
            rule = self.rule(schema, action)
            scope = self._ground(deleted=deleted)
            if rule != Always(True):
                core = normalise(self._catalog, schema, And((*scope, self._rules.bind(schema, rule))))
                scope = core.items if isinstance(core, And) else (core,)
            self._scopes[key] = scope
        return scope

    def rule(self, schema: Schema, action: Action) -> Expr:
        """Return the policy's rule, its placeholders filled in."""
        rule = self._policy.rows(self._actor, action, schema)
        return rule if rule == Always(True) else resolve(rule, self._facts)

    def where(
        self, schema: Schema, expr: Expr | Segment, facts: Facts, *, action: Action = Action.READ, deleted: bool = False
    ) -> Core:
        """Return the caller's expression, bound and within the actor's scope, in normal form.

        Raises:
            BadExpression: the expression does not fit the model.
        """
        scope = self.scope(schema, action, deleted=deleted)
        if isinstance(expr, Segment):
            expr = expr.within(schema)
        if not isinstance(expr, Expr):
            raise BadExpression(
                f"an expression was expected, not {type(expr).__name__}.",
                hint="Write one with f, as in f.name == 'Acme'.",
            )
        if expr == Always(True):
            return And(scope)
        bound = normalise(self._catalog, schema, self._binder.bind(schema, resolve(expr, facts)))
        if bound == Constant(False):
            return bound
        return And((*scope, *(bound.items if isinstance(bound, And) else (bound,))))

    def hops(self, schema: Schema, ref: Ref) -> tuple[tuple[tuple[Relation, Core], ...], Schema, tuple[str, ...]]:
        """Return the guarded steps that a reference takes, the model they lead to, and the names left there.

        Raises:
            BadExpression: a step does not exist, or may lead to several records.
        """
        steps, end, rest = self._binder.hops(schema, ref)
        guarded = tuple(
            (
                step,
                normalise(self._catalog, self._catalog[step.target], self._binder.guarded(step, Constant(True))),
            )
            for step in steps
        )
        return guarded, end, rest

    def _ground(self, *, deleted: bool) -> tuple[Core, ...]:
        tenant = Compare("tenant", Op.EQ, self._actor.tenant)
        return (tenant,) if deleted else (tenant, Missing("deleted_at"))
