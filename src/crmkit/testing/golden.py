"""Golden cases: a fixed world, and for each node of the language what it is true of, written out by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from crmkit.expr import core
from crmkit.expr.build import ago, days, everything, f, me, nothing, now, today
from crmkit.expr.node import Expr, Op
from crmkit.expr.resolve import Facts
from crmkit.storage.spi.store import Feature
from crmkit.testing.drive import driven
from crmkit.testing.strategy import Asker
from crmkit.testing.world import CATALOG, NOW, Account, Deal, Region, Remark, World, made
from crmkit.values import UTC, Money

if TYPE_CHECKING:
    from crmkit.model.declare import Record
    from crmkit.testing.ground import Ground

__all__ = ["CORE_CASES", "EXPRESSION_CASES", "Golden", "golden_facts", "golden_world", "names"]

MARK: Final = UUID("0199a000-0000-7000-8000-00000000beef")


def golden_world() -> World:
    """Return the fixed world, under new ids."""
    north = made(Region, name="North", rank=1)
    oslo = made(Region, name="Oslo", rank=2, within_id=north.id)
    ann = made(
        Account, name="Ann", code="a1", motto="Straße & Co", grade="gold", score=10, ratio=Decimal("0.5"),
        worth=Money("100", "EUR"), active=True, founded=dt.date(2024, 3, 31), seen=NOW, mark=MARK,
        labels=("vip", "b,c"), facts="{}", region_id=oslo.id,
        extra={"plain": "x", "size": 3, "vip": True, "dotted.name": "y", "$where": "1"},
    )  # fmt: skip
    bob = made(
        Account, name="bob", code="A1", motto="100%_sure", grade="Gold", score=-5, ratio=Decimal("0.25"),
        worth=Money("100", "USD"), active=False, founded=dt.date(2024, 3, 1), seen=NOW - dt.timedelta(days=2),
        labels=("VIP",), region_id=north.id, extra={"plain": "", "size": 0, "vip": False},
    )  # fmt: skip
    cyd = made(Account, name="Cyd", score=0, labels=("vip",), worth=Money("-1", "EUR"))
    dee = made(Account, name="")
    big = made(Deal, title="big", amount=Money("1000", "EUR"), stage="won", open=False, account_id=ann.id)
    small = made(Deal, title="small", amount=Money("1", "EUR"), stage="lost", account_id=ann.id)
    third = made(Deal, title="third", amount=Money("50", "USD"), account_id=bob.id)
    said = made(Remark, entity="kit_account", subject_id=ann.id, body="hello")
    mute = made(Remark, entity="kit_account", subject_id=cyd.id)
    stray = made(Remark, entity="kit_deal", subject_id=dee.id, body="hello")
    return World((north, oslo, ann, bob, cyd, dee, big, small, third, said, mute, stray))


def golden_facts(world: World) -> Facts:
    """Return who asks of the fixed world, and when: Oslo does, at `NOW`."""
    north, oslo = world.of(CATALOG.of(Region))
    return Facts(NOW, UTC, Asker(oslo.id, "kit", None, (north.id, oslo.id)))


def names(found: list[Any]) -> str:
    """Return the first letters of the names of records, in alphabetical order."""
    return "".join(
        sorted((getattr(record, "name", "") or getattr(record, "title", "-"))[:1] or "-" for record in found)
    )


# The answers name Ann, bob, Cyd and the account without a name (-), or the deals big, small and third.
EXPRESSION_CASES: Final[tuple[tuple[type[Record], Expr, str], ...]] = (
    (Account, everything, "-ACb"),
    (Account, nothing, ""),
    (Account, f.name == "Ann", "A"),
    (Account, f.name == "ann", ""),
    (Account, f.name == "", "-"),
    (Account, f.name != "Ann", "-Cb"),
    (Account, f.name < "a", "-AC"),
    (Account, f.code == "a1", "A"),
    (Account, f.code != "a1", "b"),
    (Account, ~(f.code == "a1"), "-Cb"),
    (Account, ~(f.code != "a1"), "-AC"),
    (Account, f.code.missing(), "-C"),
    (Account, ~f.code.missing(), "Ab"),
    (Account, f.name.missing(), ""),
    (Account, f.score > 0, "A"),
    (Account, f.score >= 0, "AC"),
    (Account, f.score < 0, "b"),
    (Account, f.score <= 0, "Cb"),
    (Account, ~(f.score > 0), "-Cb"),
    (Account, ~(f.score <= 0), "-A"),
    (Account, f.score.one_of(10, -5, 7), "Ab"),
    (Account, ~f.score.one_of(10, -5, 7), "-C"),
    (Account, f.score.one_of(), ""),
    (Account, ~f.score.one_of(), "-ACb"),
    (Account, f.grade == "gold", "A"),
    (Account, f.grade.one_of("gold", "Gold"), "Ab"),
    (Account, f.ratio == Decimal("0.50"), "A"),
    (Account, f.ratio < Decimal("0.300001"), "b"),
    (Account, f.worth == Money("100", "EUR"), "A"),
    (Account, f.worth != Money("100", "EUR"), "Cb"),
    (Account, f.worth > Money("-2", "EUR"), "AC"),
    (Account, f.worth >= Money("1", "USD"), "b"),
    (Account, ~(f.worth > Money("0", "EUR")), "-Cb"),
    (Account, f.worth.one_of(Money("100", "USD"), Money("-1", "EUR")), "Cb"),
    (Account, f.worth.currency == "EUR", "AC"),
    (Account, f.active == True, "A"),  # noqa: E712 - the language's own spelling
    (Account, f.active != True, "b"),  # noqa: E712 - the language's own spelling
    (Account, ~(f.active == True), "-Cb"),  # noqa: E712 - the language's own spelling
    (Account, f.founded == dt.date(2024, 3, 31), "A"),
    (Account, f.founded < today(), "b"),
    (Account, f.seen >= now(), "A"),
    (Account, f.seen < ago(days(1)), "b"),
    (Account, f.mark == MARK, "A"),
    (Account, f.facts.missing(), "-Cb"),
    (Account, f.motto.contains("STRASSE"), "A"),
    (Account, f.motto.contains("%_"), "b"),
    (Account, f.motto.contains("0%s"), ""),
    (Account, f.motto.contains(""), "Ab"),
    (Account, ~f.motto.contains("strasse"), "-Cb"),
    (Account, f.motto.starts_with("strass"), "A"),
    (Account, f.motto.starts_with("1_0"), ""),
    (Account, ~f.motto.starts_with("100%"), "-AC"),
    (Account, f.labels.has("vip"), "AC"),
    (Account, ~f.labels.has("vip"), "-b"),
    (Account, f.labels.has("b"), ""),
    (Account, f.labels.has("vip", "b,c"), "A"),
    (Account, f.extra["plain"] == "x", "A"),
    (Account, f.extra["plain"] != "x", "b"),
    (Account, ~(f.extra["plain"] == "x"), "-Cb"),
    (Account, f.extra["plain"].missing(), "-C"),
    (Account, f.extra["size"].one_of(0, 1), "b"),
    (Account, ~f.extra["size"].one_of(0, 1), "-AC"),
    (Account, f.extra["vip"] == False, "b"),  # noqa: E712 - the language's own spelling
    (Account, f.extra["dotted.name"] == "y", "A"),
    (Account, f.extra["$where"] == "1", "A"),
    (Account, (f.score > 0) & (f.grade == "gold"), "A"),
    (Account, (f.score > 0) | (f.grade == "Gold"), "Ab"),
    (Account, ~((f.score > 0) | f.code.missing()), "b"),
    (Account, ~((f.score >= 0) & f.labels.has("vip")), "-b"),
    (Account, f.region.name == "Oslo", "A"),
    (Account, f.region.name != "Oslo", "b"),
    (Account, ~(f.region.name == "Oslo"), "-Cb"),
    (Account, f.region.within.name == "North", "A"),
    (Account, f.region.within.rank.missing(), "-Cb"),
    (Account, f.region.accounts.any(f.score < 0), "b"),
    (Account, f.region_id == me.id, "A"),
    (Account, f.region_id.one_of(me.team_ids), "Ab"),
    (Account, f.region_id == me.team_id, ""),
    (Account, f.deals.any(), "Ab"),
    (Account, f.deals.any(f.stage == "won"), "A"),
    (Account, ~f.deals.any(f.stage == "won"), "-Cb"),
    (Account, f.deals.all(f.stage == "won"), "-C"),
    (Account, f.deals.all(f.closes.missing()), "-ACb"),
    (Account, f.deals.none(f.stage == "lost"), "-Cb"),
    (Account, f.deals.none(), "-C"),
    (Account, f.deals.count() == 2, "A"),
    (Account, f.deals.count() < 2, "-Cb"),
    (Account, f.deals.count() != 0, "Ab"),
    (Account, f.deals.count(f.amount > Money("10", "EUR")) == 1, "A"),
    (Account, ~(f.deals.count(f.stage == "lost") >= 1), "-Cb"),
    (Account, f.remarks.any(), "AC"),
    (Account, f.remarks.any(f.body.contains("HELL")), "A"),
    (Account, f.remarks.all(f.body == "hello"), "-Ab"),
    (Deal, f.account.region.name == "Oslo", "bs"),
    (Deal, f.account.deals.any(f.stage == "won"), "bs"),
    (Deal, f.account.deals.all(f.title != "big"), "t"),
    (Deal, f.account.code.missing(), ""),
    (Deal, f.remarks.any(), ""),
    (Region, f.parts.any(f.accounts.any(f.deals.count() > 1)), "N"),
    (Region, ~f.parts.any(f.accounts.any(f.deals.count() > 1)), "O"),
)

_deals: Final = CATALOG.relations(CATALOG.of(Account))["deals"]
_won: Final = core.Compare("stage", Op.EQ, "won")
_all: Final = core.Constant(True)

# What stores are given, also in forms to which binding and normalising may never lead.
CORE_CASES: Final[tuple[tuple[core.Core, str], ...]] = (
    (core.Constant(True), "-ACb"),
    (core.Constant(False), ""),
    (core.And(()), "-ACb"),
    (core.Or(()), ""),
    (core.Compare("score", Op.NE, 10), "Cb"),
    (core.Compare("extra", Op.NE, 3, key="size"), "b"),
    (core.Compare("active", Op.GT, False), "A"),
    (core.Compare("worth", Op.GT, 0), "Ab"),
    (core.In("score", ()), ""),
    (core.In("score", (), negated=True), "ACb"),
    (core.In("score", (10,), negated=True), "Cb"),
    (core.In("extra", ("x", "z"), negated=True, key="plain"), "b"),
    (core.Missing("score"), "-"),
    (core.Missing("score", negated=True), "ACb"),
    (core.Missing("extra", negated=True, key="vip"), "Ab"),
    (core.Prefix("motto_folded", "strasse"), "A"),
    (core.Prefix("motto_folded", "strasse", negated=True), "b"),
    (core.Prefix("code", "a"), "A"),
    (core.Prefix("motto_folded", ""), "Ab"),
    (core.Substring("motto_folded", "%"), "b"),
    (core.Substring("motto_folded", "%", negated=True), "A"),
    (core.Substring("motto_folded", "", negated=True), ""),
    (core.Has("labels", "vip"), "AC"),
    (core.Has("labels", "vip", negated=True), "-b"),
    (core.Exists(_deals, _all), "Ab"),
    (core.Exists(_deals, _won, negated=True), "-Cb"),
    (core.Count(_deals, _all, Op.GE, 0), "-ACb"),
    (core.Count(_deals, _all, Op.EQ, 0), "-C"),
    (core.Count(_deals, _all, Op.GT, -1), "-ACb"),
    (core.Count(_deals, _won, Op.LT, 1), "-Cb"),
)


class Golden:
    """Cases worked out by hand."""

    @driven()
    async def test_golden_expressions(self, ground: Ground) -> None:
        """Each expression of the language is true of the records that a person says it is true of."""
        world = golden_world()
        await ground.plant(world.records)
        facts = golden_facts(world)
        by_id = {record.id: record for record in world.records}
        wrong: list[str] = []
        for model, expr, expected in EXPRESSION_CASES:
            where = ground.bound(model, expr, facts)
            if Feature.REACH in ground.store.features or not reaches(where):
                found = names([by_id[id] for id in await ground.ids(model, where)])
                if found != expected:
                    wrong.append(f"{expr!r}: expected {expected!r}, found {found!r}")
        assert not wrong, "\n".join(wrong)

    @driven()
    async def test_golden_core(self, ground: Ground) -> None:
        """Each node that a store is given is true of the rows that its description says."""
        world = golden_world()
        await ground.plant(world.records)
        by_id = {record.id: record for record in world.records}
        wrong: list[str] = []
        for node, expected in CORE_CASES:
            if Feature.REACH in ground.store.features or not reaches(node):
                found = names([by_id[id] for id in await ground.ids(Account, node)])
                if found != expected:
                    wrong.append(f"{node!r}: expected {expected!r}, found {found!r}")
        assert not wrong, "\n".join(wrong)


def reaches(node: core.Core) -> bool:
    """Return whether a core expression follows a relation."""
    if isinstance(node, core.And | core.Or):
        return any(map(reaches, node.items))
    return isinstance(node, core.Exists | core.Count)
