"""An aggregate is one row, and each store spells all of them."""

import pytest

from crmkit.storage.memory.tally import MEASURE
from crmkit.storage.mongo.tally import SPELLED
from crmkit.storage.spi import Aggregate
from crmkit.storage.sql.measure import spellings
from crmkit.storage.sql.sqlite.dialect import SqliteDialect

# MongoDB counts groups of equal values; it has no operator for it.
SPELLINGS = {
    "memory": set(MEASURE),
    "sqlite": set(spellings(SqliteDialect())),
    "mongo": {*SPELLED, *(each for each in Aggregate if each.distinct)},
}


@pytest.mark.parametrize("store", SPELLINGS)
def test_no_store_forgets_an_aggregate(store):
    assert SPELLINGS[store] == set(Aggregate), f"{store} does not spell each aggregate"


def test_an_aggregate_is_named_by_its_word():
    assert [Aggregate(each.value) for each in Aggregate] == list(Aggregate)
    assert Aggregate("count_distinct") is Aggregate.COUNT_DISTINCT
