"""Plans that are nested more deeply than Python's stack reaches."""

import pytest

from crmkit.entities import BUILT_IN
from crmkit.errors import Unsupported
from crmkit.expr.core import And, Compare, Exists, Or
from crmkit.expr.node import Op
from crmkit.model.catalog import Catalog
from crmkit.storage.opening import open_store
from crmkit.storage.spi import Aggregate, Measure, Patch, Query, Removal, Tally
from crmkit.testing.drive import step

CATALOG = Catalog(BUILT_IN)
TEAM = CATALOG["team"]
MINE = Compare("tenant", Op.EQ, "t")
DEEP = 5000


def junctions():
    where = MINE
    for number in range(DEEP):
        where = (Or, And)[number % 2]((where, Compare("name", Op.EQ, str(number))))
    return where


def hops():
    parent = CATALOG.relations(TEAM)["parent"]
    where = MINE
    for _ in range(DEEP):
        where = And((MINE, Exists(parent, where)))
    return where


@pytest.mark.parametrize("nest", [junctions, hops])
def test_what_is_nested_too_deeply_is_refused_and_the_unit_goes_on(store_url, nest):
    async def ask():
        store = open_store(store_url, awaited=False)
        await store.prepare(CATALOG, create=True)
        unit = await store.begin()
        where = nest()
        for work in (
            lambda: unit.fetch(Query(TEAM, where, ("id",))),
            lambda: unit.tally(Tally(TEAM, where, (), (Measure(Aggregate.COUNT),))),
            lambda: unit.patch(Patch(TEAM, where, {"name": "n"})),
            lambda: unit.remove(Removal(TEAM, where)),
        ):
            with pytest.raises(Unsupported, match="nested too deeply for this store"):
                await work()
        assert await unit.fetch(Query(TEAM, MINE, ("id",))) == []
        await unit.rollback()
        await store.close()

    step(ask())
