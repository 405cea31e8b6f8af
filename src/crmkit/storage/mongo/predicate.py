"""Leaves of the core as MongoDB filters.

MongoDB compares only values of one type with each other, compares text by its UTF-8 bytes, which is by code point, and
takes a lacking key for null. So each leaf has a filter that says exactly what the core means by it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, assert_never

from crmkit.expr.core import Compare, Has, In, Missing, Prefix, Substring
from crmkit.expr.node import Op
from crmkit.storage.mongo.document import Document
from crmkit.storage.mongo.wire import encoded
from crmkit.storage.spi.compare import Leaf, holds
from crmkit.storage.spi.prefix import text_after

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit.model.schema import Schema

__all__ = ["NEVER", "OPERATOR", "all_of", "any_of", "leaf_filter"]

NEVER: Final[Document] = {"_id": {"$in": []}}
"""The filter that no document passes."""
OPERATOR: Final[Mapping[Op, str]] = {
    Op.EQ: "$eq", Op.NE: "$ne", Op.LT: "$lt", Op.LE: "$lte", Op.GT: "$gt", Op.GE: "$gte",
}  # fmt: skip
_LONGEST_PATTERN: Final = 2_000
"""In characters; the server refuses patterns of more than 32 kB."""


def leaf_filter(schema: Schema, node: Leaf) -> Document:
    """Return the filter that a leaf becomes."""
    column = schema.by_column[node.column]
    found = _stored(schema, node)
    if column.default is None:
        return found
    lacking: Document = {column.name: {"$eq": None}}
    return any_of([found, lacking]) if holds(node, column.default) else all_of([found, {column.name: {"$ne": None}}])


def _stored(schema: Schema, node: Leaf) -> Document:
    """Return the filter that a leaf becomes, of documents that hold its column."""
    if isinstance(node, Compare | In | Missing) and node.key:
        return {node.column: _entry(node)}
    key = node.column
    match node:
        case Compare(op=Op.NE, value=value):
            return {key: {"$nin": [encoded(schema.by_column[node.column].kind, value), None]}}
        case Compare(op=op, value=value):
            return {key: {OPERATOR[op]: encoded(schema.by_column[node.column].kind, value)}}
        case In(values=values, negated=negated):
            kind = schema.by_column[node.column].kind
            return {key: _among([encoded(kind, value) for value in values], negated=negated)}
        case Missing(negated=negated):
            return {key: {"$ne": None} if negated else {"$eq": None}}
        case Prefix(text=text, negated=negated):
            return _prefix(key, text, negated=negated)
        case Substring(text=text, negated=negated):
            return _substring(key, text, negated=negated)
        case Has(tag=tag, negated=negated):
            return {key: {"$ne" if negated else "$eq": tag}}
        case _:
            assert_never(node)


def _among(values: Sequence[Any], *, negated: bool) -> Document:
    return {"$nin": [*values, None]} if negated else {"$in": list(values)}


def _entry(node: Compare | In | Missing) -> Document:
    """Return the condition on the list of names and values that holds an `EXTRA` column."""
    match node:
        case Missing(negated=negated):
            present: Document = {"$elemMatch": {"k": node.key, "v": {"$ne": None}}}
            return present if negated else {"$not": present}
        case Compare(op=Op.NE, value=value):
            return {"$elemMatch": {"k": node.key, "v": {"$nin": [value, None]}}}
        case Compare(op=op, value=value):
            return {"$elemMatch": {"k": node.key, "v": {OPERATOR[op]: value}}}
        case In(values=values, negated=negated):
            return {"$elemMatch": {"k": node.key, "v": _among(values, negated=negated)}}


def _prefix(key: str, text: str, *, negated: bool) -> Document:
    end = text_after(text)
    if not negated:
        return {key: {"$gte": text}} if end is None else {key: {"$gte": text, "$lt": end}}
    below: Document = {key: {"$lt": text}}
    return below if end is None else {"$or": [below, {key: {"$gte": end}}]}


def _substring(key: str, text: str, *, negated: bool) -> Document:
    if len(text) > _LONGEST_PATTERN:
        found: Document = {"$expr": {"$gte": [{"$indexOfBytes": [f"${key}", {"$literal": text}]}, 0]}}
        return {key: {"$ne": None}, "$nor": [found]} if negated else found
    pattern = {"$regex": re.escape(text)}
    return {key: {"$ne": None, "$not": pattern}} if negated else {key: pattern}


def all_of(filters: Sequence[Document]) -> Document:
    """Return the filter that passes what all of these pass."""
    merged: Document = {}
    for each in filters:
        if any(key in merged for key in each):
            return {"$and": list(filters)}
        merged.update(each)
    return merged


def any_of(filters: Sequence[Document]) -> Document:
    """Return the filter that passes what at least one of these passes."""
    return {"$or": list(filters)} if filters else NEVER
