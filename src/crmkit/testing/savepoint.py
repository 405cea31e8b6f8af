"""Savepoints, and units inside a transaction that the host began."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from unittest import SkipTest

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmkit.errors import Busy, Duplicate, StoreError
from crmkit.expr import core
from crmkit.expr.node import Op
from crmkit.storage.spi.store import Feature
from crmkit.testing.drive import Maker, driven, on_ground
from crmkit.testing.world import Account, Badge, made

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from crmkit.storage.spi.store import Savepoint, Unit
    from crmkit.testing.ground import Ground

__all__ = ["Joined", "Savepoints"]

_ALL: Final = core.And(())
_ENDED: Final = "an ended savepoint was ended again"


async def _names(ground: Ground, unit: Unit | None = None) -> list[str]:
    return [record.name for record in await ground.load(Account, _ALL, unit)]


def _account(name: str) -> Account:
    return made(Account, name=name)


def _is(record: Account) -> core.Core:
    return core.Compare("id", Op.EQ, record.id)


class Savepoints:
    """A part of a unit can be undone."""

    @driven(Feature.SAVEPOINT)
    async def test_a_savepoint_undoes_what_came_after_it(self, ground: Ground) -> None:
        """Inserts, patches and removals made since are undone; those before stay, and the unit goes on."""
        stays, goes = _account("stays"), _account("goes")
        await ground.plant([stays, goes])
        unit = await ground.store.begin()
        await ground.insert(unit, [_account("before")])
        savepoint = await unit.savepoint()
        await ground.insert(unit, [_account("since"), _account("since")])
        await ground.insert(unit, [_account("since")])
        await ground.patch(unit, Account, _is(stays), name="changed")
        await ground.remove(unit, Account, _is(goes))
        await savepoint.rollback()
        assert await _names(ground, unit) == ["stays", "goes", "before"]
        await ground.insert(unit, [_account("after")])
        await unit.commit()
        assert await _names(ground) == ["stays", "goes", "before", "after"]

    @driven(Feature.SAVEPOINT)
    async def test_a_released_savepoint_keeps_what_came_after_it(self, ground: Ground) -> None:
        """What was written since is part of the unit, whose rollback still undoes all of it."""
        for end, left in (("rollback", []), ("commit", ["since"])):
            unit = await ground.store.begin()
            savepoint = await unit.savepoint()
            await ground.insert(unit, [_account("since")])
            await savepoint.release()
            assert await _names(ground, unit) == ["since"]
            await getattr(unit, end)()
            assert await _names(ground) == left

    @driven(Feature.SAVEPOINT)
    async def test_a_savepoint_of_a_unit_that_only_read(self, ground: Ground) -> None:
        """The first savepoint may come before the first write."""
        await ground.plant([_account("kept")])
        unit = await ground.store.begin()
        assert await _names(ground, unit) == ["kept"]
        savepoint = await unit.savepoint()
        await ground.remove(unit, Account, _ALL)
        await savepoint.rollback()
        assert await _names(ground, unit) == ["kept"]
        await unit.commit()
        assert await _names(ground) == ["kept"]

    @driven(Feature.SAVEPOINT)
    async def test_a_savepoint_keeps_nobody_from_writing(self, ground: Ground) -> None:
        """A unit that has written nothing may set savepoints while others write, and return to them."""
        for end in ("release", "rollback"):
            unit = await ground.store.begin()
            assert "since" not in await _names(ground, unit)
            outer, inner = await unit.savepoint(), await unit.savepoint()
            await ground.plant([_account("other")])
            await getattr(inner, end)()
            await ground.insert(unit, [_account("since")])
            await outer.rollback()
            await ground.plant([_account("other")])
            await unit.commit()
        assert await _names(ground) == ["other"] * 4

    @driven(Feature.SAVEPOINT)
    async def test_savepoints_nest(self, ground: Ground) -> None:
        """An inner one is undone alone; undoing an outer one also undoes what an inner one kept, and ends it."""
        unit = await ground.store.begin()
        outer = await unit.savepoint()
        await ground.insert(unit, [_account("outer")])
        inner = await unit.savepoint()
        await ground.insert(unit, [_account("inner")])
        await inner.rollback()
        assert await _names(ground, unit) == ["outer"]
        second = await unit.savepoint()
        await ground.insert(unit, [_account("second")])
        await _refuses(inner.rollback())
        await second.release()
        last = await unit.savepoint()
        await outer.rollback()
        assert await _names(ground, unit) == []
        await _refuses(last.release())
        await unit.rollback()
        await _refuses(outer.rollback())

    @driven(Feature.SAVEPOINT, Feature.UNIQUE)
    async def test_unique_keys_are_free_again(self, ground: Ground) -> None:
        """A key taken since a savepoint can be taken once more, and one given up since is taken again."""
        held = made(Badge, code="held")
        await ground.plant([held])
        unit = await ground.store.begin()
        savepoint = await unit.savepoint()
        await ground.insert(unit, [made(Badge, code="x")])
        await ground.patch(unit, Badge, core.Compare("id", Op.EQ, held.id), code="y")
        await savepoint.rollback()
        await ground.insert(unit, [made(Badge, code="x"), made(Badge, code="y")])
        inner = await unit.savepoint()
        try:
            await ground.insert(unit, [made(Badge, code="held")])
        except Duplicate:
            await inner.rollback()
        else:
            raise AssertionError("a key was taken twice")
        await unit.commit()
        assert sorted(str(badge.code) for badge in await ground.load(Badge, _ALL)) == ["held", "x", "y"]

    @driven(Feature.SAVEPOINT, Feature.TRANSACTIONS, Feature.UNIQUE)
    async def test_others_see_no_savepoint(self, ground: Ground) -> None:
        """What a savepoint undid or kept never shows elsewhere before the commit, and then all at once."""
        unit = await ground.store.begin()
        for name in ("undone", "kept"):
            savepoint = await unit.savepoint()
            await ground.insert(unit, [_account(name)])
            await (savepoint.rollback() if name == "undone" else savepoint.release())
            assert await _names(ground) == []
        await unit.commit()
        assert await _names(ground) == ["kept"]

    def test_savepoints_are_a_stack_of_copies(self: Maker) -> None:
        """After any writes, savepoints and rollbacks a unit shows what a stack of copies of its rows shows."""
        with on_ground(self) as (ground, run):
            if Feature.SAVEPOINT not in ground.store.features:
                raise SkipTest("the store does not declare savepoint")

            @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
            @given(st.lists(st.tuples(st.sampled_from(_STEPS), st.integers(0, 3)), max_size=20))
            def compare(steps: list[tuple[str, int]]) -> None:
                run(_play(ground.elsewhere(), steps))

            compare()


_STEPS: Final = ("add", "change", "remove", "set", "release", "undo")


async def _play(ground: Ground, steps: list[tuple[str, int]]) -> None:
    accounts = [_account(name) for name in "abcd"]
    await ground.plant(accounts[:2])
    rows = {account.id: account.name for account in accounts[:2]}
    stack: list[tuple[Savepoint, dict[Any, str]]] = []
    unit = await ground.store.begin()
    for number, (what, which) in enumerate(steps):
        account = accounts[which]
        match what:
            case "add" if account.id not in rows:
                await ground.insert(unit, [account])
                rows[account.id] = account.name
            case "change" if account.id in rows:
                rows[account.id] = f"{account.name}{number}"
                await ground.patch(unit, Account, _is(account), name=rows[account.id])
            case "remove":
                await ground.remove(unit, Account, _is(account))
                rows.pop(account.id, None)
            case "set":
                stack.append((await unit.savepoint(), dict(rows)))
            case "release" | "undo" if which < len(stack):
                savepoint, copy = stack[which]
                del stack[which:]
                await (savepoint.release() if what == "release" else savepoint.rollback())
                rows = rows if what == "release" else copy
            case _:
                continue
        assert {record.id: record.name for record in await ground.load(Account, _ALL, unit)} == rows, steps
    await unit.commit()
    assert {record.id: record.name for record in await ground.load(Account, _ALL)} == rows, steps


async def _refuses(end: Coroutine[Any, Any, None]) -> None:
    try:
        await end
    except StoreError:
        return
    raise AssertionError(_ENDED)


class Joined:
    """A unit takes part in a transaction that the host began, and leaves its end to the host."""

    @driven(Feature.JOIN)
    async def test_a_joined_unit_is_part_of_the_host_s_transaction(self, ground: Ground) -> None:
        """It reads and writes there; its commit makes nothing permanent, and the host's makes everything so."""
        for end, left in (("rollback", []), ("commit", ["first", "second"])):
            async with ground.hosted() as host:
                for name in ("first", "second"):
                    unit = await ground.store.join(host.handle)
                    await ground.insert(unit, [_account(name)])
                    await unit.commit()
                    await _unseen(ground)
                unit = await ground.store.join(host.handle)
                assert await _names(ground, unit) == ["first", "second"]
                await unit.commit()
                await getattr(host, end)()
            assert await _names(ground) == left

    @driven(Feature.JOIN, Feature.SAVEPOINT)
    async def test_rolling_a_joined_unit_back_leaves_the_rest(self, ground: Ground) -> None:
        """What the unit wrote is undone; what was written before it stays, and the transaction is still open."""
        async with ground.hosted() as host:
            for name, end in (("kept", "commit"), ("undone", "rollback"), ("kept too", "commit")):
                unit = await ground.store.join(host.handle)
                await ground.insert(unit, [_account(name)])
                await getattr(unit, end)()
            await host.commit()
        assert await _names(ground) == ["kept", "kept too"]


async def _unseen(ground: Ground) -> None:
    try:
        assert await _names(ground) == []
    except Busy:  # a store may also keep others waiting for the host
        return
