"""Collections and indexes: which there must be, which there are, and what is created."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from crmkit.errors import StoreError
from crmkit.storage.mongo.document import Document
from crmkit.storage.mongo.driver import LOCKS
from crmkit.storage.mongo.wire import LEAST

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from crmkit.model.catalog import Catalog
    from crmkit.model.schema import Schema
    from crmkit.storage.mongo.driver import Driver

__all__ = ["indexes_of", "prepare_indexes"]

_TELLING: Final = ("unique", "partialFilterExpression", "sparse", "expireAfterSeconds", "collation", "hidden")
_SHOWN: Final = 10


def indexes_of(schema: Schema) -> list[Document]:
    """Return the indexes of a model's collection, as `createIndexes` takes them.

    The tenant leads each of them, so that unique values are free in another tenant. The id ends each one that is not
    unique, so that it gives rows in a total order. A unique index covers only the documents in which none of its fields
    is missing. It says so by "at least the least value of its type", because the planner sees that a search for a value
    implies that. That ids are unique is kept by the index that every collection has, that of `_id`.
    """
    indexes: list[Document] = [_index(("id",))]
    for columns in schema.unique_columns():
        partial = {
            name: {"$gte": LEAST[schema.by_column[name].kind]} for name in columns if schema.by_column[name].nullable
        }
        index = {**_index(columns), "unique": True}
        indexes.append({**index, "partialFilterExpression": partial} if partial else index)
    indexes += [_index((*columns, "id")) for columns in schema.index_columns()]
    return indexes


def _index(keys: Iterable[str]) -> Document:
    key = dict.fromkeys(("tenant", *keys), 1)
    return {"key": key, "name": "_".join(f"{name}_1" for name in key)}


@attrs.define
class _Findings:
    missing: list[str] = attrs.field(factory=list[str])
    unlike: list[str] = attrs.field(factory=list[str])


async def prepare_indexes(driver: Driver, catalog: Catalog, *, create: bool) -> None:
    """Create what is missing, if asked to, and alter nothing.

    Raises:
        StoreError: something is missing and is not to be created, or differs from what the models need.
    """
    cursor = await driver.settle(driver.database.list_collections())
    there: dict[str, Mapping[str, Any]] = {found["name"]: found for found in await driver.settle(cursor.to_list())}
    findings = _Findings()
    commands: list[Document] = []
    for schema in catalog:
        wanted = indexes_of(schema)
        found = there.get(schema.plural)
        if found is None:
            findings.missing.append(schema.plural)
        elif found.get("type", "collection") != "collection" or "collation" in found.get("options", {}):
            findings.unlike.append(f"{schema.plural} (not a plain collection in binary order)")
            continue
        else:
            wanted = await _lacking(driver, schema, wanted, findings)
        if wanted:
            commands.append({"createIndexes": schema.plural, "indexes": wanted})
    if findings.unlike:
        raise StoreError(
            f"the database holds what does not fit the models: {_listed(findings.unlike)}.",
            hint="Drop or rebuild these; crmkit never does that by itself.",
        )
    if not create and findings.missing:
        raise StoreError(
            f"the database lacks {_listed(findings.missing)}.",
            hint="Prepare it once with create=True.",
            absent=there.keys().isdisjoint(schema.plural for schema in catalog),
        )
    if create and LOCKS not in there:  # a transaction that is to see one snapshot cannot create it
        commands.append({"create": LOCKS})
    for command in commands:
        await driver.settle(driver.database.command(command, writeConcern={"w": "majority"}))


async def _lacking(driver: Driver, schema: Schema, wanted: list[Document], findings: _Findings) -> list[Document]:
    cursor = await driver.settle(driver.database[schema.plural].list_indexes())
    found = {tuple(index["key"].items()): index for index in await driver.settle(cursor.to_list())}
    names = {index["name"] for index in found.values()}
    lacking: list[Document] = []
    for index in wanted:
        place = f"{schema.plural}.{index['name']}"
        held = found.get(tuple(index["key"].items()))
        if held is None and index["name"] not in names:
            findings.missing.append(f"index {place}")
            lacking.append(index)
        elif held is None or _telling(held) != _telling(index):
            findings.unlike.append(f"index {place}")
    return lacking


def _telling(index: Mapping[str, Any]) -> dict[str, Any]:
    telling = {name: index[name] for name in _TELLING if index.get(name)}
    if "id" in index["key"]:  # one of earlier versions may be unique, which the id makes true of any
        telling.pop("unique", None)
    return telling


def _listed(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
