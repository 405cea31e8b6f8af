"""The stored form keeps every expression, has one text for each, and refuses everything else by name and place."""

# ruff: noqa: E501 - one case is one line, with the whole message

import copy
import datetime as dt
import json
import math
from decimal import Decimal
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import BadExpression
from crmkit.expr.build import ago, days, f, me, now, today
from crmkit.expr.form.document import from_dict, from_json, to_dict, to_json
from crmkit.expr.limits import Limits
from crmkit.expr.node import And, Compare, Me, Moment, Not, OneOf, Op, Or, Ref
from crmkit.values import UTC, Money
from tests.expr.drawn import EXAMPLE, EXPRESSIONS

ROOMY = Limits(depth=100, size=10**7)
HAS = '{"version":1,"where":{"field":["tags"],"node":"has","tag":"vip"}}'


# -- what is kept ------------------------------------------------------------------------------------------------------


@given(EXPRESSIONS)
def test_every_expression_comes_back_and_has_one_text(expr):
    text = to_json(expr, limits=ROOMY)
    again = from_json(text, limits=ROOMY)
    assert again == expr
    assert to_json(again, limits=ROOMY) == text
    assert from_dict(json.loads(text), limits=ROOMY) == expr


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("Zoë", "Zoë"),
        (7, 7),
        (True, True),
        (Decimal("12.500"), {"decimal": "12.5"}),
        (Decimal("1E+3"), {"decimal": "1000"}),
        (Decimal("-0.00"), {"decimal": "0"}),
        (Money("12.5", "EUR"), {"money": "12.50", "currency": "EUR"}),
        (dt.date(2026, 1, 31), {"date": "2026-01-31"}),
        (dt.datetime(2026, 1, 31, 9, tzinfo=UTC), {"instant": "2026-01-31T09:00:00.000Z"}),
        (UUID(int=1), {"uuid": "00000000-0000-0000-0000-000000000001"}),
        (me.id, {"me": "id"}),
        (now(), {"now": 0}),
        (ago(days(1)), {"now": -86_400_000_000}),
        (today(-30), {"today": -30}),
        (("a", "b"), ["a", "b"]),
    ],
    ids=str,
)
def test_each_kind_of_value_has_its_own_spelling(value, stored):
    expr = Compare(Ref(("x",)), Op.EQ, value)
    assert to_dict(expr)["where"]["value"] == stored
    [back] = [from_dict(to_dict(expr)).value]
    assert (type(back), back) == (type(value), value)


def test_equal_values_have_equal_texts():
    berlin = dt.timezone(dt.timedelta(hours=1))
    assert to_json(f.at > dt.datetime(2026, 1, 1, 1, tzinfo=berlin)) == to_json(
        f.at > dt.datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert to_json(f.share == Decimal("0.10")) == to_json(f.share == Decimal("0.1"))


def test_key_order_and_spaces_of_a_document_do_not_matter():
    spaced = json.dumps({"where": {"tag": "vip", "node": "has", "field": ["tags"]}, "version": 1}, indent=4)
    assert to_json(from_json(spaced)) == HAS


# -- what is refused on writing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expr", "message"),
    [
        (
            f.amount > 1.5,
            '$.where.value holds float, which is not a value here. Write Decimal("...") or a whole number.',
        ),
        (f.amount > 10**600, "$.where.value has more than 600 digits."),
        (f.amount > Decimal("NaN"), "$.where.value is NaN, which is not a number."),
        (f.amount > Decimal("1E+400000"), "$.where.value has more than 30 digits before or after the point."),
        (f.name == "a\x00", "$.where.value holds a NUL character at position 1. Remove it."),
        (
            f.name == "\ud800",
            "$.where.value holds half a surrogate pair at position 0. Decode the source with the right encoding.",
        ),
        (
            f.at > dt.datetime(2026, 1, 1),
            "$.where.value has no time zone, so it names no instant. Add one, as in datetime(..., tzinfo=UTC).",
        ),
        (f.at > days(1), "$.where.value holds timedelta, which is not a value here. Write ago(...) or ahead(...)."),
        (f.at > ago(days(10**7)), "$.where.value reaches further than the years 1 to 9999 span."),
        (
            f.on > Moment(of_day=True, offset=dt.timedelta(hours=5)),
            "$.where.value adds part of a day to a day. Write today(days) with a whole number.",
        ),
        (f.name == (("a",),), "$.where.value[0] holds tuple, which is not a value here."),
        (f == 1, "$.where.field has 0 entries, 1 or more."),
        (f[""] == 1, "$.where.field[0] needs 1 character or more."),
        (And(()), "$.where.items has 0 entries, 1 or more."),
        (f.x.one_of(*range(1001)), "$.where.values has 1001 entries, 1000 at most."),
    ],
)
def test_what_is_not_part_of_the_language_is_not_written(expr, message):
    with pytest.raises(BadExpression) as caught:
        to_json(expr)
    assert str(caught.value) == message


def test_what_is_written_can_always_be_read():
    deep = f.a == 1
    for _ in range(40):
        deep = ~(deep & (f.b == 2))
    with pytest.raises(BadExpression, match=r"is nested more than 32 deep\. Flatten the expression\."):
        to_json(deep)
    with pytest.raises(BadExpression, match=r"^\$ would have \d+ bytes, 65536 at most"):
        to_json(f.x.one_of(*("y" * 100 for _ in range(900))))


# -- what is refused on reading ----------------------------------------------------------------------------------------


def stored(**where):
    return json.dumps({"version": 1, "where": where})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "$ is NoneType, where JSON text belongs."),
        ("", "$ is not JSON: Expecting value at line 1, column 1."),
        ("[]", "$ is a list, where an object belongs."),
        ("{}", "$ lacks the key 'version'."),
        ('{"version": 2, "where": {}}', "$.version is 2, and this crmkit reads version 1. Upgrade crmkit."),
        ('{"version": true, "where": {}}', "$.version is true, where a whole number belongs."),
        ('{"version": 1, "wehre": {}}', "$ has the unknown key 'wehre'. Did you mean 'where'?; $ lacks the key 'where'. It needs: version, where."),
        ('{"version": 1}', "$ lacks the key 'where'. It needs: version, where."),
        ('{"version": 1, "version": 1}', "$ has the key 'version' twice."),
        ('{"version": 1, "where": null}', "$.where is null, where an object belongs."),
        (stored(node="compair"), "$.where.node is the text 'compair', which is not known here. Did you mean 'compare'?"),
        (stored(node="missing"), "$.where lacks the key 'field'. It needs: node, field."),
        (stored(node="missing", field=[]), "$.where.field has 0 entries, 1 or more."),
        (stored(node="missing", field="a.b"), "$.where.field is the text 'a.b', where a list belongs."),
        (stored(node="missing", field=["a", 1]), "$.where.field[1] is a whole number, where text belongs."),
        (
            stored(node="missing", field=["a"], op="=="),
            "$.where has the unknown key 'op'. There is: field, node.",
        ),
        (
            stored(node="and", items=[{"node": "always", "holds": True}] * 2 + [{"node": "compare", "field": ["a"], "op": "=", "value": 1}]),
            "$.where.items[2].op is the text '=', which is not known here. There is: !=, <, <=, ==, >, >=.",
        ),
        (stored(node="or", items=[]), "$.where.items has 0 entries, 1 or more."),
        (stored(node="always", holds=1), "$.where.holds is a whole number, where true or false belongs."),
        (
            stored(node="compare", field=["a"], op="==", value=1.5),
            '$.where.value is a number with a point, which is not a value here. Write {"decimal": "1.5"}, or a whole number.',
        ),
        (
            '{"version":1,"where":{"node":"compare","field":["a"],"op":"==","value":NaN}}',
            '$.where.value is a number with a point, which is not a value here. Write {"decimal": "1.5"}, or a whole number.',
        ),
        (
            stored(node="compare", field=["a"], op="==", value=None),
            '$.where.value is null, which is not a value here. A test for a missing value is {"node": "missing"}.',
        ),
        (stored(node="compare", field=["a"], op="==", value=10**600), "$.where.value has more than 600 digits."),
        (
            stored(node="compare", field=["a"], op="==", value={"monye": "1"}),
            "$.where.value is an object that does not spell a value. Did you mean 'money'?",
        ),
        (
            stored(node="compare", field=["a"], op="==", value={"money": "1"}),
            "$.where.value lacks the key 'currency'. It needs: money, currency.",
        ),
        (
            stored(node="compare", field=["a"], op="==", value={"money": "1", "currency": "EURO"}),
            "$.where.value.money 'EURO' is not an ISO 4217 currency code. Did you mean 'EUR'?",
        ),
        (
            stored(node="compare", field=["a"], op="==", value={"decimal": "1e5"}),
            "$.where.value.decimal is the text '1e5', which is not a decimal. Write it like \"1.5\".",
        ),
        (
            stored(node="compare", field=["a"], op="==", value={"date": "31.1.2026"}),
            "$.where.value.date is the text '31.1.2026', which is not a date. Write it like \"2026-01-31\".",
        ),
        (
            stored(node="compare", field=["a"], op="==", value={"instant": "2026-01-31T09:00"}),
            "$.where.value.instant has no time zone, so it names no instant. Add one, as in 2026-01-31T09:00Z.",
        ),
        (
            stored(node="compare", field=["a"], op="==", value={"me": "team"}),
            "$.where.value.me is the text 'team', which is not known here. There is: id, key, team_id, team_ids.",
        ),
        (
            stored(node="compare", field=["a"], op="==", value={"today": 10**9}),
            "$.where.value.today must lie between -3652058 and 3652058.",
        ),
        (
            '{"version":1,"where":{"node":"has","field":["a"],"tag":"\\ud800"}}',
            "$.where.tag holds half a surrogate pair at position 0. Decode the source with the right encoding.",
        ),
        (stored(node="one_of", field=["a"], values={"uuid": "x"}), "$.where.values.uuid is the text 'x', which is not a UUID. "
         'Write it like "0198c0de-0000-7000-8000-000000000000".'),
        (stored(node="one_of", field=["a"], values={"today": 1}), "$.where.values is one value, where a list belongs."),
        (stored(node="one_of", field=["a"], values=[["b"]]), "$.where.values[0] is a list, where a whole number belongs."),
    ],
)  # fmt: skip
def test_a_malformed_document_is_refused_at_its_place(text, message):
    with pytest.raises(BadExpression) as caught:
        from_json(text)
    assert str(caught.value) == message


def test_every_mistake_is_listed_with_its_path():
    where = {"node": "and", "items": [{"node": "missing"}, {"node": "has", "field": ["a", 1], "tag": None, "x": 1}]}
    with pytest.raises(BadExpression) as caught:
        from_dict({"version": 1, "where": where})
    assert [(each.field, each.message) for each in caught.value.problems] == [
        ("$.where.items[0]", "lacks the key 'field'."),
        ("$.where.items[1]", "has the unknown key 'x'."),
        ("$.where.items[1].field[1]", "is a whole number, where text belongs."),
        ("$.where.items[1].tag", "is null, which is not a value here."),
    ]
    with pytest.raises(BadExpression) as caught:
        to_json((f.a > 1.5) & ~f.b.one_of(1, 10**600))
    assert [each.field for each in caught.value.problems] == [
        "$.where.items[0].value",
        "$.where.items[1].item.values[1]",
    ]


def test_a_message_shows_the_first_twenty_of_many_mistakes():
    with pytest.raises(BadExpression, match=r"; and 80 more\.$") as caught:
        from_dict({"version": 1, "where": {"node": "one_of", "field": ["a"], "values": [None] * 100}})
    assert len(caught.value.problems) == 100


def test_a_number_of_many_digits_is_refused_without_computing_it():
    with pytest.raises(BadExpression, match=r"^\$\.where\.value has more than 600 digits\.$"):
        from_json('{"version":1,"where":{"node":"compare","field":["a"],"op":"==","value":%s}}' % ("9" * 50_000))


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"version":1,"where":'])
def test_nesting_that_would_exhaust_the_stack_is_refused(opening):
    with pytest.raises(BadExpression):
        from_json(opening * 100_000)
    with pytest.raises(BadExpression):
        from_json(opening * 100_000, limits=Limits(size=10**8))


def nested(depth):
    where = {"node": "missing", "field": ["a"]}
    for _ in range(depth - 1):
        where = {"node": "not", "item": where}
    return {"version": 1, "where": where}


def test_the_limits_hold_exactly():
    assert from_dict(nested(32)) == from_dict(nested(32))
    with pytest.raises(BadExpression, match=r"\.item is nested more than 32 deep\."):
        from_dict(nested(33))
    many = {"version": 1, "where": {"node": "and", "items": [{"node": "missing", "field": ["a"]}] * 9}}
    assert len(from_dict(many, limits=Limits(nodes=10, items=9)).items) == 9
    with pytest.raises(BadExpression, match=r"^\$\.where\.items\[8\] is node 10, 9 at most\."):
        from_dict(many, limits=Limits(nodes=9))
    with pytest.raises(BadExpression, match=r"^\$\.where\.items has 9 entries, 8 at most\."):
        from_dict(many, limits=Limits(items=8))
    assert from_json(HAS, limits=Limits(size=len(HAS))) == f.tags.has("vip")
    with pytest.raises(BadExpression, match=r"^\$ has \d+ bytes, \d+ at most\."):
        from_json(HAS, limits=Limits(size=len(HAS) - 1))


def test_data_that_holds_itself_is_refused():
    where = {"node": "not"}
    where["item"] = where
    with pytest.raises(BadExpression, match="nested more than 32 deep"):
        from_dict({"version": 1, "where": where})


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(
                st.sampled_from(["version", "where", "node", "field", "op", "value", "items", "money"]),
                st.text(max_size=3),
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)


def reads_or_refuses(read, given_):
    try:
        read(given_)
    except BadExpression as error:
        assert str(error).startswith("$")  # noqa: PT017 - not refusing is as good


@given(ANYTHING)
def test_no_document_raises_anything_else(data):
    reads_or_refuses(from_dict, data)
    reads_or_refuses(from_dict, {"version": 1, "where": data})
    reads_or_refuses(from_json, json.dumps(data))


@given(st.text())
def test_no_text_raises_anything_else(text):
    reads_or_refuses(from_json, text)


@given(st.data(), EXPRESSIONS | st.just(EXAMPLE))
def test_no_damaged_document_raises_anything_else(data, expr):
    damaged = copy.deepcopy(to_dict(expr, limits=ROOMY))
    place = damaged
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    if data.draw(st.booleans()):
        place[key] = data.draw(ANYTHING)
    else:
        del place[key]
    reads_or_refuses(from_dict, damaged)
    text = json.dumps(damaged)
    cut = data.draw(st.integers(0, len(text)))
    reads_or_refuses(from_json, text[:cut])
    reads_or_refuses(from_json, text)


@pytest.mark.parametrize(
    "value",
    [math.nan, object(), {1: 2}, {"date": dt.date(2026, 1, 1)}, b"x", 10**6000],
    ids=["nan", "object", "key", "date", "bytes", "huge"],
)
def test_python_values_that_json_lacks_are_refused_too(value):
    with pytest.raises(BadExpression, match=r"^\$\.where\.value"):
        from_dict({"version": 1, "where": {"node": "compare", "field": ["a"], "op": "==", "value": value}})


def test_hand_made_nodes_that_operators_never_make_are_kept():
    nested_ = And((And((f.a == 1, f.b == 2)), Or((f.c == 3,)), Not(Not(f.d == 4)), OneOf(Ref(("e",)), (Me("id"),))))
    assert from_json(to_json(nested_)) == nested_
    assert attrs.asdict(from_json(to_json(nested_)), recurse=False) == attrs.asdict(nested_, recurse=False)
