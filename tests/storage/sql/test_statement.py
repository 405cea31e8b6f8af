"""Plans of one shape share one statement, and only so many are kept."""

import pytest

from crmkit.errors import Unsupported
from crmkit.expr.core import And, Compare, Constant, Exists, Has, In, Not, Or, Prefix, Substring
from crmkit.expr.nodes import Op
from crmkit.storage.spi import Patch, Query
from crmkit.storage.sql.statement import Statement, StatementCache
from crmkit.testing.drive import step
from crmkit.values.identifier import uuid_of_int
from tests.storage.sql.shop import CATALOG, FIRM, Firm, Person, add, ids, mine, numbers


def score(op, value):
    return mine(Compare("score", op, value))


def text_of(store, where):
    return store._database.query(ids(where))[0]


def test_values_are_parameters(store):
    text, values = store._database.query(ids(mine(Compare("name", Op.EQ, "Robert'); DROP TABLE firms;--"))))
    assert "Robert" not in text
    assert "Robert'); DROP TABLE firms;--" in values


def test_plans_that_differ_in_values_only_share_a_statement(store):
    before = len(store._database.cache)
    texts = {text_of(store, score(Op.EQ, number)) for number in range(100)}
    assert len(texts) == 1
    assert len(store._database.cache) == before + 1


@pytest.mark.parametrize(
    "other",
    [
        mine(Compare("score", Op.NE, 1)),
        mine(Compare("version", Op.EQ, 1)),
        mine(Compare("score", Op.EQ, 1), Constant(value=False)),
        Or((mine(), Compare("score", Op.EQ, 1))),
        mine(In("score", (1, 2))),
        mine(Prefix("name", "a")),
        mine(Substring("name", "a", negated=True)),
        mine(Has("labels", "a")),
    ],
)
def test_plans_that_differ_otherwise_do_not(store, other):
    assert text_of(store, other) != text_of(store, score(Op.EQ, 1))


def test_lists_of_any_length_make_few_shapes(store):
    texts = {text_of(store, mine(In("score", tuple(range(length))))) for length in range(1, 2000)}
    assert len(texts) == 7


def test_a_list_of_fifty_thousand(store):
    step(add(store, *(Firm(name="n", score=number) for number in range(10))))
    many = (*range(5, 50_005),)
    assert step(numbers(store, ids(mine(In("score", many))))) == [6, 7, 8, 9, 10]
    assert step(numbers(store, ids(mine(In("score", many, negated=True))))) == [1, 2, 3, 4, 5]
    known = tuple(uuid_of_int(number) for number in range(3, 50_003))
    assert step(numbers(store, ids(mine(In("id", known))))) == list(range(3, 11))


def test_two_thousand_alternatives(store):
    step(add(store, *(Firm(name="n", score=number) for number in range(10))))
    wide = Or(tuple(Compare("score", Op.EQ, number) for number in range(5, 2005)))
    assert step(numbers(store, ids(mine(wide)))) == [6, 7, 8, 9, 10]
    narrow = And(tuple(Compare("score", Op.NE, number) for number in range(5, 2005)))
    assert step(numbers(store, ids(mine(narrow)))) == [1, 2, 3, 4, 5]


def test_a_hundred_alternatives_over_a_relation(store):
    step(add(store, Firm(name="a"), Firm(name="b")))
    step(add(store, Person(name="7", firm_id=uuid_of_int(2))))
    people = CATALOG.relations(FIRM)["people"]
    wide = Or(tuple(Exists(people, mine(Compare("name", Op.EQ, str(number)))) for number in range(100)))
    assert step(numbers(store, ids(mine(wide)))) == [2]


def test_what_is_not_in_normal_form_is_refused(store):
    with pytest.raises(Unsupported, match="normal form"):
        store._database.query(ids(Not(Constant(value=True))))


def test_a_patch_gives_each_column_its_own_value(store):
    step(add(store, Firm(name="n")))
    for changes in ({"name": "a", "city": "b"}, {"city": "c", "name": "d"}):

        async def change(changes=changes):
            unit = await store.begin()
            assert await unit.patch(Patch(FIRM, mine(), changes)) == 1
            (found,) = await unit.fetch(Query(FIRM, mine(), ("name", "city")))
            await unit.commit()
            return found

        assert step(change()) == (changes["name"], changes["city"])


def test_the_cache_keeps_what_was_used_last():
    cache = StatementCache(2)
    made = []

    def get(name):
        if cache.get(name) is None:
            made.append(name)
            cache.keep(name, Statement(name, tuple))

    for name in ["a", "b", "a", "c", "a", "b"]:
        get(name)
    assert made == ["a", "b", "c", "b"]
    assert len(cache) == 2
