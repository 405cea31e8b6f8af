"""Refusals: whatever a kind's own code raises becomes a problem at the field, and several are listed together."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import (
    BadExpression,
    BadRecord,
    Customer,
    Problem,
    Record,
    TextField,
    choice,
    connect,
    day,
    decimal,
    declare,
    document,
    entity,
    f,
    from_dict,
    instant,
    integer,
    money,
    system,
    to_dict,
    where_from,
)
from crmkit.model.field import Field, Spelling
from crmkit.model.field.declaration import named_field
from crmkit.model.field.field import PLAIN
from crmkit.model.schema import schema_of


class CarelessField(TextField):
    """A kind that foresees nothing."""

    word = "code"

    def accept(self, value: Any) -> str:
        return value["code"] if value != "1/0" else str(1 // 0)

    def decode(self, data: Any) -> Any:
        return {"code": data["code"].upper()}

    def literal(self, value: Any) -> tuple[str]:
        return (self.accept(value),)

    def reader(self, spelling: Spelling) -> Callable[[str], Any]:
        return lambda text: str(int(text))


@entity()
class Parcel(Record):
    """A parcel."""

    code: str = declare(CarelessField())
    size: int = integer(default=1, min=1)


HOSTILE = st.none() | st.integers() | st.floats() | st.text() | st.lists(st.integers()) | st.just("1/0")


@given(value=HOSTILE.filter(lambda value: value is not None))
def test_what_a_kind_did_not_foresee_is_a_problem_of_its_field(value: Any) -> None:
    field = schema_of(Parcel).fields["code"]
    for step in (field.from_json, field.clean):
        with pytest.raises(Problem) as caught:
            step(value)
        assert str(caught.value) == "code: cannot be read as code."
        assert isinstance(caught.value.__cause__, Exception)
    with pytest.raises(BadRecord, match=r"code: cannot be read as code\.; size: must be 1 or more"):
        Parcel(code=value, size=0)
    with pytest.raises(BadRecord, match=r"code: cannot be read as code"):
        from_dict(Parcel, {"code": value})


def test_text_that_a_kind_did_not_foresee_is_refused_wherever_it_is_read() -> None:
    for read in (schema_of(Parcel).fields["code"].read, schema_of(Parcel).fields["code"].reading(PLAIN)):
        with pytest.raises(Problem, match=r"code: cannot be read as code"):
            read("x")
    with pytest.raises(BadExpression, match="cannot be read as code"):
        where_from(Parcel, {"code": "x"})
    with connect("memory://", models=[Parcel]) as crm, crm.session(system("test")) as s:
        parcels = s.repository(Parcel)
        with pytest.raises(BadExpression, match="cannot be read as code"):
            parcels.find(f.code == "1/0")


def test_all_tags_and_added_fields_that_are_wrong_are_listed() -> None:
    with pytest.raises(BadRecord) as caught:
        from_dict(Customer, {"name": "a", "tags": ["ok", 7, "b", ""], "extra": {"size": 1.5, "club": [1], "ok": True}})
    places = [problem.field for problem in caught.value.problems]
    assert places == ["tags[1]", "tags[3]", "extra.size", "extra.club"]
    with pytest.raises(BadRecord) as caught:
        Customer(name="a", tags=(7, "b", ""))  # type: ignore[arg-type]  # wrong on purpose
    assert [problem.field for problem in caught.value.problems] == ["tags[0]", "tags[2]"]
    with connect("memory://") as crm, crm.session(system("test")) as s:
        acme = s.customers.add(Customer(name="Acme"))
        with pytest.raises(BadRecord) as caught:
            s.customers.update(acme, tags=("", "x", "\x00"))
        assert [problem.field for problem in caught.value.problems] == ["tags[0]", "tags[2]"]


def test_declared_and_other_entries_of_extra_are_listed_together() -> None:
    more = {"size": integer(default=None), "club": choice("red", default=None)}
    field = _extra(more)
    with pytest.raises(Problem) as caught:
        field.from_json({"size": "x", "club": "blue", "born": 1.5})
    assert [problem.field for problem in caught.value.problems] == ["extra.size", "extra.club", "extra.born"]


def _extra(more: dict[str, Any]) -> Field:
    return schema_of(Customer).with_extra([named_field(each, name) for name, each in more.items()]).fields["extra"]


@pytest.mark.parametrize(
    "extra", [{3: 4}, {"a": (1,)}, {"a": 1.5}, {"a": float("nan")}, {"a": dt.date(2026, 1, 1)}, {"a": {"b": 1}}]
)
def test_what_extra_could_not_give_back_is_refused_when_the_record_is_made(extra: Any) -> None:
    with pytest.raises(BadRecord, match="extra"):
        Customer(name="a", extra=extra)


@given(extra=st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text()))
def test_what_extra_accepts_comes_back(extra: dict[str, Any]) -> None:
    record = Customer(name="a", extra=extra)
    assert from_dict(Customer, json.loads(json.dumps(to_dict(record)))) == record


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000 + "]" * 100_000, "is nested too deep."),
        ("NaN", "holds NaN, which is not JSON."),
        ("[-Infinity]", "holds -Infinity, which is not JSON."),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "gives 'b.c' twice."),
        ("{'a': 1}", "is not JSON."),
        ("", "is not JSON."),
    ],
)
def test_a_document_is_strict_json(text: str, message: str) -> None:
    with pytest.raises(Problem) as caught:
        named_field(document(), "facts").clean(text)
    assert caught.value.message == message


@pytest.mark.parametrize("text", ["1_000", "١٢", " 1 ", "1e3", "+1", ".5", "1.", "NaN", "", "1\n", "1,5"])
def test_decimals_in_json_are_plain(text: str) -> None:
    with pytest.raises(Problem):
        named_field(decimal(scale=2), "ratio").from_json(text)
    with pytest.raises(Problem):
        named_field(money(), "worth").from_json({"amount": text, "currency": "EUR"})


@pytest.mark.parametrize(
    "text", ["20240101", "2024-W01-1", "2024-1-1", " 2024-01-01", "٢٠٢٤-01-01", "2024-01-01\n", ""]
)
def test_days_and_instants_in_json_are_written_one_way(text: str) -> None:
    for field, each in ((day(), text), (instant(), f"{text}T10:00:00Z")):
        with pytest.raises(Problem) as caught:
            named_field(field, "at").from_json(each)
        assert caught.value.code == "invalid_date"


NUMBERS = st.integers(-(2**63), 2**63 - 1).map(lambda units: Decimal(units).scaleb(-6))


@given(number=NUMBERS, on=st.dates(), at=st.datetimes(timezones=st.just(dt.UTC)))
def test_what_is_written_is_what_is_read(number: Decimal, on: dt.date, at: dt.datetime) -> None:
    for declared, value in ((decimal(scale=6), number), (day(), on), (instant(), at)):
        field = named_field(declared, "it")
        clean = field.clean(value)
        assert field.from_json(field.to_json(clean)) == clean
