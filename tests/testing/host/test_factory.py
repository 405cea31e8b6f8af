"""Factories make the smallest valid record of any model, a product's own fields and rules included."""

from __future__ import annotations

from random import Random
from typing import Any
from uuid import UUID

import attrs
import pytest

from crmkit import (
    Address,
    BadDefinition,
    BadRecord,
    Contact,
    Crm,
    Customer,
    Duplicate,
    NotAllowed,
    Opportunity,
    OpportunityLine,
    Problem,
    Record,
    StageMove,
    TextField,
    User,
    connect,
    declare,
    entity,
    f,
    fieldset,
    flag,
    integer,
    link,
    system,
    text,
)
from crmkit.entities import BUILT_IN
from crmkit.model.declare import attached
from crmkit.model.field import Field
from crmkit.model.schema import schema_of
from crmkit.testing import Factory

WRITABLE = [model for model in BUILT_IN if not schema_of(model).kept]
pytestmark = pytest.mark.crm_stores("memory")


@pytest.mark.parametrize("model", WRITABLE, ids=lambda model: model.__name__)
def test_only_what_must_have_a_value_is_given_one(crm_make: Factory, model: type[Any]) -> None:
    made = crm_make(model)
    for attribute in attrs.fields(model):
        if attribute.default is not attrs.NOTHING and attribute.name != "extra":
            assert getattr(made, attribute.name) == attribute.default


class Plate(TextField):
    """Letters, a hyphen, digits."""

    def normal(self, text: str) -> str:
        return text.upper()

    def accept(self, value: Any) -> str:
        plate = super().accept(value)
        if plate.count("-") != 1:
            raise Problem("not_a_plate", "is not a plate.")
        return plate

    def example(self, rng: Random) -> str:
        return f"HH-{rng.randint(1, 9999)}"


def plate() -> str:
    return declare(Plate(unique=True))


@fieldset
class Wheeled(Record):
    """What has a plate."""

    plate: str = plate()


@entity()
class Truck(Wheeled):
    """Has a kind of field of the product's own, and a rule."""

    axles: int = integer(min=2)
    trailer: bool | None = flag(default=None)
    depot_id: UUID = link("depot")

    def __attrs_post_init__(self) -> None:
        if self.axles > 2 and self.trailer is None:
            raise BadRecord("truck", [Problem("required", "is needed with so many axles.", field="trailer")])


@entity(uniques=(("city", "number"),))
class Depot(Record):
    """Has a group of fields that must differ."""

    city: str = text(min=1, max=1)
    number: int = integer()


@entity()
class Sticker(Record):
    """Hangs on a record of any model."""

    entity: str = text()
    subject_id: UUID = attached()


@pytest.fixture
def crm_options() -> dict[str, Any]:
    extra = {Customer: {"club": text(), "shoe_size": integer(default=None)}}
    return {"models": [Truck, Depot, Sticker], "extra": extra}


def test_kinds_models_and_added_fields_of_a_product_are_made(crm: Crm, crm_make: Factory) -> None:
    trucks = [crm_make.add(Truck) for _ in range(3)]
    assert all(truck.plate.startswith("HH-") for truck in trucks)
    with crm.session(system("test")) as s:
        assert len({(each.city, each.number) for each in s.repository(Depot).find()}) == 3
    assert crm_make.add(Customer).extra == {"club": "club 1"}
    assert crm_make.add(Sticker).entity == "team"
    contact = crm_make.add(Contact)
    assert crm_make.add(Sticker, entity="contact", subject_id=contact.id).subject_id == contact.id


def test_names_of_models_do_as_well(crm_make: Factory) -> None:
    assert crm_make.customer(name="Acme").name == "Acme"
    assert crm_make.add_customer(name="Acme").version == 1
    with pytest.raises(AttributeError, match="there is no model 'custmer'. Did you mean 'customer'"):
        _ = crm_make.custmer


def test_what_is_linked_to_is_used_if_it_is_given(crm: Crm, crm_make: Factory) -> None:
    deal = crm_make.add(Opportunity, name="Line 4")
    line = crm_make.add(OpportunityLine, opportunity_id=deal.id)
    assert line.opportunity_id == deal.id
    with crm.session(system("test")) as s:
        assert s.opportunities.count() == 1


class TestDefaults:
    @pytest.fixture
    def crm_defaults(self) -> dict[Any, Any]:
        return {Contact: {"email": lambda number: f"{number}@example.com", "country": "DE"}, Truck: {"trailer": True}}

    def test_hold_unless_a_call_says_otherwise(self, crm_make: Factory) -> None:
        assert [crm_make(Contact).email, crm_make(Contact).email] == ["1@example.com", "2@example.com"]
        assert crm_make(Contact, country="FR").country == "FR"

    def test_satisfy_a_rule_of_the_model(self, crm_make: Factory) -> None:
        assert crm_make(Truck, axles=3).trailer is True


def test_a_rule_that_refuses_what_was_made_says_what_to_give(crm_make: Factory) -> None:
    with pytest.raises(BadRecord, match="trailer: is needed with so many axles") as caught:
        crm_make(Truck, axles=3)
    (note,) = caught.value.__notes__
    assert note.startswith("Guessed were plate='HH-")
    assert note.endswith(
        "Give what it needs in the call, or for all tests in the fixture crm_defaults: {Truck: {...}}."
    )


def test_what_the_store_refuses_says_so(crm_make: Factory) -> None:
    crm_make.add(User, email="ann@example.com")
    with pytest.raises(Duplicate) as caught:
        crm_make.add(User, email="ann@example.com")
    assert caught.value.__notes__ == [
        "The record was made by a factory. "
        "Give what it needs in the call, or for all tests in the fixture crm_defaults: {User: {...}}."
    ]


def test_what_only_crmkit_writes_is_refused_with_its_way_out(crm_make: Factory) -> None:
    with pytest.raises(NotAllowed, match=r"Call advance\(\)"):
        crm_make.add(StageMove)


def test_models_that_need_each_other_are_named() -> None:
    @entity(about=())
    class Hen(Record):
        egg_id: UUID = link("egg")

    @entity(about=())
    class Egg(Record):
        hen_id: UUID = link("hen")

    with connect("memory://", models=[Hen, Egg]) as crm, pytest.raises(BadDefinition, match="egg and hen need each"):
        Factory(crm)(Hen)


def test_a_kind_without_examples_is_named() -> None:
    class Odd(Field):
        holds, kind, word = str, TextField.kind, "odd"

    @entity()
    class Thing(Record):
        odd: str = declare(Odd())

    with connect("memory://", models=[Thing]) as crm, pytest.raises(BadDefinition, match="Odd, the kind of thing.odd"):
        Factory(crm)(Thing)


def test_each_tenant_has_records_of_its_own(crm: Crm, crm_make: Factory) -> None:
    crm_make.within("other").add(Address)
    with crm.session(system("test")) as here, crm.session(system("test", tenant="other")) as there:
        assert (here.addresses.count(), there.addresses.count(f.customer.name != "")) == (0, 1)
