"""Order: what MongoDB sorts by itself, and what it is helped with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crmkit.storage.mongo.document import Document
from crmkit.storage.mongo.hop import Steps, present

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.model.catalog import Catalog
    from crmkit.model.field import Column
    from crmkit.model.schema import Schema
    from crmkit.storage.mongo.select import Selection, Selector
    from crmkit.storage.spi.plan import Query, SortKey

__all__ = ["is_native", "native_sort", "ordered_stages"]

_RANK: Final = "_rank"


def is_native(schema: Schema, order: Sequence[SortKey]) -> bool:
    """Return whether MongoDB, to which a missing value is less than any other, sorts like this by itself."""
    return all(not key.hops and _is_native(schema.by_column[key.column], key) for key in order)


def _is_native(column: Column, key: SortKey) -> bool:
    return column.default is None and (key.missing_first is not key.descending or not column.nullable)


def native_sort(order: Sequence[SortKey]) -> list[tuple[str, int]] | None:
    """Return an order that is native as the driver takes it; of one column the first key decides."""
    sort: dict[str, int] = {}
    for key in order:
        sort.setdefault(key.column, _direction(key))
    return list(sort.items()) or None


def _direction(key: SortKey) -> int:
    return -1 if key.descending else 1


async def ordered_stages(query: Query, selection: Selection, selector: Selector, catalog: Catalog) -> list[Document]:
    """Return the aggregation that answers a query in any order."""
    steps = Steps(selector, catalog, lambda _, local: f"${local}")
    flags: Document = {}
    sort: Document = {}
    for number, key in enumerate(query.order):
        schema, value = await steps.follow(query.schema, key.hops, key.column)
        name, column = key.column, schema.by_column[key.column]
        if key.hops or column.default is not None:
            name = f"_value{number}"
            flags[name] = value
        if key.hops or column.nullable:
            flag = f"_missing{number}"
            flags[flag] = {"$cond": [{"$gt": [value, None]}, 0, 1]}
            sort[flag] = -1 if key.missing_first else 1
        sort.setdefault(name, _direction(key))  # of one column the first key decides
    lookups = steps.stages()
    found = [*lookups, {"$set": flags}] if flags else []
    if lookups:
        found.append({"$unset": steps.names()})
    if query.top is None:
        stages = selection.stages(*found, *([{"$sort": sort}] if sort else []))
    else:
        # Not $documentNumber, which takes one sort key only.
        rank = {_RANK: {"$sum": 1, "window": {"documents": ["unbounded", "current"]}}}
        ranked = {"partitionBy": present(f"${query.top.column}"), "sortBy": sort or {"id": 1}, "output": rank}
        kept: list[Document] = [{"$match": {_RANK: {"$lte": query.top.number}}}, {"$sort": {_RANK: 1}}]
        stages = [*selection.stages(*found), {"$setWindowFields": ranked}, *kept]
    if query.limit is not None:
        stages.append({"$limit": query.limit})
    stages.append({"$project": {**dict.fromkeys(query.columns, 1), "_id": 0}})
    return stages
