"""Transactions, and what a database's errors become."""

import sqlite3

import pytest
from sqlalchemy import create_engine

from crmkit.errors import BadRecord, Busy, Duplicate, StoreError
from crmkit.expr.core import Compare, Constant
from crmkit.expr.node import Op
from crmkit.storage.spi import Patch, Removal
from crmkit.storage.sql.sqlite.store import open_sqlite
from crmkit.testing.drive import step
from crmkit.values.identifier import uuid_of_int
from tests.storage.sql.shop import CATALOG, FIRM, PERSON, Firm, Person, add, ids, mine, numbers, row

SECRET = "secret@example.org"
EVERY = Constant(value=True)


@pytest.fixture
def raw(store):
    """A connection of the test's own to the same file."""
    connection = sqlite3.connect(store._engine.url.database, timeout=0, isolation_level=None)
    yield connection
    connection.close()


def one(number):
    return mine(Compare("id", Op.EQ, uuid_of_int(number)))


# -- locks -------------------------------------------------------------------------------------------------------------


def test_reading_takes_no_lock_and_the_first_write_takes_it(store, raw):
    async def read_then_write():
        unit = await store.begin()
        await unit.fetch(ids())
        raw.execute("BEGIN EXCLUSIVE")
        raw.execute("COMMIT")
        await unit.insert(FIRM, [row(Firm(name="n"), 1)])
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            raw.execute("BEGIN IMMEDIATE")
        assert raw.execute("SELECT count(*) FROM firms").fetchone() == (0,)
        await unit.commit()
        assert raw.execute("SELECT count(*) FROM firms").fetchone() == (1,)

    step(read_then_write())


def test_what_was_read_before_another_wrote_does_not_stop_a_write(store):
    async def interleave():
        first = await store.begin()
        assert await first.fetch(ids()) == []
        await add(store, Firm(name="other"))
        await first.insert(FIRM, [row(Firm(name="own"), 2)])
        await first.commit()

    step(interleave())
    assert step(numbers(store, ids())) == [1, 2]


def test_a_locked_database_is_busy_and_the_unit_lives_on(store, raw):
    async def wait_for_the_lock():
        unit = await store.begin()
        raw.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy):
            await unit.insert(FIRM, [row(Firm(name="n"), 1)])
        raw.execute("ROLLBACK")
        await unit.insert(FIRM, [row(Firm(name="n"), 1)])
        await unit.commit()

    step(wait_for_the_lock())
    assert step(numbers(store, ids())) == [1]


# -- duplicates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "number", "fields"),
    [(Firm(name="n", email=SECRET), 9, ("email",)), (Firm(name="n"), 1, ("id",))],
    ids=["unique", "id"],
)
@pytest.mark.parametrize("others", [0, 3], ids=["single", "bulk"])
def test_a_duplicate_names_its_fields_and_tells_no_value(store, record, number, fields, others):
    step(add(store, Firm(name="n", email=SECRET)))

    async def insert():
        unit = await store.begin()
        await unit.insert(FIRM, [row(Firm(name="before"), 50)])
        rows = [row(Firm(name="n"), 20 + place) for place in range(others)]
        with pytest.raises(Duplicate) as caught:
            await unit.insert(FIRM, [*rows, row(record, number)])
        await unit.insert(FIRM, [row(Firm(name="after"), 51)])
        await unit.commit()
        return caught.value

    error = step(insert())
    assert (error.entity, error.fields) == ("firm", fields)
    assert "secret" not in repr(error)
    assert error.__cause__ is None
    assert error.__suppress_context__
    assert step(numbers(store, ids())) == [1, 50, 51]


def test_a_patch_into_a_duplicate(store):
    step(add(store, Person(name="a"), Person(name="b")))
    step(add(store, Firm(name="n")))

    async def patch():
        unit = await store.begin()
        here = {"firm_id": f"{1:032x}", "name": "same"}
        assert await unit.patch(Patch(PERSON, one(1), here)) == 1
        with pytest.raises(Duplicate) as caught:
            await unit.patch(Patch(PERSON, one(2), here))
        await unit.rollback()
        return caught.value.fields

    assert step(patch()) == ("firm_id", "name")


def test_another_tenant_may_use_the_same_key(store):
    step(add(store, Firm(name="n", email=SECRET)))
    step(add(store, Firm(name="n", email=SECRET), tenant="other"))


# -- links -------------------------------------------------------------------------------------------------------------


def test_records_may_link_to_each_other_in_any_order(store):
    step(add(store, Firm(name="part", parent_id=uuid_of_int(2)), Firm(name="whole")))
    assert step(numbers(store, ids())) == [1, 2]


@pytest.mark.parametrize("tenant", ["t", "other"])
def test_a_link_to_nothing_is_refused_at_the_end(store, tenant):
    step(add(store, Firm(name="n"), tenant="other", first=7))
    lost = uuid_of_int(8 if tenant == "other" else 7)

    async def write():
        unit = await store.begin()
        await unit.insert(FIRM, [row(Firm(name="part", parent_id=lost), 1, tenant)])
        with pytest.raises(BadRecord) as caught:
            await unit.commit()
        await unit.rollback()
        return caught.value

    error = step(write())
    assert [(problem.field, problem.code) for problem in error.problems] == [("parent_id", "no_such_link")]
    assert step(numbers(store, ids())) == []


def test_what_others_link_to_cannot_be_removed(store):
    step(add(store, Firm(name="whole"), Firm(name="part", parent_id=uuid_of_int(1))))

    async def remove(*which):
        unit = await store.begin()
        for number in which:
            assert await unit.remove(Removal(FIRM, one(number))) == 1
        await unit.commit()

    with pytest.raises(BadRecord, match="parent_id: links to a missing firm"):
        step(remove(1))
    assert step(numbers(store, ids())) == [1, 2]
    step(remove(1, 2))
    assert step(numbers(store, ids())) == []


# -- other errors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "changes", "message"),
    [
        ("SELECT 1", {"rank": "tin " + SECRET}, "refused a row of firm: ck_firms__rank"),
        ("SELECT 1", {"name": None}, "refused a row of firm: firms.name"),
        ("SELECT 1", {"score": 2**64}, "failed on firm: OverflowError"),
        ("SELECT 1", {"name": "\ud800" + SECRET}, "failed on firm: UnicodeEncodeError"),
        ("SELECT 1", {"name": object()}, "failed on firm: "),
        ("DROP TABLE firms", {"name": SECRET}, "failed on firm: SQLITE_ERROR"),
        (
            "CREATE TRIGGER t BEFORE UPDATE ON firms BEGIN SELECT RAISE(ABORT, 'secret'); END",
            {"name": SECRET},
            "failed on firm: SQLITE_CONSTRAINT_TRIGGER",
        ),
    ],
)
def test_other_errors_name_the_fact_and_tell_no_value(store, raw, statement, changes, message):
    step(add(store, Firm(name="n")))
    raw.execute(statement)

    async def patch():
        unit = await store.begin()
        with pytest.raises(StoreError, match=message) as caught:
            await unit.patch(Patch(FIRM, one(1), changes))
        await unit.rollback()
        return caught.value

    assert "secret" not in str(step(patch()))


def test_an_error_that_ended_the_transaction_ends_the_unit(store):
    async def fail():
        unit = await store.begin()
        await unit.insert(FIRM, [row(Firm(name="lost"), 1)])
        with pytest.raises(StoreError, match="OverflowError"):
            await unit.patch(Patch(FIRM, EVERY, {"score": 2**64}))
        with pytest.raises(StoreError, match="ended the unit before"):
            await unit.insert(FIRM, [row(Firm(name="alone"), 2)])
        with pytest.raises(StoreError, match="ended the unit before"):
            await unit.commit()
        await unit.rollback()

    step(fail())
    assert step(numbers(store, ids())) == []


def test_a_unit_ends_once(store):
    async def twice():
        unit = await store.begin()
        await unit.insert(FIRM, [row(Firm(name="n"), 1)])
        await unit.commit()
        with pytest.raises(StoreError, match="committed before"):
            await unit.fetch(ids())
        with pytest.raises(StoreError, match="committed before"):
            await unit.commit()
        await unit.rollback()

    step(twice())
    assert step(numbers(store, ids())) == [1]


def test_a_unit_that_was_forgotten_is_rolled_back(store):
    async def leave_open():
        unit = await store.begin()
        await unit.insert(FIRM, [row(Firm(name="forgotten"), 1)])

    step(leave_open())
    assert step(numbers(store, ids())) == []
    step(add(store, Firm(name="n")))
    assert step(numbers(store, ids())) == [1]


def test_a_connection_serves_one_unit_after_another(store):
    async def driver_of_a_unit():
        unit = await store.begin()
        await unit.fetch(ids())
        driver = unit._channel._driver
        await unit.rollback()
        return driver

    assert step(driver_of_a_unit()) is step(driver_of_a_unit())


def test_a_unit_that_did_nothing_takes_no_connection(store):
    async def nothing():
        for end in ("commit", "rollback"):
            unit = await store.begin()
            assert unit._channel._driver is None
            await getattr(unit, end)()
            await unit.rollback()

    step(nothing())


def test_a_full_pool_is_busy(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'host.db'}", pool_size=1, max_overflow=0, pool_timeout=0.05)
    store = open_sqlite(engine)

    async def exceed():
        await store.prepare(CATALOG, create=True)
        first, second = await store.begin(), await store.begin()
        await first.fetch(ids())
        with pytest.raises(Busy, match="pool"):
            await second.fetch(ids())
        await first.commit()
        assert await second.fetch(ids()) == []
        await second.commit()

    step(exceed())
    engine.dispose()


def test_a_store_needs_its_models_first_and_is_closed_for_good(sqlite_url):
    store = open_sqlite(sqlite_url)
    with pytest.raises(StoreError, match="prepare"):
        step(store.begin())
    step(store.close())
    step(store.close())
    with pytest.raises(StoreError, match="closed"):
        step(store.begin())
