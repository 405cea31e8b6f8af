"""Cells become values only where no two readings are possible."""

from __future__ import annotations

import datetime as dt

import pytest

from crmkit import UTC, BadMapping, Money, connect, system
from tests.importers.conftest import customers

job = system("migration")


def read(files, cell, **field):
    """The value that one cell gives, or the code of its problem."""
    ((name, spec),) = field.items()
    quoted = '"' + cell.replace('"', '""') + '"'
    folder = files(a__csv=f"No,Name,X,Curr\n1,Acme,{quoted},\n")
    with connect("memory://") as crm:
        run = crm.imports(job).plan(customers(fields={name: spec}), folder=folder).apply()
        codes = [each.code for each in run.problems]
        with crm.session(job) as s:
            return codes[0] if codes else getattr(s.customers.first(), name)


@pytest.mark.parametrize(
    ("text", "pattern", "value"),
    [
        ("12", None, "12.00"),
        ("1234.5", None, "1234.50"),
        ("1,234.50", "1,234.56", "1234.50"),
        ("1.234,5", "1.234,56", "1234.50"),
        ("1.234", "1.234,56", "1234.00"),
        ("1\u202f234,50 €", "1 234,56", "1234.50"),
        ("1’234.50", "1'234.56", "1234.50"),
        ("€ -7,10", "1.234,56", "-7.10"),
        ("(7.10)", "1,234.56", "-7.10"),
        ("7.10-", "1,234.56", "-7.10"),
        ("12.34", "1.234,56", "invalid_amount"),
        ("1,23,456", "1,234.56", "invalid_amount"),
        ("1,234", None, "invalid_amount"),
        ("tbd", None, "invalid_amount"),
        ("12 apples", None, "invalid_amount"),
        ("1e5", None, "invalid_amount"),
        ("99999999999999999999", None, "invalid_amount"),
    ],
)
def test_amounts_are_read_by_the_number_format_and_nothing_else(files, text, pattern, value):
    spec = {"money": "X", "currency": {"const": "EUR"}} | ({"number": pattern} if pattern else {})
    found = read(files, text, annual_revenue=spec | {"map": {"EUR": ["€"]}})
    assert found == (value if value[0].isalpha() else Money(value, "EUR"))


def test_the_currency_may_stand_in_the_amount(files):
    spec = {"money": "X", "currency": {"column": "Curr", "map": {"EUR": ["€"], "USD": ["$"]}}}
    assert read(files, "$12", annual_revenue=spec) == Money(12, "USD")
    assert read(files, "12 EUR", annual_revenue=spec) == Money(12, "EUR")
    assert read(files, "12", annual_revenue=spec) == "unknown_currency"


@pytest.mark.parametrize(
    ("text", "formats", "value"),
    [
        ("2025-02-28", (), dt.date(2025, 2, 28)),
        ("28/02/2025", (), "invalid_date"),
        ("28/02/2025", "%d/%m/%Y", dt.date(2025, 2, 28)),
        ("2025-02-28", ["%d/%m/%Y", "%Y-%m-%d"], dt.date(2025, 2, 28)),
        ("31/02/2025", "%d/%m/%Y", "invalid_date"),
        ("0000-00-00", (), "invalid_date"),
    ],
)
def test_dates_are_read_by_the_formats_given(files, text, formats, value):
    assert read(files, text, birthday={"column": "X", "format": formats}) == value


def test_times_are_those_of_the_mappings_zone(files):
    spec = {"column": "X", "format": "%d/%m/%Y %H:%M"}
    assert read(files, "01/07/2025 12:00", last_contact_at=spec) == dt.datetime(2025, 7, 1, 12, tzinfo=UTC)
    assert read(files, "2025-07-01T12:00:00+02:00", last_contact_at="X") == dt.datetime(2025, 7, 1, 10, tzinfo=UTC)


def test_formats_that_read_one_text_as_two_dates_are_refused(files):
    with pytest.raises(BadMapping, match="read one text as two dates"):
        read(files, "01/02/2025", birthday={"column": "X", "format": ["%d/%m/%Y", "%m/%d/%Y"]})


def test_choices_match_without_case_and_through_a_map(files):
    assert read(files, " LARGE", size="X") == "large"
    assert read(files, "Groß", size={"column": "X", "map": {"large": ["gross"]}}) == "large"
    assert read(files, "huge", size="X") == "unknown_choice"


def test_our_own_spelling_counts_whatever_the_map_lists(files):
    assert read(files, "LARGE", size={"column": "X", "map": {"small": ["1-49"]}}) == "large"
    assert read(files, "huge", size={"column": "X", "map": {"small": ["1-49"]}}) == "unknown_choice"
    assert read(files, "Small", size={"column": "X", "map": {"large": ["small"]}}) == "large"


def test_a_stage_of_the_pipeline_counts_whatever_the_map_lists(files):
    stages = {"column": "Stage", "map": {"won": ["Deal"]}}
    deals = {"path": "a.csv", "into": "opportunity", "id": "No", "fields": {"name": "Name", "stage": stages}}
    content = "No,Name,Stage\n1,Line 4,Deal\n2,Roof,Proposal\n3,Gate,?\n"
    with connect("memory://") as crm:
        run = crm.imports(job).plan({"source": "x", "file": [deals]}, folder=files(a__csv=content)).apply()
        assert [(each.record, each.column, each.code) for each in run.problems] == [(4, "Stage", "unknown_stage")]
        with crm.session(job) as s:
            assert sorted(each.stage for each in s.opportunities.stream()) == ["proposal", "won"]


def test_tags_parts_and_joined_columns(files):
    assert read(files, " a | b||a", tags={"column": "X", "split": "|"}) == ("a", "b")
    assert read(files, "Berlin, DE", city={"column": "X", "split": ",", "part": 1}) == "Berlin"
    assert read(files, "Berlin, DE", city={"column": "X", "split": ",", "part": -1}) == "DE"
    assert read(files, "x", city={"columns": ["Name", "X"], "with": "/"}) == "Acme/x"


def test_whole_numbers_and_too_long_texts(files):
    assert read(files, "2,822", employees={"column": "X", "number": "1,234"}) == "invalid_number"
    assert read(files, "2,822", employees={"column": "X", "number": "1,234.5"}) == 2822
    assert read(files, "12.5", employees="X") == "invalid_number"
    assert read(files, "-3", employees="X") == "too_small"
    assert read(files, "x" * 101, city="X") == "too_long"


@pytest.mark.parametrize(
    ("text", "zone", "formats", "value"),
    [
        ("2025-10-26 02:30", "Europe/Berlin", (), "ambiguous_time"),
        ("2025-10-26 02:30+01:00", "Europe/Berlin", (), dt.datetime(2025, 10, 26, 1, 30, tzinfo=UTC)),
        ("26/10/2025 02:30", "Europe/Berlin", "%d/%m/%Y %H:%M", "ambiguous_time"),
        ("2025-03-30 02:30", "Europe/Berlin", (), "no_such_time"),
        ("2025-10-26 03:00", "Europe/Berlin", (), dt.datetime(2025, 10, 26, 2, tzinfo=UTC)),
        # A day alone begins when its zone says, also where the clocks skip midnight.
        ("2018-11-04", "America/Sao_Paulo", (), dt.datetime(2018, 11, 4, 3, tzinfo=UTC)),
        ("04/11/2018", "America/Sao_Paulo", "%d/%m/%Y", dt.datetime(2018, 11, 4, 3, tzinfo=UTC)),
        ("2018-11-04 00:00", "America/Sao_Paulo", (), "no_such_time"),
    ],
)
def test_a_local_time_that_comes_twice_or_never_is_no_time(files, text, zone, formats, value):
    mapping = customers(fields={"last_contact_at": {"column": "X", "format": formats}}) | {"zone": zone}
    with connect("memory://") as crm:
        run = crm.imports(job).plan(mapping, folder=files(a__csv=f"No,Name,X\n1,Acme,{text}\n")).apply()
        with crm.session(job) as s:
            customer = s.customers.first()
            found = customer.last_contact_at if customer else next(iter(run.problems)).code
    assert found == value
