"""Tallies: what a store groups and measures is what Python groups and measures of the rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from crmkit.expr import core
from crmkit.expr.node import Op
from crmkit.storage.memory.tally import MEASURE
from crmkit.storage.spi.plan import Aggregate, Bucket, GroupKey, Hop, Measure
from crmkit.storage.spi.store import Feature
from crmkit.testing.drive import driven
from crmkit.testing.strategy import TEXTS
from crmkit.testing.world import CATALOG, Account, Deal, Region, made
from crmkit.values import INT64_MAX, INT64_MIN, UTC, Money, money_of

if TYPE_CHECKING:
    from uuid import UUID

    from crmkit.model.codec import Row
    from crmkit.testing.ground import Ground

__all__ = ["Summary"]

_REGION: Final = CATALOG.relations(CATALOG.of(Account))["region"]
_WITHIN: Final = CATALOG.relations(CATALOG.of(Region))["within"]
_ACCOUNT: Final = CATALOG.relations(CATALOG.of(Deal))["account"]

ZONES: Final = (
    "UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu",
    "Pacific/Apia",
)  # fmt: skip
"""Zones with summer time, with half hours and quarters, and one that once left out a day."""


def _moments() -> list[dt.datetime]:
    """Return instants around the days on which these zones' clocks change, and around midnights and ends of years."""
    days = [(2024, 3, 31), (2024, 10, 27), (2024, 3, 10), (2024, 11, 3), (2024, 4, 6), (2024, 10, 5), (2011, 12, 30),
            (2023, 12, 31), (2024, 1, 1), (2024, 2, 29), (1999, 12, 31), (1970, 1, 1)]  # fmt: skip
    steps = [dt.timedelta(hours=hours, milliseconds=shift) for hours in range(-14, 38, 4) for shift in (-1, 0)]
    return [dt.datetime(*day, tzinfo=UTC) + step for day in days for step in steps]


def _first_day(day: dt.date, span: Bucket) -> dt.date:
    firsts: dict[Bucket, Callable[[], dt.date]] = {
        Bucket.DAY: lambda: day,
        Bucket.WEEK: lambda: day - dt.timedelta(days=day.isoweekday() - 1),
        Bucket.MONTH: lambda: day.replace(day=1),
        Bucket.QUARTER: lambda: dt.date(day.year, (day.month + 2) // 3 * 3 - 2, 1),
        Bucket.YEAR: lambda: dt.date(day.year, 1, 1),
    }
    return firsts[span]()


def _grouped(records: list[Any], key: Callable[[Any], Any], value: Callable[[Any], Any]) -> set[Row]:
    """Return what all six measures of `value` make of records grouped by `key`."""
    groups: dict[Any, list[Any]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(value(record))
    answer: set[Row] = set()
    for group, values in groups.items():
        present = [each for each in values if each is not None]
        low, high = (min(present), max(present)) if present else (None, None)
        answer.add((group, len(values), len(set(present)), sum(present), low, high))
    return answer


def _measures(column: str) -> tuple[Measure, ...]:
    ops = (Aggregate.COUNT_DISTINCT, Aggregate.SUM, Aggregate.MIN, Aggregate.MAX)
    return (Measure(Aggregate.COUNT), *(Measure(op, column) for op in ops))


def _accounts(regions: list[Region]) -> list[Account]:
    grades = (None, "gold", "silver", "Gold")
    scores = (None, INT64_MAX, 1, INT64_MAX, -3, None, 0, 2**53 + 1)
    moments = _moments()
    accounts: list[Account] = []
    for number, moment in enumerate(moments):
        region = (None, *regions)[number % (len(regions) + 1)]
        accounts.append(
            made(
                Account, name=TEXTS[number % len(TEXTS)],
                grade=grades[number % 4], score=scores[number % 7], seen=moment if number % 11 else None,
                active=(None, True, False)[number % 3], founded=moment.date() if number % 5 else None,
                worth=None if number % 3 == 0 else money_of(INT64_MIN + number, ("EUR", "USD")[number % 2]),
                region_id=region.id if region else None,
            )
        )  # fmt: skip
    return accounts


def _regions() -> list[Region]:
    top = made(Region, name="Top", rank=1)
    leaf = made(Region, name="Leaf", rank=None, within_id=top.id)
    twin = made(Region, name="Leaf", rank=3, within_id=top.id)
    return [top, leaf, twin]


class Summary:
    """A tally is a fetch, grouped."""

    @driven()
    async def test_a_tally_equals_grouping_the_fetch(self, ground: Ground) -> None:
        """Group by columns of several kinds; count, sum past 64 bits, take the least and the greatest."""
        accounts = _accounts([])
        await ground.plant(accounts)
        by: dict[str, Callable[[Account], Any]] = {
            "worth_currency": lambda a: a.worth and a.worth.currency,
            **{name: attrgetter(name) for name in ("grade", "active", "name", "score", "founded", "seen", "id")},
        }  # fmt: skip
        values: dict[str, Callable[[Account], Any]] = {
            "score": lambda a: a.score, "worth": lambda a: None if a.worth is None else a.worth.units
        }  # fmt: skip
        for column, key in by.items():
            for measured, value in values.items():
                found = await ground.tally(Account, core.And(()), [GroupKey(column)], _measures(measured))
                self._same(found, _grouped(accounts, key, value), (column, measured))

    @driven()
    async def test_least_and_greatest_of_every_kind(self, ground: Ground) -> None:
        """The least, the greatest and the number of distinct values, of kinds that cannot be summed."""
        accounts = _accounts([])
        await ground.plant(accounts)
        for column in ("name", "founded", "seen", "id", "grade", "created_at"):
            measures = (
                Measure(Aggregate.MIN, column),
                Measure(Aggregate.MAX, column),
                Measure(Aggregate.COUNT_DISTINCT, column),
            )
            present = [value for account in accounts if (value := getattr(account, column)) is not None]
            found = await ground.tally(Account, core.And(()), (), measures)
            assert found == [(min(present), max(present), len(set(present)))], column

    @driven()
    async def test_every_aggregate(self, ground: Ground) -> None:
        """Each aggregate that there is, of a number: what memory makes of the values; and of no value, its nothing."""
        accounts = _accounts([])
        await ground.plant(accounts)
        present = [account.score for account in accounts if account.score is not None]
        for aggregate in Aggregate:
            measures = (Measure(aggregate, "score"),)
            expected = MEASURE[aggregate](list(set(present)) if aggregate.distinct else present)
            assert await ground.tally(Account, core.And(()), (), measures) == [(expected,)], aggregate
            assert await ground.tally(Account, core.Constant(False), (), measures) == [(aggregate.nothing,)], aggregate

    @driven()
    async def test_groups_by_several_keys_and_a_filter(self, ground: Ground) -> None:
        """Several keys make one group for each combination that occurs among the rows asked for."""
        accounts = _accounts([])
        await ground.plant(accounts)
        some = [account for account in accounts if account.score is not None and account.score > 0]
        where = core.Compare("score", Op.GT, 0)
        found = await ground.tally(
            Account,
            where,
            [GroupKey("grade"), GroupKey("active")],
            (Measure(Aggregate.COUNT), Measure(Aggregate.SUM, "score")),
        )
        groups: dict[Any, list[Any]] = {}
        for account in some:
            groups.setdefault((account.grade, account.active), []).append(account.score)
        assert len(found) == len(groups)
        assert set(found) == {(*key, len(scores), sum(scores)) for key, scores in groups.items()}

    @driven()
    async def test_nothing_to_tally(self, ground: Ground) -> None:
        """Without rows and keys there is one group, all zero and missing; without rows but with keys there is none."""
        assert await ground.tally(Account, core.And(()), (), _measures("score")) == [(0, 0, 0, None, None)]
        assert await ground.tally(Account, core.And(()), [GroupKey("grade")], _measures("score")) == []
        for aggregate in Aggregate:
            found = await ground.tally(Account, core.And(()), (), (Measure(aggregate, "score"),))
            assert found == [(aggregate.nothing,)], f"{aggregate.value} of nothing"
        await ground.plant([made(Account, name="n")])
        assert await ground.tally(Account, core.And(()), (), _measures("score")) == [(1, 0, 0, None, None)]

    @driven(Feature.BUCKETS)
    async def test_buckets_in_named_zones(self, ground: Ground) -> None:
        """An instant falls into the day, week, month, quarter and year that the zone's own calendar says."""
        accounts = _accounts([])
        await ground.plant(accounts)
        for zone in ZONES:
            for span in Bucket:
                found = await ground.tally(
                    Account, core.And(()), [GroupKey("seen", bucket=span, zone=zone)], _measures("score")
                )
                expected = _grouped(accounts, partial(_bucket_seen, span=span, zone=ZoneInfo(zone)), lambda a: a.score)
                self._same(found, expected, (zone, span))

    @driven(Feature.BUCKETS)
    async def test_buckets_of_dates(self, ground: Ground) -> None:
        """A date falls into the span that holds it, in any zone; weeks begin on Monday."""
        ends = [made(Account, name="n", founded=day) for day in (dt.date.min, dt.date.max)]
        accounts = [*_accounts([]), *ends]
        await ground.plant(accounts)
        for span in Bucket:
            found = await ground.tally(
                Account, core.And(()), [GroupKey("founded", bucket=span, zone="Pacific/Apia")], _measures("score")
            )
            expected = _grouped(accounts, partial(_bucket_founded, span=span), lambda a: a.score)
            self._same(found, expected, span)

    @driven(Feature.REACH)
    async def test_keys_of_related_records(self, ground: Ground) -> None:
        """A key may lie one or two steps away; where a step leads nowhere, or nowhere permitted, it is missing."""
        regions = _regions()
        accounts = _accounts(regions)
        deals = [
            made(Deal, title="d", amount=Money(n, "EUR"), account_id=accounts[n % 9].id, chance=n) for n in range(40)
        ]
        await ground.plant([*regions, *accounts, *deals])
        region_of: dict[UUID | None, Region | None] = {None: None}
        region_of.update({region.id: region for region in regions})
        account_of = {account.id: account for account in accounts}
        mine = ground.mine()

        found = await ground.tally(Account, core.And(()), [GroupKey("name", (Hop(_REGION, mine),))], _measures("score"))
        expected = _grouped(accounts, lambda a: (region := region_of[a.region_id]) and region.name, lambda a: a.score)
        self._same(found, expected, "region.name")

        seen = ground.mine(core.Compare("name", Op.EQ, "Leaf"))
        found = await ground.tally(Account, core.And(()), [GroupKey("rank", (Hop(_REGION, seen),))], _measures("score"))
        expected = _grouped(accounts, lambda a: _rank(region_of[a.region_id]), lambda a: a.score)
        self._same(found, expected, "region.rank within Leaf")

        hops = (Hop(_ACCOUNT, mine), Hop(_REGION, mine), Hop(_WITHIN, mine))
        found = await ground.tally(Deal, core.And(()), [GroupKey("name", hops)], _measures("chance"))

        def above(deal: Deal) -> str | None:
            region = region_of[account_of[deal.account_id].region_id]
            over = region_of[region.within_id] if region else None
            return over.name if over else None

        self._same(found, _grouped(deals, above, lambda d: d.chance), "account.region.within.name")

    def _same(self, found: list[Row], expected: set[Row], what: object) -> None:
        assert len(found) == len(expected), f"{what}: {len(found)} groups, expected {len(expected)}"
        assert set(found) == expected, f"{what}: {set(found) ^ expected}"
        for row in found:
            assert all(type(value) is not float for value in row), f"{what}: a float in {row}"


def _rank(region: Region | None) -> int | None:
    return region.rank if region and region.name == "Leaf" else None


def _bucket_seen(account: Account, *, span: Bucket, zone: ZoneInfo) -> dt.date | None:
    return None if account.seen is None else _first_day(account.seen.astimezone(zone).date(), span)


def _bucket_founded(account: Account, *, span: Bucket) -> dt.date | None:
    return None if account.founded is None else _first_day(account.founded, span)
