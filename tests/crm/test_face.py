"""The two faces say the same, and neither is used where the other is meant."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import crmkit
from crmkit import (
    BadDefinition,
    Contact,
    Customer,
    Money,
    NotFound,
    Opportunity,
    Stale,
    StoreError,
    Unsupported,
    aconnect,
    connect,
    count,
    f,
    system,
)
from crmkit.analytics import AsyncAnalytics
from crmkit.crm import AsyncCrm, AsyncSession, Crm, Repository, Session
from crmkit.crm.analytics import Analytics
from crmkit.crm.segment import Segments
from crmkit.lifecycle.built_in import OPPORTUNITY
from crmkit.repository import AsyncRepository
from crmkit.repository.segment import AsyncSegments

PAIRS = [
    (Repository, AsyncRepository),
    (Session, AsyncSession),
    (Crm, AsyncCrm),
    (Segments, AsyncSegments),
    (Analytics, AsyncAnalytics),
]


def members(face: type) -> dict[str, object]:
    return {name: member for name, member in inspect.getmembers(face) if not name.startswith("_")}


def arguments(call: Callable[..., object]) -> list[object]:
    # A default such as f.created_at is compared by its text: as itself it would make an expression.
    parameters = inspect.signature(call).parameters.values()
    return [(each.name, each.kind, each.annotation, repr(each.default)) for each in parameters]


@pytest.mark.parametrize(("blocking", "awaited"), PAIRS)
def test_both_faces_have_the_same_calls_with_the_same_arguments_and_words(blocking: type, awaited: type) -> None:
    ours, theirs = members(blocking), members(awaited)
    for name in ours:
        assert name in theirs, name
        call, other = ours[name], theirs[name]
        if not callable(call):
            continue
        assert callable(other)
        assert arguments(call) == arguments(other), name
        asynchronous = inspect.iscoroutinefunction(other) or inspect.isasyncgenfunction(other)
        if asynchronous:
            assert inspect.getdoc(call) == inspect.getdoc(other), name
    assert set(theirs) - set(ours) <= {"work"}


def test_connect_and_aconnect_take_the_same_arguments() -> None:
    assert arguments(connect) == arguments(aconnect)


@pytest.fixture(params=["memory", "sqlite", "mongo"])
def awaited_url(request: pytest.FixtureRequest) -> str:
    if request.param == "memory":
        return "memory://"
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


def test_the_awaited_face_does_what_the_blocking_one_does(awaited_url: str) -> None:
    async def work() -> None:
        async with await aconnect(awaited_url) as crm:
            async with crm.session(system("test")) as s:
                acme = await s.customers.add(Customer(name="Acme", country="DE"))
                await s.contacts.add(Contact(name="Bo", customer_id=acme.id, role="decision_maker"))
                deal = await s.opportunities.add(Opportunity(name="Deal", customer_id=acme.id, amount=Money(5, "EUR")))
                deal = await s.opportunities.advance(deal, "won")
            async with crm.session(system("test")) as s:
                page = await s.opportunities.find(f.customer.contacts.any(f.role == "decision_maker"))
                assert list(page) == [deal]
                assert [each.name async for each in s.customers.stream()] == ["Acme"]
                groups = await s.opportunities.tally(by=f.customer.country, n=count())
                assert [(group.key, group["n"]) for group in groups] == [(("DE",), 1)]
                await s.customers.update(acme, name="Acme AG")
                with pytest.raises(Stale):
                    await s.customers.update(acme, name="Lost")
            with pytest.raises(RuntimeError):
                async with crm.session(system("test")) as s:
                    gone = await s.customers.add(Customer(name="Gone"))
                    raise RuntimeError
            async with crm.session(system("test")) as s:
                with pytest.raises(NotFound):
                    await s.customers.get(gone.id)

    asyncio.run(work())


def test_many_awaited_sessions_run_side_by_side(awaited_url: str) -> None:
    async def work() -> int:
        async with await aconnect(awaited_url) as crm:

            async def add(number: int) -> None:
                async with crm.session(system("test")) as s:
                    await s.customers.add(Customer(name=f"c{number}"))

            async with crm.session(system("test")) as s:
                await s.customers.count()
            await asyncio.gather(*(add(number) for number in range(20)))
            async with crm.session(system("test")) as s:
                return await s.customers.count()

    assert asyncio.run(work()) == 20


def test_a_driver_of_the_other_kind_is_refused_at_the_door(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="must be awaited"):
        connect(f"sqlite+aiosqlite:///{tmp_path / 'crm.db'}")


@pytest.mark.parametrize(
    ("database", "kind", "message"),
    [
        ("crm.db", StoreError, "a database is named by a URL."),
        (
            "oracle://host/crm",
            Unsupported,
            "there is no store for oracle://. There is: memory, mongodb, mongodb+srv, sqlite.",
        ),
        ("postgresql+psycopg://host/crm", Unsupported, "there is no store for postgresql+psycopg://."),
        (7, StoreError, "no store takes an object of type int. Give a URL, an Engine or a MongoClient."),
        (
            "sqlite://crm.db",
            StoreError,
            "two slashes are followed by a server's name, and SQLite has no server. Write th",
        ),
        ("sqlite://ann:secret@crm.db", StoreError, "two slashes are followed by a server's name, and SQLite has no se"),
        ("sqlite+oddball:///crm.db", Unsupported, "there is no store for sqlite+oddball://. Write sqlite:///crm.db."),
    ],
)
def test_what_is_no_database_is_said(database: object, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        connect(database)
    assert str(caught.value).startswith(message)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"models": Customer}, "a model stands alone where a list is expected. Write [Customer]."),
        ({"models": [7]}, "a model is expected, not int. Write Customer."),
        ({"pipelines": OPPORTUNITY}, "a pipeline stands alone where a list is expected. Write [Pipeline("),
        ({"pipelines": ["sales"]}, "a pipeline is expected, not str."),
        ({"policy": "all"}, "a str is no policy."),
        ({"extra": {Customer: {"shoe_size": int}}}, "the added field 'shoe_size' is a type. Write integer("),
        ({"extra": {Customer: ["shoe_size"]}}, "the added fields of customer are a list."),
    ],
)
def test_what_does_not_fit_connect_is_said(given: dict[str, Any], message: str) -> None:
    with pytest.raises(BadDefinition) as caught:
        connect("memory://", **given)
    assert str(caught.value).startswith(message)


def test_every_public_name_is_there_and_no_other() -> None:
    for name in crmkit.__all__:
        assert getattr(crmkit, name) is not None
    assert sorted(crmkit.__all__) == sorted(crmkit._MODULE_OF)
    with pytest.raises(AttributeError, match="has no attribute 'nothing_like_it'"):
        crmkit.nothing_like_it  # noqa: B018 - looking it up is the test
