"""Tallies as aggregations: everything is grouped and measured in the server.

Rows are first grouped by what stands in them, the keys of related records included. Only then is looked up what those
records hold, once per group instead of once per row, and the groups that turn out to be the same are joined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs
from bson.decimal128 import Decimal128

from crmkit.model.kind import Kind
from crmkit.storage.mongo.calendar import first_day
from crmkit.storage.mongo.document import Document, value_of
from crmkit.storage.mongo.hop import Steps, present
from crmkit.storage.mongo.select import CLASSIC, Selector
from crmkit.storage.mongo.wire import decoded
from crmkit.storage.spi.plan import Aggregate, GroupKey, Measure, Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.model.catalog import Catalog
    from crmkit.model.codec import Row
    from crmkit.model.field import Column
    from crmkit.model.schema import Schema
    from crmkit.storage.mongo.select import Run

__all__ = ["SPELLED", "tally_rows"]

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

    groups = await grouped(grouping.measured(tally.schema, tally.measures))
    if not tally.by and not groups:
        groups[()] = {}
    distinct = {
        measure.column: await grouped(grouping.distinct(tally.schema.by_column[measure.column]))
        for measure in tally.measures
        if measure.aggregate.distinct
    }

    def value(key: tuple[Any, ...], group: Document, number: int, measure: Measure) -> Any:
        aggregate, column = measure.aggregate, measure.column
        found = distinct[column].get(key, {}).get("n") if aggregate.distinct else group.get(f"m{number}")
        if found is None:
            return aggregate.nothing
        if isinstance(found, Decimal128):
            return int(found.to_decimal())
        return decoded(aggregate.result(tally.schema.by_column[column].kind), found) if column else found

    return [
        (*key, *(value(key, group, number, measure) for number, measure in enumerate(tally.measures)))
        for key, group in groups.items()
    ]


def _key_decoder(key: GroupKey, schema: Schema) -> Callable[[Document, str], Any]:
    kind = Kind.DATE if key.bucket else schema.by_column[key.column].kind
    return lambda keys, name: decoded(kind, keys[name])


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
    steps: Steps
    far: Document

    @classmethod
    async def of(cls, tally: Tally, selector: Selector, catalog: Catalog) -> _Grouping:
        near: Document = {}
        far: Document = {}
        schemas: list[Schema] = []

        def start(name: str, local: str) -> str:
            near[name] = present(f"${local}")
            return f"$_id.{name}"

        steps = Steps(selector, catalog, start)
        for number, key in enumerate(tally.by):
            schema, value = await steps.follow(tally.schema, key.hops, key.column)
            schemas.append(schema)
            (far if key.hops else near)[f"k{number}"] = _value(value, key, schema)
            if not key.hops:
                far[f"k{number}"] = f"$_id.k{number}"
        return cls(tuple(schemas), near, steps, far)

    def measured(self, schema: Schema, measures: Sequence[Measure]) -> list[Document]:
        """Return the stages that give every measure but those of distinct values."""
        taken = {
            f"m{n}": (measure, _taken(schema, measure))
            for n, measure in enumerate(measures)
            if not measure.aggregate.distinct
        }
        first: Document = {name: taking for name, (_, taking) in taken.items()}
        again: Document = {name: {SPELLED[measure.aggregate][0]: f"${name}"} for name, (measure, _) in taken.items()}
        return self._stages(self.near, first, self.far, again)

    def distinct(self, column: Column) -> list[Document]:
        """Return the stages that count a column's distinct values: grouped twice, so that no group grows with them."""
        near = {**self.near, _DISTINCT: value_of(column)}
        far = {**self.far, _DISTINCT: f"$_id.{_DISTINCT}"}
        names = {name: f"$_id.{name}" for name in self.far}
        present: list[Document] = [{"$match": {column.name: {"$ne": None}}}] if column.default is None else []
        return [
            *present,
            *self._stages(near, {}, far, {}),
            {"$group": {"_id": names or None, "n": {"$sum": 1}}},
        ]

    def _stages(self, near: Document, first: Document, far: Document, again: Document) -> list[Document]:
        stages: list[Document] = [CLASSIC, {"$group": {"_id": near or None, **first}}]
        if lookups := self.steps.stages():
            stages += lookups
            stages.append({"$group": {"_id": far or None, **again}})
        return stages


def _value(path: Any, key: GroupKey, schema: Schema) -> Any:
    if key.bucket is None:
        return present(path)
    return present(first_day(path, schema.by_column[key.column].kind, key.bucket, key.zone))


def _number(path: Any) -> Document:
    return {"$cond": [{"$ne": [present(path), None]}, 1, 0]}


SPELLED: Final[Mapping[Aggregate, tuple[str, Callable[[Any], Any]]]] = {
    Aggregate.COUNT: ("$sum", _number),
    Aggregate.SUM: ("$sum", lambda path: {"$toDecimal": path}),
    Aggregate.MIN: ("$min", lambda path: path),
    Aggregate.MAX: ("$max", lambda path: path),
}
"""The operator of each aggregate, which also puts the results of several groups together, and what it takes of a value.

Those over distinct values are not here: `_Grouping.distinct` counts groups of equal values.
"""


def _taken(schema: Schema, measure: Measure) -> Document:
    if not measure.column:
        return {"$sum": 1}
    operator, operand = SPELLED[measure.aggregate]
    return {operator: operand(value_of(schema.by_column[measure.column]))}
