"""What stands in the collections."""

import copy
import datetime as dt

import bson
import pytest
from bson.binary import UUID_SUBTYPE, Binary

from crmkit.errors import Duplicate
from crmkit.expr.core import Compare
from crmkit.expr.node import Op
from crmkit.model.codec import Codec
from crmkit.model.kind import Kind
from crmkit.storage.mongo.wire import encoded
from crmkit.storage.spi import Patch, Query
from crmkit.testing.drive import step
from crmkit.values import UTC
from tests.storage.mongo.model import BOAT, CATALOG, Boat, fetch, make, mine, new_id, plant


def test_a_row_is_one_document_with_every_column_by_its_name(store, database):
    boat = make(Boat, name="Odd Été", built=dt.date(7, 1, 2), labels=("b", "a"), extra={"a.$b": True, "": 1})
    plant(store, boat)
    (document,) = database["boats"].find()
    del document["_id"]
    assert document == {
        "id": Binary(boat.id.bytes, UUID_SUBTYPE),
        "tenant": "acme",
        "version": 1,
        "created_at": dt.datetime(2026, 3, 1, 12),
        "updated_at": dt.datetime(2026, 3, 1, 12),
        "created_by": "",
        "updated_by": "",
        "deleted_at": None,
        "extra": [{"k": "a.$b", "v": True}, {"k": "", "v": 1}],
        "name": "Odd Été",
        "name_folded": "odd été",
        "code": None,
        "lane": 0,
        "size": None,
        "built": "0007-01-02",
        "seen": None,
        "labels": ["b", "a"],
        "crew_id": None,
    }


def test_instants_come_back_in_the_one_utc(store):
    plant(store, make(Boat, name="x", seen=dt.datetime(1, 1, 1, tzinfo=UTC)))
    (boat,) = fetch(store, BOAT)
    assert boat.seen == dt.datetime(1, 1, 1, tzinfo=UTC)
    assert boat.seen.tzinfo is UTC


def test_large_integers_come_back_as_plain_ones(store):
    plant(store, make(Boat, name="x", size=2**63 - 1, extra={"n": 2**40}))
    (boat,) = fetch(store, BOAT)
    assert (boat.size, type(boat.size)) == (2**63 - 1, int)
    assert type(boat.extra["n"]) is int


def test_a_document_from_before_a_column_was_added_lacks_a_value(store, database):
    boat = make(Boat, name="old", labels=("x",))
    plant(store, boat, make(Boat, name="new", size=3))
    database["boats"].update_one({"name": "old"}, {"$unset": {"size": 1, "labels": 1, "extra": 1}})
    old, new = fetch(store, BOAT)
    assert (old.size, old.labels, old.extra) == (None, (), {})
    assert new.size == 3


def test_one_column_is_still_a_row(store):
    boat = make(Boat, name="x")
    plant(store, boat)
    unit = step(store.begin())
    (row,) = step(unit.fetch(Query(BOAT, mine(), ("id",))))
    assert [Codec(BOAT, store.wires).decode(BOAT.by_column["id"], value) for value in row] == [boat.id]
    assert step(unit.fetch(Query(BOAT, mine(), ("name", "lane")))) == [("x", 0)]


def test_an_id_is_spelled_as_the_drivers_own_binary():
    id_ = new_id()
    spelled, drivers = encoded(Kind.UUID, id_), Binary(id_.bytes, UUID_SUBTYPE)
    assert isinstance(spelled, Binary)
    assert bson.encode({"id": spelled}) == bson.encode({"id": drivers})
    for made in (spelled, copy.deepcopy(spelled), bson.decode(bson.encode({"id": spelled}))["id"]):
        assert made == drivers
        assert made.subtype == UUID_SUBTYPE


def test_the_key_of_a_document_says_whose_row_it_is(store, database):
    boat = make(Boat, name="one")
    plant(store, boat)
    assert database["boats"].find_one()["_id"] == b"acme" + boat.id.bytes


def test_documents_of_earlier_versions_are_served_like_any(store, database):
    boats = database["boats"]
    old, new = make(Boat, name="old", lane=1), make(Boat, name="new", lane=2)
    plant(store, old)
    document = boats.find_one_and_delete({}) | {"_id": bson.ObjectId()}
    boats.insert_one(document)
    boats.drop_index("tenant_1_id_1")
    boats.create_index([("tenant", 1), ("id", 1)], unique=True)
    step(store.prepare(CATALOG, create=False))

    plant(store, new)
    unit = step(store.begin())
    assert step(unit.patch(Patch(BOAT, mine(Compare("id", Op.EQ, old.id)), {"size": 3}))) == 1
    step(unit.commit())
    assert [(boat.name, boat.size) for boat in fetch(store, BOAT)] == [("old", 3), ("new", None)]
    assert boats.find_one({"name": "old"})["_id"] == document["_id"]
    with pytest.raises(Duplicate) as caught:
        plant(store, old)
    assert caught.value.fields == ("id",)
