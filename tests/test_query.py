"""Query parameters become expressions, or are refused with every mistake named."""

import datetime as dt
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import UTC, BadExpression, Contact, Customer, Money, Opportunity, connect, everything, f, system, where_from


@pytest.mark.parametrize(
    ("model", "parameters", "meant"),
    [
        (Customer, {}, everything),
        (Customer, {"country": "DE"}, f.country == "DE"),
        (Customer, {"country": ["DE", "AT"]}, f.country.one_of("DE", "AT")),
        (Customer, [("country", "DE"), ("country", "AT")], f.country.one_of("DE", "AT")),
        (Customer, {"country__ne": "DE"}, f.country != "DE"),
        (Customer, {"country__ne": ["DE", "AT"]}, (f.country != "DE") & (f.country != "AT")),
        (Customer, {"score__gt": "10", "score__lte": "90"}, (f.score > 10) & (f.score <= 90)),
        (Customer, {"name__contains": "äc"}, f.name.contains("äc")),
        (Customer, {"name__starts_with": ["a", "b"]}, f.name.starts_with("a") | f.name.starts_with("b")),
        (Customer, {"tags__has": "vip"}, f.tags.has("vip")),
        (Customer, {"owner_id__missing": "true"}, f.owner_id.missing()),
        (Customer, {"owner_id__missing": "false"}, ~f.owner_id.missing()),
        (Opportunity, {"amount__gte": "100.5 EUR"}, f.amount >= Money("100.5", "EUR")),
        (Opportunity, {"amount.currency": "EUR"}, f.amount.currency == "EUR"),
        (Opportunity, {"customer.country": "DE"}, f.customer.country == "DE"),
        (Opportunity, {"close_date__lt": "2026-01-31"}, f.close_date < dt.date(2026, 1, 31)),
        (Opportunity, {"created_at__gt": "2026-01-31T09:00Z"}, f.created_at > dt.datetime(2026, 1, 31, 9, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_parameters_spell_an_expression(model, parameters, meant):
    assert where_from(model, parameters) == meant


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"contry": "DE"}, ["contry: customer has no field 'contry'. Did you mean 'country'?"]),
        ({"score__over": "1"}, ["score__over: there is no operator 'over'."]),
        ({"score": "many"}, ["score: "]),
        ({"country": ""}, ["country: is blank. Write country__missing=true"]),
        ({"owner_id__missing": "maybe"}, ["owner_id__missing: expects true or false."]),
        ({"score__gt": ["1", "2"]}, ["score__gt: is given 2 times. Give it once."]),
        ({"size__gt": "large"}, ["size__gt: "]),
        ({"size": "huge"}, ["size: "]),
        ({"website__contains": "x"}, ["website__contains: "]),
        ({"contacts.name": "Bo"}, ["contacts.name: "]),
        ({"": "x"}, [": "]),
        ({"name.x": "y"}, ["name.x: "]),
        ({"__class__": "x"}, ["__class__: "]),
        ({"country": 7}, ["country: expects text, not int."]),
        ({"contry": "DE", "score__gt": "x", "size": "huge"}, ["contry: ", "; score__gt: ", "; size: "]),
    ],
)
def test_every_mistake_is_named(parameters, words):
    with pytest.raises(BadExpression) as caught:
        where_from(Customer, parameters)
    for word in words:
        assert word in str(caught.value)


def test_only_what_is_allowed_may_be_named():
    assert where_from(Contact, {"customer.country": "DE"}, allow=["customer.country"]) == (f.customer.country == "DE")
    with pytest.raises(BadExpression) as caught:
        where_from(Customer, {"country": "DE", "credit_limit__gt": "1 EUR"}, allow={"country"})
    assert str(caught.value) == "credit_limit__gt: customer has no field 'credit_limit' here. There is: country."


def test_a_mapping_that_knows_names_twice_is_read_whole():
    class Several(dict[str, str]):
        def multi_items(self) -> list[tuple[str, str]]:
            return [("country", "DE"), ("country", "AT")]

    assert where_from(Customer, Several(country="AT")) == f.country.one_of("DE", "AT")


@given(
    st.dictionaries(st.text(max_size=20), st.text(max_size=20) | st.lists(st.text(max_size=5), max_size=3), max_size=4)
)
def test_any_parameters_are_read_or_refused(parameters):
    with suppress(BadExpression):
        where_from(Customer, parameters)


def test_the_expression_finds_on_every_store(store_url):
    with connect(store_url) as crm, crm.session(system("test")) as s:
        for name, country, score in (("Acme", "DE", 70), ("Bolt", "AT", 20), ("Crux", "FR", 90)):
            s.customers.add(Customer(name=name, country=country, score=score, tags=("new",)))
        where = where_from(Customer, {"country": ["DE", "AT"], "score__gt": "50", "tags__has": "new"})
        assert [found.name for found in s.customers.find(where)] == ["Acme"]
