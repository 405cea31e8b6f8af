"""Mistakes: what is wrong with a class is named by `@entity`, with the way out."""

from __future__ import annotations

from typing import Any, Generic, TypeVar
from uuid import UUID

import pytest

from crmkit import (
    BadDefinition,
    IntegerField,
    Record,
    TextField,
    connect,
    decimal,
    declare,
    entity,
    fieldset,
    integer,
    key,
    link,
    text,
)
from crmkit.model.catalog import Catalog
from crmkit.model.field import Column
from crmkit.model.kind import Kind
from crmkit.model.schema import schema_of

T = TypeVar("T")


def test_fields_of_a_base_that_is_not_decorated_are_not_lost_in_silence() -> None:
    class Coded(Record):
        code: str = text()
        mark: str = text()

    class Mixin:
        note: str = text()

    class Boxed(Record, Generic[T]):
        size: int = integer()

    with pytest.raises(BadDefinition) as caught:

        @entity()
        class Depot(Coded):
            name: str = text()

    assert str(caught.value) == (
        "depot: its base Coded declares code, mark, but is not decorated. Decorate it with @fieldset."
    )
    with pytest.raises(BadDefinition, match=r"Mixin declares note, .* Derive it from Record, and decorate it with"):

        @entity()
        class Yard(Mixin, Record):
            name: str = text()

    with pytest.raises(BadDefinition, match=r"base Boxed declares size, .* Decorate it with @fieldset"):

        @entity()
        class Crate(Boxed[int]):
            name: str = text()


def test_the_fields_of_a_fieldset_are_the_models() -> None:
    @fieldset
    class Boxed(Record, Generic[T]):
        size: int = integer(default=1)

    @entity()
    class Crate(Boxed[int]):
        name: str = text()

    assert Crate(name="a").size == 1
    assert "size" in schema_of(Crate).fields


@pytest.mark.parametrize("name", ["class", "self", "None", "_for"])
@pytest.mark.parametrize("decorate", [entity(), fieldset])
def test_a_name_that_python_keeps_is_refused(name: str, decorate: Any) -> None:
    cls = type("Odd", (Record,), {"__annotations__": {name: str, "lambda": str}, name: text(), "lambda": text()})
    with pytest.raises(BadDefinition) as caught:
        decorate(cls)
    for each in (name, "lambda"):
        assert f"Odd.{each}: Python keeps this name for itself. Rename the field." in str(caught.value)


@pytest.mark.parametrize("cls", [type("Plain", (), {}), int, 3, len])
def test_only_a_record_is_a_model(cls: Any) -> None:
    with pytest.raises(BadDefinition, match="is not a record"):
        entity()(cls)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (TextField, r"not TextField. Write declare\(TextField\(...\)\)"),
        (3, r"not an object of type int. Write declare\(TextField\(...\)\)"),
        (text(), "not an object of type _CountingAttr"),
        (dict, "not dict"),
    ],
)
def test_declare_takes_a_field(given: Any, message: str) -> None:
    with pytest.raises(BadDefinition, match=message):
        declare(given)


@pytest.mark.parametrize(
    ("declared", "annotation"),
    [
        (lambda: declare(TextField(min=5, max=2)), str),
        (lambda: declare(IntegerField(min=5, max=2)), int),
        (lambda: decimal(scale=2, min=5, max=2), "Decimal"),
    ],
)
def test_bounds_must_leave_a_value(declared: Any, annotation: Any) -> None:
    cls = type("Odd", (Record,), {"__annotations__": {"it": annotation}, "it": declared(), "__module__": __name__})
    with pytest.raises(BadDefinition, match=r"odd.it: its min is 5, its max is 2: no value is within"):
        entity()(cls)


def test_bounds_of_an_added_field_must_leave_a_value() -> None:
    @entity()
    class Depot(Record):
        name: str = text()

    with pytest.raises(BadDefinition, match=r"depot.extra.size: its min is 5, its max is 2"):
        Catalog([Depot], {Depot: {"size": integer(min=5, max=2, default=None)}})


class SpanField(TextField):
    """Two texts with a dash between them, held apart."""

    @property
    def columns(self) -> tuple[Column, ...]:
        return (Column(self.name, Kind.TEXT, max=20), Column(f"{self.name}_end", Kind.TEXT, max=20))

    @property
    def read_columns(self) -> tuple[Column, ...]:
        return self.columns

    def split(self, value: str) -> tuple[str, str]:
        start, _, end = value.partition("-")
        return start, end

    def join(self, *values: str) -> str:
        return "-".join(values)


class MisnamedField(SpanField):
    """The same, with columns named as they should not be."""

    @property
    def columns(self) -> tuple[Column, ...]:
        return (Column(f"{self.name}_start", Kind.TEXT, max=20), Column(f"{self.name}_end", Kind.TEXT, max=20))


class CodeField(SpanField):
    """The same, where what comes first tells all apart."""

    leading = True

    def join(self, *values: str) -> str:
        return "-".join(values)


@entity()
class Trip(Record):
    """A trip."""

    leg: str = declare(SpanField())
    code: str = declare(CodeField(unique=True))


def test_the_first_column_bears_the_name_of_the_field() -> None:
    with pytest.raises(BadDefinition, match=r"MisnamedField must call its first column 'leg'"):

        @entity()
        class Other(Record):
            leg: str = declare(MisnamedField())


def test_what_is_held_in_several_columns_is_not_unique() -> None:
    with pytest.raises(BadDefinition) as caught:

        @entity(uniques=(("leg", "name"),))
        class Other(Record):
            name: str = text()
            leg: str = declare(SpanField(unique=True))

    assert str(caught.value).count("other.leg: a field held in several columns cannot be unique") == 2


def test_what_is_held_in_several_columns_is_neither_grouped_nor_measured(store_url: str) -> None:
    from crmkit import BadExpression, count_distinct, f, greatest, system

    with connect(store_url, models=[Trip]) as crm, crm.session(system("test")) as s:
        trips = s.repository(Trip)
        for leg, code in (("a-b", "1-x"), ("a-c", "2-x")):
            trips.add(Trip(leg=leg, code=code))
        assert [trip.leg for trip in trips.find(order=[f.leg, f.code])] == ["a-b", "a-c"]
        with pytest.raises(BadExpression, match=r"f.leg is held in several columns, so it makes no groups"):
            trips.tally(by=f.leg)
        for measure in (count_distinct, greatest):
            with pytest.raises(BadExpression, match=r"f.leg is held in several columns, so it has no"):
                trips.tally(it=measure(f.leg))
        assert [group.key for group in trips.tally(by=f.code)] == [("1",), ("2",)]


def test_what_a_record_is_about_is_named_by_a_link_or_an_id() -> None:
    def declared(about: Any) -> str:
        with pytest.raises(BadDefinition) as caught:

            @entity(about=about)
            class Remark(Record):
                name: str = text()
                subject_id: UUID = key()

        return str(caught.value)

    assert declared("name") == "remark: about is one text. Write about=('name',)."
    assert declared(("nme",)) == "remark has no field 'nme'. Did you mean 'name'?"
    for name in ("name", "subject_id"):
        assert declared((name,)) == (
            f"remark.{name} does not name what a record is about. "
            "Name links, or an id beside which a text field called entity names the model."
        )


def test_models_that_need_each_other_are_about_nothing_and_none_is_about_itself() -> None:
    @entity()
    class Egg(Record):
        hen_id: UUID = link("hen")

    @entity()
    class Hen(Record):
        egg_id: UUID = link("egg")

    @entity()
    class Nest(Record):
        hen_id: UUID = link("hen")

    catalog = Catalog([Egg, Hen, Nest])
    assert [[naming.field for naming in catalog.namings(schema)] for schema in catalog] == [[], [], ["hen_id"]]

    @entity(about=("parent_id",))
    class Comment(Record):
        parent_id: UUID | None = link("comment", default=None)

    with pytest.raises(BadDefinition) as caught:
        Catalog([Comment])
    assert str(caught.value) == (
        "comment would be about itself. Declare which links count, as in @entity(about=('customer_id',))."
    )
