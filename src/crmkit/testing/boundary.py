"""What bounds a store: tenants, declared features, size, and its own life."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from crmkit.errors import BadRecord, StoreError, TimedOut, Unsupported
from crmkit.expr import core
from crmkit.expr.node import Op
from crmkit.storage.spi.plan import Aggregate, Bucket, GroupKey, Hop, Measure, SortKey, Top
from crmkit.storage.spi.store import Feature
from crmkit.testing.drive import Maker, driven, on_ground
from crmkit.testing.ground import Ground
from crmkit.testing.world import CATALOG, UNIQUE_CATALOG, Account, Badge, Deal, Region, fresh_id, made
from crmkit.values import Money

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

__all__ = ["BULK", "Bulk", "Features", "Life", "Limits", "Tenants"]

BULK: Final = 20_000
_ALL: Final = core.And(())
_COUNT: Final = (Measure(Aggregate.COUNT),)


def _account(**values: Any) -> Account:
    return made(Account, **{"name": "n", **values})


class Tenants:
    """One tenant's plan touches one tenant's rows."""

    @driven()
    async def test_tenants_are_apart(self, ground: Ground) -> None:
        """Reading, counting, changing and removing within one tenant leaves another as it is."""
        other = ground.elsewhere()
        mine, theirs = _account(name="mine", score=1), _account(name="theirs", score=1)
        await ground.plant([mine])
        await other.plant([theirs])
        assert [record.name for record in await ground.load(Account, _ALL)] == ["mine"]
        assert await ground.tally(Account, _ALL, (), _COUNT) == [(1,)]
        unit = await ground.store.begin()
        assert await ground.patch(unit, Account, core.Compare("score", Op.EQ, 1), score=2) == 1
        assert await ground.patch(unit, Account, core.Compare("id", Op.EQ, theirs.id), score=2) == 0
        assert await ground.remove(unit, Account, core.Compare("id", Op.EQ, theirs.id)) == 0
        assert await ground.remove(unit, Account, _ALL) == 1
        await unit.commit()
        assert [(record.name, record.score) for record in await other.load(Account, _ALL)] == [("theirs", 1)]

    @driven()
    async def test_ids_of_another_tenant_are_free(self, ground: Ground) -> None:
        """Two tenants hold rows with the same ids, and each meets its own."""
        grounds = {"mine": ground, "theirs": ground.elsewhere()}
        same = fresh_id()
        for name, each in grounds.items():
            await each.plant([_account(id=same, name=name)])
        mine = core.Compare("id", Op.EQ, same)
        for name, each in grounds.items():
            assert [record.name for record in await each.load(Account, mine)] == [name]
        unit = await ground.store.begin()
        assert await ground.patch(unit, Account, mine, score=7) == 1
        assert await ground.remove(unit, Account, mine) == 1
        await unit.commit()
        assert [record.score for record in await grounds["theirs"].load(Account, _ALL)] == [None]

    @driven(Feature.REACH)
    async def test_relations_of_rows_with_the_same_ids_keep_to_their_tenant(self, ground: Ground) -> None:
        """Where two tenants hold rows with the same ids, relations lead to those of the tenant that asks."""
        grounds = {"mine": ground, "theirs": ground.elsewhere()}
        region, account = fresh_id(), fresh_id()
        for name, each in grounds.items():
            await each.plant([made(Region, id=region, name=name), _account(id=account, region_id=region)])
        relation = CATALOG.relations(CATALOG.of(Account))["region"]
        for name, each in grounds.items():
            for other in grounds:
                where = each.mine(core.Compare("name", Op.EQ, other))
                found = await each.ids(Account, core.Exists(relation, where))
                assert found == ([account] if name == other else [])
            key = GroupKey("name", (Hop(relation, each.mine()),))
            assert await each.tally(Account, _ALL, [key], _COUNT) == [(name, 1)]

    @driven()
    async def test_names_of_tenants_are_exact(self, ground: Ground) -> None:
        """Tenants whose names look alike are not the same."""
        names = [ground.tenant + tail for tail in ("a", "A", "a ", "%", "'", "é", "e\u0301", "$")]
        grounds = [Ground(ground.store, tenant=name) for name in names]
        for number, each in enumerate(grounds):
            await each.plant([_account(score=number)])
        for number, each in enumerate(grounds):
            assert [record.score for record in await each.load(Account, _ALL)] == [number]

    @driven(Feature.REACH)
    async def test_relations_keep_to_the_rows_that_a_plan_allows(self, ground: Ground) -> None:
        """A link to another tenant's row leads nowhere, as plans ask for the tenant at each step; or it is refused."""
        other = ground.elsewhere()
        hidden = made(Region, name="hidden")
        await other.plant([hidden])
        account = _account(region_id=hidden.id)
        try:
            await ground.plant([account])
        except (BadRecord, StoreError):
            return  # a store may also refuse the link, as those with foreign keys do
        await other.plant([made(Deal, title="t", amount=Money(1, "EUR"), account_id=account.id)])
        relations = CATALOG.relations(CATALOG.of(Account))
        mine = ground.mine()
        assert await ground.ids(Account, core.Exists(relations["region"], mine)) == []
        assert await ground.ids(Account, core.Exists(relations["deals"], mine, negated=True)) == [account.id]
        assert await ground.ids(Account, core.Count(relations["deals"], mine, Op.EQ, 0)) == [account.id]
        key = GroupKey("name", (Hop(relations["region"], mine),))
        assert await ground.tally(Account, _ALL, [key], _COUNT) == [(None, 1)]


class Features:
    """What a store declares it can do; the rest it refuses."""

    @driven()
    async def test_what_is_not_declared_is_refused(self, ground: Ground) -> None:
        """What a store does not declare raises `Unsupported`, so that nobody relies on it by mistake."""
        asked: Mapping[Feature, tuple[Callable[[Ground], Awaitable[None]], ...]] = {
            Feature.TRANSACTIONS: (_undo,),
            Feature.UNIQUE: (_take_key,),
            Feature.REACH: (_exists, _count, _hop, _sort),
            Feature.BUCKETS: (_bucket,),
            Feature.TOP: (_top,),
            Feature.SAVEPOINT: (_savepoint,),
            Feature.TIMEOUT: (_limit,),
            Feature.JOIN: (_join,),
        }
        for feature in Feature:
            if feature not in ground.store.features:
                for ask in asked[feature]:
                    try:
                        await ask(ground)
                    except Unsupported:
                        continue
                    raise AssertionError(
                        f"{feature.value} is not declared, yet {ask.__name__.strip('_')} is not refused"
                    )

    @driven()
    async def test_declares_known_features_and_a_colour(self, ground: Ground) -> None:
        """A store says what it can do and whether its coroutines suspend, in the protocol's words."""
        assert isinstance(ground.store.features, frozenset)
        assert ground.store.features <= set(Feature)
        assert ground.store.io in {"blocking", "asyncio", "none"}


async def _undo(ground: Ground) -> None:
    unit = await ground.store.begin()
    await ground.insert(unit, [_account()])
    await unit.rollback()


async def _take_key(ground: Ground) -> None:
    within = Ground(ground.store)
    within.catalog = UNIQUE_CATALOG
    await ground.store.prepare(UNIQUE_CATALOG, create=True)
    await within.plant([made(Badge, code="x")])


async def _exists(ground: Ground) -> None:
    await ground.ids(Account, core.Exists(CATALOG.relations(CATALOG.of(Account))["deals"], ground.mine()))


async def _count(ground: Ground) -> None:
    await ground.ids(Account, core.Count(CATALOG.relations(CATALOG.of(Account))["deals"], ground.mine(), Op.GT, 1))


async def _hop(ground: Ground) -> None:
    hop = Hop(CATALOG.relations(CATALOG.of(Account))["region"], ground.mine())
    await ground.tally(Account, _ALL, [GroupKey("name", (hop,))], _COUNT)


async def _sort(ground: Ground) -> None:
    hop = Hop(CATALOG.relations(CATALOG.of(Account))["region"], ground.mine())
    await ground.ids(Account, _ALL, order=(SortKey("name", hops=(hop,)), SortKey("id")))


async def _bucket(ground: Ground) -> None:
    await ground.tally(Account, _ALL, [GroupKey("seen", bucket=Bucket.DAY)], _COUNT)


async def _top(ground: Ground) -> None:
    await ground.fetch(attrs.evolve(ground.query(Account, _ALL), top=Top("region_id", 1)))


async def _savepoint(ground: Ground) -> None:
    unit = await ground.store.begin()
    try:
        await unit.savepoint()
    finally:
        await unit.rollback()


async def _limit(ground: Ground) -> None:
    ground.store.limit_statements(60)


async def _join(ground: Ground) -> None:
    await ground.store.join(await ground.store.begin())


class Limits:
    """A statement that takes too long is stopped."""

    @driven(Feature.TIMEOUT)
    async def test_a_statement_that_takes_too_long_is_stopped(self, ground: Ground) -> None:
        """It raises `TimedOut`. A unit that only read goes on; what one has written can only be rolled back."""
        await ground.plant([_account(name=f"n{number}") for number in range(BULK)])
        long = core.Or(tuple(core.Substring("name", f"not there {number}") for number in range(50)))
        ground.store.limit_statements(1e-9)
        reading, writing = await ground.store.begin(), await ground.store.begin()
        for unit, add in ((reading, False), (reading, False), (writing, True)):
            try:
                if add:
                    await ground.insert(unit, [_account()])
                await ground.load(Account, long, unit)
            except TimedOut:
                continue
            raise AssertionError("a statement took longer than it may, and was not stopped")
        await reading.rollback()
        try:
            await writing.commit()
        except StoreError:
            await writing.rollback()
        else:
            raise AssertionError("a unit was committed of which a statement was stopped")
        ground.store.limit_statements(60)
        assert await ground.tally(Account, _ALL, (), _COUNT) == [(BULK,)]


class Bulk:
    """Much at once."""

    @driven()
    async def test_many_rows(self, ground: Ground) -> None:
        """20,000 rows are inserted, counted, paged, changed and removed in one unit each."""
        accounts = [_account(score=number, grade=("gold", None)[number % 2]) for number in range(BULK)]
        await ground.plant(accounts)
        gold = core.Compare("grade", Op.EQ, "gold")
        assert await ground.tally(Account, gold, (), (*_COUNT, Measure(Aggregate.SUM, "score"))) == [
            (BULK // 2, sum(range(0, BULK, 2)))
        ]
        assert await ground.ids(Account, _ALL) == [account.id for account in accounts]
        order = (SortKey("score", descending=True), SortKey("id"))
        assert await ground.ids(Account, gold, order=order, limit=2) == [accounts[-2].id, accounts[-4].id]
        unit = await ground.store.begin()
        assert await ground.patch(unit, Account, gold, grade="silver", score=None) == BULK // 2
        assert await ground.remove(unit, Account, core.Missing("grade")) == BULK // 2
        await unit.commit()
        assert await ground.tally(Account, core.Missing("score"), [GroupKey("grade")], _COUNT) == [
            ("silver", BULK // 2)
        ]

    @driven()
    async def test_long_lists_and_wide_expressions(self, ground: Ground) -> None:
        """A membership test of 40,000 values, hundreds of alternatives, and an expression nested deep."""
        accounts = [_account(score=number) for number in range(10)]
        await ground.plant(accounts)
        ids = [account.id for account in accounts]
        scores = tuple(range(5, 40_005))
        assert await ground.ids(Account, core.In("score", scores)) == ids[5:]
        assert await ground.ids(Account, core.In("score", scores, negated=True)) == ids[:5]
        assert await ground.ids(Account, core.In("id", (*ids[:3], *(fresh_id() for _ in range(40_000))))) == ids[:3]
        wide = core.Or(tuple(core.Compare("score", Op.EQ, number) for number in range(3, 303)))
        assert await ground.ids(Account, wide) == ids[3:]
        deep: core.Core = core.Compare("score", Op.EQ, 0)
        for number in range(1, 20):
            deep = core.Or(
                (core.Compare("score", Op.EQ, number), core.And((core.Compare("score", Op.LT, number), deep)))
            )
        assert await ground.ids(Account, deep) == ids

    @driven()
    async def test_nothing_at_all(self, ground: Ground) -> None:
        """An insert of no rows succeeds."""
        unit = await ground.store.begin()
        await unit.insert(ground.schema(Account), [])
        await unit.commit()
        assert await ground.ids(Account, _ALL) == []


class Life:
    """A store is prepared, used and closed."""

    @driven()
    async def test_preparing_again_keeps_rows(self, ground: Ground) -> None:
        """What is there is left as it is; so is it when nothing may be created."""
        account = _account(name="kept")
        await ground.plant([account])
        await ground.prepare()
        await ground.store.prepare(ground.catalog, create=False)
        assert [record.name for record in await ground.load(Account, _ALL)] == ["kept"]

    def test_closing_twice(self: Maker) -> None:
        """Closing a store that is closed does nothing; `on_ground` closes it a second time."""
        with on_ground(self) as (ground, run):
            run(ground.plant([_account()]))
            run(ground.store.close())
