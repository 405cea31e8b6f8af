"""Records as JSON: nothing is lost, every mistake is named, and the schema says what is read."""

import json
from contextlib import suppress
from functools import cache
from random import Random
from typing import Any

import attrs
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import (
    BadDefinition,
    BadRecord,
    Customer,
    Money,
    Opportunity,
    connect,
    from_dict,
    from_json,
    json_schema,
    system,
    to_dict,
    to_json,
)
from crmkit.entities import BUILT_IN
from crmkit.model.schema import schema_of


@cache
def validator(model: type[Any]) -> jsonschema.Draft202012Validator:
    """What holds a model's JSON against its schema."""
    return jsonschema.Draft202012Validator(json_schema(model))


def drawn(model: type[Any], seed: int) -> Any:
    """A record of a model, its values drawn by their kinds."""
    rng = Random(seed)
    fields = schema_of(model).fields
    values = {}
    for each in attrs.fields(model):
        field = fields[each.name]
        if each.default is attrs.NOTHING or rng.random() < 0.7:
            values[each.name] = None if field.nullable and rng.random() < 0.2 else field.example(rng)
    return model(**values)


@pytest.mark.parametrize("model", BUILT_IN, ids=lambda model: model.__name__)
@given(seed=st.integers(0, 2**32))
def test_what_is_written_reads_back_as_it_was_and_fits_the_schema(model, seed):
    record = drawn(model, seed)
    data = to_dict(record)
    assert from_dict(model, data) == record
    assert from_json(model, to_json(record)) == record
    assert json.loads(to_json(record)) == data
    validator(model).validate(data)


@pytest.mark.parametrize("model", BUILT_IN, ids=lambda model: model.__name__)
def test_a_schema_is_a_valid_json_schema(model):
    jsonschema.Draft202012Validator.check_schema(json_schema(model))


def test_what_a_store_returns_survives_json(store_url):
    with connect(store_url) as crm, crm.session(system("test")) as s:
        acme = s.customers.add(Customer(name="Äcme ☃", tags=("vip",), credit_limit=Money("12.5", "JPY")))
        deal = s.opportunities.add(Opportunity(name="d", customer_id=acme.id, amount=Money("-0.0001", "EUR")))
        for record in (s.customers.get(acme.id), s.opportunities.get(deal.id)):
            assert from_json(type(record), to_json(record)) == record


def test_every_mistake_is_named_at_once():
    given = {
        "nme": "Acme", "employees": 1.5, "tags": ["ok", 7], "credit_limit": {"amount": "x", "currency": "EUR"},
        "size": "huge", "created_at": "yesterday", "id": "7",
    }  # fmt: skip
    with pytest.raises(BadRecord) as caught:
        from_dict(Customer, given)
    named = {problem.field: problem.code for problem in caught.value.problems}
    assert named.keys() == {"nme", "employees", "tags[1]", "credit_limit", "size", "created_at", "id", "name"}
    assert named["nme"] == "unknown_field"
    assert named["name"] == "required"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "customer refused: is not JSON."),
        ("{", "customer refused: is not JSON."),
        ("[]", "customer refused: expects an object, not list."),
        ('{"name": "a", "name": "b"}', "customer refused: name: is given twice."),
        (
            '{"name": "a", "name": "b", "credit_limit": {"amount": "1", "amount": "2"}, "tags": [{"x": 1, "x": 1}]}',
            "customer refused: name: is given twice.; credit_limit.amount: is given twice.; tags[0].x: is given twice.",
        ),
        (
            '{"n": ' + '{"x": ' * 800 + '{"y": 1, "y": 2}' + "}" * 801,
            f"customer refused: n{'.x' * 29}.: is given twice.",
        ),
        ('{"name": NaN}', "customer refused: holds NaN, which is not JSON."),
        ("[" * 100_000, "customer refused: is nested too deep."),
        ('{"name": "\\ud800"}', "customer refused: name: holds half a surrogate pair at position 0. Decode the source"),
        ('{"name": null}', "customer refused: name: is required."),
        (b"\xff\xfe", "customer refused: is not JSON."),
        ('{"name": "a", "employees": ' + "9" * 5000 + "}", "customer refused: is not JSON."),
        ('{"name": "a", "employees": 99999999999999999999}', "customer refused: employees: does not fit a 64-bit"),
    ],
)
def test_text_that_is_not_a_record_is_refused(text, message):
    with pytest.raises(BadRecord) as caught:
        from_json(Customer, text)
    assert str(caught.value).startswith(message)


def test_what_is_not_a_record_has_no_json():
    with pytest.raises(BadDefinition):
        to_dict(object())
    with pytest.raises(BadDefinition):
        json_schema(dict)


def test_a_record_in_place_of_its_class_is_not_shown():
    for wrong in (Customer(name="secret"), "secret"):
        for refused in (lambda wrong=wrong: schema_of(wrong), lambda wrong=wrong: from_dict(wrong, {})):
            with pytest.raises(BadDefinition) as caught:
                refused()
            assert "secret" not in str(caught.value)
    with pytest.raises(BadDefinition, match=r"an object of type Customer is not a model. Give the class Customer its"):
        from_dict(Customer(name="secret"), {})


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
KEYS = st.sampled_from(["name", "amount", "x", "currency"])


@given(
    data=st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner), max_leaves=8)
)
def test_any_value_of_a_field_is_read_or_refused_by_name(data):
    for name in schema_of(Opportunity).fields:
        with suppress(BadRecord):
            from_dict(Opportunity, {"name": "d", name: data})
