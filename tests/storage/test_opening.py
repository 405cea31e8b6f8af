"""Stores are found by entry points: those of crmkit, and those of any other distribution."""

import asyncio
import subprocess
import sys
from contextlib import asynccontextmanager
from textwrap import dedent
from types import SimpleNamespace

import pytest
from pymongo import AsyncMongoClient, MongoClient
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from crmkit import Customer, aconnect, connect, system
from crmkit.errors import StoreError, Unsupported
from crmkit.storage.opening import open_store

STORE = """
from crmkit.storage.memory import MemoryStore

class ShelfStore(MemoryStore):
    pass

class ShelfClient:
    pass

class Opener:
    def takes(self, database):
        return isinstance(database, ShelfClient)

    def __call__(self, database, *, awaited):
        store = ShelfStore()
        store.place = (database, awaited)
        return store

opener = Opener()

def open_plain(database, *, awaited):
    return ShelfStore()
"""


CANNOT = "of the distribution broken-db cannot be imported: ModuleNotFoundError: No module named 'no_such_driver'."


@pytest.fixture
def others(tmp_path):
    """Install distributions in a folder, and run a program that sees them."""

    def add(name, module, source, *entries):
        (tmp_path / f"{module}.py").write_text(source)
        home = tmp_path / f"{name}-1.0.dist-info"
        home.mkdir()
        (home / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (home / "entry_points.txt").write_text("\n".join(["[crmkit.stores]", *entries, ""]))

    def run(program):
        prelude = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", prelude + dedent(program)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    add.run = run
    return add


def test_a_third_party_store_is_opened_by_its_url(others):
    others("shelf-db", "shelf", STORE, "shelf = shelf:opener", "plain = shelf:open_plain")
    assert others.run("""
        import asyncio
        from crmkit import Customer, aconnect, connect, f, system
        from crmkit.storage.opening import open_store

        for url in ("shelf://somewhere", "shelf+fast://somewhere", "plain://"):
            with connect(url) as crm, crm.session(system("test")) as s:
                s.customers.add(Customer(name="Ann"))
                s.commit()
                assert [c.name for c in s.customers.find(f.name == "Ann")] == ["Ann"]

        async def story():
            async with await aconnect("shelf://") as crm, crm.session(system("test")) as s:
                await s.customers.add(Customer(name="Ann"))
                return await s.customers.count()

        assert asyncio.run(story()) == 1
        print(open_store("shelf://x", awaited=True).place)
    """) == "('shelf://x', True)\n"  # fmt: skip


def test_an_object_of_a_third_party_driver_finds_its_store(others):
    others("shelf-db", "shelf", STORE, "shelf = shelf:opener", "plain = shelf:open_plain")
    assert others.run("""
        from crmkit import connect, system
        from shelf import ShelfClient

        with connect(ShelfClient()) as crm, crm.session(system("test")) as s:
            print(s.customers.count(), type(crm.environment.store).__name__)
    """) == "0 ShelfStore\n"  # fmt: skip


def test_a_broken_distribution_is_named_and_leaves_the_others_alone(others):
    others("broken-db", "broken", "import no_such_driver", "broken = broken:opener", "alas = broken:opener")
    assert others.run("""
        from sqlalchemy import create_engine
        from crmkit import connect
        from crmkit.errors import StoreError
        from crmkit.storage.opening import open_store

        try:
            connect("broken://")
        except StoreError as error:
            print(error)
        connect("memory://").close()
        connect("sqlite://").close()
        print(open_store(create_engine("sqlite:///crm.db"), awaited=False).io)
        try:
            connect(7)
        except StoreError as error:
            print(error, *error.__notes__, sep="|")
    """).splitlines() == [
        f"the store for broken:// {CANNOT} Reinstall broken-db, or tell its authors.",
        "blocking",
        "no store takes an object of type int. Give a URL, an Engine or a MongoClient."
        f"|the store for alas:// {CANNOT}|the store for broken:// {CANNOT}",
    ]  # fmt: skip


def test_two_distributions_for_one_scheme_are_refused(others):
    others("shelf-db", "shelf", STORE, "shelf = shelf:opener", "memory = shelf:opener")
    assert others.run("""
        from crmkit import connect
        from crmkit.errors import StoreError

        try:
            connect("memory://")
        except StoreError as error:
            print(error)
        connect("shelf://").close()
    """) == "crmkit and shelf-db each open memory://. Uninstall all but one of them.\n"  # fmt: skip


def test_nothing_is_looked_for_before_connecting(others):
    others("shelf-db", "shelf", STORE, "shelf = shelf:opener")
    assert others.run("""
        import crmkit
        assert "importlib.metadata" not in sys.modules
        import importlib.metadata
        found = importlib.metadata.entry_points
        asked = []
        importlib.metadata.entry_points = lambda **group: asked.append(group) or found(**group)
        crmkit.connect("memory://").close()
        crmkit.connect("memory://").close()
        assert not {"shelf", "sqlalchemy", "pymongo", "crmkit.storage.mongo.opener"} & set(sys.modules)
        print(asked)
    """) == "[{'group': 'crmkit.stores'}]\n"  # fmt: skip


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlit:///crm.db", "there is no store for sqlit://. There is: memory, mongodb, mongodb+srv, sqlite. Did you"),
        ("duck://crm", "there is no store for duck://. There is: memory, mongodb, mongodb+srv, sqlite."),
    ],
)
def test_an_unknown_scheme_is_answered_with_the_known_ones(url, message):
    with pytest.raises(Unsupported) as caught:
        open_store(url, awaited=False)
    assert str(caught.value).startswith(message)


def test_an_engine_of_a_database_without_a_store_is_refused():
    engine = create_engine("sqlite://")
    engine.dialect.name = "somebase"
    with pytest.raises(StoreError, match="no store takes an object of type Engine"):
        open_store(engine, awaited=False)
    engine.dispose()


def test_an_engine_of_the_wrong_colour_says_what_to_use(tmp_path):
    with pytest.raises(Unsupported, match=r"would stop the event loop. Use connect\(\)"):
        open_store(create_engine(f"sqlite:///{tmp_path / 'crm.db'}"), awaited=True)


def test_a_store_opened_before_will_do(tmp_path):
    with connect(open_store("memory://", awaited=False)) as crm, crm.session(system("test")) as s:
        assert s.customers.count() == 0


# -- what drivers hand out ---------------------------------------------------------------------------------------------


def add_and_count(database):
    with connect(database) as crm, crm.session(system("test")) as s:
        s.customers.add(Customer(name="Ann"))
        return s.customers.count()


async def await_add_and_count(database):
    async with aconnect(database) as crm, crm.session(system("test")) as s:
        await s.customers.add(Customer(name="Ann"))
        return await s.customers.count()


@asynccontextmanager
async def client_of(url):
    client = AsyncMongoClient(url)
    try:
        yield client
    finally:
        await client.close()


def test_a_mongo_client_or_its_database_is_used_and_stays_open(mongo_url):
    with MongoClient(mongo_url) as client:
        assert add_and_count(client) == 1
        assert add_and_count(client.get_default_database()) == 2
        assert client.get_default_database().customers.count_documents({}) == 2


def test_an_awaited_mongo_client_or_its_database_is_used_and_stays_open(mongo_url):
    async def story():
        async with client_of(mongo_url) as client:
            assert await await_add_and_count(client) == 1
            assert await await_add_and_count(client.get_default_database()) == 2
            assert await client.get_default_database().customers.count_documents({}) == 2

    asyncio.run(story())


def test_a_mongo_client_of_the_wrong_colour_says_what_to_use(mongo_url):
    async def story():
        async with client_of(mongo_url) as client:
            with pytest.raises(Unsupported, match=r"Use aconnect\(\)"):
                connect(client)
        with MongoClient(mongo_url) as client, pytest.raises(Unsupported, match=r"Use connect\(\)"):
            await aconnect(client)

    asyncio.run(story())


def test_a_mongo_client_that_names_no_database_is_told_how(mongo_url):
    server = mongo_url.rpartition("/")[0] + "/?directConnection=true"
    with MongoClient(server) as client, pytest.raises(StoreError, match=r'no database is named.*client\["crm"\]'):
        connect(client)


def test_engines_are_used_and_stay_open(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'crm.db'}")
    assert [add_and_count(engine), add_and_count(engine)] == [1, 2]
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM customers").scalar() == 2
    engine.dispose()

    async def story():
        engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'crm.db'}")
        assert [await await_add_and_count(engine), await await_add_and_count(engine)] == [3, 4]
        with pytest.raises(Unsupported, match=r"Use aconnect\(\)"):
            connect(engine)
        await engine.dispose()

    asyncio.run(story())


def test_a_store_may_be_an_instance_s_attributes_or_stand_in_front_of_another():
    store = open_store("memory://", awaited=False)

    class Proxy:
        def __getattr__(self, name):
            return getattr(store, name)

    names = ("io", "features", "wires", "prepare", "begin", "join", "close")
    for other in (Proxy(), SimpleNamespace(**{name: getattr(store, name) for name in names})):
        assert open_store(other, awaited=False) is other


def test_an_object_that_has_every_attribute_is_not_a_store():
    class Anything:
        def __getattr__(self, name):
            return lambda *_: None

    with pytest.raises(StoreError, match="no store takes an object of type Anything"):
        connect(Anything())


# -- openers that do not work ------------------------------------------------------------------------------------------

BROKEN = """
def fails(database, *, awaited):
    raise ValueError("hunter2")

def nothing(database, *, awaited):
    return None

def thing(database, *, awaited):
    return object()

text = "not an opener"

class Sulks:
    def takes(self, database):
        raise ZeroDivisionError("hunter2")

    def __call__(self, database, *, awaited):
        raise KeyError

sulks = Sulks()
"""


def test_an_opener_that_does_not_work_is_named(others):
    names = ("fails", "nothing", "thing", "text")
    others("broken-db", "broken", BROKEN, *(f"{name} = broken:{name}" for name in names))
    lines = others.run("""
        from crmkit import connect
        from crmkit.errors import StoreError

        for name in ("fails", "nothing", "thing", "text"):
            try:
                connect(f"{name}://user:hunter2@host/crm")
            except StoreError as error:
                print(error.message, error.hint)
    """).splitlines()  # fmt: skip
    end = " Reinstall broken-db, or tell its authors."
    assert lines == [
        f"the store for {name}:// of the distribution broken-db {what}.{end}"
        for name, what in [
            ("fails", "failed with ValueError"),
            ("nothing", "opened something that is not a store, but of type NoneType"),
            ("thing", "opened something that is not a store, but of type object"),
            ("text", "cannot be called: its entry point is of type str"),
        ]
    ]


def test_an_opener_that_cannot_say_what_it_takes_leaves_the_others_alone(others):
    others("broken-db", "broken", BROKEN, "aaa = broken:sulks", "bbb = broken:text")
    assert others.run("""
        from sqlalchemy import create_engine
        from crmkit import connect
        from crmkit.errors import StoreError

        try:
            connect(7)
        except StoreError as error:
            print(error.message, *error.__notes__, sep="|")
        from crmkit.storage.opening import open_store
        print(open_store(create_engine("sqlite:///crm.db"), awaited=False).io)
    """).splitlines() == [
        "no store takes an object of type int."
        "|the store for aaa:// of the distribution broken-db failed with ZeroDivisionError when asked what it takes."
        "|the store for bbb:// of the distribution broken-db cannot be called: its entry point is of type str.",
        "blocking",
    ]  # fmt: skip
