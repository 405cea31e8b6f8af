"""Tallies as aggregations: everything is grouped and measured in the server.

Rows are first grouped by what stands in them, the keys of related records included. Only then is looked up what those
records hold, once per group instead of once per row, and the groups that turn out to be the same are joined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs
from bson.decimal128 import Decimal128

from crmkit.model.kind import Kind
from crmkit.storage.mongo.calendar import first_day
from crmkit.storage.mongo.document import Document, key_of
from crmkit.storage.mongo.select import CLASSIC, Selection, Selector, lookup
from crmkit.storage.mongo.wire import decoded
from crmkit.storage.spi.plan import Aggregate, Hop, Key, Measure, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crmkit.model.catalog import Catalog
    from crmkit.model.codec import Row
    from crmkit.model.schema import Schema
    from crmkit.storage.mongo.select import Run

__all__ = ["tally_rows"]

_JOIN: Final[Mapping[Aggregate, str]] = {
    Aggregate.COUNT: "$sum",
    Aggregate.SUM: "$sum",
    Aggregate.MIN: "$min",
    Aggregate.MAX: "$max",
}
_DISTINCT: Final = "value"


async def tally_rows(tally: Tally, selector: Selector, catalog: Catalog, run: Run) -> list[Row]:
    """Return the groups that a tally asks for, in canonical values."""
    selection = await selector.select(tally.schema, tally.where)
    grouping = await _Grouping.of(tally, selector, catalog)
    decode = [_key_decoder(key, schema) for key, schema in zip(tally.by, grouping.schemas, strict=True)]

    async def grouped(stages: list[Document]) -> dict[tuple[Any, ...], Document]:
        found = await run(tally.schema, [*selection.stages(), *stages])
        keys = [tuple(read(each["_id"], f"k{n}") for n, read in enumerate(decode)) for each in found]
        return dict(zip(keys, found, strict=True))

    groups = await grouped(grouping.measured(tally.measures))
    if not tally.by and not groups:
        groups[()] = {}
    distinct = {
        measure.column: await grouped(grouping.distinct(measure.column))
        for measure in tally.measures
        if measure.aggregate is Aggregate.COUNT_DISTINCT
    }

    def value(key: tuple[Any, ...], group: Document, number: int, measure: Measure) -> Any:
        if measure.aggregate is Aggregate.COUNT_DISTINCT:
            return distinct[measure.column].get(key, {}).get("n", 0)
        found = group.get(f"m{number}")
        if measure.aggregate in {Aggregate.COUNT, Aggregate.SUM}:
            return int(found.to_decimal()) if isinstance(found, Decimal128) else found or 0
        return decoded(tally.schema.by_column[measure.column].kind, found)

    return [
        (*key, *(value(key, group, number, measure) for number, measure in enumerate(tally.measures)))
        for key, group in groups.items()
    ]


def _key_decoder(key: Key, schema: Schema) -> Callable[[Document, str], Any]:
    kind = Kind.DATE if key.bucket else schema.by_column[key.column].kind
    return lambda keys, name: decoded(kind, keys[name])


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


@attrs.frozen
class _Grouping:
    """The stages that group by a tally's keys.

    Attributes:
        schemas: the model of each key's column.
        near: the expressions for what is first grouped by, of a row.
        steps: the hops, each after those that lead to it.
        far: the expressions for the keys, of a first group.
    """

    schemas: tuple[Schema, ...]
    near: Document
    steps: tuple[_Step, ...]
    far: Document

    @classmethod
    async def of(cls, tally: Tally, selector: Selector, catalog: Catalog) -> _Grouping:
        steps: dict[tuple[Hop, ...], _Step] = {}
        near: Document = {}
        far: Document = {}
        schemas: list[Schema] = []
        for number, key in enumerate(tally.by):
            schema = tally.schema
            for length, hop in enumerate(key.hops, start=1):
                way = key.hops[:length]
                step = steps.get(way)
                if step is None:
                    local, name = key_of(hop.relation.local), f"_step{len(steps)}"
                    if length == 1:
                        near[name] = _present(f"${local}")
                        start: Any = f"$_id.{name}"
                    else:
                        start = _first(steps[way[:-1]].name, local)
                    inner = await selector.related(hop.relation, hop.where)
                    step = steps[way] = _Step(hop, catalog[hop.relation.target], inner, start, name)
                schema = step.target
            schemas.append(schema)
            own = key_of(key.column)
            if key.hops:
                far[f"k{number}"] = _value(_first(steps[key.hops].name, own), key, schema)
            else:
                near[f"k{number}"] = _value(f"${own}", key, schema)
                far[f"k{number}"] = f"$_id.k{number}"
        return cls(tuple(schemas), near, tuple(steps.values()), far)

    def measured(self, measures: Sequence[Measure]) -> list[Document]:
        """Return the stages that give every measure but those of distinct values."""
        taken = {
            f"m{n}": (measure, _taken(measure)) for n, measure in enumerate(measures) if measure.aggregate in _JOIN
        }
        first: Document = {name: taking for name, (_, taking) in taken.items()}
        again: Document = {name: {_JOIN[measure.aggregate]: f"${name}"} for name, (measure, _) in taken.items()}
        return self._stages(self.near, first, self.far, again)

    def distinct(self, column: str) -> list[Document]:
        """Return the stages that count a column's distinct values: grouped twice, so that no group grows with them."""
        path = key_of(column)
        present = {"$match": {path: {"$ne": None}}}
        near = {**self.near, _DISTINCT: f"${path}"}
        far = {**self.far, _DISTINCT: f"$_id.{_DISTINCT}"}
        names = {name: f"$_id.{name}" for name in self.far}
        return [present, *self._stages(near, {}, far, {}), {"$group": {"_id": names or None, "n": {"$sum": 1}}}]

    def _stages(self, near: Document, first: Document, far: Document, again: Document) -> list[Document]:
        stages: list[Document] = [CLASSIC, {"$group": {"_id": near or None, **first}}]
        if self.steps:
            stages += [self._lookup(step) for step in self.steps]
            stages.append({"$group": {"_id": far or None, **again}})
        return stages

    def _lookup(self, step: _Step) -> Document:
        return lookup(
            step.target,
            step.hop.relation,
            local=step.local,
            inner=step.inner,
            tail=[{"$limit": 1}],
            name=step.name,
        )


def _present(path: str) -> Document:
    """Return the expression for a value, null where the document lacks it: grouping would tell the two apart."""
    return {"$ifNull": [path, None]}


def _first(name: str, key: str) -> Document:
    return {"$arrayElemAt": [f"${name}.{key}", 0]}


def _value(path: Any, key: Key, schema: Schema) -> Any:
    if key.bucket is None:
        return _present(path)
    return _present(first_day(path, schema.by_column[key.column].kind, key.bucket, key.zone))


def _taken(measure: Measure) -> Document:
    if not measure.column:
        return {"$sum": 1}
    path = f"${key_of(measure.column)}"
    match measure.aggregate:
        case Aggregate.SUM:
            return {"$sum": {"$toDecimal": path}}
        case Aggregate.MIN:
            return {"$min": path}
        case Aggregate.MAX:
            return {"$max": path}
        case _:
            return {"$sum": {"$cond": [{"$ne": [_present(path), None]}, 1, 0]}}
