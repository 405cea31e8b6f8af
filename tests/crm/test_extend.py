"""Models of the product's own, the outbox, and databases that are there already."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from crmkit import (
    BadDefinition,
    BadRecord,
    Crm,
    Customer,
    Duplicate,
    Opportunity,
    Record,
    StoreError,
    connect,
    entity,
    f,
    integer,
    link,
    system,
    text,
)

job = system("test")


@entity(extends=Customer, indexes=(("beds",),))
class Clinic(Customer):
    """A customer with beds."""

    licence_no: str | None = text(default=None, max=40, unique=True)
    beds: int = integer(default=0, min=0)


@entity()
class Inspection(Record):
    """A visit by the authorities."""

    customer_id: UUID = link("customer", back="inspections")
    result: str = text(max=20)


@pytest.fixture
def crm(store_url: str) -> Iterator[Crm]:
    with connect(store_url, models=[Clinic, Inspection], outbox=True) as crm:
        yield crm


def test_a_model_that_extends_another_takes_its_place(crm: Crm) -> None:
    with crm.session(job) as s:
        clinics = s.repository(Clinic)
        harbour = clinics.add(Clinic(name="Harbour", licence_no="HH-1", beds=120))
        s.opportunities.add(Opportunity(name="Scanner", customer_id=harbour.id))
        s.repository(Inspection).add(Inspection(customer_id=harbour.id, result="passed"))
        assert list(clinics.find(f.beds > 100)) == [harbour]
        assert s.customers.get(harbour.id) == harbour
        assert s.opportunities.count(f.customer.beds > 100) == 1
        assert clinics.count(f.inspections.any(f.result == "passed")) == 1
        assert clinics.update(harbour, beds=90).beds == 90
        with pytest.raises(BadRecord, match="expects Clinic, not Customer"):
            s.customers.add(Customer(name="Plain"))
        with pytest.raises(BadRecord, match="beds: must be 0 or more"):
            Clinic(name="x", beds=-1)
        s.commit()
        with pytest.raises(Duplicate) as caught:
            clinics.add(Clinic(name="Other", licence_no="HH-1"))
        assert caught.value.fields == ("licence_no",)
        s.rollback()


def test_a_model_that_is_not_connected_is_named(store_url: str) -> None:
    with (
        connect(store_url) as crm,
        crm.session(job) as s,
        pytest.raises(BadDefinition, match="Inspection is not one of this CRM's models. Name it in connect"),
    ):
        s.repository(Inspection)


def test_each_change_leaves_a_message_in_its_own_transaction(crm: Crm) -> None:
    with crm.session(job) as s:
        clinic = s.repository(Clinic).add(Clinic(name="Harbour"))
        clinic = s.repository(Clinic).update(clinic, beds=3)
        s.repository(Clinic).delete(clinic)
        deal = s.opportunities.add(Opportunity(name="Deal"))
        s.opportunities.advance(deal, "won")
    with pytest.raises(RuntimeError), crm.session(job) as s:
        s.repository(Clinic).add(Clinic(name="Gone"))
        raise RuntimeError
    with crm.session(job) as s:
        messages = s.outbox.find(order=f.id)
        assert [(m.topic, m.record_version) for m in messages] == [
            ("customer.added", 1),
            ("customer.updated", 2),
            ("customer.deleted", 3),
            ("opportunity.added", 1),
            ("opportunity.moved", 2),
        ]
        assert json.loads(messages[1].payload) == {"fields": ["beds"]}
        assert json.loads(messages[4].payload) == {"from": "contact", "to": "won"}
        assert "Harbour" not in "".join(message.payload for message in messages)


def test_a_database_is_opened_again_as_it_was_left(sqlite_url: str) -> None:
    with connect(sqlite_url) as crm, crm.session(job) as s:
        acme = s.customers.add(Customer(name="Acme"))
    with connect(sqlite_url, create=False) as crm, crm.session(job) as s:
        assert s.customers.get(acme.id) == acme


def test_a_table_that_lacks_a_column_is_named(sqlite_url: str) -> None:
    with connect(sqlite_url):
        pass
    with pytest.raises(StoreError, match=r"'customers'.*licence_no|licence_no.*'customers'"):
        connect(sqlite_url, models=[Clinic])


@pytest.mark.parametrize("missing", ["sqlite_url", "mongo_url"])
def test_what_is_missing_is_not_created_unless_asked(request: pytest.FixtureRequest, missing: str) -> None:
    url: str = request.getfixturevalue(missing)
    with pytest.raises(StoreError) as caught:
        connect(url, create=False)
    assert caught.value.absent


def test_what_is_there_and_does_not_fit_is_not_absent(sqlite_url: str) -> None:
    with connect(sqlite_url):
        pass
    with pytest.raises(StoreError) as caught:
        connect(sqlite_url, models=[Clinic], create=False)
    assert not caught.value.absent


def test_a_column_of_a_model_that_was_not_given_is_no_reason_to_drop_it(sqlite_url: str) -> None:
    with connect(sqlite_url, models=[Clinic]):
        pass
    with pytest.raises(StoreError) as caught:
        connect(sqlite_url)
    assert "name that in connect(models=[...])" in caught.value.hint
    assert "drop" not in caught.value.hint


def test_a_file_that_is_not_there_is_not_made_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "nofile.db"
    with pytest.raises(StoreError, match=r"there is no file .*nofile.db. Check the path, or let it be created."):
        connect(f"sqlite:///{path}", create=False)
    assert not path.exists()
