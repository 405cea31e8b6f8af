"""Every query uses an index: what the server says of its plans."""

import pytest

from crmkit.expr.core import Compare, Exists, In, Missing, Prefix
from crmkit.expr.node import Op
from crmkit.storage.mongo.select import Selector
from crmkit.testing.drive import step
from tests.storage.mongo.model import BOAT, CATALOG, CREW, CREW_OF_BOAT, Boat, Crew, make, mine, new_id, plant

ID = new_id()
CREW_ID = new_id()


@pytest.fixture
def explain(store, database):
    plant(store, *(make(Crew, name=f"crew {number}", id=CREW_ID if number == 0 else None) for number in range(50)))
    boats = [
        make(Boat, name=f"boat {number}", lane=number % 7, size=number, code=f"c{number}") for number in range(300)
    ]
    plant(store, make(Boat, name="mine", id=ID, crew_id=CREW_ID), *boats)

    async def none(schema, stages):
        return list(database[schema.plural].aggregate(stages))

    def stages(plan):
        yield plan["stage"]
        for inner in (*plan.get("inputStages", ()), *([plan["inputStage"]] if "inputStage" in plan else ())):
            yield from stages(inner)

    def explained(schema, *where, order=("id",), limit=20, direction=1):
        selection = step(Selector(CATALOG, none, 1000).select(schema, mine(*where)))
        cursor = database[schema.plural].find(selection.match).sort([(key, direction) for key in order]).limit(limit)
        planned = cursor.explain()["queryPlanner"]["winningPlan"]
        return list(stages(planned.get("queryPlan", planned)))

    return explained


@pytest.mark.parametrize(
    "where",
    [
        Compare("id", Op.EQ, ID),
        In("id", (ID, CREW_ID)),
        Compare("crew_id", Op.EQ, CREW_ID),
        Compare("code", Op.EQ, "c7"),
        In("code", ("c7", "c8")),
        Prefix("name_folded", "boat 1"),
        Exists(CREW_OF_BOAT, Compare("name", Op.EQ, "crew 0")),
    ],
    ids=["id", "ids", "link", "unique", "uniques", "prefix", "relation"],
)
def test_a_search_reads_an_index(explain, where):
    found = explain(BOAT, where, Missing("deleted_at"))
    assert "IXSCAN" in found
    assert "COLLSCAN" not in found


def test_a_unique_field_is_found_by_its_index(explain):
    assert "IXSCAN" in explain(CREW, Compare("name", Op.EQ, "crew 3"))


def test_a_page_by_id_comes_from_the_index_in_order(explain):
    found = explain(BOAT, Compare("id", Op.GT, ID), Missing("deleted_at"))
    assert "IXSCAN" in found
    assert not {"SORT", "COLLSCAN"} & set(found)


@pytest.mark.parametrize("direction", [1, -1], ids=["up", "down"])
def test_a_page_by_an_indexed_field_and_the_id_comes_from_the_index_in_order(explain, direction):
    found = explain(BOAT, Compare("lane", Op.EQ, 3), order=("size", "id"), direction=direction)
    assert "IXSCAN" in found
    assert not {"SORT", "COLLSCAN"} & set(found)
