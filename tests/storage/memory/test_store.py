"""What is peculiar to the store in memory; that it behaves as a database does is the suite's to show."""

from threading import Thread
from uuid import UUID

import pytest

from crmkit.errors import Busy, Duplicate, StoreError, Unsupported
from crmkit.expr import core
from crmkit.expr.node import Op
from crmkit.model.catalog import Catalog
from crmkit.model.codec import Codec
from crmkit.model.declare import Record, entity, integer, link, text
from crmkit.storage.memory import MemoryStore
from crmkit.storage.spi import Aggregate, GroupKey, Measure, Patch, Query, Removal, SortKey, Tally
from crmkit.testing.drive import step
from crmkit.testing.world import fresh_id, made


@entity(name="shelf")
class Shelf(Record):
    code: str | None = text(default=None, max=40, unique=True)
    room: int = integer(default=0, index=True)


@entity(name="book")
class Book(Record):
    shelf_id: UUID | None = link("shelf", back="books", default=None)


CATALOG = Catalog([Shelf, Book])
SHELF, BOOK = CATALOG["shelf"], CATALOG["book"]
TENANT = core.Compare("tenant", Op.EQ, "t")
BY_ID = (SortKey("id"),)


@pytest.fixture
def store():
    store = MemoryStore()
    step(store.prepare(CATALOG, create=True))
    return store


def begin(store):
    return step(store.begin())


def insert(unit, *records):
    for record in records:
        schema = CATALOG.of(type(record))
        step(unit.insert(schema, [Codec(schema, {}).dump(record, "t")]))


def plant(store, *records):
    unit = begin(store)
    insert(unit, *records)
    step(unit.commit())


def shelves(unit, *where, order=BY_ID, limit=None):
    return step(unit.fetch(Query(SHELF, core.And((TENANT, *where)), ("code", "room"), order, limit)))


def patch(unit, held, **changes):
    where = core.And((TENANT, core.Compare("code", Op.EQ, held)))
    return step(unit.patch(Patch(SHELF, where, changes)))


# -- conflicts ---------------------------------------------------------------------------------------------------------


def test_a_row_that_an_open_unit_wrote_is_busy_at_once(store):
    plant(store, made(Shelf, code="a"))
    first, second = begin(store), begin(store)
    patch(first, "a", room=1)
    with pytest.raises(Busy):
        patch(second, "a", room=2)


def test_a_removed_row_is_busy_too(store):
    plant(store, made(Shelf, code="a"))
    first, second = begin(store), begin(store)
    step(first.remove(Removal(SHELF, TENANT)))
    with pytest.raises(Busy):
        patch(second, "a", room=2)


def test_a_key_that_an_open_unit_took_or_gave_up_is_busy(store):
    plant(store, made(Shelf, code="old"))
    first, second = begin(store), begin(store)
    patch(first, "old", code="new")
    with pytest.raises(Busy):
        insert(second, made(Shelf, code="new"))
    with pytest.raises(Busy):
        insert(second, made(Shelf, code="old"))


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_what_a_unit_wrote_is_free_when_it_ends(store, end):
    plant(store, made(Shelf, code="a"))
    first, second = begin(store), begin(store)
    patch(first, "a", room=1)
    step(getattr(first, end)())
    assert patch(second, "a", room=2) == 1


def test_readers_are_never_busy(store):
    plant(store, made(Shelf, code="a", room=1))
    writer, reader = begin(store), begin(store)
    patch(writer, "a", room=2)
    assert shelves(reader) == [("a", 1)]
    step(writer.commit())
    assert shelves(reader) == [("a", 2)]


def test_a_refused_insert_leaves_nothing_of_itself(store):
    plant(store, made(Shelf, code="a"))
    unit = begin(store)
    rows = [Codec(SHELF, {}).dump(made(Shelf, code=code), "t") for code in ("b", "a")]
    with pytest.raises(Duplicate):
        step(unit.insert(SHELF, rows))
    assert shelves(unit) == [("a", 0)]


def test_threads_may_write_side_by_side(store):
    def work(room):
        for number in range(50):
            plant(store, made(Shelf, code=f"{room}-{number}", room=room))

    threads = [Thread(target=work, args=(room,)) for room in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = step(begin(store).tally(Tally(SHELF, TENANT, (GroupKey("room"),), (Measure(Aggregate.COUNT),))))
    assert sorted(found) == [(room, 50) for room in range(4)]


# -- lookups -----------------------------------------------------------------------------------------------------------


def test_lookups_see_what_the_unit_changed(store):
    plant(store, made(Shelf, code="a", room=1), made(Shelf, code="b", room=1))
    reader = begin(store)
    in_room_1 = core.Compare("room", Op.EQ, 1)
    assert shelves(reader, in_room_1) == [("a", 1), ("b", 1)]
    unit = begin(store)
    patch(unit, "a", room=2)
    insert(unit, made(Shelf, code="c", room=1))
    assert shelves(unit, in_room_1) == [("b", 1), ("c", 1)]
    assert shelves(unit, core.In("room", (1, 2))) == [("a", 2), ("b", 1), ("c", 1)]
    assert shelves(reader, in_room_1) == [("a", 1), ("b", 1)]
    step(unit.commit())
    assert shelves(reader, in_room_1) == [("b", 1), ("c", 1)]


def test_order_by_id_holds_for_ids_that_did_not_rise(store):
    early, late, last = (made(Shelf, code=code) for code in ("early", "late", "last"))
    plant(store, late)
    assert shelves(begin(store)) == [("late", 0)]
    plant(store, early)
    unit = begin(store)
    insert(unit, last)
    assert shelves(unit) == [("early", 0), ("late", 0), ("last", 0)]
    assert shelves(unit, core.Compare("id", Op.GT, early.id), limit=1) == [("late", 0)]
    step(unit.remove(Removal(SHELF, core.And((TENANT, core.Compare("id", Op.EQ, late.id))))))
    assert shelves(unit) == [("early", 0), ("last", 0)]


def test_relations_see_what_the_unit_changed(store):
    shelf = made(Shelf, code="a")
    plant(store, shelf)
    has_books = core.Exists(CATALOG.relations(SHELF)["books"], TENANT)
    unit = begin(store)
    assert shelves(unit, has_books) == []
    insert(unit, made(Book, shelf_id=shelf.id))
    assert shelves(unit, has_books) == [("a", 0)]
    assert shelves(begin(store), has_books) == []


def test_a_row_can_be_removed_and_added_again_in_one_unit(store):
    shelf = made(Shelf, code="a", room=1)
    plant(store, shelf)
    unit = begin(store)
    step(unit.remove(Removal(SHELF, TENANT)))
    assert shelves(unit) == []
    insert(unit, made(Shelf, id=shelf.id, code="a", room=2))
    step(unit.commit())
    assert shelves(begin(store)) == [("a", 2)]


def test_plans_without_a_tenant_read_every_tenant(store):
    plant(store, made(Shelf, code="a"))
    unit = begin(store)
    step(unit.insert(SHELF, [Codec(SHELF, {}).dump(made(Shelf, code="b"), "u")]))
    assert step(unit.fetch(Query(SHELF, core.And(()), ("tenant",), (SortKey("tenant"),)))) == [("t",), ("u",)]


def test_a_negation_above_the_leaves_is_refused(store):
    with pytest.raises(Unsupported, match="negation"):
        shelves(begin(store), core.Not(core.Compare("room", Op.EQ, 1)))


# -- a store's life ----------------------------------------------------------------------------------------------------


def test_a_unit_that_ended_is_refused(store):
    unit = begin(store)
    step(unit.commit())
    with pytest.raises(StoreError, match="ended"):
        shelves(unit)
    with pytest.raises(StoreError, match="ended"):
        step(unit.commit())


def test_a_closed_store_takes_no_more_units(store):
    plant(store, made(Shelf, code="a"))
    step(store.close())
    with pytest.raises(StoreError, match="closed"):
        begin(store)


def test_a_model_that_was_not_prepared_is_named():
    store = MemoryStore()
    with pytest.raises(StoreError, match="'shelf'"):
        shelves(begin(store))


def test_rows_of_another_form_of_a_model_are_not_misread(store):
    @entity(name="shelf")
    class Cabinet(Record):
        locked: str = text(default="")

    other = Catalog([Cabinet])
    step(store.prepare(other, create=True))
    step(store.prepare(CATALOG, create=True))
    plant(store, made(Shelf, code="a", id=fresh_id()))
    with pytest.raises(StoreError, match="do not fit"):
        step(store.prepare(other, create=True))
