"""Records and money inside pydantic's models, and so in what is built on them."""

import json
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from crmkit import Customer, Money, Opportunity, to_dict


class Offer(BaseModel):
    """A host's own model."""

    customer: Customer
    price: Money | None = None


def test_a_record_is_read_checked_and_written():
    offer = Offer.model_validate({"customer": {"name": "Acme"}, "price": {"amount": "12.5", "currency": "EUR"}})
    assert (offer.customer, offer.price) == (Customer(name="Acme"), Money("12.50", "EUR"))
    assert json.loads(offer.model_dump_json()) == {
        "customer": to_dict(offer.customer), "price": {"amount": "12.50", "currency": "EUR"},
    }  # fmt: skip
    assert Offer.model_validate_json(offer.model_dump_json()) == offer


def test_a_record_that_is_one_already_is_taken_as_it_is():
    acme = Customer(name="Acme")
    assert Offer(customer=acme).customer is acme


def test_every_mistake_has_its_place():
    with pytest.raises(ValidationError) as caught:
        Offer.model_validate(
            {"customer": {"nam": "x", "employees": "many"}, "price": {"amount": "1", "currency": "EU"}}
        )
    places = {each["loc"] for each in caught.value.errors()}
    assert places == {("customer", "nam"), ("customer", "name"), ("customer", "employees"), ("price",)}
    assert "expects a whole number" in str(caught.value)


@pytest.mark.parametrize("given", [7, "EUR", {"amount": "1"}, {"amount": 1.5, "currency": "EUR"}, None])
def test_what_is_not_money_is_refused(given):
    with pytest.raises(ValidationError):
        TypeAdapter(Money).validate_python(given)


def test_the_schema_names_the_record_once():
    schema: dict[str, Any] = TypeAdapter(list[Opportunity]).json_schema()
    assert schema["items"] == {"$ref": "#/$defs/Opportunity"}
    assert schema["$defs"]["Opportunity"]["required"] == ["name"]
    assert Offer.model_json_schema()["$defs"]["Money"]["required"] == ["amount", "currency"]


def test_python_gets_the_record_and_json_what_is_not_left_out(recwarn):
    offer = Offer(customer=Customer(name="Acme", notes="secret"), price=Money("1", "EUR"))
    assert offer.model_dump() == {"customer": offer.customer, "price": offer.price}
    written = offer.model_dump(mode="json", exclude={"customer": {"notes", "extra"}}, exclude_none=True)
    assert written["customer"]["name"] == "Acme"
    assert not {"notes", "extra", "owner_id"} & written["customer"].keys()
    only = TypeAdapter(Customer).dump_python(offer.customer, mode="json", include={"name"})
    assert only == {"name": "Acme"}
    assert not recwarn
