"""A policy that hides some records, and what tells what a store is asked; the tests of included records share them."""

from __future__ import annotations

from collections.abc import Iterable

from crmkit import Action, Actor, Expr, everything, f
from crmkit.model.schema import Schema
from crmkit.testing import Asked


class Hidden:
    """People see no customers in France, no contacts of these, and no activities that are called secret."""

    def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
        rules: dict[str, Expr] = {
            "customer": ~(f.country == "FR"),
            "contact": ~f.customer.any(f.country == "FR"),
            "activity": ~(f.subject == "secret"),
        }
        return everything if actor.id is None else rules.get(schema.name, everything)


_READS = frozenset({"fetch", "tally"})


def models_read(found: Iterable[Asked]) -> list[str]:
    """Return the model of each read among what a store was asked for."""
    return [each.model for each in found if each.name in _READS]
