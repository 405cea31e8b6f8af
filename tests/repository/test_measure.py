"""Measures: what the store makes of a field is what Python makes of its values, and of none what the measure says."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import (
    BadExpression,
    Money,
    MoneyBag,
    Opportunity,
    average,
    connect,
    count,
    count_distinct,
    f,
    greatest,
    least,
    system,
    total,
)
from crmkit.repository import measure

MEASURES: dict[str, Any] = {
    "count": len,
    "count_distinct": lambda values: len({each for each in values if each is not None}),
    "total": lambda values: sum(each for each in values if each is not None),
    "least": lambda values: min((each for each in values if each is not None), default=None),
    "greatest": lambda values: max((each for each in values if each is not None), default=None),
    "average": lambda values: mean([each for each in values if each is not None]),
}
"""What each measure makes of a field's values."""


def mean(values: list[int]) -> Decimal | None:
    return Context(prec=34).divide(Decimal(sum(values)), Decimal(len(values))) if values else None


def measured(name: str) -> Any:
    made = getattr(measure, name)
    return made() if name == "count" else made(f.probability)


def test_no_measure_is_forgotten_here() -> None:
    public = {name for name, made in vars(measure).items() if getattr(made, "__module__", "") == measure.__name__}
    assert {name for name in public if name[0] not in "_M"} == set(MEASURES)
    assert all(measured(name).name == name for name in MEASURES)


def test_a_tally_is_python_s_own(store_url: str) -> None:
    rows = st.lists(st.tuples(st.sampled_from(["web", "fair", None]), st.none() | st.integers(0, 100)), max_size=8)
    with connect(store_url) as crm:

        @settings(max_examples=10)
        @given(rows=rows)
        def check(rows: list[tuple[str | None, int | None]]) -> None:
            with crm.session(system("test", tenant=uuid4().hex)) as s:
                s.opportunities.add_many(
                    Opportunity(name="d", source=source, probability=chance) for source, chance in rows
                )
                asked = {name: measured(name) for name in MEASURES}
                found = s.opportunities.tally(by=f.source, **asked)
                [whole] = s.opportunities.tally(**asked)
            wanted = {
                source: {
                    name: made([chance for held, chance in rows if held == source]) for name, made in MEASURES.items()
                }
                for source, _ in rows
            }
            assert {group.key[0]: group.measures for group in found} == wanted
            assert whole.measures == {name: made([chance for _, chance in rows]) for name, made in MEASURES.items()}

        check()


def test_where_there_is_nothing_there_is_one_group(store_url: str) -> None:
    with connect(store_url) as crm, crm.session(system("test")) as s:
        for where in (f.name == "x", f.amount > Money(1, "EUR")):
            [only] = s.opportunities.tally(where=where, worth=total(f.amount))
            assert (only.key, only["worth"]) == ((), MoneyBag())
            [both] = s.opportunities.tally(
                where=where, n=count(), most=greatest(f.amount), least=least(f.amount), mean=average(f.probability)
            )
            assert both.measures == {"n": 0, "most": MoneyBag(), "least": MoneyBag(), "mean": None}
            assert s.opportunities.tally(by=f.source, where=where, worth=total(f.amount)) == []
        s.opportunities.add(Opportunity(name="x"))
        [only] = s.opportunities.tally(worth=total(f.amount), dates=count_distinct(f.close_date))
        assert only.measures == {"worth": MoneyBag(), "dates": 0}


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (average(f.amount), "f.amount may be in several currencies, so it has no average. Take total() and count()."),
        (count_distinct(f.amount), "f.amount may be in several currencies, so it has no count_distinct."),
        (total(f.name), "f.name is not a number, so it has no total."),
        (least(f.tags), "f.tags holds"),
        (least(f.extra["x"]), "f.extra.x holds"),
        (total(f.customer.score), "f.customer.score: a measure reads a field of opportunity itself."),
        (total(f.nme), "f.nme: opportunity has no field 'nme'. Did you mean 'name'?"),
    ],
)
def test_what_cannot_be_measured_is_refused(ask: Any, message: str) -> None:
    with connect("memory://") as crm, crm.session(system("test")) as s, pytest.raises(BadExpression) as caught:
        s.opportunities.tally(x=ask)
    assert str(caught.value).startswith(message)
