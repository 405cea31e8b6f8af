"""A sum past 64 bits is a value like any other: it is exact, computes, compares and is written, on every store."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import (
    BadExpression,
    BadRecord,
    Crm,
    Customer,
    Expr,
    Money,
    Opportunity,
    average,
    connect,
    f,
    integer,
    system,
    total,
)
from crmkit.analytics import Report
from crmkit.expr.evaluate import evaluate
from crmkit.expr.form.document import from_json, to_json
from crmkit.expr.form.parse import parse
from crmkit.expr.form.show import show
from crmkit.expr.node import Op
from crmkit.model.field import DecimalField
from crmkit.testing.world import World

LARGE = Money("900000000000000", "IDR")


@pytest.fixture
def crm(store_url: str) -> Iterator[Crm]:
    with connect(store_url, extra={Customer: {"seats": integer(default=None)}}) as crm:
        with crm.session(system("test")) as s:
            s.customers.add(Customer(name="small", employees=1, extra={"seats": 1}))
            s.customers.add(Customer(name="none"))
            s.customers.add_many(
                Customer(name=f"large {n}", employees=2_000_000_000, annual_revenue=LARGE) for n in (1, 2)
            )
            deals = [s.opportunities.add(Opportunity(name=f"d{n}", amount=LARGE)) for n in range(5)]
            for deal in deals[:2]:
                s.opportunities.advance(deal, "won")
        yield crm


def test_totals_and_averages_are_exact(crm: Crm) -> None:
    with crm.session(system("test")) as s:
        (group,) = s.opportunities.tally(all=total(f.amount))
        assert group["all"]["IDR"] == SUM + LARGE + LARGE == Money("4500000000000000", "IDR")
        (group,) = s.customers.tally(heads=total(f.employees), mean=average(f.employees))
        assert (group["heads"], int(group["mean"])) == (4_000_000_001, 1_333_333_333)


def test_analytics_add_up_large_amounts(crm: Crm) -> None:
    with crm.session(system("test")) as s:
        report = s.analytics.win_rate()
        assert report.total.won_value["IDR"] == LARGE + LARGE
        assert Report.from_json(report.to_json()) == report
        assert s.analytics.pipeline_value().total.value["IDR"] == SUM
        s.analytics.forecast()
        s.analytics.velocity()


SUM = LARGE + LARGE + LARGE
TRUTHS: dict[Expr, set[str]] = {
    f.annual_revenue < SUM: {"large 1", "large 2"},
    f.annual_revenue <= SUM: {"large 1", "large 2"},
    f.annual_revenue > -SUM: {"large 1", "large 2"},
    f.annual_revenue > SUM: set(),
    f.annual_revenue == SUM: set(),
    f.annual_revenue != SUM: {"large 1", "large 2"},
    ~(f.annual_revenue == SUM): {"small", "none", "large 1", "large 2"},
    ~(f.annual_revenue < SUM): {"small", "none"},
    f.annual_revenue.one_of(SUM, LARGE): {"large 1", "large 2"},
    f.employees < 2**63: {"small", "large 1", "large 2"},
    f.employees >= -(2**70): {"small", "large 1", "large 2"},
    f.employees == 10**5_000: set(),
    f.employees.one_of(2**70, 1): {"small"},
    ~f.employees.one_of(2**70): {"small", "none", "large 1", "large 2"},
    f.extra["seats"] == 2**70: set(),
    f.extra["seats"] != 2**70: {"small"},
    f.contacts.count() < 2**70: {"small", "none", "large 1", "large 2"},
    f.contacts.count() >= 2**63: set(),
    f.contacts.count() == 2**70: set(),
    f.contacts.count() != 2**70: {"small", "none", "large 1", "large 2"},
}


@pytest.mark.parametrize("where", TRUTHS, ids=range(len(TRUTHS)))
def test_to_compare_with_one_is_true_or_false_of_every_record(crm: Crm, where: Expr) -> None:
    with crm.session(system("test")) as s:
        s.customers.add(Customer(name="new"))
        found = {each.name for each in s.customers.find(where)} - {"new"}
        assert found == TRUTHS[where]
    with crm.session(system("test")) as s:
        assert s.customers.exists(f.name == "new"), "the comparison cost the session nothing that it had written"


def test_a_decimal_compares_with_any_number() -> None:
    field = DecimalField(name="rate", scale=2)
    assert [field.literal(Decimal(text)) for text in ("1e999999", "-1e30")] == [(2**63,), (-(2**63) - 1,)]


@pytest.mark.parametrize("form", [lambda e: from_json(to_json(e)), lambda e: parse(show(e))], ids=["json", "text"])
def test_an_expression_that_holds_one_is_written_and_read(form: Callable[[Any], Any]) -> None:
    assert form(f.annual_revenue < SUM) == (f.annual_revenue < SUM)


def test_a_record_does_not_take_one_and_says_so() -> None:
    with pytest.raises(BadRecord, match="annual_revenue: does not fit 64 bits at 4 decimal places"):
        Customer(name="x", annual_revenue=SUM)


NUMBERS = st.one_of(
    st.integers(-(10**600) + 1, 10**600 - 1),
    st.sampled_from([2**63, -(2**63) - 1, 2**63 - 1, -(2**63), 2**70, -(2**70), 10**599]),
)
OPERATORS = st.sampled_from([Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE])


@st.composite
def comparisons(draw: st.DrawFn) -> Expr:
    """Tests that compare whole numbers of any size with a field, an added field or a count."""
    number, op = draw(NUMBERS), draw(OPERATORS)
    made: Expr = draw(
        st.sampled_from(
            [
                op.apply(f.employees, number),
                op.apply(f.contacts.count(), number),
                f.employees.one_of(number, 1),
                *([op.apply(f.extra["seats"], number)] if op in {Op.EQ, Op.NE} else []),
            ]
        )
    )
    return ~made if draw(st.booleans()) else made


def test_text_and_json_mean_what_was_written_on_every_store(crm: Crm) -> None:
    with crm.session(system("test")) as s:
        world = World([*s.customers.find(), *s.contacts.find()], crm.environment.catalog)

        @given(where=comparisons())
        @settings(max_examples=100)
        def check(where: Expr) -> None:
            wanted = {each.name for each in s.customers.find() if evaluate(where, each, world=world)}
            for form in (where, from_json(to_json(where)), parse(show(where))):
                assert form == where
                assert {each.name for each in s.customers.find(form)} == wanted

        check()


@pytest.mark.parametrize("number", [10**600, -(10**600), 10**5_000, 2**100_000], ids=["601", "-601", "5001", "binary"])
@pytest.mark.parametrize("test", [lambda n: f.employees == n, lambda n: f.contacts.count() < n], ids=["field", "count"])
def test_a_number_of_more_than_600_digits_is_compared_but_has_no_form(
    crm: Crm, number: int, test: Callable[[int], Expr]
) -> None:
    where = test(number)
    for form in (to_json, lambda expr: parse(show(expr))):
        with pytest.raises(BadExpression, match="more than 600 digits"):
            form(where)
    with crm.session(system("test")) as s:
        assert s.customers.count(where) in {0, 4}


@pytest.mark.parametrize("digits", ["9" * 601, "9" * 5_000, "-" + "9" * 5_000], ids=["601", "5000", "-5000"])
def test_a_number_of_more_than_600_digits_is_not_read(digits: str) -> None:
    node = {"node": "compare", "field": ["employees"], "op": "==", "value": 0}
    source = json.dumps({"version": 1, "where": node}).replace("0}", f"{digits}}}")
    for read in (lambda: from_json(source), lambda: parse(f"f.employees == {digits}")):
        with pytest.raises(BadExpression, match="more than 600 digits"):
            read()
