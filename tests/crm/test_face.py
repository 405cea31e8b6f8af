"""The two faces say the same, and neither is used where the other is meant."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import crmkit
from crmkit import (
    AsyncCrm,
    AsyncSession,
    BadDefinition,
    Contact,
    Crm,
    Customer,
    Money,
    NotFound,
    Opportunity,
    Repository,
    Session,
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
from crmkit.cli.generate.words import blocking_words
from crmkit.crm.blocking.analytics import Analytics
from crmkit.crm.blocking.imports import Imports, Plan
from crmkit.crm.blocking.seeds import Seeds
from crmkit.crm.blocking.segments import Segments
from crmkit.crm.connect import connected
from crmkit.importers import AsyncImports, AsyncPlan
from crmkit.lifecycle.built_in import OPPORTUNITY
from crmkit.repository import AsyncRepository
from crmkit.repository.segments import AsyncSegments
from crmkit.seeds.seeds import AsyncSeeds

PAIRS = [
    (Repository, AsyncRepository),
    (Session, AsyncSession),
    (Crm, AsyncCrm),
    (Segments, AsyncSegments),
    (Seeds, AsyncSeeds),
    (Analytics, AsyncAnalytics),
    (Imports, AsyncImports),
    (Plan, AsyncPlan),
]
CALLS = [
    (blocking, awaited, name)
    for blocking, awaited in PAIRS
    for name, call in inspect.getmembers(blocking, inspect.isfunction)
    if name in vars(blocking) and (name in {"__enter__", "__exit__"} or not name.startswith("_"))
]


def members(face: type) -> dict[str, object]:
    return {name: member for name, member in inspect.getmembers(face) if not name.startswith("_")}


def arguments(call: Callable[..., object]) -> list[object]:
    # A default such as f.created_at is compared by its text: as itself it would make an expression.
    parameters = inspect.signature(call).parameters.values()
    return [(each.name, each.kind, blocking_words(str(each.annotation)), repr(each.default)) for each in parameters]


@pytest.mark.parametrize(("blocking", "awaited"), PAIRS)
def test_both_faces_have_the_same_calls_with_the_same_arguments_and_words(blocking: type, awaited: type) -> None:
    ours, theirs = members(blocking), members(awaited)
    assert set(theirs) - set(ours) <= {"work"}
    for name in ours:
        assert name in theirs, name
        call, other = ours[name], theirs[name]
        assert inspect.getdoc(call) == blocking_words(inspect.getdoc(other) or "")
        if callable(call):
            assert callable(other)
            assert arguments(call) == arguments(other), name


def test_connect_and_aconnect_take_the_same_arguments() -> None:
    assert arguments(connect) == arguments(aconnect)


class Given:
    """An argument that is like no other; a class that stands for itself, where one is called for."""

    def __call__(self, inner: object) -> Given:
        return self


class Recorder:
    """Stands where the awaited object would, and notes what a call is given."""

    def __init__(self, kind: type) -> None:
        self.kind = kind
        self.noted: list[dict[str, object]] = []

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.kind, name)

        def note(*given: object, **named: object) -> Any:
            self.noted.append(dict(inspect.signature(call).bind(self, *given, **named).arguments))
            if inspect.isasyncgenfunction(call):
                return nothing()
            return result() if inspect.iscoroutinefunction(call) else Given()

        return note


async def result() -> Given:
    return Given()


async def nothing() -> AsyncIterator[Given]:
    for none in ():
        yield none


def given_to(call: Callable[..., object]) -> tuple[list[object], dict[str, object], dict[str, object]]:
    """Return arguments for every parameter of a call, and what must arrive."""
    positional: list[object] = []
    named: dict[str, object] = {}
    whole: dict[str, object] = {}
    for name, parameter in list(inspect.signature(call).parameters.items())[1:]:
        whole[name] = value = Given()
        if parameter.kind is parameter.VAR_KEYWORD:
            named["other"], whole[name] = value, {"other": value}
        elif parameter.kind is parameter.KEYWORD_ONLY:
            named[name] = value
        else:
            positional.append(value)
            if parameter.kind is parameter.VAR_POSITIONAL:
                whole[name] = (value,)
    return positional, named, whole


@pytest.mark.parametrize(("blocking", "awaited", "name"), CALLS)
def test_every_argument_of_every_call_arrives(blocking: type, awaited: type, name: str) -> None:
    twin = object.__new__(blocking)
    twin._inner = inner = Recorder(awaited)
    positional, named, whole = given_to(getattr(blocking, name))
    outcome = getattr(twin, name)(*positional, **named)
    if inspect.isgenerator(outcome):
        assert list(outcome) == []
    assert [{key: value for key, value in noted.items() if key != "self"} for noted in inner.noted] == [whole]


def test_every_argument_of_connect_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[dict[str, object]] = []

    async def note(*given: object, **named: object) -> Given:
        noted.append(dict(inspect.signature(connected).bind(*given, **named).arguments))
        return Given()

    monkeypatch.setattr("crmkit.crm.blocking.connect.connected", note)
    positional, named, whole = given_to(connected)
    connect(*positional, **named)
    assert noted == [{"awaited": False, **whole}]


def test_the_pipeline_definitions_have_a_property_like_all_others() -> None:
    with connect("memory://") as crm, crm.session(system("test")) as s:
        for schema in crm.environment.catalog:
            assert isinstance(getattr(s, schema.plural), Repository)
        s.opportunities.add(Opportunity(name="Deal"))
        assert s.pipeline_definitions.count(f.entity == "opportunity") == 1


@pytest.fixture(params=["memory", "sqlite", "mongo"])
def awaited_url(request: pytest.FixtureRequest) -> str:
    if request.param == "memory":
        return "memory://"
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


def test_the_awaited_face_does_what_the_blocking_one_does(awaited_url: str) -> None:
    async def work() -> None:
        async with aconnect(awaited_url) as crm:
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


def test_a_crm_is_awaited_or_entered(awaited_url: str) -> None:
    async def work() -> None:
        crm = await aconnect(awaited_url)
        async with crm.session(system("test")) as s:
            await s.customers.add(Customer(name="Acme"))
        if awaited_url != "memory://":  # what is in memory goes with the CRM
            await crm.close()
            async with aconnect(awaited_url) as crm, crm.session(system("test")) as s:
                assert await s.customers.count() == 1
        assert isinstance(await asyncio.create_task(aconnect("memory://")), AsyncCrm)
        with pytest.raises(Unsupported, match="there is no store for oracle://"):
            async with aconnect("oracle://host"):
                pass

    asyncio.run(work())
    assert isinstance(asyncio.run(aconnect("memory://")), AsyncCrm)


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
def test_something_that_is_not_a_database_is_refused(database: object, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        connect(database)
    assert str(caught.value).startswith(message)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"models": Customer}, "a model is expected in a list, not alone. Write [Customer]."),
        ({"models": [7]}, "a model is expected, not int. Write Customer."),
        ({"pipelines": OPPORTUNITY}, "a pipeline is expected in a list, not alone. Write [Pipeline("),
        ({"pipelines": ["sales"]}, "a pipeline is expected, not str."),
        ({"policy": "all"}, "a policy is expected, not str."),
        (
            {"extra": {Customer: {"shoe_size": int}}},
            "the added field 'shoe_size' must be a declaration, not type. Write integer(",
        ),
        ({"extra": {Customer: ["shoe_size"]}}, "the added fields of customer must be a mapping, not list."),
    ],
)
def test_arguments_that_do_not_fit_connect_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(BadDefinition) as caught:
        connect("memory://", **given)
    assert str(caught.value).startswith(message)


def test_every_public_name_is_there_and_no_other() -> None:
    for name in crmkit.__all__:
        assert getattr(crmkit, name) is not None
    assert sorted(crmkit.__all__) == sorted(crmkit._MODULE_OF)
    with pytest.raises(AttributeError, match="has no attribute 'nothing_like_it'"):
        crmkit.nothing_like_it  # noqa: B018 - looking it up is the test
