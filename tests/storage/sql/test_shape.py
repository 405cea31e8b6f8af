"""A plan is visited once: equal marks make equal text, and every value ends up in its own parameter."""

import re

import attrs
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from crmkit.expr.core import And, Compare, Constant, Count, Exists, Has, In, Missing, Or, Prefix, Substring
from crmkit.expr.node import Op
from crmkit.storage.spi import GroupKey, Hop, Measure, Patch, Query, Removal, SortKey, Tally
from crmkit.storage.spi.plan import Aggregate
from crmkit.storage.sql.database import Database
from crmkit.storage.sql.sqlite.dialect import SqliteDialect
from crmkit.storage.sql.table import metadata_of
from tests.storage.sql.shop import CATALOG, FIRM, PERSON

DIALECT = SqliteDialect()
PEOPLE = CATALOG.relations(FIRM)["people"]
PARENT = CATALOG.relations(FIRM)["parent"]
words = st.text("ab\U0010ffff", max_size=3)
flags = st.booleans()
leaves = st.one_of(
    st.builds(Compare, st.just("score"), st.sampled_from(Op), st.integers(0, 9)),
    st.builds(Compare, st.sampled_from(["name", "city"]), st.sampled_from(Op), words),
    st.builds(Compare, st.just("extra"), st.sampled_from([Op.EQ, Op.NE]), words, st.sampled_from("kl")),
    st.builds(In, st.just("name"), st.lists(words, max_size=40).map(tuple), flags),
    st.builds(In, st.just("extra"), st.lists(words, max_size=3).map(tuple), flags, st.sampled_from("kl")),
    st.builds(Missing, st.just("city"), flags),
    st.builds(Missing, st.just("extra"), flags, st.sampled_from("kl")),
    st.builds(Prefix, st.just("name"), words, flags),
    st.builds(Substring, st.just("name"), words, flags),
    st.builds(Has, st.just("labels"), words, flags),
    st.builds(Constant, flags),
)
people = st.builds(Compare, st.just("name"), st.sampled_from(Op), words)
conditions = st.recursive(
    st.one_of(
        leaves,
        st.builds(Exists, st.just(PEOPLE), people, flags),
        st.builds(Count, st.just(PEOPLE), people, st.sampled_from(Op), st.integers(0, 9)),
    ),
    lambda inner: st.one_of(
        st.builds(And, st.lists(inner, max_size=3).map(tuple)), st.builds(Or, st.lists(inner, max_size=3).map(tuple))
    ),
    max_leaves=6,
)
sorts = st.builds(
    SortKey, st.just("name"), flags, flags, st.one_of(st.just(()), st.tuples(st.builds(Hop, st.just(PARENT), leaves)))
)
limits = st.one_of(st.none(), st.integers(0, 9))
queries = st.builds(Query, st.just(FIRM), conditions, st.just(("id",)), st.lists(sorts, max_size=2).map(tuple), limits)
plans = st.one_of(
    queries,
    st.builds(Removal, st.just(FIRM), conditions),
    st.builds(Patch, st.just(FIRM), conditions, st.dictionaries(st.sampled_from(["name", "city"]), words, min_size=1)),
    st.builds(
        Tally,
        st.just(FIRM),
        conditions,
        st.tuples(st.builds(GroupKey, st.just("name"), st.tuples(st.builds(Hop, st.just(PARENT), leaves)))),
        st.just((Measure(Aggregate.SUM, "score"),)),
    ),
)


class Named(SQLiteDialect):
    """A driver that takes parameters by name, as some of other databases do."""

    default_paramstyle = "named"


def command(plan, compiling):
    """The command of a plan, and the key of its shape, in a database that has seen no plan before."""
    database = Database(CATALOG, metadata_of(CATALOG, DIALECT), DIALECT, compiling)
    match plan:
        case Query():
            made = database.query(plan)
        case Removal():
            made = database.removal(plan)
        case Patch():
            made = database.patch(plan)
        case Tally():
            made = database.tally(plan, {})
    (key,) = database.cache._held
    return key, *made


def other_values(part):
    """The same plan with other values."""
    if isinstance(part, tuple):
        return tuple(map(other_values, part))
    if not isinstance(
        part, Compare | In | Prefix | Substring | Has | Count | And | Or | Exists | Query | SortKey | Hop
    ):
        return part
    changed = {}
    for field in attrs.fields(type(part)):
        value = getattr(part, field.name)
        if field.name in {"value", "number", "limit"} and isinstance(value, int):
            changed[field.name] = value + 1
        elif field.name in {"value", "text", "tag"}:
            changed[field.name] = "b" + value
        elif field.name == "values":
            changed[field.name] = tuple("b" + each for each in value)
        elif field.name in {"items", "where", "order", "hops"}:
            changed[field.name] = other_values(value)
    return attrs.evolve(part, **changed)


@given(queries, queries)
def test_equal_marks_make_equal_text(one, another):
    first, text, _ = command(one, sqlite.dialect())
    for other in (another, other_values(one)):
        second, again, _ = command(other, sqlite.dialect())
        assert (first == second) <= (text == again)
    if "\U0010ffff" not in str(one):  # the prefixes of this sign alone have no end
        assert first == second


@given(plans)
def test_by_name_and_by_place_the_values_are_the_same(plan):
    _, by_place, values = command(plan, sqlite.dialect())
    _, by_name, named = command(plan, Named(paramstyle="named"))
    names = re.findall(r":(\w+)", by_name)
    assert re.sub(r":\w+", "?", by_name) == by_place
    assert [named[name] for name in names] == list(values)


def test_an_insert_by_name():
    database = Database(CATALOG, metadata_of(CATALOG, DIALECT), DIALECT, Named(paramstyle="named"))
    statement = database.insert(PERSON)
    row = tuple(range(len(PERSON.columns)))
    names = re.findall(r":(\w+)", statement.text)
    assert [statement.arrange(row)[name] for name in names] == list(row)
