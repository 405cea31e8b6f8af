"""One suite, both colours: how the kit runs its tests."""

import asyncio
from unittest import SkipTest

import pytest

from crmkit.storage.memory import MemoryStore
from crmkit.storage.spi import Feature
from crmkit.testing.drive import driven, on_ground, step


class AsyncMemoryStore(MemoryStore):
    """Suspends, and says so."""

    io = "asyncio"

    async def begin(self):
        await asyncio.sleep(0)
        return await super().begin()


class LesserStore(MemoryStore):
    """Declares nothing."""

    features = frozenset()


class Suite:
    def __init__(self, make):
        self.make = make
        self.ran = False

    async def make_store(self):
        return self.make()

    @driven()
    async def reads(self, ground):
        unit = await ground.store.begin()
        await unit.rollback()
        self.ran = True

    @driven(Feature.REACH)
    async def needs_relations(self, _ground):
        self.ran = True


@pytest.mark.parametrize("make", [MemoryStore, AsyncMemoryStore])
def test_a_test_runs_to_its_end_in_either_colour(make):
    suite = Suite(make)
    suite.reads()
    assert suite.ran


def test_a_coroutine_that_suspends_is_a_failure():
    with pytest.raises(AssertionError, match="suspended"):
        step(asyncio.sleep(0))


def test_a_test_that_needs_an_undeclared_feature_says_that_it_was_skipped():
    suite = Suite(LesserStore)
    with pytest.raises(SkipTest, match="does not declare reach"):
        suite.needs_relations()
    assert not suite.ran


def test_the_store_is_closed_when_a_test_fails():
    with pytest.raises(ZeroDivisionError), on_ground(Suite(MemoryStore)) as (ground, _run):
        raise ZeroDivisionError
    with pytest.raises(Exception, match="closed"):
        step(ground.store.begin())
