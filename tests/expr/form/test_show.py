"""The text form is the Python that makes the expression."""

import datetime as dt
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given

from crmkit.expr import build
from crmkit.expr.build import ago, ahead, days, everything, f, hours, me, nothing, now, today
from crmkit.expr.form.show import show, show_field, show_value
from crmkit.expr.node import And, Or
from crmkit.values import UTC, Money
from tests.expr.drawn import EXPRESSIONS

NAMES = {
    **{name: getattr(build, name) for name in build.__all__},
    "Decimal": Decimal,
    "Money": Money,
    "UUID": UUID,
    "UTC": UTC,
    "date": dt.date,
    "datetime": dt.datetime,
    "timedelta": dt.timedelta,
}


@given(EXPRESSIONS)
def test_python_reads_the_text_as_the_same_expression(expr):
    assert eval(show(expr), {"__builtins__": {}}, NAMES) == expr  # noqa: S307 - that Python agrees is what is tested


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (
            (f.amount > Money("10000", "EUR")) & ~f.owner_id.missing(),
            '(f.amount > Money("10000.00", "EUR")) & ~f.owner_id.missing()',
        ),
        (~(f.a == 1), "~(f.a == 1)"),
        (~((f.a == 1) | f.b.missing()), "~((f.a == 1) | f.b.missing())"),
        ((f.a.missing() & f.b.missing()) | f.c.missing(), "(f.a.missing() & f.b.missing()) | f.c.missing()"),
        (f.a.missing() & (f.b.missing() | f.c.missing()), "f.a.missing() & (f.b.missing() | f.c.missing())"),
        (f.customer.contacts.any(f.role == "buyer"), 'f.customer.contacts.any(f.role == "buyer")'),
        (f.contacts.any(), "f.contacts.any()"),
        (f.contacts.none(), "f.contacts.none()"),
        (f.contacts.all(everything), "f.contacts.all(everything)"),
        (f.contacts.count() > 2, "f.contacts.count() > 2"),
        (~(f.contacts.count(f.vip == True) > 2), "~(f.contacts.count(f.vip == True) > 2)"),  # noqa: E712 - how the language spells it
        (f.team_id.one_of(me.team_ids), "f.team_id.one_of(me.team_ids)"),
        (f.team_id.one_of([me.team_id]), "f.team_id.one_of([me.team_id])"),
        (f.stage.one_of(), "f.stage.one_of()"),
        (f.tags.has("a", "b"), 'f.tags.has("a") & f.tags.has("b")'),
        (f.name.starts_with("A") & f.name.contains("b"), 'f.name.starts_with("A") & f.name.contains("b")'),
        (f["count"] == 3, 'f["count"] == 3'),
        (f.extra["shoe size"] == 43, 'f.extra["shoe size"] == 43'),
        (f["class"].missing(), 'f["class"].missing()'),
        (f.last_contact_at < ago(days(90)), "f.last_contact_at < ago(days(90))"),
        (f.due_at < ahead(hours(36)), "f.due_at < ahead(hours(36))"),
        (f.due_at < ago(dt.timedelta(seconds=90)), "f.due_at < ago(timedelta(seconds=90))"),
        (f.due_at < now(), "f.due_at < now()"),
        (f.close_date < today(), "f.close_date < today()"),
        (f.close_date < today(-30), "f.close_date < today(-30)"),
        (everything | nothing, "everything | nothing"),
        (And(()), "everything"),
        (Or(()), "nothing"),
        (And((f.a == 1,)), "f.a == 1"),
    ],
    ids=str,
)
def test_the_text_is_what_a_person_would_type(expr, text):
    assert show(expr) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('say "no"\\\n', r'"say \"no\"\\\n"'),
        ("Zoë 客户", '"Zoë 客户"'),
        ("admin\u202enimda\x00\ud800", r'"admin\u202enimda\x00\ud800"'),
        (Decimal("1.50"), 'Decimal("1.50")'),
        (Money("5", "JPY"), 'Money("5", "JPY")'),
        (UUID(int=1), 'UUID("00000000-0000-0000-0000-000000000001")'),
        (dt.date(2026, 1, 31), "date(2026, 1, 31)"),
        (dt.datetime(2026, 1, 31, 9, 30, tzinfo=UTC), "datetime(2026, 1, 31, 9, 30, tzinfo=UTC)"),
        (dt.datetime(2026, 1, 31, tzinfo=dt.timezone(dt.timedelta(hours=1))), "datetime(2026, 1, 30, 23, tzinfo=UTC)"),
        (dt.datetime(2026, 1, 31), "datetime(2026, 1, 31)"),
        (("a",), '("a",)'),
        ((), "()"),
        (1.5, "1.5"),
    ],
    ids=[
        "escapes",
        "scripts",
        "unprintable",
        "decimal",
        "money",
        "uuid",
        "date",
        "instant",
        "zone",
        "naive",
        "one",
        "none",
        "float",
    ],
)
def test_values_are_shown_as_python(value, text):
    assert show_value(value) == text


def test_a_field_is_shown_as_it_is_reached():
    assert show_field(f.customer["count"].text_) == 'f.customer["count"].text_'
