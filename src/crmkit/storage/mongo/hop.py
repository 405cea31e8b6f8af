"""Hops as lookups: the steps to one record each that keys and sort keys take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from crmkit.storage.mongo.document import Document, value_of
from crmkit.storage.mongo.select import Selection, Selector, lookup

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmkit.model.catalog import Catalog
    from crmkit.model.schema import Schema
    from crmkit.storage.spi.plan import Hop

__all__ = ["Steps", "present"]


@attrs.frozen
class _Step:
    """A hop, looked up once for all the keys that lead over it.

    Attributes:
        hop: the step.
        target: where it leads.
        inner: which of the target's rows count.
        local: the expression for the key from which it starts.
        name: where the record is put that it finds.
    """

    hop: Hop
    target: Schema
    inner: Selection
    local: Any
    name: str


class Steps:
    """The hops of one plan.

    Args:
        selector: selects the rows to which a hop may lead.
        catalog: the models.
        start: returns the expression for the key from which a first hop starts, given the hop's name and the key's.
    """

    def __init__(self, selector: Selector, catalog: Catalog, start: Callable[[str, str], Any]) -> None:
        self._selector = selector
        self._catalog = catalog
        self._start = start
        self._steps: dict[tuple[Hop, ...], _Step] = {}

    async def follow(self, schema: Schema, hops: tuple[Hop, ...], column: str) -> tuple[Schema, Any]:
        """Return the model where hops lead, and the expression for a column there."""
        at = ""
        for length, hop in enumerate(hops, start=1):
            way = hops[:length]
            step = self._steps.get(way)
            if step is None:
                local, name = hop.relation.local, f"_step{len(self._steps)}"
                begin = value_of(schema.by_column[local], at) if at else self._start(name, local)
                inner = await self._selector.related(hop.relation, hop.where)
                step = self._steps[way] = _Step(hop, self._catalog[hop.relation.target], inner, begin, name)
            schema, at = step.target, step.name
        return schema, value_of(schema.by_column[column], at)

    def stages(self) -> list[Document]:
        """Return the lookups, each after those that lead to it."""
        return [
            lookup(
                step.target,
                step.hop.relation,
                local=step.local,
                inner=step.inner,
                tail=[{"$limit": 1}],
                name=step.name,
            )
            for step in self._steps.values()
        ]

    def names(self) -> list[str]:
        """Return the keys under which the lookups put what they find."""
        return [step.name for step in self._steps.values()]


def present(path: Any) -> Document:
    """Return the expression for a value, null where the document lacks it: grouping would tell the two apart."""
    return {"$ifNull": [path, None]}
