"""The kit for capabilities: crmkit's own pass it, and each that is sabotaged fails the test that is there for it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from types import ModuleType
from typing import Any, ClassVar

import pytest

from crmkit import (
    Capability,
    Customer,
    Funnel,
    Money,
    NotFound,
    Opportunity,
    Record,
    SeedPack,
    Segment,
    Session,
    Team,
    entity,
    f,
    integer,
)
from crmkit.crm.capability import CAPABILITIES, repository
from crmkit.crm.coroutine import run, step_through
from crmkit.lifecycle.built_in import OPPORTUNITY
from crmkit.repository import Doors
from crmkit.testing import Arguments, CapabilitySuite

OWN = {each.name: each for each in CAPABILITIES}
BIG = Segment("big", "customer", f.score > 5)


class TestSegments(CapabilitySuite):
    capability = OWN["segments"]
    calls: ClassVar = {
        "save": [lambda _: Arguments(Segment("new", "customer", f.score > 1)), lambda _: Arguments(1)],
        "delete": [lambda _: Arguments("mine"), lambda _: Arguments("alpha"), lambda _: Arguments("omega")],
        "get": [lambda _: Arguments("mine"), lambda _: Arguments("alpha"), lambda _: Arguments("foreign")],
        "names": [lambda _: Arguments()],
        "count": [lambda _: Arguments(BIG)],
        "members": [lambda _: Arguments(BIG)],
        "ids": [lambda _: Arguments(BIG)],
    }

    def populate(self, s: Session, size: int, word: str) -> None:
        s.customers.add_many([Customer(name=f"{word} {each}", score=each + 5) for each in range(size)])
        if size:
            s.segments.save(Segment(word, "customer", f.score > 1))


class TestAnalytics(CapabilitySuite):
    capability = OWN["analytics"]
    calls: ClassVar = {
        "funnel": [
            lambda _: Arguments(Funnel(OPPORTUNITY, by=f.customer.country)),
            lambda _: Arguments(Funnel(OPPORTUNITY, where=f.source == "alpha")),
        ],
        "win_rate": [lambda _: Arguments(by=f.source)],
        "cycle": [lambda _: Arguments(outcome="all")],
        "velocity": [lambda _: Arguments()],
        "forecast": [lambda _: Arguments(by=f.source)],
        "pipeline_value": [lambda _: Arguments(by=f.customer.country, ended=True)],
        "time_in_stage": [lambda _: Arguments(OPPORTUNITY)],
    }

    def populate(self, s: Session, size: int, word: str) -> None:
        made = [Customer(name=f"{word} {each}", country="DE") for each in range(size)]
        ids = s.customers.add_many(made)
        s.opportunities.add_many(
            [
                Opportunity(name=word, customer_id=id_, source=word[:5] if word == "mine" else None,
                            stage=stage, amount=Money(len(word), "EUR"))
                for place, id_ in enumerate(ids)
                for stage in [("contact", "proposal", "won")[place % 3]]
            ]
        )  # fmt: skip


class TestSeeds(CapabilitySuite):
    capability = OWN["seeds"]
    calls: ClassVar = {
        "apply": [
            lambda _: Arguments(SeedPack("new", 1, records={"north": Team(name="North")})),
            lambda _: Arguments(SeedPack("mine", 1, records={"north": Team(name="North")})),
            lambda _: Arguments(1),
        ]
    }

    def populate(self, s: Session, size: int, word: str) -> None:
        s.teams.add_many([Team(name=f"{word} {each}") for each in range(size)])
        if word == "mine":
            s.seeds.apply(SeedPack("mine", 1, records={"south": Team(name="South")}))


# -- sabotage ----------------------------------------------------------------------------------------------------------


@entity()
class KitCounter(Record):
    """What the sound and the sabotaged capabilities keep."""

    amount: int = integer(default=0)


class AsyncSound:
    """Nothing is wrong with it."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._counters = repository(doors, KitCounter)

    async def total(self) -> int:
        """Return the sum."""
        return sum([each.amount async for each in self._counters.stream()])

    async def above(self, least: int) -> AsyncIterator[KitCounter]:
        """Yield the counters above something."""
        async for each in self._counters.stream(f.amount > least):
            yield each

    async def raised(self, by: int) -> KitCounter:
        """Raise the first counter."""
        first = await self._counters.first(order=f.id)
        if first is None:
            raise NotFound("there is no counter.")
        return await self._counters.update(first, amount=first.amount + by)


class Sound:
    """Its blocking twin."""

    def __init__(self, inner: AsyncSound) -> None:
        self._inner = inner

    def total(self) -> int:
        """Return the sum."""
        return run(self._inner.total())

    def above(self, least: int) -> Iterator[KitCounter]:
        """Yield the counters above something."""
        return step_through(self._inner.above(least))

    def raised(self, by: int) -> KitCounter:
        """Raise the first counter."""
        return run(self._inner.raised(by))


class Unguarded(AsyncSound):
    """Reads past the guard."""

    async def total(self) -> int:
        rows = await self._doors.of("kit_counter").columns((), ("amount",), action=None)
        return sum(amount for (amount,) in rows)


class Gossip(AsyncSound):
    """Says in an error how many there are."""

    async def raised(self, by: int) -> KitCounter:
        rows = await self._doors.of("kit_counter").columns((), ("amount",), action=None)
        raise NotFound(f"none of {len(rows)} fits.")


class Shared(AsyncSound):
    """Remembers for all tenants what one of them has."""

    known: ClassVar[int] = 0

    async def total(self) -> int:
        return await super().total() + type(self).known

    async def raised(self, by: int) -> KitCounter:
        type(self).known += by
        return await super().raised(by)


TOLD: list[int] = []
"""What one of the sabotaged keeps outside any session."""


class Indiscreet(AsyncSound):
    """Sees what any tenant's sessions have done in this process."""

    async def total(self) -> int:
        return len(TOLD)


class Chatty(AsyncSound):
    """Reads one by one."""

    async def total(self) -> int:
        return sum([(await self._counters.get(id_)).amount for id_ in await self._counters.ids()])


class Hasty(AsyncSound):
    """Commits what is not its own to commit."""

    async def raised(self, by: int) -> KitCounter:
        raised = await super().raised(by)
        await self._doors.unit.commit()
        return raised


class Narrow(Sound):
    """Takes less than it should."""

    def raised(self) -> KitCounter:  # type: ignore[override]
        return run(self._inner.raised(1))


class Different(Sound):
    """Answers otherwise."""

    def total(self) -> int:
        return run(self._inner.total()) + 1


@pytest.fixture
def suite() -> Iterator[Callable[..., CapabilitySuite]]:
    """Make the suite of a capability of these classes."""
    module = ModuleType("kit_place")
    sys.modules[module.__name__] = module

    def made(awaited: type[AsyncSound] = AsyncSound, blocking: type[Sound] = Sound, **own: Any) -> CapabilitySuite:
        for each in (awaited, blocking):
            setattr(module, each.__name__, each)

        places = f"kit_place:{awaited.__name__}", f"kit_place:{blocking.__name__}"
        counting = Capability("counting", *places, entities=(KitCounter,))

        class TestCounting(CapabilitySuite):
            capability = counting
            calls: ClassVar = {
                "total": [lambda _: Arguments()],
                "above": [lambda _: Arguments(1)],
                "raised": [lambda _: Arguments(by=2)],
                **own,
            }

            def populate(self, s: Session, size: int, word: str) -> None:
                TOLD[:] = [] if word == "mine" else [*TOLD, *range(size)]
                s.repository(KitCounter).add_many([KitCounter(amount=each + 1) for each in range(size)])

        return TestCounting()

    yield made
    del sys.modules[module.__name__]


TESTS = [name for name in dir(CapabilitySuite) if name.startswith("test_")]


def failed(suite: CapabilitySuite) -> set[str]:
    found: set[str] = set()
    for name in TESTS:
        try:
            getattr(suite, name)()
        except Exception:  # noqa: BLE001 - as pytest has it, whatever is raised is a failure
            found.add(name)
    return found


def test_a_sound_capability_passes(suite: Callable[..., CapabilitySuite]) -> None:
    assert failed(suite()) == set()


@pytest.mark.parametrize(
    ("classes", "test"),
    [
        ([Unguarded], "test_what_an_actor_may_not_see_changes_no_answer"),
        ([Gossip], "test_what_an_actor_may_not_see_changes_no_answer"),
        ([Indiscreet], "test_what_another_tenant_has_changes_no_answer"),
        ([Chatty], "test_more_rows_take_no_more_statements"),
        ([Hasty], "test_what_a_session_undoes_is_undone"),
        ([Shared], "test_what_a_session_undoes_is_undone"),
        ([AsyncSound, Narrow], "test_both_faces_are_alike"),
        ([AsyncSound, Different], "test_both_faces_answer_alike"),
    ],
    ids=lambda given: "-".join(each.__name__ for each in given) if isinstance(given, list) else "",
)
def test_one_that_is_sabotaged_fails(suite: Callable[..., CapabilitySuite], classes: Any, test: str) -> None:
    assert test in failed(suite(*classes))


def test_a_method_without_an_example_is_named(suite: Callable[..., CapabilitySuite]) -> None:
    made = suite(above=[])
    with pytest.raises(AssertionError, match="no example of above succeeds"):
        made.test_each_public_method_has_an_example()
    made = suite()
    del made.calls["raised"]  # type: ignore[attr-defined]
    with pytest.raises(AssertionError, match="counting has no example of: raised"):
        made.test_each_public_method_has_an_example()
