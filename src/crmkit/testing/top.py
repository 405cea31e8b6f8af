"""The first rows of each value of a column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from unittest import SkipTest

import attrs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmkit.expr import core
from crmkit.expr.node import Op
from crmkit.storage.spi.plan import Hop, SortKey, Top
from crmkit.storage.spi.store import Feature
from crmkit.testing.drive import Maker, driven, on_ground
from crmkit.testing.ground import BY_ID
from crmkit.testing.world import CATALOG, Account, Region, made

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from crmkit.testing.ground import Ground

__all__ = ["Tops"]

_ALL: Final = core.And(())
_REGION: Final = CATALOG.relations(CATALOG.of(Account))["region"]
_SCORES: Final = (3, None, 1, 3, 2, None)


def _accounts(regions: Sequence[Region], number: int = 17) -> list[Account]:
    """Return accounts of several regions and of none."""
    homes = (None, *(region.id for region in regions))
    return [
        made(Account, name="n", score=_SCORES[each % len(_SCORES)], region_id=homes[each % len(homes)])
        for each in range(number)
    ]


async def _first(
    ground: Ground, number: int, order: tuple[SortKey, ...] = BY_ID, where: core.Core = _ALL
) -> dict[UUID | None, list[UUID]]:
    """Return the ids of the first accounts of each region that satisfy an expression, in order."""
    query = ground.query(Account, where, ("region_id", "id"), order)
    found: dict[UUID | None, list[UUID]] = {}
    for region, id in await ground.fetch(attrs.evolve(query, top=Top("region_id", number))):
        found.setdefault(region, []).append(id)
    return found


def _expected(rows: Sequence[Account], number: int) -> dict[UUID | None, list[UUID]]:
    found: dict[UUID | None, list[UUID]] = {}
    for row in rows:
        found.setdefault(row.region_id, []).append(row.id)
    return {region: ids[:number] for region, ids in found.items()}


class Tops:
    """A query keeps the first rows of each value of a column."""

    @driven(Feature.TOP)
    async def test_keeps_the_first_of_each_value(self, ground: Ground) -> None:
        """In the order asked for, missing values at the end asked for; rows without the value are one more group."""
        regions = [made(Region, name=name) for name in "ab"]
        accounts = _accounts(regions)
        await ground.plant([*regions, *accounts])
        for number in (1, 2, 100):
            for descending in (False, True):
                for missing_first in (False, True):
                    order = (SortKey("score", descending, missing_first), SortKey("id"))
                    ends = [each for each in accounts if each.score is None]
                    middle = [each for each in accounts if each.score is not None]
                    middle.sort(key=lambda each: each.score or 0, reverse=descending)
                    rows = [*ends, *middle] if missing_first else [*middle, *ends]
                    assert await _first(ground, number, order) == _expected(rows, number), (number, order)

    @driven(Feature.TOP)
    async def test_counts_only_what_satisfies_the_expression(self, ground: Ground) -> None:
        """What is left out takes no place among the first two, and neither do the rows of another tenant."""
        regions = [made(Region, name=name) for name in "ab"]
        accounts = _accounts(regions)
        await ground.plant([*regions, *accounts])
        await ground.elsewhere().plant(_accounts(()))
        seen = core.Compare("score", Op.GT, 1)
        rows = [each for each in accounts if each.score is not None and each.score > 1]
        assert await _first(ground, 2, where=seen) == _expected(rows, 2)

    @driven(Feature.TOP)
    async def test_a_limit_bounds_the_whole(self, ground: Ground) -> None:
        """The answer is one of the rows that would be kept without it, and no more of them than it says."""
        regions = [made(Region, name=name) for name in "ab"]
        accounts = _accounts(regions)
        await ground.plant([*regions, *accounts])
        kept = {id for ids in _expected(accounts, 2).values() for id in ids}
        for limit in (0, 1, 5, 6, 7):
            query = attrs.evolve(ground.query(Account, _ALL, limit=limit), top=Top("region_id", 2))
            found = [id for (id,) in await ground.fetch(query)]
            assert len(found) == len({*found}) == min(limit, len(kept)), limit
            assert kept >= {*found}, limit

    @driven(Feature.TOP, Feature.REACH)
    async def test_orders_by_related_records_and_asks_about_them(self, ground: Ground) -> None:
        """A sort key may lie beyond a relation, and so may what is asked."""
        near, far = (made(Region, name=name, rank=rank) for name, rank in (("near", 1), ("far", 2)))
        homes = (far.id, near.id)
        accounts = [made(Account, name="n", score=each % 2, region_id=homes[each // 2 % 2]) for each in range(12)]
        await ground.plant([near, far, *accounts])
        order = (SortKey("rank", hops=(Hop(_REGION, ground.mine()),)), SortKey("id", True))
        query = ground.query(Account, core.Exists(_REGION, ground.mine()), ("score", "id"), order)
        found = await ground.fetch(attrs.evolve(query, top=Top("score", 4)))
        for score in (0, 1):
            alike = [each for each in reversed(accounts) if each.score == score]
            wanted = [each.id for home in (near, far) for each in alike if each.region_id == home.id]
            assert [id for value, id in found if value == score] == wanted[:4]

    def test_keeps_the_first_of_drawn_rows_as_python_does(self: Maker) -> None:
        """Any values, any number, any direction."""
        with on_ground(self) as (ground, run):
            if Feature.TOP not in ground.store.features:
                raise SkipTest("the store does not declare top")

            @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
            @given(st.lists(st.tuples(_FEW, _FEW), max_size=12), st.integers(1, 4), st.booleans(), st.booleans())
            def compare(rows: list[tuple[int | None, int | None]], number: int, down: bool, first: bool) -> None:  # noqa: FBT001 - drawn
                run(_compare(ground.elsewhere(), rows, number, SortKey("score", down, first)))

            compare()


_FEW: Final = st.none() | st.integers(0, 2)


async def _compare(ground: Ground, rows: list[tuple[int | None, int | None]], number: int, key: SortKey) -> None:
    regions = [made(Region, name=f"r{each}") for each in range(3)]
    accounts = [
        made(Account, name="n", score=score, region_id=None if home is None else regions[home].id)
        for home, score in rows
    ]
    await ground.plant([*regions, *accounts])
    present = [each for each in accounts if each.score is not None]
    present.sort(key=lambda each: each.score or 0, reverse=key.descending)
    missing = [each for each in accounts if each.score is None]
    wanted = [*missing, *present] if key.missing_first else [*present, *missing]
    assert await _first(ground, number, (key, SortKey("id"))) == _expected(wanted, number), (rows, number, key)
