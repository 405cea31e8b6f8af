"""A connection for a dry run looks, creates nothing and writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from crmkit import BadMapping, Customer, NotAllowed, Segment, Session, StoreError, aconnect, connect, f, system
from tests.importers.conftest import customers

job = system("test")
WRITES: dict[str, Callable[[Session, Customer], object]] = {
    "add": lambda s, _: s.customers.add(Customer(name="New")),
    "add_many": lambda s, _: s.customers.add_many([Customer(name="New")]),
    "update": lambda s, acme: s.customers.update(acme, name="New"),
    "delete": lambda s, acme: s.customers.delete(acme),
    "external id": lambda s, acme: s.customers.add_external_id(acme, "erp", "1"),
    "segment": lambda s, _: s.segments.save(Segment("all", Customer, f.name == "x")),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "files"
    home.mkdir()
    (home / "a.csv").write_text("No,Name\n1,Acme\n2,\n")
    return home


def test_a_file_that_is_not_there_counts_as_empty_and_is_not_created(tmp_path: Path, folder: Path) -> None:
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    with connect(url, dry_run=True) as crm:
        plan = crm.imports(job).plan(customers(), folder=folder)
        assert (plan.total("create"), plan.total("reject")) == (1, 1)
        with pytest.raises(NotAllowed, match="nothing is written in a dry run"):
            plan.apply()
    assert [each.name for each in tmp_path.iterdir()] == ["files"]
    with pytest.raises(StoreError):
        connect(url, create=False)


def test_a_mongodb_that_is_empty_stays_so(mongo_url: str, folder: Path) -> None:
    with connect(mongo_url, dry_run=True) as crm:
        assert crm.imports(job).plan(customers(), folder=folder).total("create") == 1
    with MongoClient[dict[str, Any]](mongo_url) as client:
        assert client.get_default_database().list_collection_names() == []


async def looked(url: str) -> int:
    async with aconnect(url, dry_run=True) as crm, crm.session(job) as s:
        return await s.customers.count()


def test_awaited_it_is_the_same(tmp_path: Path) -> None:
    import asyncio

    assert asyncio.run(looked(f"sqlite:///{tmp_path / 'crm.db'}")) == 0
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("store_url", ["sqlite", "mongo"], indirect=True)
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_what_is_there_is_read_and_not_written(
    store_url: str, folder: Path, write: Callable[[Session, Customer], object]
) -> None:
    with connect(store_url) as crm:
        crm.imports(job).plan(customers(), folder=folder).apply()
    with connect(store_url, dry_run=True) as crm:
        assert crm.imports(job).plan(customers(), folder=folder).total("unchanged") == 1
        with crm.session(job) as s:
            (acme,) = s.customers.find()
            with pytest.raises(NotAllowed, match="nothing is written in a dry run"):
                write(s, acme)
            assert list(s.customers.find()) == [acme]


def test_a_mapping_is_checked_without_reading_rows(store_url: str, folder: Path) -> None:
    with connect(store_url, dry_run=True) as crm:
        imports = crm.imports(job)
        assert imports.check(customers(), folder=folder) is None
        with pytest.raises(BadMapping, match="Nam"):
            imports.check(customers(fields={"city": "Nam"}), folder=folder)
