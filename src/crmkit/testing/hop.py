"""Order by fields of related records."""

from __future__ import annotations

from itertools import product
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final
from unittest import SkipTest

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmkit.expr import core
from crmkit.expr.node import Op
from crmkit.storage.spi.plan import Hop, SortKey
from crmkit.storage.spi.store import Feature
from crmkit.testing.drive import Maker, driven, on_ground
from crmkit.testing.world import CATALOG, Account, Deal, Region, made
from crmkit.values import Money

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from crmkit.testing.ground import Ground

__all__ = ["Hops"]

_REGION: Final = CATALOG.relations(CATALOG.of(Account))["region"]
_WITHIN: Final = CATALOG.relations(CATALOG.of(Region))["within"]
_ACCOUNT: Final = CATALOG.relations(CATALOG.of(Deal))["account"]
_ALL: Final = core.And(())
_NAMES: Final = (("Top", "Leaf", "leaf", ""), (1, None, 3, -2))


def _regions(parents: Sequence[int | None]) -> list[Region]:
    """Return a forest: each region lies within the one that is named by its place, or within none."""
    regions: list[Region] = []
    for number, parent in enumerate(parents):
        within = regions[parent].id if parent is not None and parent < number else None
        regions.append(made(Region, name=_NAMES[0][number % 4], rank=_NAMES[1][number % 4], within_id=within))
    return regions


def _sorted(rows: list[Any], *keys: tuple[SortKey, Callable[[Any], Any]]) -> list[UUID]:
    """Return the ids of records, sorted as Python sorts them by values that functions give."""
    for key, value in reversed(keys):
        present = sorted((row for row in rows if value(row) is not None), key=value, reverse=key.descending)
        missing = [row for row in rows if value(row) is None]
        rows = [*missing, *present] if key.missing_first else [*present, *missing]
    return [row.id for row in rows]


class Hops:
    """Rows sort by what the record has to which a relation leads; where it leads nowhere, the value is missing."""

    @driven(Feature.REACH)
    async def test_sorts_by_a_relation_s_field(self, ground: Ground) -> None:
        """Up and down, missing values first and last, beside keys of its own, and cut by a limit."""
        regions = _regions([None, 0, 0, 1])
        reached = {region.id: region for region in regions}
        accounts = [
            made(Account, name="n", score=number % 3, region_id=(None, *reached)[number % 5]) for number in range(17)
        ]
        await ground.plant([*regions, *accounts])
        hop = (Hop(_REGION, ground.mine()),)

        def beyond(column: str) -> Callable[[Any], Any]:
            return lambda account: getattr(reached.get(account.region_id), column, None)

        for column, descending, missing_first in product(("rank", "name", "id"), (False, True), (False, True)):
            keys = (
                (SortKey("score", True), attrgetter("score")),
                (SortKey(column, descending, missing_first, hop), beyond(column)),
                (SortKey("id"), attrgetter("id")),
            )
            order = tuple(key for key, _ in keys)
            expected = _sorted(accounts, *keys)
            assert await ground.ids(Account, _ALL, order=order) == expected, order
            assert await ground.ids(Account, _ALL, order=order, limit=5) == expected[:5], order

    @driven(Feature.REACH)
    async def test_a_hop_leads_to_what_it_permits(self, ground: Ground) -> None:
        """A record that does not satisfy the hop's condition is as good as missing, also in the middle of a path."""
        regions = _regions([None, 0, 1, 2])
        accounts = [made(Account, name="n", region_id=region.id) for region in regions]
        deals = [
            made(Deal, title="d", amount=Money(1, "EUR"), account_id=account.id) for account in (*accounts, *accounts)
        ]
        await ground.plant([*regions, *accounts, *deals])
        region_of = {account.id: region for account, region in zip(accounts, regions, strict=True)}
        by_id: dict[Any, Region] = {region.id: region for region in regions}
        seen = ground.mine(core.Compare("name", Op.NE, "leaf"))
        hops = (Hop(_ACCOUNT, ground.mine()), Hop(_REGION, seen), Hop(_WITHIN, ground.mine()))

        def above(deal: Deal) -> str | None:
            region = region_of[deal.account_id]
            over = by_id.get(region.within_id) if region.name != "leaf" else None
            return over.name if over else None

        for missing_first in (False, True):
            key = SortKey("name", missing_first=missing_first, hops=hops)
            found = await ground.ids(Deal, _ALL, order=(key, SortKey("id", True)))
            assert found == _sorted(deals, (key, above), (SortKey("id", True), attrgetter("id")))

    @driven(Feature.REACH)
    async def test_a_condition_on_relations_beside_the_order(self, ground: Ground) -> None:
        """What is asked about related records, and what is sorted by, do not get into each other's way."""
        regions = _regions([None, 0])
        accounts = [made(Account, name="n", region_id=regions[number % 2].id) for number in range(6)]
        await ground.plant([*regions, *accounts])
        key = SortKey("rank", True, True, (Hop(_REGION, ground.mine()),))
        where = core.And(
            (
                core.Exists(_REGION, ground.mine()),
                core.In("id", tuple(account.id for account in accounts[1:])),
            )
        )
        expected = [*(a.id for a in accounts[1:] if a.region_id == regions[1].id)]
        expected += [a.id for a in accounts[1:] if a.region_id == regions[0].id]
        assert await ground.ids(Account, where, order=(key, SortKey("id"))) == expected

    def test_sorts_drawn_forests_as_python_does(self: Maker) -> None:
        """Any forest, any path into it, any direction."""
        with on_ground(self) as (ground, run):
            if Feature.REACH not in ground.store.features:
                raise SkipTest("the store does not declare reach")

            @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
            @given(st.lists(st.none() | st.integers(0, 5), min_size=1, max_size=7), st.lists(_PATHS, max_size=3))
            def compare(parents: list[int | None], paths: list[tuple[str, int, bool, bool]]) -> None:
                run(_compare(ground.elsewhere(), _regions(parents), paths))

            compare()


_PATHS: Final = st.tuples(st.sampled_from(("name", "rank")), st.integers(0, 3), st.booleans(), st.booleans())


async def _compare(ground: Ground, regions: list[Region], paths: list[tuple[str, int, bool, bool]]) -> None:
    await ground.plant(regions)
    by_id: dict[Any, Region] = {region.id: region for region in regions}

    def value(column: str, steps: int) -> Callable[[Any], Any]:
        def read(region: Region | None) -> Any:
            for _ in range(steps):
                region = by_id.get(region.within_id) if region else None
            return getattr(region, column, None)

        return read

    keys = [
        (SortKey(column, descending, missing_first, (Hop(_WITHIN, ground.mine()),) * steps), value(column, steps))
        for column, steps, descending, missing_first in paths
    ]
    order = (*(key for key, _ in keys), SortKey("id"))
    assert await ground.ids(Region, _ALL, order=order) == _sorted(regions, *keys, (SortKey("id"), attrgetter("id"))), (
        order
    )
