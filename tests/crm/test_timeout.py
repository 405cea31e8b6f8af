"""A statement that takes too long is stopped with one clear error, and nothing of it is left on the connection."""

import asyncio
from collections.abc import Callable, Iterator
from functools import reduce
from operator import or_

import pytest

from crmkit import (
    BadDefinition,
    Contact,
    Crm,
    Customer,
    Expr,
    Session,
    StoreError,
    TimedOut,
    Unsupported,
    aconnect,
    connect,
    f,
    system,
)
from crmkit.storage.memory import MemoryStore
from crmkit.storage.spi import Feature

job = system("test")
AT_ONCE = 1e-9
"""No statement is so quick. A small one may end before anybody looks at the clock."""
LONG: Expr = reduce(or_, [f.name.contains(f"no such name {n}") for n in range(50)])


@pytest.fixture
def crm(store_url: str) -> Iterator[Crm]:
    """A database with enough rows that to look at them all takes a while."""
    with connect(store_url) as crm:
        with crm.session(job) as s:
            s.customers.add_many(Customer(name=f"customer {n}") for n in range(3_000))
        yield crm


def limit(crm: Crm, seconds: float) -> None:
    crm.environment.store.limit_statements(seconds)


ASKED: dict[str, Callable[[Session], object]] = {
    "count": lambda s: s.customers.count(LONG),
    "exists": lambda s: s.customers.exists(LONG),
    "find": lambda s: s.customers.find(LONG, order=f.name),
    "first": lambda s: s.customers.first(LONG),
    "stream": lambda s: list(s.customers.stream(LONG)),
    "tally": lambda s: s.customers.tally(where=LONG, by=f.name),
    "behind a link": lambda s: s.customers.count(f.contacts.none(LONG) & LONG),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_a_long_statement_is_stopped_and_a_session_that_only_read_goes_on(
    crm: Crm, ask: Callable[[Session], object]
) -> None:
    limit(crm, AT_ONCE)
    with crm.session(job) as s:
        for _ in range(2):
            with pytest.raises(TimedOut, match=r"took too long over \w+ and was stopped\.") as caught:
                ask(s)
            assert caught.value.code == "timed_out"
            assert "statement_timeout" in caught.value.hint
    limit(crm, 60)
    with crm.session(job) as s:
        ask(s)


def test_a_session_that_has_written_is_undone_and_goes_no_further(crm: Crm) -> None:
    limit(crm, AT_ONCE)
    with pytest.raises(StoreError), crm.session(job) as s:
        with pytest.raises(TimedOut):
            add_and_ask(s)
        with pytest.raises(StoreError):
            s.customers.count()
    with pytest.raises(TimedOut), crm.session(job) as s:
        add_and_ask(s)
    limit(crm, 60)
    with crm.session(job) as s:
        assert s.customers.count() == 3_000
        s.customers.add(Customer(name="next"))


def test_a_session_that_was_undone_can_be_rolled_back_and_used_again(crm: Crm) -> None:
    limit(crm, AT_ONCE)
    with crm.session(job) as s:
        with pytest.raises(TimedOut):
            add_and_ask(s)
        s.rollback()
        limit(crm, 60)
        s.customers.add(Customer(name="again"))
    with crm.session(job) as s:
        assert s.customers.count() == 3_001


def add_and_ask(s: Session) -> None:
    s.customers.add(Customer(name="new"))
    s.customers.count(LONG)


def test_what_ends_in_time_is_not_disturbed(crm: Crm) -> None:
    limit(crm, 60)
    for _ in range(2):
        with crm.session(job) as s:
            s.contacts.add_many(Contact(name=f"contact {n}") for n in range(11_000))
            assert len(s.contacts.ids()) >= 11_000
            assert s.customers.count(LONG) == 0


@pytest.mark.parametrize("store", ["sqlite", "mongo"])
def test_the_awaited_face_is_limited_too(store: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue(f"{store}_url")

    async def go() -> None:
        async with aconnect(url) as crm, crm.session(job) as s:
            await s.customers.add_many(Customer(name=f"customer {n}") for n in range(3_000))
        async with aconnect(url, statement_timeout=AT_ONCE) as crm, crm.session(job) as s:
            with pytest.raises(TimedOut):
                await s.customers.count(LONG)
        async with aconnect(url, statement_timeout=60) as crm, crm.session(job) as s:
            assert await s.customers.count(LONG) == 0

    asyncio.run(go())


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf"), True, "5", 10**12])
def test_the_limit_is_a_number_of_seconds(wrong: object) -> None:
    with pytest.raises(BadDefinition, match=r"statement_timeout is a positive number of seconds\."):
        connect("memory://", statement_timeout=wrong)  # type: ignore[arg-type]  # wrong on purpose


def test_a_store_that_cannot_stop_anything_refuses() -> None:
    store = MemoryStore()
    store.features = store.features - {Feature.TIMEOUT}
    with pytest.raises(Unsupported, match="cannot stop a statement"):
        connect(store, statement_timeout=5)
