"""One unit after another, and two at once: what is visible, what is undone, and who wins."""

from __future__ import annotations

import asyncio
import traceback
from threading import Thread
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from crmkit.errors import Busy, Duplicate
from crmkit.expr import core
from crmkit.expr.node import Op
from crmkit.storage.spi.store import Feature
from crmkit.testing.drive import driven, step
from crmkit.testing.world import NOW, Account, Badge, made

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from crmkit.storage.spi.store import Unit
    from crmkit.testing.ground import Ground

__all__ = ["Contention", "Unique", "Visibility"]

_ALL: Final = core.And(())
WORKERS: Final = 4
TRIES: Final = 2000
"""How often a worker tries again when the store is busy, before that is called a failure."""


def _account(name: str = "n", score: int | None = None) -> Account:
    return made(Account, name=name, score=score)


def _badge(**values: Any) -> Badge:
    return made(Badge, **values)


def _is(record: Account | Badge, version: int | None = None) -> core.Core:
    same = core.Compare("id", Op.EQ, record.id)
    return same if version is None else core.And((same, core.Compare("version", Op.EQ, version)))


class Visibility:
    """A unit sees what is committed and what it wrote itself; others see it after the commit."""

    @driven()
    async def test_a_unit_sees_its_own_writes(self, ground: Ground) -> None:
        """Inserted, patched and removed rows show at once within the unit, to every kind of question."""
        stays, goes, new = _account("stays", 1), _account("goes", 1), _account("new", 1)
        await ground.plant([stays, goes])
        unit = await ground.store.begin()
        await ground.insert(unit, [new])
        assert await ground.patch(unit, Account, _is(stays), score=2, version=2) == 1
        assert await ground.remove(unit, Account, _is(goes)) == 1
        found = await ground.load(Account, _ALL, unit)
        assert [(record.name, record.score, record.version) for record in found] == [("stays", 2, 2), ("new", 1, 1)]
        score_1 = ground.query(Account, core.Compare("score", Op.EQ, 1))
        assert await ground.fetch(score_1, unit) == [(new.id,)]
        assert await ground.patch(unit, Account, core.Compare("score", Op.GE, 1), score=5) == 2
        await unit.commit()
        assert {record.score for record in await ground.load(Account, _ALL)} == {5}

    @driven()
    async def test_writes_count_the_rows_they_hit(self, ground: Ground) -> None:
        """A patch and a removal touch the rows that satisfy their expression, no others, and say how many."""
        await ground.plant([_account("a", 1), _account("b", 2), _account("c", 3), _account("d", None)])
        unit = await ground.store.begin()
        assert await ground.patch(unit, Account, core.Compare("score", Op.GE, 2), name="z") == 2
        assert await ground.patch(unit, Account, core.Compare("score", Op.GT, 3), name="y") == 0
        assert await ground.remove(unit, Account, core.Compare("score", Op.NE, 2)) == 2
        assert await ground.remove(unit, Account, core.Constant(False)) == 0
        await unit.commit()
        assert [(record.name, record.score) for record in await ground.load(Account, _ALL)] == [("z", 2), ("d", None)]

    @driven(Feature.TRANSACTIONS)
    async def test_others_see_nothing_before_the_commit(self, ground: Ground) -> None:
        """What a unit writes shows elsewhere when it is committed, all at once."""
        held = _account("held", 1)
        await ground.plant([held])
        unit = await ground.store.begin()
        await ground.insert(unit, [_account("new")])
        await ground.patch(unit, Account, _is(held), score=2)
        assert [(record.name, record.score) for record in await ground.load(Account, _ALL)] == [("held", 1)]
        await unit.commit()
        assert [(record.name, record.score) for record in await ground.load(Account, _ALL)] == [
            ("held", 2),
            ("new", None),
        ]

    @driven(Feature.TRANSACTIONS)
    async def test_rollback_undoes_everything(self, ground: Ground) -> None:
        """After a rollback no insert, patch or removal of the unit has happened."""
        stays, goes = _account("stays", 1), _account("goes", 1)
        await ground.plant([stays, goes])
        unit = await ground.store.begin()
        await ground.insert(unit, [_account("new")])
        await ground.patch(unit, Account, _is(stays), score=2)
        await ground.remove(unit, Account, _is(goes))
        await unit.rollback()
        assert [(record.name, record.score) for record in await ground.load(Account, _ALL)] == [
            ("stays", 1),
            ("goes", 1),
        ]

    @driven()
    async def test_an_empty_unit_ends_either_way(self, ground: Ground) -> None:
        """A unit that did nothing can be committed, and one that only read can be rolled back."""
        await (await ground.store.begin()).commit()
        unit = await ground.store.begin()
        assert await ground.load(Account, _ALL, unit) == []
        await unit.rollback()
        await ground.plant([])


class Unique:
    """Unique groups are kept, within a tenant, among the rows that miss none of their columns."""

    @driven()
    async def test_an_id_is_taken_once(self, ground: Ground) -> None:
        """A second row with the id of another is a duplicate, within one insert too."""
        account = _account()
        await ground.plant([account])
        await self._refuses(ground, [account], ("id",))
        twin = _account()
        await self._refuses(ground, [twin, twin], ("id",))
        assert await ground.ids(Account, _ALL) == [account.id]

    @driven(Feature.UNIQUE)
    async def test_a_unique_key_is_taken_once(self, ground: Ground) -> None:
        """A single column and a group of columns; equality is exact; the deleted still count."""
        await ground.plant([_badge(code="x", holder="Ann", place=1), _badge(code="gone", deleted_at=NOW)])
        await self._refuses(ground, [_badge(code="x")], ("code",))
        await self._refuses(ground, [_badge(code="gone")], ("code",))
        await self._refuses(ground, [_badge(code="y", holder="Ann", place=1)], ("holder", "place"))
        await self._refuses(ground, [_badge(code="y"), _badge(code="y")], ("code",))
        await ground.plant(
            [_badge(code="X", holder="Ann", place=2), _badge(code="x ", holder="ann", place=1), _badge(code="")]
        )
        assert len(await ground.ids(Badge, _ALL)) == 5

    @driven(Feature.UNIQUE)
    async def test_missing_values_are_free(self, ground: Ground) -> None:
        """Rows that miss one of the columns of a group take no key."""
        await ground.plant(
            [_badge(), _badge(), _badge(holder="Ann"), _badge(holder="Ann"), _badge(place=1), _badge(place=1)]
        )
        assert len(await ground.ids(Badge, _ALL)) == 6

    @driven(Feature.UNIQUE)
    async def test_tenants_share_no_keys(self, ground: Ground) -> None:
        """Another tenant may use the same key."""
        await ground.plant([_badge(code="x")])
        other = ground.elsewhere()
        await other.plant([_badge(code="x")])
        assert len(await other.ids(Badge, _ALL)) == 1

    @driven(Feature.UNIQUE)
    async def test_a_patch_keeps_keys_unique(self, ground: Ground) -> None:
        """A patch cannot take a taken key; it can take one that was given up, and keep its own."""
        first, second = _badge(code="x"), _badge(code="y")
        await ground.plant([first, second])
        unit = await ground.store.begin()
        refusal = await _refusal(ground.patch(unit, Badge, _is(second), code="x"))
        assert refusal.fields == ("code",)
        await unit.rollback()
        unit = await ground.store.begin()
        assert await ground.patch(unit, Badge, _is(first), code="z", count=1) == 1
        assert await ground.patch(unit, Badge, _is(first), code="z", count=2) == 1
        assert await ground.patch(unit, Badge, _is(second), code="x") == 1
        await ground.insert(unit, [_badge(code="y")])
        await unit.commit()
        assert sorted(str(badge.code) for badge in await ground.load(Badge, _ALL)) == ["x", "y", "z"]

    @driven(Feature.UNIQUE)
    async def test_a_duplicate_tells_no_values(self, ground: Ground) -> None:
        """The error, and what a traceback shows of its causes, names columns and holds no value."""
        value = uuid4().hex
        await ground.plant([_badge(code=value, holder=f"holder {value}")])
        unit = await ground.store.begin()
        refusal = await _refusal(ground.insert(unit, [_badge(code=value)]))
        await unit.rollback()
        shown = "".join(traceback.format_exception(refusal)) + repr(refusal) + repr(vars(refusal))
        assert value not in shown
        assert ground.tenant not in shown
        assert refusal.entity == "kit_badge"

    async def _refuses(self, ground: Ground, records: list[Any], columns: tuple[str, ...]) -> None:
        unit = await ground.store.begin()
        refusal = await _refusal(ground.insert(unit, records))
        assert refusal.fields == columns
        await unit.rollback()


async def _refusal(write: Coroutine[Any, Any, Any]) -> Duplicate:
    try:
        await write
    except Duplicate as refusal:
        return refusal
    raise AssertionError("a key was taken twice")


class Contention:
    """Of two units that want the same, one wins, and the other learns of it."""

    @driven(Feature.TRANSACTIONS)
    async def test_two_patches_of_one_version(self, ground: Ground) -> None:
        """Two units read one version; the second to write it hits nothing, or is told that the store is busy."""
        account = _account(score=0)
        await ground.plant([account])
        first, second = await ground.store.begin(), await ground.store.begin()
        for unit in (first, second):
            assert [record.version for record in await ground.load(Account, _is(account), unit)] == [1]
        assert await ground.patch(first, Account, _is(account, 1), score=1, version=2) == 1
        await first.commit()
        assert await self._hits(second, ground.patch(second, Account, _is(account, 1), score=2, version=2)) == 0
        assert [(record.score, record.version) for record in await ground.load(Account, _ALL)] == [(1, 2)]

    @driven(Feature.TRANSACTIONS, Feature.UNIQUE)
    async def test_two_inserts_of_one_key(self, ground: Ground) -> None:
        """Two units find a key free; the second to take it is refused, or is told that the store is busy."""
        first, second = await ground.store.begin(), await ground.store.begin()
        for unit in (first, second):
            assert await ground.load(Badge, _ALL, unit) == []
        await ground.insert(first, [_badge(code="x")])
        await first.commit()
        try:
            await ground.insert(second, [_badge(code="x")])
            await second.commit()
        except (Busy, Duplicate):
            await second.rollback()
        else:
            raise AssertionError("a key was taken twice")
        assert len(await ground.ids(Badge, _ALL)) == 1

    @driven(Feature.TRANSACTIONS)
    async def test_two_units_that_want_one_lock(self, ground: Ground) -> None:
        """While one unit has a lock, another is told that the store is busy; later it sees what the first one wrote."""
        first, second = await ground.store.begin(), await ground.store.begin()
        await first.lock(ground.tenant, "kit")
        try:
            await second.lock(ground.tenant, "kit")
        except Busy:
            await second.rollback()
        else:
            raise AssertionError("two units have one lock")
        await ground.insert(first, [_account()])
        await first.commit()
        third = await ground.store.begin()
        await third.lock(ground.tenant, "kit")
        assert len(await ground.load(Account, _ALL, third)) == 1
        await third.commit()

    @driven(Feature.TRANSACTIONS)
    async def test_many_workers_lose_no_update(self, ground: Ground) -> None:
        """Workers that each read a version and write the next one, at the same time, add up."""
        account = _account(score=0)
        await ground.plant([account])

        async def add() -> None:
            added = 0
            for _ in range(TRIES):
                if added == 5:
                    return
                added += await self._increment(ground, account)
            raise AssertionError("a worker found the store busy too often")

        await _at_once(ground, [add] * WORKERS)
        assert [(record.score, record.version) for record in await ground.load(Account, _ALL)] == [
            (5 * WORKERS, 5 * WORKERS + 1)
        ]

    @driven(Feature.TRANSACTIONS, Feature.UNIQUE)
    async def test_many_workers_take_one_key(self, ground: Ground) -> None:
        """Of workers that insert one key at the same time, exactly one succeeds."""
        outcomes: list[str] = []

        async def take() -> None:
            for _ in range(TRIES):
                unit = await ground.store.begin()
                try:
                    await ground.insert(unit, [_badge(code="x")])
                    await unit.commit()
                except Busy:
                    await unit.rollback()
                except Duplicate:
                    await unit.rollback()
                    return outcomes.append("refused")
                else:
                    return outcomes.append("won")
            raise AssertionError("a worker found the store busy too often")

        await _at_once(ground, [take] * WORKERS)
        assert sorted(outcomes) == ["refused"] * (WORKERS - 1) + ["won"]
        assert len(await ground.ids(Badge, _ALL)) == 1

    async def _increment(self, ground: Ground, account: Account) -> int:
        unit = await ground.store.begin()
        (held,) = await ground.load(Account, _is(account), unit)
        changes = {"score": (held.score or 0) + 1, "version": held.version + 1}
        return await self._hits(unit, ground.patch(unit, Account, _is(account, held.version), **changes))

    async def _hits(self, unit: Unit, patch: Coroutine[Any, Any, int]) -> int:
        try:
            hits = await patch
            await unit.commit()
        except Busy:
            await unit.rollback()
            return 0
        return hits


async def _at_once(ground: Ground, workers: list[Callable[[], Coroutine[Any, Any, None]]]) -> None:
    """Run workers at the same time: as tasks, or on a store that blocks as threads."""
    if ground.store.io == "asyncio":
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(worker())
        return
    failures: list[BaseException] = []

    def run(worker: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            step(worker())
        except BaseException as failure:  # noqa: BLE001 - raised below, in the test's own thread
            failures.append(failure)

    threads = [Thread(target=run, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
