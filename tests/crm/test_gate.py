"""A session used by two threads or two tasks at once: the second is refused at once, and the first goes on."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from threading import Event, Thread, current_thread
from typing import Any
from uuid import UUID

import attrs
import pytest

from crmkit import (
    CrmError,
    Customer,
    Funnel,
    Opportunity,
    SeedPack,
    Segment,
    Session,
    SessionInUse,
    aconnect,
    connect,
    f,
    system,
)
from crmkit.lifecycle.built_in import OPPORTUNITY
from crmkit.values import system_clock
from crmkit.values.identifier import uuid7_source

job = system("test")


@attrs.define
class Halt:
    """Makes ids, and stops a thread in the middle of an operation: where the row of history gets its own."""

    halted: Event = attrs.field(factory=Event)
    resumed: Event = attrs.field(factory=Event)
    thread: Thread | None = None
    left: int = 2
    make: Callable[[], UUID] = attrs.field(factory=lambda: uuid7_source(system_clock, Random(1)))

    def __call__(self) -> UUID:
        if current_thread() is self.thread:
            self.left -= 1
            if not self.left:
                self.halted.set()
                assert self.resumed.wait(60)
        return self.make()


@contextmanager
def halfway(s: Session, ids: Halt) -> Iterator[list[Opportunity]]:
    """Keep another thread in the middle of adding a deal; what it added is there afterwards."""
    added: list[Opportunity] = []
    ids.thread = Thread(target=lambda: added.append(s.opportunities.add(Opportunity(name="First"))))
    ids.thread.start()
    try:
        assert ids.halted.wait(60)
        yield added
    finally:
        ids.resumed.set()
        ids.thread.join()


def test_a_second_thread_is_refused_and_the_first_goes_on(store_url: str) -> None:
    ids = Halt()
    with connect(store_url, ids=ids) as crm:
        with crm.session(job) as s:
            with halfway(s, ids) as added:
                for intrude in (s.customers.count, s.commit, s.rollback, lambda: s.customers.add(Customer(name="x"))):
                    with pytest.raises(SessionInUse, match="another thread or task") as caught:
                        intrude()
                    assert caught.value.code == "session_in_use"
            assert s.opportunities.get(added[0].id) == added[0]
        with crm.session(job) as s:
            assert (s.opportunities.count(), s.stage_moves.count(), s.customers.count()) == (1, 1, 0)


def test_whoever_leaves_a_session_that_another_thread_is_using_undoes_it(store_url: str) -> None:
    ids = Halt()
    with connect(store_url, ids=ids) as crm:
        s = crm.session(job).__enter__()
        with halfway(s, ids):
            left: list[BaseException] = []

            def leave() -> None:
                try:
                    s.__exit__(None, None, None)
                except SessionInUse as error:
                    left.append(error)

            leaving = Thread(target=leave)
            leaving.start()
        leaving.join()
        assert "so all of it was undone" in str(left[0])
        with pytest.raises(CrmError, match="the session has ended"):
            s.customers.count()
        with crm.session(job) as s:
            assert s.opportunities.count() == s.stage_moves.count() == 0


def test_threads_may_use_a_session_one_after_another(store_url: str) -> None:
    with connect(store_url) as crm:
        with crm.session(job) as s:
            for name in ("a", "b", "c"):
                thread = Thread(target=lambda name=name: s.customers.add(Customer(name=name)))
                thread.start()
                thread.join()
            assert s.customers.count() == 3
        with crm.session(job) as s:
            assert s.customers.count() == 3


SEGMENT = Segment("all", "customer", f.name != "")
CALLS: dict[str, dict[str, Callable[[Any, Customer, Opportunity], Any]]] = {
    "customers": {
        "get": lambda r, c, _: r.get(c.id),
        "find": lambda r, *_: r.find(),
        "first": lambda r, *_: r.first(),
        "stream": lambda r, *_: list(r.stream()),
        "batches": lambda r, *_: list(r.batches()),
        "count": lambda r, *_: r.count(),
        "ids": lambda r, *_: r.ids(),
        "exists": lambda r, *_: r.exists(),
        "tally": lambda r, *_: r.tally(),
        "add": lambda r, *_: r.add(Customer(name="x")),
        "add_many": lambda r, *_: r.add_many([Customer(name="x")]),
        "update": lambda r, c, _: r.update(c, name="y"),
        "delete": lambda r, c, _: r.delete(c),
        "restore": lambda r, c, _: r.restore(c),
        "add_external_id": lambda r, c, _: r.add_external_id(c, "erp", "1"),
        "remove_external_id": lambda r, c, _: r.remove_external_id(c, "erp", "1"),
    },
    "opportunities": {
        "advance": lambda r, _, o: r.advance(o, "proposal"),
        "transfer": lambda r, _, o: r.transfer(o, stage="proposal"),
    },
    "segments": {
        "save": lambda r, *_: r.save(SEGMENT),
        "get": lambda r, *_: r.get("all"),
        "names": lambda r, *_: r.names(),
        "delete": lambda r, *_: r.delete("all"),
        "count": lambda r, *_: r.count(SEGMENT),
        "members": lambda r, *_: list(r.members(SEGMENT)),
        "ids": lambda r, *_: r.ids(SEGMENT),
    },
    "seeds": {"apply": lambda r, *_: r.apply(SeedPack("a", 1, records={"a": Customer(name="x")}))},
    "analytics": {
        "funnel": lambda r, *_: r.funnel(Funnel(OPPORTUNITY)),
        "win_rate": lambda r, *_: r.win_rate(),
        "cycle": lambda r, *_: r.cycle(),
        "velocity": lambda r, *_: r.velocity(),
        "forecast": lambda r, *_: r.forecast(),
        "pipeline_value": lambda r, *_: r.pipeline_value(),
        "time_in_stage": lambda r, *_: r.time_in_stage(OPPORTUNITY),
    },
}
"""A call of everything that a session offers; what is added is to be added here."""
PURE = {"why_not", "allowed_moves"}
"""They may find all that they need in memory."""


def test_whatever_a_session_offers_is_refused() -> None:
    ids = Halt(left=4)
    with connect("memory://", ids=ids) as crm, crm.session(job) as s:
        parts = {name: getattr(s, name) for name in CALLS}
        for name in (*s.capabilities.by_name, "customers"):
            known = set().union(*(CALLS[other] for other in ("customers", "opportunities"))) | PURE
            known = known if name == "customers" else set(CALLS[name])
            public = {each for each, _ in inspect.getmembers(type(parts[name]), inspect.isfunction) if each[0] != "_"}
            assert public == known, "a call that this test does not know"
        ids.left = 2
        acme, deal = s.customers.add(Customer(name="Acme")), s.opportunities.add(Opportunity(name="Deal"))
        with halfway(s, ids):
            for part, calls in CALLS.items():
                for name, call in calls.items():
                    with pytest.raises(SessionInUse):
                        pytest.fail(f"{part}.{name} gave {call(parts[part], acme, deal)!r}")


ASYNC = pytest.mark.parametrize("store_url", ["sqlite", "mongo"], indirect=True)


@ASYNC
def test_of_tasks_that_share_a_session_one_is_served(store_url: str) -> None:
    async def main() -> tuple[list[Any], int]:
        async with aconnect(store_url) as crm:
            async with crm.session(job) as s:
                adds = (s.opportunities.add(Opportunity(name="Deal")) for _ in range(20))
                outcomes = await asyncio.gather(*adds, return_exceptions=True)
            async with crm.session(job) as s:
                assert await s.opportunities.count() == await s.stage_moves.count()
                return outcomes, await s.opportunities.count()

    outcomes, stored = asyncio.run(main())
    refused = [each for each in outcomes if isinstance(each, SessionInUse)]
    assert (len(refused), stored) == (19, 1)


@ASYNC
def test_whoever_leaves_a_session_that_another_task_is_using_undoes_it(store_url: str) -> None:
    async def main() -> None:
        async with aconnect(store_url) as crm:
            with pytest.raises(SessionInUse, match="so all of it was undone"):
                async with crm.session(job) as s:
                    adding = asyncio.create_task(s.customers.add(Customer(name="Forgotten")))
                    await asyncio.sleep(0)
            assert (await adding).name == "Forgotten"
            async with crm.session(job) as s:
                assert await s.customers.count() == 0

    asyncio.run(main())


@ASYNC
def test_tasks_may_use_a_session_one_after_another(store_url: str) -> None:
    async def main() -> int:
        async with aconnect(store_url) as crm, crm.session(job) as s:
            for name in ("a", "b"):
                await asyncio.create_task(s.customers.add(Customer(name=name)))
            return await asyncio.wait_for(s.customers.count(), 60)

    assert asyncio.run(main()) == 2
