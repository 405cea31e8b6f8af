"""The laws of sets, of order and of pages."""

from __future__ import annotations

from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from crmkit.expr import core
from crmkit.expr.node import Expr, Not, Op
from crmkit.model.kind import Kind
from crmkit.storage.spi.plan import SortKey
from crmkit.storage.spi.store import Feature
from crmkit.testing.drive import driven
from crmkit.testing.fidelity import HOSTILE
from crmkit.testing.golden import EXPRESSION_CASES, golden_facts, golden_world, reaches
from crmkit.testing.world import NOW, Account, fresh_id, made
from crmkit.values import INT64_MAX, INT64_MIN, Money

if TYPE_CHECKING:
    from uuid import UUID

    from crmkit.expr.resolve import Facts
    from crmkit.model.codec import Row
    from crmkit.testing.ground import Ground

__all__ = ["Order", "Sets"]


class Sets:
    """Expressions behave as sets do."""

    @driven()
    async def test_negation_is_the_exact_complement(self, ground: Ground) -> None:
        """`p | ~p` is everything, `p & ~p` is nothing, and `~~p` is `p`."""
        world = golden_world()
        await ground.plant(world.records)
        facts = golden_facts(world)
        for model, expr, _ in EXPRESSION_CASES:
            if not _answerable(ground, model, expr, facts):
                continue
            everything = set(await ground.ids(model, core.And(())))
            true, false = await _ids(ground, model, expr, facts), await _ids(ground, model, ~expr, facts)
            assert true | false == everything, repr(expr)
            assert not true & false, repr(expr)
            assert await _ids(ground, model, expr | ~expr, facts) == everything, repr(expr)
            assert await _ids(ground, model, expr & ~expr, facts) == set(), repr(expr)
            assert await _ids(ground, model, Not(Not(expr)), facts) == true, repr(expr)

    @driven()
    async def test_de_morgan(self, ground: Ground) -> None:
        """`~(p & q)` is `~p | ~q`, and `~(p | q)` is `~p & ~q`."""
        world = golden_world()
        await ground.plant(world.records)
        facts = golden_facts(world)
        for (model, p, _), (other, q, _) in pairwise(EXPRESSION_CASES):
            if model is not other or not _answerable(ground, model, p & q, facts):
                continue
            left = await _ids(ground, model, ~(p & q), facts)
            assert left == await _ids(ground, model, ~p | ~q, facts), f"{p!r}, {q!r}"
            left = await _ids(ground, model, ~(p | q), facts)
            assert left == await _ids(ground, model, ~p & ~q, facts), f"{p!r}, {q!r}"


def _answerable(ground: Ground, model: type[Any], expr: Expr, facts: Facts) -> bool:
    return Feature.REACH in ground.store.features or not reaches(ground.bound(model, expr, facts))


async def _ids(ground: Ground, model: type[Any], expr: Expr, facts: Facts) -> set[UUID]:
    return set(await ground.ids(model, ground.bound(model, expr, facts)))


def _ranked() -> list[Account]:
    """Return accounts that hold many values twice and miss many."""
    scores = [None, 3, INT64_MIN, -1, None, 0, INT64_MAX, 3, 2**53 + 1, 2**53]
    texts = [None, *dict.fromkeys(HOSTILE)]
    ranked: list[Account] = []
    for number, text in enumerate(texts):
        score = scores[number % len(scores)]
        ranked.append(
            made(
                Account, name=text or "n", code=text, score=score,
                active=(None, True, False)[number % 3], mark=fresh_id() if number % 4 else None,
                worth=Money(number % 5, "EUR") if number % 2 else None,
                founded=NOW.date().replace(year=1 + number * 37) if number % 3 else None,
                seen=NOW.replace(year=1 + number * 31) if number % 5 else None,
            )
        )  # fmt: skip
    return ranked


def _sorted(rows: list[Row], order: tuple[SortKey, ...], columns: tuple[str, ...]) -> list[Row]:
    for key in reversed(order):
        place = columns.index(key.column)
        held = [row for row in rows if row[place] is not None]
        present = sorted(held, key=itemgetter(place), reverse=key.descending)
        missing = [row for row in rows if row[place] is None]
        rows = [*missing, *present] if key.missing_first else [*present, *missing]
    return rows


class Order:
    """Rows come in the order asked for, and pages of it join without a seam."""

    @driven()
    async def test_sorts_every_kind(self, ground: Ground) -> None:
        """Each kind sorts as Python sorts its canonical values, up and down, missing values first and last."""
        await ground.plant(_ranked())
        kinds = {Kind.TEXT: "code", Kind.INT: "score", Kind.BOOL: "active", Kind.UUID: "mark", Kind.DECIMAL: "worth",
                 Kind.DATE: "founded", Kind.INSTANT: "seen"}  # fmt: skip
        for column in kinds.values():
            columns = (column, "id")
            rows = await ground.fetch(ground.query(Account, core.And(()), columns))
            for descending in (False, True):
                for missing_first in (False, True):
                    order = (SortKey(column, descending, missing_first), SortKey("id"))
                    found = await ground.fetch(ground.query(Account, core.And(()), columns, order))
                    assert found == _sorted(rows, order, columns), order

    @driven()
    async def test_sorts_by_several_keys(self, ground: Ground) -> None:
        """Each key decides among the rows that those before it leave equal."""
        await ground.plant(_ranked())
        order = (
            SortKey("active", missing_first=True),
            SortKey("score", descending=True),
            SortKey("id", descending=True),
        )
        columns = ("active", "score", "id")
        found = await ground.fetch(ground.query(Account, core.And(()), columns, order))
        assert found == _sorted(found, order, columns)
        assert len(found) == len(_ranked())

    @driven()
    async def test_limit_cuts_the_order(self, ground: Ground) -> None:
        """A limit gives the first rows of the order, and no more."""
        await ground.plant(_ranked())
        order = (SortKey("score", descending=True), SortKey("id"))
        whole = await ground.fetch(ground.query(Account, core.And(()), ("id",), order))
        for limit in (0, 1, 7, len(whole), len(whole) + 1):
            assert await ground.fetch(ground.query(Account, core.And(()), ("id",), order, limit)) == whole[:limit], (
                limit
            )

    @driven()
    async def test_pages_by_id_join(self, ground: Ground) -> None:
        """Pages that each begin after the last id of the one before are one long fetch."""
        await ground.plant(_ranked())
        whole = await ground.ids(Account, core.And(()))
        assert whole == sorted(whole)
        for limit in (1, 10):
            pages: list[UUID] = []
            while page := await ground.ids(Account, _beyond(pages), limit=limit):
                assert len(page) <= limit
                pages += page
            assert pages == whole

    @driven()
    async def test_pages_by_a_value_join(self, ground: Ground) -> None:
        """Pages by an order with ties and missing values are one long fetch."""
        await ground.plant(_ranked())
        for descending in (False, True):
            order = (SortKey("score", descending), SortKey("id"))
            whole = await ground.fetch(ground.query(Account, core.And(()), ("score", "id"), order))
            pages: list[Row] = []
            while page := await ground.fetch(
                ground.query(Account, _after(pages[-1:], descending=descending), ("score", "id"), order, 7)
            ):
                pages += page
                assert len(pages) <= len(whole), order
            assert pages == whole, order

    @driven()
    async def test_columns_come_as_asked(self, ground: Ground) -> None:
        """A query gives just the columns it names, in its order."""
        account = made(Account, name="Ann", code="a1", score=7)
        await ground.plant([account])
        for columns in (("id",), ("score", "name"), ("name", "id", "score", "code")):
            found = await ground.fetch(ground.query(Account, core.And(()), columns))
            assert found == [tuple(getattr(account, column) for column in columns)]


def _beyond(pages: list[UUID]) -> core.Core:
    return core.Compare("id", Op.GT, pages[-1]) if pages else core.And(())


def _after(last: list[Row], *, descending: bool) -> core.Core:
    if not last:
        return core.And(())
    ((score, id),) = last
    further = core.Compare("id", Op.GT, id)
    missing = core.Missing("score")
    if score is None:
        return core.And((missing, further))
    tied = core.And((core.Compare("score", Op.EQ, score), further))
    return core.Or((core.Compare("score", Op.LT if descending else Op.GT, score), tied, missing))
