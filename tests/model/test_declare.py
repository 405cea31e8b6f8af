"""Declaring models: fields, defaults, bounds, and every problem of a record at once."""

from __future__ import annotations

import datetime as dt
import pickle
from decimal import Decimal
from typing import Annotated, Literal, NewType, Optional, get_type_hints
from uuid import UUID

import attrs
import pytest

from crmkit.errors import BadDefinition, BadRecord
from crmkit.model.catalog import Catalog
from crmkit.model.declare import (
    Record,
    choice,
    day,
    decimal,
    entity,
    flag,
    instant,
    integer,
    link,
    money,
    tags,
    text,
)
from crmkit.model.schema import schema_of
from crmkit.values import NOT_YET, UTC, Money
from crmkit.values.identifier import NEW


@entity()
class Driver(Record):
    """A driver."""

    name: str = text(min=1, max=20)


@entity(indexes=(("kind", "seats"),))
class Vehicle(Record):
    """A vehicle."""

    plate: str = text(min=1, max=12, unique=True, search=True)
    kind: str = choice("car", "van", default="car")
    seats: int = integer(default=4, min=1, max=60)
    load: Decimal | None = decimal(scale=2, default=None, min=0)
    price: Money | None = money(default=None, min=0)
    electric: bool = flag(default=False)
    built_on: dt.date | None = day(default=None)
    serviced_at: dt.datetime | None = instant(default=None)
    driver_id: UUID | None = link("driver", back="vehicles", default=None)
    labels: tuple[str, ...] = tags(default=())


def test_a_record_is_an_immutable_value() -> None:
    van = Vehicle(plate="B 1", kind="van", labels=["new", "new", "blue"])  # type: ignore[arg-type]  # any iterable does
    assert van.labels == ("new", "blue")
    assert (van.id, van.version, van.created_at) == (NEW, 0, NOT_YET)
    assert van == Vehicle(plate="B 1", kind="van", labels=("new", "blue"))
    assert pickle.loads(pickle.dumps(van)) == van  # noqa: S301 - our own bytes
    assert len({van, attrs.evolve(van)}) == 1
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        van.seats = 3  # type: ignore[misc]  # wrong on purpose
    with pytest.raises(TypeError, match="cannot be changed in place"):
        van.extra["a"] = 1  # type: ignore[index]  # wrong on purpose


def test_values_are_put_into_their_own_form() -> None:
    east = dt.timezone(dt.timedelta(hours=2))
    van = Vehicle(plate="B 1", load=Decimal("1.5"), serviced_at=dt.datetime(2026, 1, 1, 2, 0, 0, 1999, tzinfo=east))
    assert str(van.load) == "1.50"
    assert van.serviced_at == dt.datetime(2026, 1, 1, 0, 0, 0, 1000, tzinfo=UTC)


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(BadRecord) as caught:
        Vehicle(
            plate="",
            kind="vann",
            seats=2.5,  # type: ignore[arg-type]  # wrong on purpose
            price=12.5,  # type: ignore[arg-type]  # wrong on purpose
            serviced_at=dt.datetime(2026, 1, 1),
            labels="vip",  # type: ignore[arg-type]  # wrong on purpose
        )
    assert str(caught.value) == (
        "vehicle refused: plate: needs 1 character or more.; "
        "kind: 'vann' is not one of its choices. Did you mean 'van'?; "
        "seats: expects a whole number, not float. Write it without a point.; "
        'price: is a float, which cannot hold money exactly. Write Money("12.5", "EUR"), with the currency meant.; '
        "serviced_at: has no time zone, so it names no instant. Add one, as in datetime(..., tzinfo=UTC).; "
        'labels: expects several texts, not str. Write ("vip",).'
    )
    assert [problem.code for problem in caught.value.problems] == [
        "blank", "unknown_choice", "wrong_type", "float_number", "naive_datetime", "wrong_type",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"seats": 0}, "too_small"),
        ({"seats": 61}, "too_large"),
        ({"seats": 2**63}, "beyond_64_bit"),
        ({"seats": True}, "wrong_type"),
        ({"load": Decimal("0.001")}, "too_precise"),
        ({"load": Decimal("NaN")}, "not_finite"),
        ({"load": 1.5}, "float_number"),
        ({"load": "1.5"}, "wrong_type"),
        ({"load": -1}, "too_small"),
        ({"price": 5}, "currency_missing"),
        ({"price": Money(-1, "EUR")}, "too_small"),
        ({"electric": 1}, "wrong_type"),
        ({"built_on": dt.datetime(2026, 1, 1, tzinfo=UTC)}, "wrong_type"),
        ({"serviced_at": dt.date(2026, 1, 1)}, "wrong_type"),
        ({"driver_id": NEW}, "link_not_added"),
        ({"driver_id": "x"}, "wrong_type"),
        ({"labels": ("",)}, "blank"),
        ({"labels": ("a\x00",)}, "nul_character"),
        ({"labels": [str(n) for n in range(101)]}, "too_many"),
        ({"plate": None}, "required"),
        ({"plate": "x" * 13}, "too_long"),
        ({"plate": "\ud800"}, "lone_surrogate"),
        ({"extra": [1]}, "wrong_type"),
    ],
)
def test_a_field_refuses(values: dict[str, object], code: str) -> None:
    with pytest.raises(BadRecord) as caught:
        Vehicle(**({"plate": "B 1"} | values))  # type: ignore[arg-type]  # wrong on purpose
    assert [problem.code for problem in caught.value.problems] == [code]


def test_a_link_given_a_record_says_to_give_its_id() -> None:
    driver = attrs.evolve(Driver(name="Ann"), id=UUID(int=5))
    with pytest.raises(BadRecord, match=r"driver_id: expects the id of the driver, not Driver. Give the record's id."):
        Vehicle(plate="B 1", driver_id=driver)  # type: ignore[arg-type]  # wrong on purpose


def test_columns_lead_with_the_tenant_and_money_takes_two() -> None:
    columns = [column.name for column in schema_of(Vehicle).columns]
    assert columns[:2] == ["tenant", "id"]
    assert columns[columns.index("plate") :][:2] == ["plate", "plate_folded"]
    assert columns[columns.index("price") :][:2] == ["price", "price_currency"]


def test_indexes_cover_links_searches_and_groups() -> None:
    schema = schema_of(Vehicle)
    assert set(schema.index_columns()) == {("driver_id",), ("plate_folded",), ("kind", "seats")}
    assert schema.unique_columns() == (("plate",),)


def test_a_model_can_take_the_place_of_another() -> None:
    @entity(extends=Vehicle)
    class Ambulance(Vehicle):
        """A vehicle with a licence."""

        licence: str = text(max=20, unique=True)

    schema = schema_of(Ambulance)
    assert (schema.name, schema.plural) == ("vehicle", "vehicles")
    assert schema.unique_columns() == (("plate",), ("licence",))
    catalog = Catalog([Driver, Vehicle, Ambulance])
    assert catalog.of(Vehicle).cls is Ambulance
    assert [relation.name for relation in catalog.relations(catalog["driver"]).values()] == ["vehicles"]


def test_two_models_cannot_share_a_table() -> None:
    @entity(plural="vehicles")
    class Cart(Record):
        """Not a vehicle."""

    with pytest.raises(BadDefinition, match="vehicle and cart would share the table 'vehicles'"):
        Catalog((Vehicle, Cart))


def test_two_models_cannot_take_one_place() -> None:
    @entity(extends=Vehicle)
    class Bus(Vehicle):
        """One."""

    @entity(extends=Vehicle)
    class Tram(Vehicle):
        """Another."""

    with pytest.raises(BadDefinition, match="two models are called 'vehicle': Bus and Tram"):
        Catalog([Driver, Bus, Tram])


def test_what_is_declared_wrongly_is_named() -> None:
    with pytest.raises(BadDefinition, match=r"vehicle.driver_id links to 'driver'\. There is: vehicle"):
        Catalog([Vehicle])
    with pytest.raises(BadDefinition, match=r"boat.owner: a link's name must end in _id"):

        @entity()
        class Boat(Record):
            owner: UUID = link("driver")

    with pytest.raises(BadDefinition, match=r"boat2: two columns would be called 'price_currency'"):

        @entity(name="boat2")
        class Boat2(Record):
            price: Money = money()
            price_currency: str = text()

    with pytest.raises(BadDefinition, match="str is not a model"):
        schema_of(str)
    with pytest.raises(BadDefinition, match=r"boat3 has no field 'nme'. Did you mean 'name'\?"):

        @entity(name="boat3", uniques=(("nme",),))
        class Boat3(Record):
            name: str = text()


def test_a_default_must_be_one_that_the_field_accepts() -> None:
    with pytest.raises(
        BadDefinition, match=r"the default of lorry.kind 'vann' is not one of its choices. Did you mean"
    ):

        @entity()
        class Lorry(Record):
            kind: str = choice("car", "van", default="vann")


def test_a_group_of_one_field_is_still_a_group() -> None:
    with pytest.raises(BadDefinition, match=r"lorry: the group 'seats' is one text. Write \(\('seats',\),\)."):

        @entity(indexes=("seats",))  # type: ignore[arg-type]  # wrong on purpose
        class Lorry(Record):
            seats: int = integer(default=1)


def test_everything_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(BadDefinition) as caught:

        @entity(name="Boat", uniques=(("nme",),), indexes=(("sails", "mst"),))
        class Boat(Record):
            version: int = integer(default=1)
            tenant: str = text()
            owner: UUID = link("driver")
            sails: str = integer()  # type: ignore[assignment]  # wrong on purpose
            name: str = text(default=None)  # type: ignore[assignment]  # wrong on purpose
            mast: int | None = integer(default=0)
            kind: str = choice(default="cutter")
            Flag: bool = flag(default=False)
            loose: int = 3
            price: Money = money()
            price_currency: str = text()
            built: Sometime = day()  # type: ignore[name-defined]  # noqa: F821 - wrong on purpose

    assert str(caught.value).removeprefix("Boat is declared wrongly: ").split("; ") == [
        "'Boat' cannot name a model. Use lower case, in ASCII, at most 41 long.",
        "'Boats' cannot name a model. Use lower case, in ASCII, at most 41 long.",
        "Boat.version: crmkit keeps this name for a field of its own. Rename the field.",
        "Boat.tenant: crmkit keeps this name for a field of its own. Rename the field.",
        "Boat.owner: a link's name must end in _id.",
        "Boat.sails is annotated as str. It holds integer: write int.",
        "Boat.name is annotated as str. It holds text: write str | None.",
        "Boat.mast is annotated as int | None. It holds integer: write int.",
        "Boat.kind: a choice needs words to choose from.",
        "the default of Boat.kind 'cutter' is not one of its choices.",
        "Boat.Flag: a field's name is lower case, in ASCII, at most 41 long.",
        "Boat.loose is not declared. Use text(), integer(), link() or another of them.",
        "Boat.built: its annotation names 'Sometime', which is not known where the model is declared. "
        "Import it when the program runs, not for type checkers alone.",
        "Boat: two columns would be called 'price_currency'. Rename a field.",
        "Boat has no field 'nme'. Did you mean 'name'?",
        "Boat has no field 'mst'. Did you mean 'mast'?",
    ]


Word = Literal["red", "blue"]
Plate = NewType("Plate", str)


def test_annotations_may_be_aliases_literals_and_new_types() -> None:
    Here = Annotated[dt.date | None, "local to this function"]  # noqa: N806 - a type

    @entity(name="aliased")
    class Aliased(Record):
        colour: Word = choice("red", "blue", default="red")
        other: Optional[Word] = choice("blue", "red", default=None)  # noqa: UP045 - as older code has it
        plate: Plate = text()
        since: Here = day(default=None)

    assert get_type_hints(Aliased)["colour"] == Word
    assert get_type_hints(Aliased)["since"] == dt.date | None
    assert attrs.fields(Aliased).id.type is UUID
    with pytest.raises(BadDefinition, match="annotated as Literal"):

        @entity()
        class Wider(Record):
            colour: Literal["red"] = choice("red", "blue")


@pytest.mark.parametrize("name", ["", " ", "\t", "a\x00", "a\nb", "\u2028", "\x1b[2J", "\ud800", "x" * 201])
def test_the_name_of_an_added_field_is_a_text_that_every_store_can_hold(name: str) -> None:
    with pytest.raises(BadDefinition, match=r"driver\.extra: the name of an added field "):
        Catalog([Driver], {Driver: {name: integer(default=None)}})
