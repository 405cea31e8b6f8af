"""Placeholders become values: `me` and the relative moments, once per reading, so that one reading sees one moment."""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol
from uuid import UUID

import attrs

from crmkit.errors import BadExpression
from crmkit.expr.node import Always, Expr, Me, Moment, Node, closed
from crmkit.expr.table import ROW_OF, Sort
from crmkit.form.document import is_list
from crmkit.values import UTC
from crmkit.values.zone import zone_of

__all__ = ["SAMPLE", "Asker", "Facts", "resolve"]


class Asker(Protocol):
    """The actor who asks, as far as expressions may know."""

    @property
    def id(self) -> UUID | None:
        """The user's id; `None` for background work."""
        ...

    @property
    def key(self) -> str:
        """What the audit columns hold."""
        ...

    @property
    def team_id(self) -> UUID | None:
        """The user's team."""
        ...

    @property
    def team_ids(self) -> tuple[UUID, ...]:
        """Every team the user belongs to."""
        ...

    @property
    def zone(self) -> str:
        """The IANA name of the time zone in which they mean days."""
        ...


@attrs.frozen
class Facts:
    """What placeholders stand for in one reading.

    Attributes:
        now: the instant of the reading.
        zone: in which `today` is meant; if left out that of the actor, or UTC where nobody asks.
        me: the actor who asks; `None` where there is none, so that `me` is refused.
    """

    now: dt.datetime
    zone: dt.tzinfo | None = None
    me: Asker | None = None

    @property
    def today(self) -> dt.date:
        """The day of the reading."""
        zone = self.zone or (UTC if self.me is None else zone_of(self.me.zone))
        return self.now.astimezone(zone).date()


_SOMEBODY: Final = UUID(int=1)


@attrs.frozen
class _Sample:
    id: UUID | None = _SOMEBODY
    key: str = "sample"
    team_id: UUID | None = _SOMEBODY
    team_ids: tuple[UUID, ...] = (_SOMEBODY,)
    zone: str = "UTC"


SAMPLE: Final = Facts(dt.datetime(2000, 1, 1, tzinfo=UTC), UTC, _Sample())
"""Facts by which an expression with placeholders can be checked before anybody asks."""


def resolve(expr: Expr, facts: Facts) -> Node:
    """Return the expression without placeholders; a fact that is missing makes its test false.

    Raises:
        BadExpression: a moment is outside the years 1 to 9999, `me` is named where nobody asks, or it is nested too
            deep.
    """
    try:
        return _resolved(expr, facts)
    except RecursionError:
        raise BadExpression("an expression is nested too deep to be read.", hint="Flatten it.") from None


def _resolved(expr: Expr, facts: Facts) -> Node:
    node = closed(expr)
    changes: dict[str, Any] = {}
    for part in ROW_OF[type(node)].parts:
        held = getattr(node, part.attribute)
        resolved = _RESOLVED[part.sort](held, facts)
        if resolved is None:
            return Always(False)
        if resolved is not held:
            changes[part.attribute] = resolved
    # Most expressions hold no placeholders, and this is on the way of every query.
    return attrs.evolve(node, **changes) if changes else node


def _nodes(items: tuple[Node, ...], facts: Facts) -> tuple[Node, ...]:
    resolved = tuple(_resolved(item, facts) for item in items)
    return items if all(map(operator.is_, resolved, items)) else resolved


def _values(values: tuple[Any, ...] | Me, facts: Facts) -> tuple[Any, ...]:
    known = (_value(value, facts) for value in _several(values, facts))
    return tuple(value for value in known if value is not None)


def _as_it_is(held: Any, _: Facts) -> Any:
    return held


def _several(values: tuple[Any, ...] | Me, facts: Facts) -> tuple[Any, ...]:
    if not isinstance(values, Me):
        return values
    fact = _value(values, facts)
    return tuple(fact) if is_list(fact) else (fact,)


def _value(value: Any, facts: Facts) -> Any:
    if isinstance(value, Me):
        if facts.me is None:
            raise BadExpression(f"me.{value.name} has no meaning here, where nobody asks.")
        return getattr(facts.me, value.name)
    if isinstance(value, Moment):
        try:
            return facts.today + value.offset if value.of_day else facts.now + value.offset
        except OverflowError:
            raise BadExpression("a relative moment is outside the years 1 to 9999.") from None
    return value


_RESOLVED: Final[Mapping[Sort, Callable[[Any, Facts], Any]]] = {
    "value": _value, "values": _values, "node": _resolved, "nodes": _nodes, "ref": _as_it_is, "op": _as_it_is,
    "quantifier": _as_it_is, "number": _as_it_is, "flag": _as_it_is,
}  # fmt: skip
"""How what an attribute of each sort holds is resolved."""
