"""Query parameters become expressions, or are refused with every mistake named."""

import datetime as dt
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import (
    UTC,
    BadDefinition,
    BadExpression,
    Contact,
    Customer,
    Money,
    Opportunity,
    connect,
    everything,
    f,
    system,
    where_from,
)


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


NO_INSTANT = "has no time zone, so it names no instant. Add one, as in 2026-01-31T09:00Z."
MANY = "may lead to several records, which a query string cannot ask about."


@pytest.mark.parametrize(
    ("model", "key", "text", "message"),
    [
        (Opportunity, "close_date", "31.1.2026", "is not an ISO 8601 date."),
        (Opportunity, "close_date__lt", "soon", "is not an ISO 8601 date."),
        (Opportunity, "created_at__gt", "soon", "is not an ISO 8601 date."),
        (Opportunity, "created_at__gt", "2026-01-31", NO_INSTANT),
        (Opportunity, "created_at__gt", "2026-01-31T09:00", NO_INSTANT),
        (Opportunity, "amount", "1EUR", 'has no blank between amount and currency. Write "1 EUR".'),
        (Opportunity, "amount", "-1.50usd", 'has no blank between amount and currency. Write "-1.50 USD".'),
        (Opportunity, "amount", "1ABC", 'is not an amount with a currency. Write it like "100 EUR".'),
        (Opportunity, "amount", "EUR1", 'is not an amount with a currency. Write it like "100 EUR".'),
        (Opportunity, "amount", "100", 'is not an amount with a currency. Write it like "100 EUR".'),
        (Opportunity, "amount", "much", 'is not an amount with a currency. Write it like "100 EUR".'),
        (Customer, "contacts.name", "Bo", f"'contacts' {MANY}"),
        (Customer, "contacts.name__contains", "Bo", f"'contacts' {MANY}"),
        (Customer, "contacts.id__missing", "true", f"'contacts' {MANY}"),
        (Customer, "contacts", "Bo", f"'contacts' {MANY}"),
        (Contact, "customer.opportunities.name", "x", f"'opportunities' {MANY}"),
        (Contact, "customer", "x", "contact has no field 'customer'. Did you mean 'customer_id'?"),
    ],
)
def test_a_mistake_is_told_in_the_words_of_a_query_string(model, key, text, message):
    with pytest.raises(BadExpression) as caught:
        where_from(model, {key: text})
    assert str(caught.value) == f"{key}: {message}"


@pytest.mark.parametrize(
    ("parameters", "kind"),
    [
        ("country=DE", "str"),
        ("", "str"),
        (b"country=DE", "bytes"),
        (None, "NoneType"),
        (7, "int"),
        (["country"], "list"),
        (["ab"], "list"),
        ([("country", "DE", "AT")], "list"),
        ({"country"}, "set"),
    ],
    ids=repr,
)
def test_what_is_neither_a_mapping_nor_pairs_is_refused(parameters, kind):
    with pytest.raises(BadExpression) as caught:
        where_from(Customer, parameters)
    assert str(caught.value) == (
        f"query parameters are a mapping or pairs, not {kind}. "
        "Read a query string with urllib.parse.parse_qsl(text) first."
    )


@pytest.mark.parametrize("allow", ["country", "", b"country", 7, [7], [f.country], ["country", None]], ids=repr)
def test_what_is_not_a_collection_of_names_cannot_be_allowed(allow):
    with pytest.raises(BadDefinition, match=r'not a collection of names. Write allow=\["country"\].'):
        where_from(Customer, {"country": "DE"}, allow=allow)


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
