"""What a test wrote is undone, on every store, and until then the store behaves as it always does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import Busy, Crm, CrmError, Customer, Opportunity, Session, Unsupported, connect, entity, f, integer, system
from crmkit.crm.coroutine import run
from crmkit.model.catalog import Catalog
from crmkit.storage.opening import open_store
from crmkit.storage.spi import Feature, Store
from crmkit.testing import CountedIds, MemoryStore, undone
from crmkit.testing.host.layer import StoreLayer
from crmkit.testing.host.stores import Stores
from crmkit.testing.host.undo import PreparedOnce

job = system("test")


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """A store that stays open, of each kind in turn."""
    opened = open_store(store_url, awaited=False)
    yield opened
    run(opened.close())


def rows(crm: Crm) -> dict[str, list[Any]]:
    with crm.session(job) as s:
        found = {each.name: s.repository(each.cls).find(deleted=True) for each in crm.environment.catalog}
        return {name: sorted(page, key=lambda record: record.id) for name, page in found.items() if page}


def write(crm: Crm) -> None:
    with crm.session(job) as s:
        acme = s.customers.add(Customer(name="Acme"))
        deal = s.opportunities.add(Opportunity(name="Deal", customer_id=acme.id))
    with crm.session(job) as s:
        s.opportunities.advance(deal, s.opportunities.allowed_moves(deal)[0])
        s.customers.add_external_id(acme, "erp", "1")
    with crm.session(system("test", tenant="other")) as s:
        s.customers.add(Customer(name="Other"))


def test_nothing_is_left_of_what_was_written(store: Store) -> None:
    for _ in range(2):  # the ids are the same each time, and so would clash
        with connect(undone(store), ids=CountedIds(), outbox=True) as crm:
            assert rows(crm) == {}
            write(crm)
            assert set(rows(crm)) == {
                "customer", "opportunity", "stage_move", "pipeline_definition", "external_id", "outbox_message"
            }  # fmt: skip
    assert rows(connect(store)) == {}


def test_what_stood_there_before_stays(store: Store) -> None:
    before = connect(store)
    write(before)
    held = rows(before)
    with connect(undone(store)) as crm, crm.session(job) as s:
        s.customers.add(Customer(name="New"))
        s.opportunities.add(Opportunity(name="New"))
    assert rows(before) == held


def test_even_changes_of_what_stood_there_are_undone_with_savepoints(store: Store) -> None:
    if Feature.SAVEPOINT not in store.features:
        pytest.skip("the store has no savepoints, so that only what was added is removed")
    before = connect(store)
    write(before)
    held = rows(before)
    with connect(undone(store)) as crm, crm.session(job) as s:
        s.customers.update(s.customers.find()[0], name="Changed")
        s.customers.remove_external_id(s.customers.find()[0], "erp", "1")
    assert rows(before) == held


def test_a_session_that_raises_undoes_its_own_part(store: Store) -> None:
    with connect(undone(store)) as crm:
        with crm.session(job) as s:
            s.customers.add(Customer(name="Kept"))
        with suppress(ZeroDivisionError), crm.session(job) as s:
            s.customers.add(Customer(name="Lost"))
            _ = 1 / 0
        with crm.session(job) as s:
            assert [each.name for each in s.customers.find()] == ["Kept"]
            s.customers.add(Customer(name="Lost"))
            s.rollback()
            s.customers.add(Customer(name="Kept, too"))
            s.commit()
        with crm.session(job) as s:
            assert s.customers.count(f.name.starts_with("Kept")) == s.customers.count() == 2


def test_sessions_write_one_after_another(store: Store) -> None:
    if Feature.SAVEPOINT not in store.features:
        pytest.skip("sessions commit here, each in a transaction of its own")
    with connect(undone(store)) as crm, crm.session(job) as first, crm.session(job) as second:
        first.customers.add(Customer(name="First"))
        second.customers.find()
        with pytest.raises(Busy, match="another session of this test has written and has not ended") as caught:
            second.customers.add(Customer(name="Second"))
        assert "crm_undo" in caught.value.hint
        first.commit()
        second.customers.add(Customer(name="Second"))
        assert second.customers.count() == 2


def test_an_asyncio_store_is_refused() -> None:
    with pytest.raises(Unsupported, match="asyncio"):
        undone(open_store("sqlite://", awaited=True))


# -- the law: a session does not notice --------------------------------------------------------------------------------


def nested(s: Session) -> None:
    with suppress(ZeroDivisionError), s.nested():
        s.customers.add(Customer(name="Within"))
        _ = 1 / 0


STEPS: dict[str, Callable[[Session], Any]] = {
    "add": lambda s: s.customers.add(Customer(name="Acme")),
    "deal": lambda s: s.opportunities.add(Opportunity(name="Deal")),
    "change": lambda s: s.customers.update(s.customers.find()[0], city="Ulm"),
    "delete": lambda s: s.customers.delete(s.customers.find()[0]),
    "advance": lambda s: s.opportunities.advance(s.opportunities.find()[0], "needs"),
    "number": lambda s: s.customers.add_external_id(s.customers.find()[0], "erp", "1"),
    "same": lambda s: s.customers.add_external_id(s.customers.find()[-1], "erp", "1"),
    "commit": lambda s: s.commit(),
    "rollback": lambda s: s.rollback(),
    "nested": nested,
    "fail": lambda _: 1 / 0,
}


def outcome(crm: Crm, sessions: list[list[str]]) -> list[Any]:
    told: list[Any] = []
    for steps in sessions:
        with suppress(ZeroDivisionError), crm.session(job) as s:
            for name in steps:
                try:
                    STEPS[name](s)
                    told.append(name)
                except (CrmError, IndexError) as error:
                    told.append(f"{name}: {type(error).__name__}")
    return [told, [(each.name, each.city, each.version) for each in rows(crm).get("customer", [])]]


@given(st.lists(st.lists(st.sampled_from(sorted(STEPS)), max_size=8), max_size=4))
def test_sessions_go_as_they_go_on_the_store_itself(sessions: list[list[str]]) -> None:
    with connect(MemoryStore(), ids=CountedIds()) as plain:
        expected = outcome(plain, sessions)
    shared = MemoryStore()
    for _ in range(2):
        with connect(undone(shared), ids=CountedIds()) as crm:
            assert outcome(crm, sessions) == expected


# -- what it saves -----------------------------------------------------------------------------------------------------


class Counting(StoreLayer):
    prepared = 0

    async def prepare(self, catalog: Catalog, *, create: bool) -> None:
        self.prepared += 1
        await super().prepare(catalog, create=create)


def test_a_database_is_prepared_once_for_the_same_models() -> None:
    counting = Counting(open_store("sqlite://", awaited=False))
    store = PreparedOnce(counting)
    for _ in range(3):
        connect(undone(store)).close()
    assert counting.prepared == 1
    run(store.close())


@entity(extends=Customer)
class Clinic(Customer):
    """Its table has a column more."""

    beds: int = integer(default=0)


def test_a_database_in_memory_suits_the_models_of_each_test() -> None:
    stores = Stores()
    for models in ([], [Clinic], [Clinic], []):
        with connect(stores.of("sqlite://", undo=True), models=models) as crm, crm.session(job) as s:
            s.repository(*models or [Customer]).add((*models, Customer)[0](name="Acme"))
            assert s.customers.count() == 1
    stores.close()


def test_stores_make_room_for_others(tmp_path: Path) -> None:
    stores = Stores()
    for number in (*range(10), 0):
        with connect(stores.of(f"sqlite:///{tmp_path / str(number)}", undo=True)) as crm, crm.session(job) as s:
            s.customers.add(Customer(name="Acme"))
            assert s.customers.count() == 1
    stores.close()
