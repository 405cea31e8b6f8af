"""The rule book: what a host demands of the records of each model, checked and sorted once, when it connects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from crmkit.errors import BadDefinition, BadExpression, near
from crmkit.expr.bind import Binder
from crmkit.expr.evaluate import is_local
from crmkit.expr.resolve import SAMPLE, resolve
from crmkit.lifecycle.check import each
from crmkit.operation.validation_rule import ValidationRule

if TYPE_CHECKING:
    from crmkit.expr.node import Expr
    from crmkit.model.catalog import Catalog
    from crmkit.model.schema import Schema

__all__ = ["RuleBook", "RulesOf"]

RulesOf: TypeAlias = Mapping[type[Any], Iterable[ValidationRule]]
"""The rules of each model, as hosts give them."""


@attrs.frozen
class Entry:
    """A rule as it is asked.

    Attributes:
        rule: the rule.
        local: whether its expression is decided by the record alone.
        was_local: the same of what was.
    """

    rule: ValidationRule
    local: bool
    was_local: bool


class RuleBook:
    """The rules of one CRM.

    Args:
        catalog: the models.
        rules: what records are held to whenever they are written, by model.
        protect: what they are held to when they are deleted, by model.
        brought: the models and rules that packages bring along; they are asked first.
        awaited: whether functions are awaited.

    Raises:
        BadDefinition: a rule does not fit its model, or its function this CRM.
    """

    def __init__(
        self,
        catalog: Catalog,
        rules: RulesOf | None,
        protect: RulesOf | None,
        brought: Iterable[tuple[type[Any], Iterable[Any]]] = (),
        *,
        awaited: bool,
    ) -> None:
        self._catalog = catalog
        self._awaited = awaited
        self._held = self._read("rules", rules, brought)
        self._protected = self._read("protect", protect)

    def of(self, schema: Schema, *, deleting: bool) -> tuple[Entry, ...]:
        """Return the rules that a model's records are held to."""
        return (self._protected if deleting else self._held).get(schema.name, ())

    def _read(
        self, name: str, given: RulesOf | None, brought: Iterable[tuple[type[Any], Iterable[Any]]] = ()
    ) -> dict[str, tuple[Entry, ...]]:
        given = {} if given is None else given
        if not isinstance(given, Mapping):
            raise BadDefinition(f"{name} takes a mapping of models.", hint=f"Write {name}={{Customer: [rule(...)]}}.")
        found: dict[str, tuple[Entry, ...]] = {}
        for model, rules in (*brought, *given.items()):
            schema = self._catalog.of(model)
            if schema.kept:
                raise BadDefinition(f"{schema.name} takes no rules, as no caller writes it.", hint=schema.kept)
            entries = tuple(self._entry(schema, one) for one in each("a rule", ValidationRule, rules, "rule(...)"))
            found[schema.name] = (*found.get(schema.name, ()), *entries)
        return found

    def _entry(self, schema: Schema, rule: ValidationRule) -> Entry:
        where = f"the rule {rule.message!r} of {schema.name}"
        for field in rule.fields:
            if field not in schema.fields:
                raise BadDefinition(f"{where} is about {field!r}, which it has not.", hint=near(field, schema.fields))
        if rule.check is not None and rule.awaited is not self._awaited:
            fact = "is awaited, and this CRM is blocking" if rule.awaited else "is not awaited, and this CRM is"
            hint = "Write def, or use aconnect()." if rule.awaited else "Write async def, or use connect()."
            raise BadDefinition(f"{where} has a function that {fact}.", hint=hint)
        return Entry(rule, self._local(where, schema, rule.refuse), self._local(where, schema, rule.was))

    def _local(self, where: str, schema: Schema, expr: Expr | None) -> bool:
        """Return whether a record alone decides an expression, once it fits its model."""
        if expr is None:
            return True
        try:
            Binder(self._catalog).bind(schema, resolve(expr, SAMPLE))
        except BadExpression as error:
            raise BadDefinition(f"{where} does not fit: {error.message}", hint=error.hint) from None
        return is_local(expr, schema)
