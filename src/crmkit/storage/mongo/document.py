"""Rows to documents and back."""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from crmkit.model.kind import Kind
from crmkit.storage.mongo.wire import encoded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit.model.codec import Row
    from crmkit.model.field import Column
    from crmkit.model.schema import Schema

__all__ = ["Document", "documents_of", "projection", "rows_of", "value_of"]

Document: TypeAlias = dict[str, Any]
_LIGHT: Final = 20_000
"""How many characters that nobody asked for may come along."""
_EMPTY: Final[Mapping[Kind, Any]] = {Kind.TAGS: [], Kind.EXTRA: []}


def documents_of(schema: Schema, rows: Sequence[Row]) -> list[Document]:
    """Return the documents that hold complete rows.

    Their `_id` is made of the tenant and the id, since an id is one for its tenant only, and keeps it so. That takes a
    tenth of the time of the driver's `ObjectId`, and no unique index beside it. Nothing is looked up by it.
    """
    columns = tuple(column.name for column in schema.columns)
    tenant, id_ = columns.index("tenant"), columns.index("id")
    keys = ("_id", *columns)
    return [dict(zip(keys, (row[tenant].encode() + row[id_], *row), strict=True)) for row in rows]


def rows_of(schema: Schema, columns: tuple[str, ...], documents: Sequence[Document]) -> list[Row]:
    """Return some columns of documents; what a document lacks is missing."""
    if len(columns) > 1:
        try:
            return list(map(itemgetter(*columns), documents))
        except KeyError:  # a document that was written before its model had all of these columns
            pass
    pairs = [(column, _absent(schema.by_column[column])) for column in columns]
    return [tuple(document.get(key, default) for key, default in pairs) for document in documents]


def _absent(column: Column) -> Any:
    """Return what a document holds that lacks a column, as if it had it."""
    return _EMPTY.get(column.kind) if column.default is None else encoded(column.kind, column.default)


def value_of(column: Column, name: str = "") -> Any:
    """Return the expression for a column's value in a document, or in the one that a lookup put under a name."""
    path: Any = {"$arrayElemAt": [f"${name}.{column.name}", 0]} if name else f"${column.name}"
    if column.default is None:
        return path
    present: Document = {"$ifNull": [path, {"$literal": _absent(column)}]}
    nowhere: Document = {"$eq": [f"${name}", []]}
    return {"$cond": [nowhere, None, present]} if name else present


@lru_cache(maxsize=1024)
def projection(schema: Schema, columns: tuple[str, ...]) -> Mapping[str, int] | None:
    """Return the projection that gives these columns, or nothing where whole documents are cheaper to give.

    A projection makes the server build each document anew, which takes about as long as all else it does to return one.
    """
    left_out = [column for column in schema.columns if column.name not in columns]
    if len(left_out) <= len(columns) // 4 and sum(column.max for column in left_out) <= _LIGHT:
        return None
    return {**dict.fromkeys(columns, 1), "_id": 0}
