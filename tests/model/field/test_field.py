"""Every kind of field: what it accepts comes back from columns, from JSON and from text as it was."""

from __future__ import annotations

import datetime as dt
import json
import typing
from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import Field, Money, Problem, connect, system, where_from
from crmkit.entities import BUILT_IN
from crmkit.model.catalog import Catalog
from crmkit.model.codec import CANONICAL, Codec
from crmkit.model.declare import (
    Record,
    attached,
    choice,
    day,
    decimal,
    declare,
    document,
    entity,
    extra,
    flag,
    instant,
    integer,
    key,
    link,
    money,
    tags,
    text,
    translated,
)
from crmkit.model.field import DayField, DecimalField, InstantField, IntegerField, KeyField, Spelling, TextField
from crmkit.model.field.declaration import named_field
from crmkit.model.schema import schema_of
from crmkit.testing import values
from crmkit.values import UTC
from crmkit.values.translated import Translated

SOME_ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
MORE: Mapping[str, Any] = {"shoe_size": integer(default=None), "club": choice("red", "blue", default=None)}

FIELDS: dict[str, Field] = {
    name: named_field(declared, name)
    for name, declared in {
        "note": text(max=30),
        "name": text(min=1, max=30, search=True),
        "grade": choice("gold", "silver"),
        "score": integer(),
        "seats": integer(min=1, max=9),
        "ratio": decimal(scale=6),
        "whole": decimal(scale=0, min=-5, max=5),
        "tiny": decimal(scale=12),
        "worth": money(),
        "debt": money(min=0),
        "vip": flag(),
        "born": day(),
        "seen": instant(),
        "mark": key(),
        "owner_id": link("user"),
        "subject_id": attached(),
        "labels": tags(),
        "facts": document(),
        "title": translated(max=30, search=True),
        "motto": translated(default=Translated(), language="zh"),
        "maybe": integer(default=None),
        "extra": extra(),
    }.items()
}


@pytest.mark.parametrize("name", FIELDS)
class TestEveryKind:
    @given(data=st.data())
    def test_accepts_its_own_examples(self, name, data):
        field = FIELDS[name]
        value = data.draw(values(field))
        assert field.clean(value) == field.cleaner()(value) == value

    @pytest.mark.parametrize("serial", [1, 2, 7, 1_234_567])
    def test_accepts_its_own_smallest_value(self, name, serial):
        field = FIELDS[name]
        value = field.smallest(serial)
        assert field.clean(value) == field.cleaner()(value) == value == field.smallest(serial)

    @given(data=st.data())
    def test_comes_back_from_its_columns(self, name, data):
        field = FIELDS[name]
        value = data.draw(values(field))
        columns = field.to_columns(value)
        assert len(columns) == len(field.columns)
        back = field.from_columns(*columns[: len(field.read_columns)])
        assert (back, type(back)) == (value, type(value))

    @given(data=st.data())
    def test_comes_back_from_json(self, name, data):
        field = FIELDS[name]
        value = data.draw(values(field))
        back = field.from_json(json.loads(json.dumps(field.to_json(value))))
        assert (back, type(back)) == (value, type(value))

    def test_refuses_json_that_is_something_else(self, name):
        with pytest.raises(Problem) as caught:
            FIELDS[name].from_json(1.5)
        assert caught.value.field == name

    def test_says_what_its_json_is(self, name):
        assert FIELDS[name].json_schema().keys() & {"type", "anyOf"}
        json.dumps(FIELDS[name].json_schema())


@pytest.mark.parametrize(
    ("name", "value", "data"),
    [
        ("worth", Money("12.5", "EUR"), {"amount": "12.50", "currency": "EUR"}),
        ("worth", Money("12", "JPY"), {"amount": "12", "currency": "JPY"}),
        ("ratio", Decimal("0.000001"), "0.000001"),
        ("tiny", Decimal("0.000000000001"), "0.000000000001"),
        ("seen", dt.datetime(2026, 1, 2, 3, 4, 5, 6000, UTC), "2026-01-02T03:04:05.006Z"),
        ("seen", dt.datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
        ("born", dt.date(2026, 1, 2), "2026-01-02"),
        ("mark", SOME_ID, str(SOME_ID)),
        ("labels", ("a", "b"), ["a", "b"]),
        ("extra", {"shoe_size": 3}, {"shoe_size": 3}),
        ("maybe", None, None),
    ],
)
def test_the_json_form(name, value, data):
    assert FIELDS[name].to_json(value) == data
    assert FIELDS[name].from_json(data) == value


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("note", None, "required"),
        ("score", True, "wrong_type"),
        ("ratio", 1.5, "float_number"),
        ("ratio", "1.0000001", "too_precise"),
        ("worth", "12.50 EUR", "wrong_type"),
        ("worth", {"amount": "12.50"}, "wrong_type"),
        ("worth", {"amount": 12.5, "currency": "EUR"}, "float_number"),
        ("worth", {"amount": "12.50", "currency": "XYZ"}, "unknown_currency"),
        ("debt", {"amount": "-1", "currency": "EUR"}, "too_small"),
        ("seen", "2026-01-02T03:04:05", "naive_datetime"),
        ("seen", "yesterday", "invalid_date"),
        ("born", "2026-02-30", "invalid_date"),
        ("mark", "7", "not_a_uuid"),
        ("owner_id", str(UUID(int=0)), "link_not_added"),
        ("labels", {"a": 1}, "wrong_type"),
        ("labels[1]", ["a", 1], "wrong_type"),
        ("facts", "{", "not_json"),
    ],
)
def test_json_that_the_field_does_not_accept_is_refused(name, data, code):
    with pytest.raises(Problem) as caught:
        FIELDS[name.partition("[")[0]].from_json(data)
    assert (caught.value.code, caught.value.field) == (code, name)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("note", "Acme", "Acme"),
        ("grade", "GOLD", "gold"),
        ("score", "-7", -7),
        ("ratio", "1.5", Decimal("1.500000")),
        ("worth", "12.50 EUR", Money("12.5", "EUR")),
        ("vip", "yes", True),
        ("born", "2026-01-02", dt.date(2026, 1, 2)),
        ("seen", "2026-01-02T03:04:05+01:00", dt.datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)),
        ("mark", str(SOME_ID), SOME_ID),
        ("owner_id", str(SOME_ID), SOME_ID),
        ("labels", "a, b", ("a", "b")),
        ("facts", "[1]", "[1]"),
    ],
)
def test_text_is_read(name, text, value):
    assert FIELDS[name].read(text) == value


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("name", "x" * 31, "too_long"),
        ("grade", "bronze", "unknown_choice"),
        ("score", "1.5", "invalid_number"),
        ("score", "many", "invalid_number"),
        ("seats", "10", "too_large"),
        ("worth", "12.50", "unknown_currency"),
        ("worth", "12.50 XYZ", "unknown_currency"),
        ("vip", "perhaps", "unknown_choice"),
        ("born", "2026-02-30", "invalid_date"),
        ("seen", "2026-01-02T03:04:05", "naive_datetime"),
        ("mark", "7", "not_a_uuid"),
    ],
)
def test_text_that_says_nothing_of_the_kind_is_refused(name, text, code):
    with pytest.raises(Problem) as caught:
        FIELDS[name].read(text)
    assert caught.value.code == code


def test_added_fields_are_read_by_their_own_kinds():
    schema = Catalog(BUILT_IN, {BUILT_IN[0]: MORE}).of(BUILT_IN[0])
    field = schema.fields["extra"]
    assert field.json_schema()["properties"]["club"] == {
        "anyOf": [{"type": "string", "enum": ["red", "blue"]}, {"type": "null"}]
    }
    assert field.from_json({"shoe_size": 38}) == {"shoe_size": 38}
    assert field.example(Random(3)).keys() <= {"shoe_size", "club"}
    with pytest.raises(Problem, match=r"extra.club: 'green' is not one of its choices"):
        field.from_json({"club": "green"})


@pytest.mark.parametrize("model", BUILT_IN, ids=lambda model: model.__name__)
def test_every_annotation_resolves(model):
    hints = typing.get_type_hints(model)
    for name, field in schema_of(model).fields.items():
        assert hints[name] is not None
        assert field.described


@pytest.mark.parametrize("kind", [TextField, IntegerField, DecimalField, DayField, InstantField, KeyField])
def test_smallest_values_of_a_unique_field_differ(kind):
    more = {"scale": 2} if kind is DecimalField else {}
    field = kind(name="a", unique=True, **more)
    assert len({field.smallest(serial) for serial in range(1, 101)}) == 100


@pytest.mark.parametrize(
    ("bounds", "smallest"),
    [({}, "name 1"), ({"max": 4}, "1"), ({"min": 2, "max": 2}, "01"), ({"max": 0}, ""), ({"min": 9}, "000name 1")],
)
def test_the_smallest_text_keeps_its_bounds(bounds, smallest):
    assert TextField(name="name", **bounds).smallest(1) == smallest


class DurationField(IntegerField):
    """A span of time, held in seconds: a kind whose values are not those of its column."""

    holds = dt.timedelta
    word = "duration"

    def accept(self, value: Any) -> dt.timedelta:
        if not isinstance(value, dt.timedelta):
            raise Problem("wrong_type", f"expects a timedelta, not {type(value).__name__}.")
        return self.decode(round(value.total_seconds()))

    def split(self, value: dt.timedelta) -> tuple[int]:
        return (int(value.total_seconds()),)

    def join(self, *values: Any) -> dt.timedelta:
        return dt.timedelta(seconds=values[0])

    def literal(self, value: Any) -> tuple[int]:
        return self.split(self.accept(value))

    def encode(self, value: dt.timedelta) -> int:
        return int(value.total_seconds())

    def decode(self, data: Any) -> dt.timedelta:
        return dt.timedelta(seconds=super().accept(data))

    def example(self, rng: Random) -> dt.timedelta:
        return dt.timedelta(seconds=rng.choice((0, 1, 90, 86_400)))


@entity(name="kind_call")
class Call(Record):
    """A call, and how long it took."""

    took: dt.timedelta = declare(DurationField())
    waited: dt.timedelta | None = declare(DurationField(), default=None)


def test_a_kind_of_other_values_needs_no_generated_code():
    call = Call(took=dt.timedelta(minutes=3))
    codec: Codec[Call] = Codec(schema_of(Call), CANONICAL)
    row = codec.dump(call, "t")
    assert row[codec.columns.index("took")] == 180
    assert codec.load([[row[codec.columns.index(name)] for name in codec.read]]) == [call]


def test_a_kind_of_whole_numbers_is_read_from_text_as_from_json():
    field = schema_of(Call).fields["took"]
    assert field.reading(Spelling(numbers="1.234,56"))("1.200") == field.read("1200") == field.from_json(1200)
    assert field.example(Random(1)) == field.from_json(field.to_json(field.example(Random(1))))
    assert field.smallest(1) == field.example(Random(1))  # what the kind derives from does not know its values
    with connect("memory://", models=[Call]) as crm, crm.session(system("test")) as s:
        s.repository(Call).add(Call(took=dt.timedelta(minutes=3)))
        assert s.repository(Call).count(where_from(Call, {"took__gt": "120"})) == 1
    for given_text in ("1.5", "many", "9" * 18):
        with pytest.raises(Problem):
            field.read(given_text)
    for data in (1.5, "90", None, [], 10**18, 10**30):
        with pytest.raises(Problem, match="took: "):
            field.from_json(data)
