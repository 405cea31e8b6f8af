"""What is written comes back the same, and is found by equality: every kind, its extremes, and hostile text."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from crmkit.expr import core
from crmkit.expr.node import Op
from crmkit.model.kind import Kind
from crmkit.testing.drive import driven
from crmkit.testing.strategy import TEXTS
from crmkit.testing.world import EXTRA_KEYS, NOW, Account, Deal, made
from crmkit.values import INT64_MAX, INT64_MIN, UTC, Money, money_of

if TYPE_CHECKING:
    from crmkit.testing.ground import Ground

__all__ = ["HOSTILE", "Fidelity"]

HOSTILE: Final = (
    *TEXTS, "'; DROP TABLE kit_accounts; --", "' OR '1'='1", '" OR ""="', ":name", "?", "%s", "%(name)s", "{0}",
    "${jndi:x}", '{"$gt": ""}', "$gt", "a.b.c", "\\'", "\\u0000", "../../etc/passwd", "<script>", "\t", "\r\n",
    "\x01", "\x1a", "\x7f", "\x85", "\u2028", "\ufffe", "\ufeff", "\u200f\u202e\u0627\u0644", "ﷺ", "Ω≈ç√",
    "👩\u200d👩\u200d👧\u200d👦", "🇩🇪",
    "T\u032b\u033a\u0333o\u0359\u033b \u0320\u1e2dnv\u032cok\u035ae", "x" * 5000, "😀" * 2500, " " * 100, "NULL",
    "undefined", "0x0", "1/0", "-9223372036854775808", "2024-01-01", "True", "[]", "{}",
)  # fmt: skip
"""Text that was found to break programs between a form and a database."""

_EXTREMES: Final[dict[str, tuple[Any, ...]]] = {
    "score": (INT64_MIN, INT64_MAX, 2**53 + 1, -(2**53) - 1, -1, 0),
    "ratio": (Decimal("9223372036854.775807"), Decimal("-9223372036854.775808"), Decimal("0.000001"), Decimal(0)),
    "worth": (
        money_of(INT64_MIN, "EUR"), money_of(INT64_MAX, "JPY"), Money("0.0001", "BHD"), Money(0, "USD"),
        Money("123456789012345.5678", "EUR"),
    ),
    "active": (True, False),
    "founded": (dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(1969, 12, 31), dt.date(2024, 2, 29)),
    "seen": (
        dt.datetime(1, 1, 1, tzinfo=UTC), dt.datetime(9999, 12, 31, 23, 59, 59, 999000, UTC),
        dt.datetime(1969, 12, 31, 23, 59, 59, 999000, UTC), dt.datetime(2024, 6, 1, 12, 0, 0, 1000, UTC),
    ),
    "mark": (UUID(int=0), UUID(int=2**128 - 1), UUID("00112233-4455-6677-8899-aabbccddeeff")),
    "grade": ("gold", "silver", "Gold"),
}  # fmt: skip
_WHOLE: Final[dict[str, tuple[Any, ...]]] = {
    "labels": ((), ("b", "a"), ("a", "b"), ("A", "a"), ('"', "'", ",", "[", "\\"),
               tuple(f"tag {n}" for n in range(100))),
    "facts": ("{}", "[]", ' {"b": 1, "a": [null, 1e2]} ', '"\\u0000"', "1"),
    "extra": (
        {}, {"size": INT64_MAX, "size.max": INT64_MIN, "vip": True}, {"size": 1, "vip": False},
        {"size": 0, "plain": "0"},
        {"plain": ""},
    ),
}  # fmt: skip


def _account(**values: Any) -> Account:
    return made(Account, **{"name": "n", **values})


class Fidelity:
    """Nothing is lost between a record and its row."""

    @driven()
    async def test_every_kind_comes_back_the_same(self, ground: Ground) -> None:
        """The extremes of each kind, and missing values of each, survive the way into the store and back."""
        planted = [_account(), _account(deleted_at=NOW, version=INT64_MAX)]
        for name, values in {**_EXTREMES, **_WHOLE}.items():
            planted += [_account(**{name: value}) for value in values]
        await ground.plant(planted)
        loaded = await ground.load(Account, core.And(()))
        assert loaded == planted
        for before, after in zip(planted, loaded, strict=True):
            assert after.labels == before.labels
            assert {key: type(value) for key, value in after.extra.items()} == {
                key: type(value) for key, value in before.extra.items()
            }

    @driven()
    async def test_every_extreme_is_found_by_equality(self, ground: Ground) -> None:
        """Each extreme value is found by equality, by membership, and at the edge of an order."""
        schema = ground.schema(Account)
        for name, values in _EXTREMES.items():
            planted = [_account(**{name: value}) for value in values]
            await ground.plant(planted)
            column = schema.by_column[name]
            for record in planted:
                value = schema.fields[name].to_columns(getattr(record, name))[0]
                found = await ground.ids(Account, core.And((core.Compare(name, Op.EQ, value), _among(planted))))
                assert found == [other.id for other in planted if getattr(other, name) == getattr(record, name)], name
                assert record.id in await ground.ids(Account, core.In(name, (value,))), name
                if column.kind not in {Kind.BOOL, Kind.TEXT}:
                    assert record.id in await ground.ids(Account, core.Compare(name, Op.LE, value)), name
                    assert record.id not in await ground.ids(Account, core.Compare(name, Op.GT, value)), name

    @driven()
    async def test_hostile_text_comes_back_and_is_found(self, ground: Ground) -> None:
        """Text in every script, with every sign that a database might take for its own, is only text."""
        planted = [_account(name=text, code=text) for text in HOSTILE]
        await ground.plant(planted)
        assert [record.name for record in await ground.load(Account, core.And(()))] == list(HOSTILE)
        for text in dict.fromkeys(HOSTILE):
            same = [record.id for record in planted if record.name == text]
            assert await ground.ids(Account, core.Compare("code", Op.EQ, text)) == same, repr(text)
            assert await ground.ids(Account, core.In("code", (text, "no such text"))) == same, repr(text)
            head = [record.id for record in planted if record.name.startswith(text)]
            assert await ground.ids(Account, core.Prefix("code", text)) == head, repr(text)
            inside = [record.id for record in planted if text in record.name]
            assert await ground.ids(Account, core.Substring("code", text)) == inside, repr(text)

    @driven()
    async def test_hostile_tags_and_extra_keys(self, ground: Ground) -> None:
        """Tags and the names of extra fields may hold any text."""
        tags = [text for text in HOSTILE if 0 < len(text) <= 100]
        planted = [_account(labels=(tag,)) for tag in tags]
        keyed = [_account(extra={key: "here", "plain": "x"} if key != "plain" else {key: "here"}) for key in EXTRA_KEYS]
        await ground.plant([*planted, *keyed])
        for tag in dict.fromkeys(tags):
            same = [record.id for record in planted if tag in record.labels]
            assert await ground.ids(Account, core.Has("labels", tag)) == same, repr(tag)
        for record, key in zip(keyed, EXTRA_KEYS, strict=True):
            here = core.Compare("extra", Op.EQ, "here", key=key)
            assert await ground.ids(Account, here) == [record.id], repr(key)
            others = core.And((core.Missing("extra", key=key), _among(keyed)))
            expected = [other.id for other in keyed if key not in other.extra]
            assert await ground.ids(Account, others) == expected, repr(key)
        assert [record.extra for record in await ground.load(Account, _among(keyed))] == [
            record.extra for record in keyed
        ]

    @driven()
    async def test_patch_writes_every_kind(self, ground: Ground) -> None:
        """A patch writes what an insert writes, missing values included."""
        before, account = _account(score=1, labels=("x",)), _account()
        await ground.plant([before, account])
        wanted = _account(
            motto="Ärger", labels=("b", "a"), extra={"a.$b": "1", "vip": True}, facts="{}",
            **{name: values[0] for name, values in _EXTREMES.items()},
        )  # fmt: skip
        schema = ground.schema(Account)
        columns: dict[str, Any] = {}
        for name in ("motto", "labels", "extra", "facts", *_EXTREMES):
            field = schema.fields[name]
            columns.update(
                zip((column.name for column in field.columns), field.to_columns(getattr(wanted, name)), strict=True)
            )
        unit = await ground.store.begin()
        assert await ground.patch(unit, Account, core.Compare("id", Op.EQ, account.id), **columns) == 1
        assert await ground.patch(unit, Account, core.Compare("id", Op.EQ, before.id), score=None, labels=()) == 1
        await unit.commit()
        cleared, patched = await ground.load(Account, core.And(()))
        assert (cleared.score, cleared.labels) == (None, ())
        for name in ("motto", "labels", "extra", "facts", *_EXTREMES):
            assert getattr(patched, name) == getattr(wanted, name), name

    @driven()
    async def test_values_that_may_not_be_missing(self, ground: Ground) -> None:
        """A model whose fields are all required comes back the same."""
        account = _account()
        deal = made(Deal, title="", amount=money_of(INT64_MIN, "EUR"), account_id=account.id)
        await ground.plant([account, deal])
        assert await ground.load(Deal, core.And(())) == [deal]


def _among(records: list[Account]) -> core.Core:
    return core.In("id", tuple(record.id for record in records))
