"""Orders: what callers sort by becomes keys, the last of which is unique."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from crmkit.errors import BadExpression
from crmkit.expr.build import Sort
from crmkit.expr.node import Ref
from crmkit.repository.path import field_at
from crmkit.storage.spi import SortKey

if TYPE_CHECKING:
    from crmkit.repository.door import Door

__all__ = ["keys_of"]


def keys_of(door: Door[Any], order: Ref | Sort | Sequence[Ref | Sort]) -> tuple[SortKey, ...]:
    """Return the keys of an order; ids settle its ties, in the direction of its last key.

    Raises:
        BadExpression: it does not fit the model, or names what has no order.
    """
    wanted: list[Any] = list(order) if isinstance(order, Sequence) and not isinstance(order, str) else [order]
    keys: dict[tuple[str, ...], SortKey] = {}
    for each in wanted:
        sort = each if isinstance(each, Sort) else Sort(each)
        if not isinstance(sort.ref, Ref):
            raise BadExpression(f"cannot order by {type(each).__name__}.", hint="Write f.name, or -f.name.")
        keys.setdefault(sort.ref.path, _key(door, sort))
        if _ID in keys:
            break
    keys.setdefault(_ID, SortKey("id", wanted[-1].descending if wanted and isinstance(wanted[-1], Sort) else False))
    return tuple(keys.values())


_ID = ("id",)


def _key(door: Door[Any], sort: Sort) -> SortKey:
    hops, field = field_at(door, sort.ref)
    if field.opaque:
        raise BadExpression(f"{sort.ref.text} has no order.")
    if len(sort.ref.path) > len(hops) + 1:
        raise BadExpression(
            f"{sort.ref.text} is a part of a field, and has no order.", hint="Order by a field of its own."
        )
    return SortKey(field.name, sort.descending, sort.missing == "first", hops)
