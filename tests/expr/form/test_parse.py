"""Typed expressions are read without running anything, and mistakes are named by line and column."""

# ruff: noqa: E501 - one case is one line, with the whole message

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import BadExpression
from crmkit.expr.build import ago, days, everything, f, me, nothing, today
from crmkit.expr.form.parse import parse
from crmkit.expr.form.show import show
from crmkit.expr.limits import Limits
from crmkit.expr.node import ME, Me
from crmkit.expr.resolve import Asker
from crmkit.security.access import Actor
from crmkit.values import UTC, Money
from tests.expr.drawn import EXAMPLE, EXPRESSIONS

ROOMY = Limits(depth=100, size=10**7)


@given(EXPRESSIONS)
def test_what_is_shown_can_be_parsed(expr):
    assert parse(show(expr), limits=ROOMY) == expr


@pytest.mark.parametrize(
    ("text", "expr"),
    [
        ('f.stage == "won" and not f.tags.has("vip")', (f.stage == "won") & ~f.tags.has("vip")),
        ("f.a == 1 or f.b == 2 and f.c == 3", (f.a == 1) | ((f.b == 2) & (f.c == 3))),
        ("not (f.a == 1 or f.b == 2)", ~((f.a == 1) | (f.b == 2))),
        ("(f.a == 1) | (f.b == 2) & (f.c == 3)", (f.a == 1) | ((f.b == 2) & (f.c == 3))),
        ("10 < f.amount", f.amount > 10),
        ('Money("10", "EUR") >= f.amount', f.amount <= Money("10", "EUR")),
        ("2 <= f.contacts.count(f.vip == True)", f.contacts.count(f.vip == True) >= 2),  # noqa: E712 - how the language spells it
        ("f.amount == -5", f.amount == -5),
        ('f.share > Decimal("0.5")', f.share > Decimal("0.5")),
        ("f.stage.one_of('a', 'b')", f.stage.one_of("a", "b")),
        ("f.stage.one_of(['a', 'b'])", f.stage.one_of("a", "b")),
        ("f.team_id.one_of(me.team_ids)", f.team_id.one_of(me.team_ids)),
        ('f.tags.has("a", "b")', f.tags.has("a", "b")),
        ("f.day >= today(-7)", f.day >= today(-7)),
        ("f.at < ago(days(0.5))", f.at < ago(days(0.5))),
        ("f.at < datetime(2026, 1, 1, tzinfo=UTC)", f.at < dt.datetime(2026, 1, 1, tzinfo=UTC)),
        ("f.on < date(2026, 1, 1)", f.on < dt.date(2026, 1, 1)),
        ('f["count"] == 1', f["count"] == 1),
        ("  everything  ", everything),
        ("nothing", nothing),
        ("(\n  f.a == 1\n  and f.b == 2  # both\n)", (f.a == 1) & (f.b == 2)),
    ],
    ids=str,
)
def test_people_may_type_it_their_way(text, expr):
    assert parse(text) == expr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the expression is empty. Write everything to mean every record."),
        ("f.active", "line 1, column 1: f.active alone is not a test. Compare it, as in f.active == True."),
        ("True", "line 1, column 1: a constant is not a test. Write everything or nothing."),
        ("everythin", "line 1, column 1: 'everythin' is not known here. Did you mean 'everything'?"),
        ("amount > 5", "line 1, column 1: 'amount' is not a value. Put text in quotes, as in \"won\"."),
        ("f.stage == won", "line 1, column 12: 'won' is not a value. Put text in quotes, as in \"won\"."),
        ("f == 1", "line 1, column 1: f alone is not a field. Name one, as in f.amount > 1."),
        ("1 < 2", "line 1, column 1: this compares no field. Name one, as in f.amount > 1."),
        ("f.a == f.b", "line 1, column 1: two fields cannot be compared with each other."),
        ("f.a == f.c.count()", "line 1, column 1: two fields cannot be compared with each other."),
        ("f.a > 1.5", 'line 1, column 7: a number with a point is not an exact value. Write Decimal("1.5").'),
        ("f.a == None", "line 1, column 1: f.a == None: nothing compares with None. Write f.a.missing()."),
        ("f.a is None", "line 1, column 1: in, not in and is cannot be read. Write .one_of(...), .has(...) or .missing()."),
        ("'x' in f.tags", "line 1, column 1: in, not in and is cannot be read. Write .one_of(...), .has(...) or .missing()."),
        (
            "f.a > 1 & f.b == 2",
            "line 1, column 1: a chain of comparisons cannot be read. "
            "Put each comparison in parentheses, as in (f.a > 1) & (f.b == 2).",
        ),
        (
            "f.a > 1 | 2",
            "line 1, column 7: nothing is computed inside a comparison. "
            "Put each comparison in parentheses, as in (f.a > 1) & (f.b == 2).",
        ),
        ("f.name.startswith('A')", "line 1, column 1: f.name has no test 'startswith'. Did you mean 'starts_with'?"),
        ("f.any(f.a == 1)", "line 1, column 1: f.any(...) names no field. Write f.name.any(...)."),
        ("f.count == 1", 'line 1, column 1: .count is not a field here. Write ["count"] for the field.'),
        ("f.__class__ == 1", 'line 1, column 1: .__class__ is not a field here. Write ["__class__"] for the field.'),
        ("f[0] == 1", "line 1, column 1: f[...] takes a field's name as text."),
        ("f.c.count()", "line 1, column 1: a count is not a test. Compare it, as in f.contacts.count() > 0."),
        ("f.c.count() > 'x'", "line 1, column 1: f.c.count() compares with a whole number, not str."),
        ("f.c.all()", "line 1, column 1: these are not the arguments it takes."),
        ("f.tags.has(tag='x')", "line 1, column 1: has(...) takes plain arguments only."),
        ("f.tags.has(*me.team_ids)", "line 1, column 1: has(...) takes plain arguments only."),
        ("f.a == me.password", "line 1, column 8: me.password is not known. There is: id, key, team_id, team_ids."),
        ("f.a == open('x')", "line 1, column 8: open(...) is not known here. There is: Decimal, Money, UUID, ago, ahead, date, datetime, days, hours, now, timedelta, today."),
        ("f.a == Mony('1', 'EUR')", "line 1, column 8: Mony(...) is not known here. Did you mean 'Money'?"),
        ("f.a == Money('1', 'EURO')", "line 1, column 8: the value 'EURO' is not an ISO 4217 currency code. Did you mean 'EUR'?"),
        ("f.a == Money(1.5, 'EUR')", 'line 1, column 8: Money(...) takes no number with a point. Write it as text: "1.5".'),
        ("f.a == date(2026, 2, 30)", "line 1, column 8: date(...) cannot be made of these."),
        ("f.a == Decimal('NaN')", "line 1, column 8: NaN is not a number."),
        ("f.a == ago(90)", "line 1, column 8: ago(...) takes one span. Write ago(days(90))."),
        ("f.a == days(90)", "line 1, column 8: a span is not a value. Write ago(days(90)) or ahead(days(90))."),
        ("f.a == datetime(2026, 1, 1)", "line 1, column 8: the value has no time zone, so it names no instant. "
         "Add one, as in datetime(..., tzinfo=UTC)."),
        ("f.a == [x for x in (1,)]", "line 1, column 8: this is not a value. Write text in quotes, a number, or a call such as Money(...)."),
        ("f.a == f'{1}'", "line 1, column 8: this is not a value. Write text in quotes, a number, or a call such as Money(...)."),
        ("f.a == b'x'", "line 1, column 8: this is not a value. Write text in quotes, a number, or a call such as Money(...)."),
        (f"f.a == 0x{'f' * 500}", "line 1, column 8: the value has more than 600 digits."),
        ("lambda: f.a", "line 1, column 1: this is not a test. A test begins with f, as in f.amount > 1."),
        ("__import__('os').system('true')", "line 1, column 1: this is not a test. A test begins with f, as in f.amount > 1."),
        ("f.a == 1 and __import__('os')", "line 1, column 14: __import__(...) is not a test. A test begins with f, as in f.tags.has(...)."),
        ("(\n  f.name == 'Zoë' and\n  f.a == x)", "line 3, column 10: 'x' is not a value. Put text in quotes, as in \"won\"."),
        ("f.name == 'Zoë客户' and f.a == x", "line 1, column 30: 'x' is not a value. Put text in quotes, as in \"won\"."),
        ("\n\n   f.a == x", "line 3, column 11: 'x' is not a value. Put text in quotes, as in \"won\"."),
        ("f.a == '\u2028' and f.b == x", "line 1, column 23: 'x' is not a value. Put text in quotes, as in \"won\"."),
        ("f.a == '\ud800'", "the expression cannot be read."),
    ],
)  # fmt: skip
def test_mistakes_are_named_at_their_place(text, message):
    with pytest.raises(BadExpression) as caught:
        parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["f.a ==", "f.a = 1", "f.a == 'x", "f.a == 1)", "f.a == 1 f.b", "# nothing"])
def test_text_that_is_not_python_is_refused_with_its_place(text):
    with pytest.raises(BadExpression, match=r"^line 1, column \d+: .+ Write it as Python\.$"):
        parse(text)


def test_text_alone_is_parsed():
    with pytest.raises(BadExpression, match="an expression is text, not bytes"):
        parse(b"f.a == 1")


@pytest.mark.parametrize("text", ["(" * 10_000, "~" * 20_000 + "everything", "not " * 10_000 + "everything", "f" + ".a" * 20_000,
                                  "f.a == " + "-" * 20_000 + "1", "f.a == " + "9" * 20_000, "f.a.any(" * 100 + "everything" + ")" * 100,
                                  "[" * 30_000, "f.a == " + "(" * 150 + "1" + ")" * 150 + "+ 1"],
                         ids=["parentheses", "tildes", "nots", "attributes", "signs", "digits", "calls", "brackets", "sum"])  # fmt: skip
def test_text_made_to_exhaust_the_reader_is_refused(text):
    with pytest.raises(BadExpression):
        parse(text)


def test_the_limits_hold_exactly():
    flat = " & ".join(["f.a.missing()"] * 900)
    assert len(parse(flat).items) == 900
    with pytest.raises(BadExpression, match="this list has 900 entries, 899 at most"):
        parse(flat, limits=Limits(items=899))
    with pytest.raises(BadExpression, match="is node 900, 899 at most"):
        parse(flat, limits=Limits(nodes=899))
    with pytest.raises(BadExpression, match=f"has {len(flat)} bytes, {len(flat) - 1} at most"):
        parse(flat, limits=Limits(size=len(flat) - 1))
    with pytest.raises(BadExpression, match=r"line 1, column 3 is nested more than 2 deep\."):
        parse("~~f.a.missing()", limits=Limits(depth=2))
    with pytest.raises(BadExpression, match="this list has 3 entries, 2 at most"):
        parse("f.a.one_of(1, 2, 3)", limits=Limits(items=2))


def reads_or_refuses(text):
    try:
        parse(text)
    except BadExpression as error:
        assert str(error)  # noqa: PT017 - not refusing is as good


PIECES = [*"f.a()[]{}<>=!&|~ \n\"'\\#:,;+-*/%0123ex_@ë\x00", "and", "not", "me.", "f.a", "one_of", "==", "Money"]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_no_text_raises_anything_else(text):
    reads_or_refuses(text)
    reads_or_refuses(f"f.a == {text}")
    reads_or_refuses(f"f.a.one_of({text})")


@given(st.data(), EXPRESSIONS | st.just(EXAMPLE))
def test_no_damaged_text_raises_anything_else(data, expr):
    text = show(expr)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    reads_or_refuses(
        text[:start] + data.draw(st.sampled_from(["", " ", "(", "'", "==", "f", "1e999", "None", "me.x"])) + text[end:]
    )


def test_of_the_actor_nothing_is_named_but_the_facts_of_an_asker() -> None:
    declared = {name for name in vars(Asker) if not name.startswith("_")}
    assert set(ME) == declared - {"zone"}  # it says what days are, and is compared with nothing
    assert all(hasattr(Actor(), name) for name in ME)
    for name in {*dir(me), *dir(Actor()), "x"} - {*ME}:
        with pytest.raises(BadExpression, match=f"me.{name[:40]} is not known"):
            parse(f"f.name == me.{name}")
        with pytest.raises(BadExpression, match="is not known"):
            Me(name)
