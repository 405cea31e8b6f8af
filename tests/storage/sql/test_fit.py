"""Missing tables are created; tables that do not fit are refused, by name."""

import multiprocessing
import sqlite3

import pytest

from crmkit.errors import StoreError
from crmkit.model.catalog import Catalog
from crmkit.model.declare import Record, choice, entity, integer, link, text
from crmkit.storage.sql.sqlite.store import open_sqlite
from crmkit.testing.drive import step
from tests.storage.sql.shop import CATALOG, Firm, Person, add, ids, numbers


@pytest.fixture
def alter(sqlite_url, store):
    """Change the database behind crmkit's back, then prepare a new store on it."""

    def change(*statements, create=True, catalog=CATALOG):
        connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
        for statement in statements:
            connection.execute(statement)
        connection.close()
        again = open_sqlite(sqlite_url)
        try:
            step(again.prepare(catalog, create=create))
        finally:
            step(again.close())

    return change


def test_what_fits_is_left_alone(alter):
    alter(create=False)
    alter("CREATE INDEX mine ON firms (name)", "ALTER TABLE firms ADD COLUMN mine TEXT", create=False)
    alter("ALTER TABLE firms ADD COLUMN ours TEXT NOT NULL DEFAULT ''", create=False)


def test_a_missing_table_is_created_or_named(alter):
    with pytest.raises(StoreError, match=r"no table 'people'.*Alembic"):
        alter("DROP TABLE people", create=False)
    alter(create=True)
    alter(create=False)


def test_a_missing_index_is_created_or_named(alter):
    with pytest.raises(
        StoreError, match=r"'firms' has no index on \(tenant, rank, id\). Run: CREATE INDEX ix_firms__rank"
    ):
        alter("DROP INDEX ix_firms__rank", create=False)
    alter(create=True)
    alter(create=False)


def test_a_unique_index_that_cannot_be_created_says_why(store, alter):
    connection = sqlite3.connect(store._engine.url.database)
    connection.execute("DROP INDEX uq_firms__email")
    connection.close()
    step(add(store, Firm(name="a", email="same@example.org"), Firm(name="b", email="same@example.org")))
    with pytest.raises(StoreError, match=r"\(tenant, email\) cannot be created") as caught:
        alter()
    assert "same@example.org" not in str(caught.value)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "ALTER TABLE people DROP COLUMN deleted_at",
            r"'people' has no column 'deleted_at'. Run: ALTER TABLE people ADD",
        ),
        ("ALTER TABLE people DROP COLUMN version", r"'people' has no column 'version'. Migrate"),
    ],
)
def test_a_missing_column_is_named(alter, statement, message):
    with pytest.raises(StoreError, match=message):
        alter(statement)


MADE_BY_HAND = """CREATE TABLE people (
    tenant VARCHAR(64) NOT NULL, id CHAR(32) NOT NULL, version BIGINT NOT NULL, created_at CHAR(29) NOT NULL,
    updated_at CHAR(29) NOT NULL, created_by VARCHAR(120) NOT NULL, updated_by VARCHAR(120) NOT NULL,
    deleted_at CHAR(29), extra TEXT NOT NULL, name VARCHAR(80) NOT NULL, firm_id CHAR(32), PRIMARY KEY (tenant, id))"""


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("version BIGINT", "version TEXT", "the column people.version is of type TEXT, not BIGINT"),
        ("deleted_at CHAR(29)", "deleted_at CHAR(29) NOT NULL", "people.deleted_at is NOT NULL, but the model's"),
        ("(tenant, id)", "(id)", r"'people' has the primary key \(id\), not \(tenant, id\)"),
        (
            "firm_id CHAR(32)",
            "firm_id CHAR(32), fax TEXT NOT NULL",
            "people.fax is NOT NULL, but the model has no such",
        ),
    ],
)
def test_a_table_made_otherwise_is_refused(alter, before, after, message):
    assert before in MADE_BY_HAND
    with pytest.raises(StoreError, match=message):
        alter("DROP TABLE people", MADE_BY_HAND.replace(before, after))


def test_a_table_made_by_hand_that_fits_will_do(alter):
    alter("DROP TABLE people", MADE_BY_HAND)


def test_a_choice_added_later_needs_a_migration(sqlite_url):
    def catalog(*words):
        @entity()
        class Coin(Record):
            side: str = choice(*words)

        return Catalog([Coin])

    first, second = open_sqlite(sqlite_url), open_sqlite(sqlite_url)
    step(first.prepare(catalog("head", "tail"), create=True))
    with pytest.raises(StoreError, match="ck_coins__side of the table 'coins' allows other values"):
        step(second.prepare(catalog("head", "tail", "edge"), create=True))
    step(first.close())
    step(second.close())


def test_models_that_link_to_each_other(sqlite_url):
    @entity()
    class Chicken(Record):
        egg_id: object = link("egg")

    @entity()
    class Egg(Record):
        chicken_id: object = link("chicken")
        weight: int = integer(default=1)
        colour: str = text(default="")

    store = open_sqlite(sqlite_url)
    step(store.prepare(Catalog([Chicken, Egg]), create=True))
    assert set(store.metadata.tables) == {"chickens", "eggs"}
    step(store.close())


def test_another_encoding_is_refused(tmp_path):
    path = tmp_path / "wide.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA encoding='UTF-16'")
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    store = open_sqlite(f"sqlite:///{path}")
    with pytest.raises(StoreError, match="UTF-16"):
        step(store.prepare(CATALOG, create=True))
    step(store.close())


def _prepare(url, start, outcome):
    start.wait()
    try:
        store = open_sqlite(url)
        step(store.prepare(CATALOG, create=True))
        step(store.close())
    except Exception as error:  # noqa: BLE001 - told to the parent, which judges it
        outcome.put(repr(error))
    else:
        outcome.put("prepared")


def test_several_processes_may_create_the_tables_at_once(sqlite_url):
    context = multiprocessing.get_context("spawn")
    start, outcome = context.Event(), context.Queue()
    processes = [context.Process(target=_prepare, args=(sqlite_url, start, outcome)) for _ in range(4)]
    for process in processes:
        process.start()
    start.set()
    assert [outcome.get(timeout=60) for _ in processes] == ["prepared"] * 4
    for process in processes:
        process.join()


def test_an_unreachable_database_is_named_without_its_password(tmp_path):
    store = open_sqlite(f"sqlite:///{tmp_path}/no/such/folder/crm.db")
    with pytest.raises(StoreError, match=r"no/such/folder/crm.db cannot be used: SQLITE_CANTOPEN"):
        step(store.prepare(CATALOG, create=True))


def test_rows_survive_preparing(store):
    step(add(store, Firm(name="kept")))
    step(add(store, Person(name="kept")))
    step(store.prepare(CATALOG, create=True))
    assert step(numbers(store, ids())) == [1]
