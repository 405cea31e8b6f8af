"""Every query is served by an index: what SQLite says about the statements that the store runs."""

import pytest

from crmkit import Action, ago, connect, days, f, system
from crmkit.expr.core import And, Compare, Constant, Exists, In, Missing, Or, Prefix
from crmkit.expr.node import Op
from crmkit.storage.spi import Patch, Query, SortKey, Top
from crmkit.testing.drive import step
from crmkit.values.identifier import uuid_of_int
from tests.storage.sql.shop import CATALOG, FIRM, NOW, PERSON, ids, mine

RESULTS = ("SCAN anon_1 VIRTUAL TABLE", "SCAN (subquery", "SCAN ranked")
"""What is read from end to end and is no table: a list of values, and what a statement has found so far."""
LIVE = Missing("deleted_at")
ID = SortKey("id")
PEOPLE = CATALOG.relations(FIRM)["people"]
FIRM_OF = CATALOG.relations(PERSON)["firm"]


@pytest.fixture
def explain(store):
    def lines(command):
        async def ask():
            unit = await store.begin()
            await unit.fetch(ids())
            text, values = command
            rows = await unit._channel.rows(f"EXPLAIN QUERY PLAN {text}", values)
            await unit.rollback()
            return [detail for *_, detail in rows]

        found = step(ask())
        assert not [line for line in found if line.startswith("SCAN") and not line.startswith(RESULTS)], found
        return found

    return lines


def after(column, value, *, descending=False):
    """What holds of the rows behind a position, as pages ask for it."""
    beyond, start = (Op.LT, Op.LE) if descending else (Op.GT, Op.GE)
    rest = And((Compare(column, Op.EQ, value), Compare("id", beyond, uuid_of_int(5))))
    return And((Compare(column, start, value), Or((Compare(column, beyond, value), rest))))


PAGES = {
    "get": (Compare("id", Op.EQ, uuid_of_int(1)), (), "sqlite_autoindex_firms_1 (tenant=? AND id=?)"),
    "get many": (In("id", tuple(map(uuid_of_int, range(5000)))), (), "sqlite_autoindex_firms_1 (tenant=? AND id=?)"),
    "unique": (Compare("email", Op.EQ, "a"), (), "uq_firms__email (tenant=? AND email=?)"),
    "indexed, by id": (Compare("rank", Op.EQ, "gold"), (ID,), "ix_firms__rank (tenant=? AND rank=?)"),
    "prefix": (
        Prefix("name_folded", "ac"),
        (),
        "ix_firms__name_folded (tenant=? AND name_folded>? AND name_folded<?)",
    ),
    "first by id": (LIVE, (ID,), "sqlite_autoindex_firms_1 (tenant=?)"),
    "next by id": (Compare("id", Op.GT, uuid_of_int(5)), (ID,), "sqlite_autoindex_firms_1 (tenant=? AND id>?)"),
    "first by time": (LIVE, (SortKey("created_at"), ID), "ix_firms__created_at (tenant=?)"),
    "next by time": (
        after("created_at", NOW),
        (SortKey("created_at"), ID),
        "ix_firms__created_at (tenant=? AND created_at>?)",
    ),
    "next by time, newest first": (
        after("created_at", NOW, descending=True),
        (SortKey("created_at", descending=True), SortKey("id", descending=True)),
        "ix_firms__created_at (tenant=? AND created_at<?)",
    ),
    "missing last": (LIVE, (SortKey("rank"), ID), "ix_firms__rank (tenant=?)"),
    "missing first": (LIVE, (SortKey("rank", missing_first=True), ID), "ix_firms__rank (tenant=?)"),
    "next among present": (
        And((Missing("rank", negated=True), after("rank", "gold"))),
        (SortKey("rank"), ID),
        "ix_firms__rank (tenant=? AND rank>?)",
    ),
}


@pytest.mark.parametrize("name", PAGES)
def test_rows_and_their_order_come_from_an_index(store, explain, name):
    where, order, plan = PAGES[name]
    lines = [
        line.replace("COVERING ", "")
        for line in explain(store._database.query(ids(mine(where, LIVE), *order, limit=100)))
    ]
    assert lines[0] == f"SEARCH firms USING INDEX {plan}"
    assert not [line for line in lines if "TEMP B-TREE" in line] or not order


def test_a_relation_is_looked_up_by_the_link(store, explain):
    where = Exists(PEOPLE, mine(Compare("name", Op.EQ, "Ada")))
    lines = explain(store._database.query(ids(mine(where))))
    assert [line for line in lines if "SEARCH t1 USING" in line and "(tenant=? AND firm_id=?)" in line], lines


@pytest.mark.parametrize("number", [3, 33])
@pytest.mark.parametrize("top", [None, Top("firm_id", 3)])
def test_what_belongs_to_many_rows_is_looked_up_by_the_link(store, explain, number, top):
    """However many they are: in the order of ids alone, SQLite would read all rows of the tenant."""
    where = mine(LIVE, In("firm_id", tuple(map(uuid_of_int, range(number)))))
    order = (SortKey("firm_id", missing_first=True), ID)
    lines = explain(store._database.query(Query(PERSON, where, ("id",), order, 100, top)))
    assert [line for line in lines if "people USING INDEX" in line and "(tenant=? AND firm_id=?" in line], lines


def test_an_index_on_the_condition_does_not_take_the_place_of_the_link_s(sqlite_url):
    """With as many columns in common, SQLite once chose it, and read all that satisfies the condition for each row."""
    with connect(sqlite_url) as crm, crm.session(system("test")) as s:
        doors = s._inner.doors
        deals = doors.of("opportunity")
        moved = f.moves.any((f.pipeline == "opportunity") & (f.at > ago(days(9))))
        where = deals._within(step(deals.bind(moved)), Action.READ, deleted=False)
        text, values = crm.environment.store._database.query(Query(deals.schema, where, ("id",)))
        s.opportunities.count()  # opens the connection
        rows = step(doors.unit._unit._channel.rows(f"EXPLAIN QUERY PLAN {text}", values))
        found = [detail for *_, detail in rows if "SEARCH t1" in detail]
        assert found == [
            "SEARCH t1 USING INDEX uq_stage_moves__entity_record_id_number (tenant=? AND entity=? AND record_id=?)"
        ]


def test_a_path_is_looked_up_by_the_target_s_id(store, explain):
    query = ids(mine(Exists(FIRM_OF, Constant(value=True))))
    people = type(query)(PERSON, query.where, ("id",), query.order)
    lines = explain(store._database.query(people))
    assert [line for line in lines if "SEARCH t1 USING" in line and "(tenant=? AND id=?)" in line], lines


def test_a_versioned_update_finds_its_row_by_id(store, explain):
    where = mine(Compare("id", Op.EQ, uuid_of_int(1)), Compare("version", Op.EQ, 3))
    lines = explain(store._database.patch(Patch(FIRM, where, {"name": "x", "version": 4})))
    assert lines == ["SEARCH firms USING INDEX sqlite_autoindex_firms_1 (tenant=? AND id=?)"]
