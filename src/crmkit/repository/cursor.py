"""Cursors: positions in an order, as text that can travel in a web address, and that comes back like all input."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from crmkit.errors import BadExpression, Problem
from crmkit.model.kind import Kind
from crmkit.values import clean_instant, clean_integer, clean_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.catalog import Catalog
    from crmkit.model.field import Column
    from crmkit.model.schema import Schema
    from crmkit.storage.spi import SortKey

__all__ = ["column_of", "read_cursor", "write_cursor"]


def write_cursor(keys: tuple[SortKey, ...], values: tuple[Any, ...]) -> str:
    """Return the position behind a row as text."""
    text = json.dumps([_order(keys), [_spell(value) for value in values]], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(catalog: Catalog, schema: Schema, keys: tuple[SortKey, ...], cursor: str) -> tuple[Any, ...]:
    """Return the values that `write_cursor` was given.

    Raises:
        BadExpression: the text is not a cursor, or belongs to another order.
    """
    try:
        order, spelled = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        values = tuple(_read(kind, value) for kind, value in spelled)
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise BadExpression("after is not a cursor.", hint="Give a page's next, unchanged.") from None
    if order != _order(keys) or len(values) != len(keys):
        raise BadExpression("after comes from a page in another order.", hint="Give the same order with each page.")
    try:
        return tuple(_held(catalog, schema, key, value) for key, value in zip(keys, values, strict=True))
    except Problem:
        raise BadExpression("after is not a cursor.", hint="Give a page's next, unchanged.") from None


def column_of(catalog: Catalog, schema: Schema, key: SortKey) -> Column:
    """Return the column that a key of a model's rows ends at."""
    end = catalog[key.hops[-1].relation.target] if key.hops else schema
    return end.by_column[key.column]


def _order(keys: tuple[SortKey, ...]) -> list[list[Any]]:
    return [
        [".".join([*(hop.relation.name for hop in key.hops), key.column]), key.descending, key.missing_first]
        for key in keys
    ]


def _held(catalog: Catalog, schema: Schema, key: SortKey, value: Any) -> Any:
    """Return a value if the column can hold it, or the way there may fail."""
    column = column_of(catalog, schema, key)
    if value is None and (key.hops or column.nullable):
        return None
    if type(value) is not _TYPE[column.kind]:
        raise Problem("wrong_type", "is of another kind.")
    if isinstance(value, str):
        return clean_text(value, at_most=max(column.max, 1))
    if isinstance(value, dt.datetime):
        return clean_instant(value)
    return clean_integer(value) if type(value) is int else value


_TYPE: Final[Mapping[Kind, type]] = {
    Kind.BOOL: bool,
    Kind.INT: int,
    Kind.DECIMAL: int,
    Kind.TEXT: str,
    Kind.DATE: dt.date,
    Kind.INSTANT: dt.datetime,
    Kind.UUID: UUID,
}


def _spell(value: Any) -> tuple[str, Any]:
    if isinstance(value, dt.datetime):
        return "at", value.isoformat()
    if isinstance(value, dt.date):
        return "on", value.isoformat()
    if isinstance(value, UUID):
        return "id", value.hex
    return "", value


def _read(kind: str, value: Any) -> Any:
    if kind == "":
        if value is not None and type(value) not in {str, int, bool}:
            raise ValueError(kind)
        return value
    if kind == "at":
        return dt.datetime.fromisoformat(value)
    return dt.date.fromisoformat(value) if kind == "on" else UUID(value)
