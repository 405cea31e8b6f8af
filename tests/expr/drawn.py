"""Expressions for Hypothesis, of every node and value, built by the operators that people use."""

import datetime as dt
import operator
from decimal import Decimal

from hypothesis import strategies as st

from crmkit.expr.build import Name, everything, f, nothing
from crmkit.expr.node import ME, Expr, Me, Moment
from crmkit.values import INT64_MAX, INT64_MIN, UTC, money_of
from crmkit.values.currency import MINOR_DIGITS

INT64 = st.integers(INT64_MIN, INT64_MAX)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
NAMES = st.sampled_from(
    [
        "amount",
        "owner_id",
        "count",
        "text",
        "path",
        "class",
        "any",
        "_compare",
        "__class__",
        "ﬁeld",
        "ü",
        "a b",
        'q"',
        "f",
    ]
)
SPANS = st.one_of(
    st.integers(-5000, 5000).map(lambda number: dt.timedelta(days=number)),
    st.integers(-5000, 5000).map(lambda number: dt.timedelta(hours=number)),
    st.timedeltas(dt.timedelta(days=-100_000), dt.timedelta(days=100_000)),
)
SCALARS = st.one_of(
    TEXT,
    INT64,
    st.booleans(),
    st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12),
    st.builds(Decimal, st.sampled_from(["1E+5", "1.500", "0", "-0.0", "1E-7"])),
    st.builds(money_of, INT64, st.sampled_from(sorted(MINOR_DIGITS))),
    st.dates(),
    st.datetimes(timezones=st.just(UTC)).map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)),
    st.uuids(),
    st.sampled_from(ME).map(Me),
    st.builds(Moment, offset=SPANS),
    st.builds(Moment, of_day=st.just(True), offset=st.integers(-5000, 5000).map(lambda n: dt.timedelta(days=n))),
)
FIELDS = st.lists(NAMES, min_size=1, max_size=3).map(lambda path: Name(*path))
COMPARISONS = st.sampled_from([operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge])


def _leaves() -> st.SearchStrategy[Expr]:
    values = st.one_of(SCALARS, st.lists(TEXT, max_size=3).map(tuple))
    return st.one_of(
        st.sampled_from([everything, nothing]),
        st.builds(lambda compare, field, value: compare(field, value), COMPARISONS, FIELDS, values),
        st.builds(lambda field, values: field.one_of(values), FIELDS, st.lists(SCALARS, max_size=4)),
        st.builds(lambda field, name: field.one_of(Me(name)), FIELDS, st.sampled_from(ME)),
        st.builds(lambda field: field.missing(), FIELDS),
        st.builds(lambda field, text: field.starts_with(text), FIELDS, TEXT),
        st.builds(lambda field, text: field.contains(text), FIELDS, TEXT),
        st.builds(lambda field, tags: field.has(*tags), FIELDS, st.lists(TEXT, min_size=1, max_size=3)),
    )


def _branches(parts: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    return st.one_of(
        st.builds(operator.and_, parts, parts),
        st.builds(operator.or_, parts, parts),
        st.builds(operator.invert, parts),
        st.builds(
            lambda field, how, where: getattr(field, how)(where), FIELDS, st.sampled_from(["any", "all", "none"]), parts
        ),
        st.builds(
            lambda compare, field, where, number: compare(field.count(where), number), COMPARISONS, FIELDS, parts, INT64
        ),
    )


EXPRESSIONS: st.SearchStrategy[Expr] = st.recursive(_leaves(), _branches, max_leaves=12)

EXAMPLE: Expr = (
    ((f.amount > Decimal("10.50")) & ~f.owner_id.missing())
    | f.customer.contacts.any(f.role.one_of("decision_maker", "influencer"))
    | (f.contacts.count(f.active == True) >= 2)  # noqa: E712 - how the language spells it
)
