"""What is told of nothing has the shape of what is told of something: every report, and every tally."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from crmkit import BadExpression, Customer, Money, Opportunity, by_month, connect, f, system
from crmkit.analytics import Funnel
from crmkit.analytics.report import Report
from crmkit.crm.blocking.analytics import Analytics
from crmkit.repository import measure
from crmkit.repository.aggregator import MoneyBag
from tests.analytics.loading import SALES

REPORTS = [name for name, _ in inspect.getmembers(Analytics, inspect.isfunction) if not name.startswith("_")]
FIRST = {"funnel": Funnel(SALES), "time_in_stage": SALES}
"""What the reports take that need to be told something."""
MEASURES: list[Callable[..., measure.Measured]] = [
    each
    for _, each in inspect.getmembers(measure, inspect.isfunction)
    if each.__module__ == measure.__name__ and inspect.signature(each).return_annotation == "Measured"
]


def told(session: Any, name: str, **more: Any) -> Report[Any]:
    """One report."""
    report: Report[Any] = getattr(session.analytics, name)(*filter(None, [FIRST.get(name)]), **more)
    return report


def differences(empty: Any, full: Any, place: str = "$") -> Iterator[str]:
    """Yield where two documents differ in more than how much is there."""
    if None in (empty, full) or [] in (empty, full) or {} in (empty, full):
        return
    if type(empty) is not type(full):
        yield f"{place}: {type(empty).__name__} and {type(full).__name__}"
    elif isinstance(empty, dict):
        if empty.keys() != full.keys():
            yield f"{place}: {sorted(empty)} and {sorted(full)}"
        for key in empty.keys() & full.keys():
            yield from differences(empty[key], full[key], f"{place}.{key}")
    elif isinstance(empty, list):
        yield from differences(empty[0], full[0], f"{place}[0]")


@pytest.fixture(params=["empty", "elsewhere"])
def nothing(request, store_url):
    """A session in which there is no deal: on a new database, and where other tenants have some."""
    with connect(store_url, pipelines=[SALES]) as crm:
        if request.param == "elsewhere":
            with crm.session(system("test", tenant="other")) as other:
                put(other)
        with crm.session(system("test")) as session:
            yield session


def put(session: Any) -> None:
    """One deal that was won."""
    firm = session.customers.add(Customer(name="Acme"))
    deal = session.opportunities.add(Opportunity(name="Line 4", amount=Money(5, "EUR"), customer_id=firm.id))
    session.opportunities.advance(deal, "won")


def test_there_are_reports_and_measures_to_try():
    assert {"funnel", "win_rate", "time_in_stage"} < {*REPORTS}
    assert {each.__name__ for each in MEASURES} == {
        "count", "count_distinct", "total", "least", "greatest", "average",
    }  # fmt: skip


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_of_nothing_has_the_shape_of_one_of_something(nothing, name):
    grouped = {"by": f.source} if "by" in inspect.signature(getattr(Analytics, name)).parameters else {}
    before = [told(nothing, name), told(nothing, name, **grouped)]
    put(nothing)
    after = [told(nothing, name), told(nothing, name, **grouped)]
    for empty, full in zip(before, after, strict=True):
        assert empty.as_table()[0] == full.as_table()[0]
        assert [*differences(json.loads(empty.to_json()), json.loads(full.to_json()))] == []
        assert len(empty) == (0 if empty.by else 1)
        assert type(empty.total) is type(full.total)
        assert Report.from_json(empty.to_json()) == empty


def measured() -> Iterator[tuple[str, measure.Measured]]:
    """Each measure of each field that it may measure."""
    yield "count", measure.count()
    for each in MEASURES:
        if each is not measure.count:
            for name in ("amount", "probability", "name", "close_date", "created_at", "stage_reached", "won", "id"):
                yield f"{each.__name__} of {name}", each(f[name])


def values(session: Any, wanted: measure.Measured, **more: Any) -> list[Any]:
    """The values of one measure by group."""
    return [group["value"] for group in session.opportunities.tally(value=wanted, **more)]


def test_every_tally_without_keys_is_one_group(nothing):
    before, after = {}, {}
    for found in (before, after):
        for name, wanted in measured():
            with suppress(BadExpression):  # not every measure suits every field
                found[name] = values(nothing, wanted)
        put(nothing)
    assert before.keys() == after.keys()
    assert {len(value) for value in (*before.values(), *after.values())} == {1}
    for name, (full,) in after.items():
        (empty,) = before[name]
        may_be_missing = name.startswith(("least", "greatest", "average")) and not isinstance(full, MoneyBag)
        assert type(empty) is type(full) or (empty is None and may_be_missing), name


def test_every_tally_with_keys_has_no_group(nothing):
    for _, wanted in measured():
        for by in (f.source, [f.stage, f.amount.currency], by_month(f.created_at)):
            with suppress(BadExpression):
                assert values(nothing, wanted, by=by) == []
