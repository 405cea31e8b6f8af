"""Which indexes there are, and what prepare says when they are not as they should be."""

import pytest

from crmkit.errors import StoreError
from crmkit.model.catalog import Catalog
from crmkit.storage.mongo.index import indexes_of
from crmkit.storage.mongo.store import open_mongo
from crmkit.testing.drive import step
from tests.storage.mongo.model import BOAT, CATALOG, CREW, Crew


def test_the_tenant_leads_every_index_and_the_id_ends_those_that_are_not_unique():
    assert [index["name"] for index in indexes_of(BOAT)] == [
        "tenant_1_id_1",
        "tenant_1_code_1_lane_1",
        "tenant_1_crew_id_1_id_1",
        "tenant_1_name_folded_1_id_1",
        "tenant_1_lane_1_size_1_id_1",
    ]


def test_a_unique_index_leaves_out_documents_without_a_value():
    by_name = {index["name"]: index for index in (*indexes_of(BOAT), *indexes_of(CREW))}
    assert by_name["tenant_1_code_1_lane_1"]["partialFilterExpression"] == {"code": {"$gte": ""}}
    assert by_name["tenant_1_name_1"]["unique"]
    assert "partialFilterExpression" not in by_name["tenant_1_name_1"]


def test_preparing_twice_changes_nothing(store, database):
    before = database["boats"].index_information()
    step(store.prepare(CATALOG, create=True))
    step(store.prepare(CATALOG, create=False))
    assert database["boats"].index_information() == before


def test_what_is_missing_is_named(mongo_url):
    opened = open_mongo(mongo_url)
    with pytest.raises(StoreError, match="lacks crews, boats") as caught:
        step(opened.prepare(CATALOG, create=False))
    assert "create=True" in caught.value.hint
    step(opened.close())


def test_a_missing_index_is_named_and_created(store, database):
    database["boats"].drop_index("tenant_1_lane_1_size_1_id_1")
    with pytest.raises(StoreError, match=r"lacks index boats\.tenant_1_lane_1_size_1_id_1"):
        step(store.prepare(CATALOG, create=False))
    step(store.prepare(CATALOG, create=True))
    assert "tenant_1_lane_1_size_1_id_1" in database["boats"].index_information()


def test_indexes_of_the_host_stay(store, database):
    database["boats"].create_index("size")
    step(store.prepare(CATALOG, create=True))
    assert "size_1" in database["boats"].index_information()


def test_an_index_that_differs_is_named_and_left_alone(store, database):
    database["crews"].drop_index("tenant_1_name_1")
    database["crews"].create_index([("tenant", 1), ("name", 1)])
    with pytest.raises(StoreError, match=r"does not fit the models: index crews\.tenant_1_name_1"):
        step(store.prepare(CATALOG, create=True))
    assert "unique" not in database["crews"].index_information()["tenant_1_name_1"]


def test_a_collation_is_refused(mongo_url, database):
    database.create_collection("crews", collation={"locale": "en", "strength": 1})
    opened = open_mongo(mongo_url)
    with pytest.raises(StoreError, match=r"crews \(not a plain collection in binary order\)"):
        step(opened.prepare(Catalog([Crew]), create=True))
    step(opened.close())


def test_a_unique_index_over_duplicates_is_refused_without_their_values(mongo_url, database):
    database["crews"].insert_many([{"tenant": "acme", "id": n, "name": "secret"} for n in range(2)])
    opened = open_mongo(mongo_url)
    with pytest.raises(StoreError, match="a unique index on name cannot be made") as caught:
        step(opened.prepare(Catalog([Crew]), create=True))
    assert "secret" not in str(caught.value)
    step(opened.close())
