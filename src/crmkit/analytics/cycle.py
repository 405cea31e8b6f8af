"""Cycles: how many days deals take to close."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from crmkit.analytics.amounts import closed
from crmkit.analytics.durations import DAY, Durations, Spread
from crmkit.analytics.grouping import Grouping, order_of, text_of, too_many
from crmkit.analytics.report import ALL, Report, label_of, row_of
from crmkit.errors import BadExpression, near
from crmkit.expr.build import Name, everything, f
from crmkit.repository.scan import scan
from crmkit.values.zone import zone_of

if TYPE_CHECKING:
    from crmkit.analytics.period import Period
    from crmkit.analytics.population import Population
    from crmkit.expr.node import Ref
    from crmkit.repository.grouping import By

__all__ = ["Cycle", "Ending", "Lengths", "cycles", "lengths"]

Ending: TypeAlias = Literal["won", "lost", "all"]
"""Which closed records a cycle is measured over."""


@attrs.frozen(kw_only=True)
class Cycle:
    """How many days closed records took, in one group.

    Attributes:
        key, label: what the records share, and how that is shown.
        days: the durations, in whole days of the calendar.
        negative: records that ended before they began; they take no part.
        undated: records without a beginning or an end; they take no part.
    """

    key: Any
    label: str
    days: Durations
    negative: int
    undated: int

    @property
    def excluded(self) -> int:
        """How many closed records take no part."""
        return self.negative + self.undated

    def cells(self) -> list[dict[str, Any]]:
        """Return the group as a row."""
        more = row_of(self, ("least_days", "days.least"), ("greatest_days", "days.greatest"), "negative", "undated")
        return [self.days.cells() | more]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of these rows."""
        return tuple(self.cells()[0])


@attrs.define(eq=False)
class Lengths:
    """How long the records of a group took, in days; those that cannot be measured are counted."""

    spread: Spread = attrs.Factory(Spread)
    negative: int = 0
    undated: int = 0

    def merge(self, other: Lengths) -> None:
        """Take what another group counted."""
        self.spread.merge(other.spread)
        self.negative += other.negative
        self.undated += other.undated

    def take(self, begun: dt.date | None, ended: dt.date | None) -> None:
        """Take one record."""
        if begun is None or ended is None:
            self.undated += 1
        elif ended < begun:
            self.negative += 1
        else:
            self.spread.add((ended - begun).days * DAY)


async def lengths(
    population: Population, by: By | None, start: Ref, ending: Ending, period: Period, *, currency: Name | None = None
) -> dict[Any, dict[Any, Lengths]]:  # fmt: skip
    """Return the spans by group and by currency.

    A median needs the values themselves, so the few columns it takes are streamed; of each group only the different
    numbers of days stay in memory, with how often each came.
    """
    if ending not in {"won", "lost", "all"}:
        raise BadExpression(
            f"there is no outcome {ending!r} of a cycle.", hint=near(str(ending), ("won", "lost", "all"))
        )
    schema, doors = population.schema, population.doors
    begin = schema.fields.get(start.path[0]) if len(start.path) == 1 else None
    if begin is None or not begin.temporal:
        days = [name for name, field in schema.fields.items() if field.temporal]
        raise BadExpression(
            f"{start.text} is neither a day nor an instant of {schema.name}.", hint=near(start.text[2:], days)
        )
    keys, parts = (Grouping(doors, schema, each, population.zone) for each in (by, currency))
    columns = tuple(dict.fromkeys(("id", begin.name, "closed_at", *keys.columns, *parts.columns)))
    begins, ends = columns.index(begin.name), columns.index("closed_at")
    key_at, part_at = (columns.index((*each.columns, "id")[0]) for each in (keys, parts))
    outcome = everything if ending == "all" else f.outcome == ending
    found: dict[Any, dict[Any, Lengths]] = defaultdict(lambda: defaultdict(Lengths))
    where = await population.core(closed(period, population.as_of), outcome)
    async for rows in scan(population.door, where, columns[1:]):
        labels = await keys.of([row[key_at] for row in rows])
        codes = await parts.of([row[part_at] for row in rows])
        for row, key, code in zip(rows, labels, codes, strict=True):
            found[key][code].take(_day(row[begins], population.zone), _day(row[ends], population.zone))
        too_many(len(found))
    return found


def _day(value: Any, zone: str) -> dt.date | None:
    return value.astimezone(zone_of(zone)).date() if isinstance(value, dt.datetime) else value


async def cycles(population: Population, by: By | None, start: Ref, ending: Ending, period: Period) -> Report[Cycle]:
    """Return the cycles; see `AsyncAnalytics.cycle`."""
    found = {key: parts[None] for key, parts in (await lengths(population, by, start, ending, period)).items()}
    whole = Lengths()
    for spans in found.values():
        whole.merge(spans)
    total = _cycle(whole, None, ALL)
    groups = tuple(_cycle(found[key], key, label_of(key)) for key in sorted(found, key=order_of))
    return Report(
        definition=f"sales.cycle.{ending}/1", groups=(total,) if by is None else groups, total=total,
        by=text_of(by), as_of=population.as_of, zone=population.zone, period=period,
    )  # fmt: skip


def _cycle(spans: Lengths, key: Any, label: str) -> Cycle:
    return Cycle(key=key, label=label, days=spans.spread.durations(), negative=spans.negative, undated=spans.undated)
