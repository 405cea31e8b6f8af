"""Cycles and velocity: how long deals take, and how much they earn a day."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from crmkit.analytics.amount import amount_field, closed
from crmkit.analytics.duration import DAY, Durations, Spread
from crmkit.analytics.key import Keys, order_of, text_of, too_many
from crmkit.analytics.ratio import Ratio
from crmkit.analytics.report import ALL, Report, label_of
from crmkit.analytics.win import read_amounts
from crmkit.errors import BadExpression, near
from crmkit.expr.build import Name, everything, f
from crmkit.repository.zone import zone_of
from crmkit.values import Money, money_of

if TYPE_CHECKING:
    from crmkit.analytics.amount import Amounts
    from crmkit.analytics.period import Period
    from crmkit.analytics.scope import Scope
    from crmkit.expr.node import Ref
    from crmkit.repository.grouping import By

__all__ = ["Cycle", "Ending", "Velocity", "cycles", "velocities"]

Ending: TypeAlias = Literal["won", "lost", "all"]
"""Which closed records a cycle is measured over."""
_TICK = dt.timedelta(microseconds=1)


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
        days = self.days
        return [
            days.cells() | {"least_days": days.least, "greatest_days": days.greatest}
            | {"negative": self.negative, "undated": self.undated}
        ]  # fmt: skip


@attrs.define(eq=False)
class _Spans:
    spread: Spread = attrs.Factory(Spread)
    negative: int = 0
    undated: int = 0

    def merge(self, other: _Spans) -> None:
        self.spread.merge(other.spread)
        self.negative += other.negative
        self.undated += other.undated

    def take(self, begun: dt.date | None, ended: dt.date | None) -> None:
        if begun is None or ended is None:
            self.undated += 1
        elif ended < begun:
            self.negative += 1
        else:
            self.spread.add((ended - begun).days * DAY)


async def _spans(
    scope: Scope, by: By | None, start: Ref, ending: Ending, period: Period, *, currency: Name | None = None
) -> dict[Any, dict[Any, _Spans]]:  # fmt: skip
    """Return the spans by group and by currency.

    A median needs the values themselves, so the few columns it takes are streamed; of each group only the different
    numbers of days stay in memory, with how often each came.
    """
    if ending not in {"won", "lost", "all"}:
        raise BadExpression(
            f"there is no outcome {ending!r} of a cycle.", hint=near(str(ending), ("won", "lost", "all"))
        )
    schema, doors = scope.schema, scope.doors
    begin = schema.fields.get(start.path[0]) if len(start.path) == 1 else None
    if begin is None or not begin.temporal:
        days = [name for name, field in schema.fields.items() if field.temporal]
        raise BadExpression(f"{start.text} is no day and no instant of {schema.name}.", hint=near(start.text[2:], days))
    keys, parts = Keys(doors, schema, by), Keys(doors, schema, currency)
    columns = tuple(dict.fromkeys(("id", begin.name, "closed_at", *keys.columns, *parts.columns)))
    begins, ends = columns.index(begin.name), columns.index("closed_at")
    key_at, part_at = (columns.index((*each.columns, "id")[0]) for each in (keys, parts))
    outcome = everything if ending == "all" else f.outcome == ending
    found: dict[Any, dict[Any, _Spans]] = defaultdict(lambda: defaultdict(_Spans))
    where = await scope.core(closed(period, scope.as_of), outcome)
    async for rows in scope.door.scan(where, columns[1:]):
        labels = await keys.of([row[key_at] for row in rows])
        codes = await parts.of([row[part_at] for row in rows])
        for row, key, code in zip(rows, labels, codes, strict=True):
            found[key][code].take(_day(row[begins], scope.zone), _day(row[ends], scope.zone))
        too_many(len(found))
    return found


def _day(value: Any, zone: str) -> dt.date | None:
    return value.astimezone(zone_of(zone)).date() if isinstance(value, dt.datetime) else value


async def cycles(scope: Scope, by: By | None, start: Ref, ending: Ending, period: Period) -> Report[Cycle]:
    """Return the cycles; see `AsyncAnalytics.cycle`."""
    found = {key: parts[None] for key, parts in (await _spans(scope, by, start, ending, period)).items()}
    whole = _Spans()
    for spans in found.values():
        whole.merge(spans)
    total = _cycle(whole, None, ALL)
    groups = tuple(_cycle(found[key], key, label_of(key)) for key in sorted(found, key=order_of))
    return Report(
        definition=f"sales.cycle.{ending}/1", groups=(total,) if by is None else groups, total=total,
        by=text_of(by), as_of=scope.as_of, zone=scope.zone, period=period,
    )  # fmt: skip


def _cycle(spans: _Spans, key: Any, label: str) -> Cycle:
    return Cycle(key=key, label=label, days=spans.spread.durations(), negative=spans.negative, undated=spans.undated)


@attrs.frozen(kw_only=True)
class Velocity:
    """How much a group of deals earns a day, in one currency.

    Velocity is the number of open deals, times the win rate, times the mean worth of a won deal, divided by the median
    cycle in days. All four are those of the same group, period and currency.

    Attributes:
        key, label: what the records share, and how that is shown.
        currency: the currency; all figures are those of deals in it.
        open: how many deals are open.
        win_rate: won out of won or lost, by count.
        mean_won: what a won deal is worth on average, rounded to four places; `None` if none is won.
        cycle: how many days won deals took.
        per_day: the velocity, rounded to four places; `None` where one of its parts is not known, or the cycle is 0.
        excluded: deals without an amount; they take no part.
    """

    key: Any
    label: str
    currency: str
    open: int
    win_rate: Ratio
    mean_won: Money | None
    cycle: Durations
    per_day: Money | None
    excluded: int

    def row(self) -> dict[str, Any]:
        """Return the currency as a row."""
        return {
            "currency": self.currency,
            "open": self.open,
            "win_rate": self.win_rate,
            "mean_won": self.mean_won,
            "median_days": self.cycle.median,
            "per_day": self.per_day,
            "excluded": self.excluded,
        }


@attrs.frozen(kw_only=True)
class VelocityGroup:
    """The velocities of one group, by currency.

    Attributes:
        key, label: what the records share, and how that is shown.
        currencies: the velocity in each currency; `group["EUR"]` reads one.
    """

    key: Any
    label: str
    currencies: Mapping[str, Velocity]

    def __getitem__(self, currency: str) -> Velocity:
        """Return the velocity in a currency."""
        return self.currencies[currency]

    def cells(self) -> list[dict[str, Any]]:
        """Return a row for each currency."""
        return [velocity.row() for velocity in self.currencies.values()]


async def velocities(
    scope: Scope, by: By | None, amount: Ref | None, start: Ref, period: Period
) -> Report[VelocityGroup]:
    """Return the velocities; see `AsyncAnalytics.velocity`."""
    money = amount_field(scope.schema, amount)
    if money is None:
        raise BadExpression(f"{scope.schema.name} has no amount.", hint="Name the field with amount=.")
    amounts = await read_amounts(scope, by, money, period)
    spans = await _spans(scope, by, start, "won", period, currency=money.currency)
    whole: dict[Any, _Spans] = defaultdict(_Spans)
    for parts in spans.values():
        for code, part in parts.items():
            whole[code].merge(part)
    total = _velocities(amounts.whole(), whole, None, ALL)
    groups = (_velocities(amounts, spans.get(key, {}), key, label_of(key)) for key in sorted(amounts, key=order_of))
    return Report(
        definition="sales.velocity/1", groups=(total,) if by is None else tuple(groups), total=total,
        by=text_of(by), as_of=scope.as_of, zone=scope.zone, period=period,
    )  # fmt: skip


def _velocities(amounts: Amounts, spans: Mapping[Any, _Spans], key: Any, label: str) -> VelocityGroup:
    codes = {code for cells in amounts.further(key).values() for code in cells if code is not None}
    return VelocityGroup(
        key=key,
        label=label,
        currencies={code: _velocity(amounts, spans.get(code, _Spans()), key, label, code) for code in sorted(codes)},
    )


def _velocity(amounts: Amounts, spans: _Spans, key: Any, label: str, currency: str) -> Velocity:
    won, lost, opened = (amounts.counted(key, outcome, currency) for outcome in ("won", "lost", "open"))
    excluded = sum(amounts.missing(key, outcome) for outcome in ("won", "lost", "open"))
    gained = amounts.worth(key, "won").get(currency)
    days = spans.spread.durations()
    rate = Ratio(won, won + lost, open=opened, excluded=excluded, definition="sales.win_rate.count/1")
    mean = None if gained is None or not won else Fraction(gained.units, won)
    per_day = None
    if mean is not None and rate.exact is not None and days.median:
        per_day = opened * rate.exact * mean * Fraction(dt.timedelta(days=1) // _TICK, days.median // _TICK)
    return Velocity(
        key=key, label=label, currency=currency, open=opened, win_rate=rate, cycle=days, excluded=excluded,
        mean_won=None if mean is None else money_of(round(mean), currency),
        per_day=None if per_day is None else money_of(round(per_day), currency),
    )  # fmt: skip
