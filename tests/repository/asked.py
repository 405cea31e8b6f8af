"""A policy that hides some records, and what tells what a store is asked; the tests of included records share them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from crmkit import Action, Actor, AsyncCrm, Crm, Expr, everything, f
from crmkit.model.schema import Schema
from crmkit.storage.spi import Query, Tally


class Hidden:
    """People see no customers in France, no contacts of these, and no activities that are called secret."""

    def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
        rules: dict[str, Expr] = {
            "customer": ~(f.country == "FR"),
            "contact": ~f.customer.any(f.country == "FR"),
            "activity": ~(f.subject == "secret"),
        }
        return everything if actor.id is None else rules.get(schema.name, everything)


class Watched:
    """A unit that notes which model each read is about."""

    def __init__(self, unit: Any, asked: list[str]) -> None:
        self._unit = unit
        self._asked = asked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._unit, name)

    def fetch(self, query: Query) -> Any:
        self._asked.append(query.schema.name)
        return self._unit.fetch(query)

    def tally(self, tally: Tally) -> Any:
        self._asked.append(tally.schema.name)
        return self._unit.tally(tally)


@contextmanager
def counted(crm: Crm | AsyncCrm) -> Iterator[list[str]]:
    """Collect what the store is asked: the model of each read."""
    asked: list[str] = []
    store: Any = crm.environment.store
    begin = store.begin

    async def watched() -> Any:
        return Watched(await begin(), asked)

    store.begin = watched
    try:
        yield asked
    finally:
        del store.begin
