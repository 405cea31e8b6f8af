"""Units of work: what they refuse, and what is left of them then."""

import pytest

from crmkit.errors import Busy, Duplicate, StoreError
from crmkit.expr.core import Compare, Count, Exists
from crmkit.expr.node import Op
from crmkit.storage.spi import Patch, Removal
from crmkit.testing.drive import step
from tests.storage.mongo.model import BOAT, BOATS, CREW, CREW_OF_BOAT, Boat, Crew, fetch, insert, make, mine, plant


def test_a_duplicate_names_its_columns_and_no_values(store):
    plant(store, make(Boat, name="one", code="secret", lane=4))
    unit = step(store.begin())
    with pytest.raises(Duplicate) as caught:
        insert(store, unit, make(Boat, name="two", code="secret", lane=4))
    assert (caught.value.entity, caught.value.fields) == ("boat", ("code", "lane"))
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_taken_id_is_a_duplicate(store):
    boat = make(Boat, name="one")
    plant(store, boat)
    unit = step(store.begin())
    with pytest.raises(Duplicate) as caught:
        insert(store, unit, boat)
    assert caught.value.fields == ("id",)


def test_a_duplicate_finishes_the_unit(store):
    plant(store, make(Crew, name="taken"))
    unit = step(store.begin())
    insert(store, unit, make(Crew, name="free"))
    with pytest.raises(Duplicate):
        insert(store, unit, make(Crew, name="taken"))
    with pytest.raises(StoreError, match="the database aborted this unit of work"):
        insert(store, unit, make(Crew, name="another"))
    with pytest.raises(StoreError, match="another crew already has this name"):
        step(unit.commit())
    step(unit.rollback())
    assert [crew.name for crew in fetch(store, CREW)] == ["taken"]


def test_a_patch_can_be_a_duplicate(store):
    plant(store, make(Crew, name="one"), make(Crew, name="two"))
    unit = step(store.begin())
    with pytest.raises(Duplicate) as caught:
        step(unit.patch(Patch(CREW, mine(Compare("name", Op.EQ, "one")), {"name": "two"})))
    assert caught.value.fields == ("name",)
    step(unit.rollback())


def test_two_units_that_change_one_row_do_not_both_win(store):
    boat = make(Boat, name="one")
    plant(store, boat)
    where = mine(Compare("id", Op.EQ, boat.id), Compare("version", Op.EQ, 1))
    first, second = step(store.begin()), step(store.begin())
    assert step(first.patch(Patch(BOAT, where, {"lane": 1, "version": 2}))) == 1
    with pytest.raises(Busy):
        step(second.patch(Patch(BOAT, where, {"lane": 2, "version": 2})))
    step(first.commit())
    step(second.rollback())
    assert [boat.lane for boat in fetch(store, BOAT)] == [1]


def test_a_unit_ends_once(store):
    unit = step(store.begin())
    step(unit.commit())
    for call in (unit.commit, unit.rollback):
        with pytest.raises(StoreError, match="has ended"):
            step(call())


def test_an_integer_past_64_bits_is_refused_without_its_value(store):
    unit = step(store.begin())
    with pytest.raises(StoreError) as caught:
        step(unit.patch(Patch(BOAT, mine(), {"size": 2**70})))
    assert str(2**70) not in str(caught.value)
    step(unit.rollback())


def test_a_document_of_more_than_16_megabytes_is_refused(store):
    unit = step(store.begin())
    boat = make(Boat, name="x")
    row = [*(None for _ in BOAT.columns)]
    row[0], row[1] = "acme", boat.id.bytes
    row[-1] = "x" * 17_000_000
    with pytest.raises(StoreError, match="one boat does not fit into a document of 16 MB"):
        step(unit.insert(BOAT, [tuple(row)]))
    step(unit.rollback())


@pytest.mark.parametrize("named", [False, True], ids=["by relation", "by id"])
def test_rows_are_changed_and_removed_by_what_they_are_related_to(store, named):
    crew = make(Crew, name="a")
    plant(store, crew, make(Crew, name="b"))
    boats = [make(Boat, name=f"{number}", crew_id=crew.id if number < 2 else None) for number in range(3)]
    plant(store, *boats)
    unit = step(store.begin())
    pinned = (Compare("id", Op.EQ, boats[0].id),) if named else ()
    where = mine(Exists(CREW_OF_BOAT, mine(Compare("name", Op.EQ, "a"))), *pinned)
    assert step(unit.patch(Patch(BOAT, where, {"lane": 9}))) == (1 if named else 2)
    pinned = (Compare("id", Op.EQ, crew.id),) if named else ()
    where = mine(Count(BOATS, mine(Compare("lane", Op.EQ, 9)), Op.GT, 0), *pinned)
    assert step(unit.remove(Removal(CREW, where))) == 1
    step(unit.commit())
    assert [crew.name for crew in fetch(store, CREW)] == ["b"]
