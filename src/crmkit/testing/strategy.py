"""What Hypothesis draws: small worlds of related records, and expressions that bind to them.

Values come from small pools, so that comparisons hit as often as they miss; the pools hold the values that databases
are known to get wrong.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import attrs
from hypothesis import strategies as st

from crmkit.expr.build import ago, ahead, days, everything, hours, me, nothing, now, today
from crmkit.expr.node import (
    Compare,
    Contains,
    Counts,
    Expr,
    Has,
    Me,
    Missing,
    Not,
    OneOf,
    Op,
    Quantifier,
    Reaches,
    Ref,
    StartsWith,
)
from crmkit.expr.resolve import Facts
from crmkit.model import field as kinds
from crmkit.model.field import Field
from crmkit.model.kind import Kind
from crmkit.testing.world import CATALOG, NOW, Account, Deal, Region, Remark, World, made
from crmkit.values import INT64_MAX, INT64_MIN, UTC, Money

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.declare import Record
    from crmkit.model.schema import Schema

__all__ = ["TEXTS", "Asker", "Case", "cases"]

TEXTS: Final = (
    "", "a", "A", "b", "ab", "Ab", "aB", "abc", " a", "a ", "a\n", "a%", "a_b", "%", "_", "a\\b", "\\", "^a.*$",
    "[a-z]", "a'b", 'a"b', "$a", "$where", "; DROP TABLE x; --", "é", "e\u0301", "É", "straße", "STRASSE", "strasse",
    "ﬁn", "fin", "İ", "i̇", "ı", "I", "ς", "σ", "Σ", "日本", "😀", "😀a",
    "\uffff", "\U00010000", "\ufeffa", "a\u200b", "\u202eabc",
    "Z\u0338a\u0321\u034cl\u0334g\u0335o\u0337", "0", "1", "01", "null", "None", "NaN", "true", "-0", "1e3",
)  # fmt: skip
"""Text that meets collations, wildcards, escapes, folding, normal forms, numbers in disguise and the end of the BMP."""

_texts = st.one_of(
    st.sampled_from(TEXTS),
    st.sampled_from(TEXTS),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5),
)
_integers = st.one_of(
    st.integers(-2, 3), st.sampled_from((INT64_MIN, INT64_MIN + 1, -(2**53) - 1, 2**53 + 1, INT64_MAX - 1, INT64_MAX))
)
_currencies = st.sampled_from(("EUR", "USD", "JPY"))
_amounts = st.one_of(
    st.integers(-1, 3).map(Decimal),
    st.sampled_from(
        [Decimal(text) for text in ("0.0001", "-0.0001", "922337203685477.5807", "-922337203685477.5808", "0.1", "0.3")]
    ),
)
_ratios = st.sampled_from(
    [
        Decimal(text)
        for text in (
            "0",
            "0.5",
            "0.500000",
            "-0.5",
            "1",
            "0.000001",
            "9223372036854.775807",
            "-9223372036854.775808",
            "0.1",
        )
    ]
)
_moneys = st.builds(Money, _amounts, _currencies)
_days = st.sampled_from(
    [NOW.date() + dt.timedelta(offset) for offset in (-366, -31, -1, 0, 1, 30)]
    + [dt.date(1, 1, 1), dt.date(9999, 12, 31)]
)
_instants = st.sampled_from(
    [NOW + dt.timedelta(milliseconds=offset) for offset in (-86_400_000, -1, 0, 1, 3_600_000)]
    + [
        dt.datetime(1, 1, 1, tzinfo=UTC),
        dt.datetime(1969, 12, 31, 23, 59, 59, 999000, UTC),
        dt.datetime(1970, 1, 1, tzinfo=UTC),
        dt.datetime(9999, 12, 31, 23, 59, 59, 999000, UTC),
    ]
)
_keys = st.sampled_from([UUID(int=0), UUID(int=1), UUID(int=2**127), UUID(int=2**128 - 1)])
_tags = st.sampled_from(("vip", "VIP", "a", "A", "a,b", '"', "é", "$x", "", " ", "😀"))
_zones = st.sampled_from((UTC, dt.timezone(dt.timedelta(hours=5, minutes=45)), dt.timezone(-dt.timedelta(hours=11))))

_AWKWARD: Final[Mapping[type[Field], st.SearchStrategy[Any]]] = {
    kinds.TextField: _texts,
    kinds.IntegerField: _integers,
    kinds.DecimalField: _ratios,
    kinds.MoneyField: _moneys,
    kinds.FlagField: st.booleans(),
    kinds.DayField: _days,
    kinds.InstantField: _instants,
    kinds.KeyField: _keys,
    kinds.TagsField: st.lists(_tags.filter(bool), max_size=3, unique=True).map(tuple),
    kinds.DocumentField: st.sampled_from(("{}", "[1]", '"a"')),
}


def values(field: Field) -> st.SearchStrategy[Any]:
    """Return what draws values that a field accepts; the field's kind says how."""
    return st.randoms(use_true_random=False).map(field.example)


def _pool(field: Field) -> st.SearchStrategy[Any]:
    words = field.columns[0].words
    if words:
        return st.sampled_from(words)
    return _AWKWARD[type(field)] if type(field) in _AWKWARD else values(field)


def _extras(fields: Mapping[str, Field]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={name: _pool(field) for name, field in fields.items()})


# -- worlds ------------------------------------------------------------------------------------------------------------


def _values(field: Field, schema: Schema, held: list[Record]) -> st.SearchStrategy[Any]:
    """Return what a field of a new record may hold, beside the records that are there."""
    if field.kind is Kind.EXTRA:
        few = dict(list(schema.extra.items())[:: max(1, len(schema.extra) // 6)])
        return _extras(few)
    if field.link_target:
        ids = [record.id for record in held if CATALOG.of(type(record)).name == field.link_target]
        drawn = st.sampled_from(ids) if ids else st.none()
    else:
        drawn = _pool(field)
    return st.one_of(st.none(), drawn, drawn) if field.nullable else drawn


_STAMPS: Final = frozenset({"id", "version", "created_at", "updated_at", "created_by", "updated_by", "deleted_at"})


def _record(draw: st.DrawFn, model: type[Any], held: list[Record], **fixed: Any) -> Record:
    schema = CATALOG.of(model)
    drawn = {
        name: draw(_values(field, schema, held))
        for name, field in schema.fields.items()
        if name not in _STAMPS and name not in fixed
    }
    record: Record = made(model, created_at=draw(_instants), **drawn, **fixed)
    return record


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw a few regions, accounts, deals and remarks; some links lead nowhere, some relations are empty."""
    held: list[Record] = []
    for model, most in ((Region, 3), (Account, 4), (Deal, 4)):
        if model is Deal and not any(isinstance(record, Account) for record in held):
            continue
        for _ in range(draw(st.integers(0, most))):
            held.append(_record(draw, model, held))
    for _ in range(draw(st.integers(0, 3)) if held else 0):
        subject = draw(st.sampled_from(held))
        name = draw(st.sampled_from([CATALOG.of(type(subject)).name] * 3 + ["kit_deal"]))
        held.append(_record(draw, Remark, [], entity=name, subject_id=subject.id))
    return World(tuple(held))


# -- expressions -------------------------------------------------------------------------------------------------------

_OPS: Final = st.sampled_from(list(Op))
_EQUAL: Final = st.sampled_from([Op.EQ, Op.NE])
_MOMENTS: Final = st.sampled_from([now(), ago(days(1)), ahead(hours(1)), ago(hours(0.5))])
_TODAYS: Final = st.sampled_from([today(), today(-1), today(30)])


@attrs.frozen
class Asker:
    """Somebody who asks, made of a drawn world's ids."""

    id: UUID | None
    key: str
    team_id: UUID | None
    team_ids: tuple[UUID, ...]
    zone: str = "UTC"


def _literals(field: Field, world: World) -> st.SearchStrategy[Any]:
    ids = [record.id for record in world.records] or [UUID(int=1)]
    match field.kind:
        case Kind.UUID if isinstance(field, kinds.ReferenceField):
            return st.one_of(st.sampled_from(ids), st.sampled_from([me.id, me.team_id]))
        case Kind.UUID:
            return st.one_of(st.sampled_from(ids), _keys, st.just(me.id))
        case Kind.DATE:
            return st.one_of(_days, _TODAYS)
        case Kind.INSTANT:
            zoned = st.builds(_in_zone, _instants, _zones)
            return st.one_of(_instants, zoned, _MOMENTS)
        case Kind.TEXT if field.name in {"created_by", "updated_by"}:
            return st.one_of(st.just("kit"), st.just(me.key), _texts)
        case _:
            return _pool(field)


def _in_zone(moment: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment


def _leaf(draw: st.DrawFn, schema: Schema, world: World, path: tuple[str, ...]) -> Expr:
    """Draw a test of one field of the model that `path` leads to."""
    field = schema.fields[draw(st.sampled_from(list(schema.fields)))]
    ref = Ref((*path, field.name))
    match field.kind:
        case Kind.TAGS:
            return Has(ref, draw(_tags.filter(bool)))
        case Kind.JSON:
            return Missing(ref)
        case Kind.EXTRA:
            return _extra_leaf(draw, schema, ref)
        case Kind.DECIMAL if "currency" in field.parts and draw(st.booleans()):
            return _scalar_leaf(draw, Ref((*ref.path, "currency")), _currencies, ordered=False)
        case Kind.TEXT if field.search_column and draw(st.booleans()):
            part = draw(_texts)
            return Contains(ref, part) if draw(st.booleans()) else StartsWith(ref, part)
        case _:
            pass
    if field.kind is Kind.UUID and draw(st.integers(0, 5)) == 0:
        return OneOf(ref, Me("team_ids"))
    return _scalar_leaf(draw, ref, _literals(field, world), ordered=field.ordered)


def _extra_leaf(draw: st.DrawFn, schema: Schema, ref: Ref) -> Expr:
    if not schema.extra:
        return draw(st.sampled_from([everything, nothing]))
    inner = schema.extra[draw(st.sampled_from(list(schema.extra)))]
    return _scalar_leaf(draw, Ref((*ref.path, inner.name)), _pool(inner), ordered=False)


def _scalar_leaf(draw: st.DrawFn, ref: Ref, values: st.SearchStrategy[Any], *, ordered: bool) -> Expr:
    form = draw(st.integers(0, 5))
    if form == 0:
        return Missing(ref)
    if form == 1:
        return OneOf(ref, tuple(draw(st.lists(values, max_size=3))))
    return Compare(ref, draw(_OPS if ordered else _EQUAL), draw(values))


def _way(draw: st.DrawFn, schema: Schema, steps: int) -> tuple[Schema, tuple[str, ...]]:
    """Draw a path of at most so many steps to one record each."""
    path: list[str] = []
    for _ in range(draw(st.integers(0, steps))):
        single = [relation for relation in CATALOG.relations(schema).values() if not relation.many]
        if not single:
            break
        relation = draw(st.sampled_from(single))
        path.append(relation.name)
        schema = CATALOG[relation.target]
    return schema, tuple(path)


def _expression(draw: st.DrawFn, schema: Schema, world: World, depth: int) -> Expr:
    form = draw(st.integers(0, 9)) if depth else 9
    if form <= 1:
        left, right = (_expression(draw, schema, world, depth - 1) for _ in range(2))
        return left & right if form else left | right
    if form <= 3:
        return Not(_expression(draw, schema, world, depth - 1))
    if form <= 6:
        return _relation(draw, schema, world, depth)
    end, path = _way(draw, schema, 2 if draw(st.booleans()) else 0)
    return _leaf(draw, end, world, path)


def _relation(draw: st.DrawFn, schema: Schema, world: World, depth: int) -> Expr:
    end, path = _way(draw, schema, 1)
    relations = list(CATALOG.relations(end).values())
    if not relations:
        return _leaf(draw, end, world, path)
    relation = draw(st.sampled_from(relations))
    where = (
        everything if draw(st.integers(0, 4)) == 0 else _expression(draw, CATALOG[relation.target], world, depth - 1)
    )
    ref = Ref((*path, relation.name))
    if draw(st.integers(0, 2)) == 0:
        return Counts(ref, where, draw(_OPS), draw(st.integers(-1, 3)))
    return Reaches(ref, draw(st.sampled_from(list(Quantifier))), where)


# -- both --------------------------------------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class Case:
    """A world, and questions about it: each a model and an expression."""

    world: World
    questions: tuple[tuple[Schema, Expr], ...]
    facts: Facts


PER_WORLD: Final = 10
"""How many expressions are asked of each world: making a world is what costs."""


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw a world and the questions that are asked of it."""
    world = draw(worlds())
    ids = [record.id for record in world.records]
    own = draw(st.sampled_from([None, *ids]))
    asker = Asker(own, draw(st.sampled_from(["kit", "other"])), own, tuple(ids[: draw(st.integers(0, 3))]))
    schemas = list({schema.name: schema for schema, _ in world.by_schema()}.values()) or [CATALOG.of(Account)]
    questions: list[tuple[Schema, Expr]] = []
    for _ in range(PER_WORLD):
        schema = draw(st.sampled_from(schemas))
        questions.append((schema, _expression(draw, schema, world, 3)))
    return Case(world, tuple(questions), Facts(NOW, UTC, asker))
