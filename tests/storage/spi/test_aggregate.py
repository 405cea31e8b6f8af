"""An aggregate is one row, and each store spells all of them."""

from crmkit.storage.memory.tally import MEASURE
from crmkit.storage.mongo.tally import SPELLED
from crmkit.storage.spi import Aggregate
from crmkit.storage.sql.measure import spellings
from crmkit.storage.sql.sqlite.dialect import SqliteDialect


def test_no_store_forgets_an_aggregate():
    assert set(MEASURE) == set(Aggregate)
    assert set(spellings(SqliteDialect())) == set(Aggregate)
    assert set(SPELLED) == {each for each in Aggregate if not each.distinct}


def test_an_aggregate_is_named_by_its_word():
    assert [Aggregate(each.value) for each in Aggregate] == list(Aggregate)
    assert Aggregate("count_distinct") is Aggregate.COUNT_DISTINCT
