"""The built-in models fit together, and each is complete."""

import datetime as dt
import uuid
from random import Random
from typing import Any

import attrs
import pytest

from crmkit import entities, f, system
from crmkit.entities import BUILT_IN, Contact, Customer, Opportunity, Staged, StageMove, Ticket
from crmkit.errors import BadDefinition, BadRecord
from crmkit.model.catalog import Catalog
from crmkit.model.declare import Record, entity, integer, link, text
from crmkit.model.field import TextField
from crmkit.model.schema import schema_of
from crmkit.values import UTC, Money

SOME_ID = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=UTC)
NAIVE = dt.datetime(2026, 3, 1, 12)


def name_of(model: type) -> str:
    return schema_of(model).name


def sample(field: Any) -> object:
    """A value that a required field accepts."""
    if isinstance(field, TextField):
        return "x" * max(field.min, 1)
    return field.example(Random(7))


def required(model: type) -> dict[str, object]:
    """The least that a model must be given."""
    fields = schema_of(model).fields
    return {a.name: sample(fields[a.name]) for a in attrs.fields(model) if a.default is attrs.NOTHING}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog(BUILT_IN)


def test_every_model_of_the_package_is_built_in():
    exported = {getattr(entities, name) for name in entities.__all__} - {entities.BUILT_IN, Staged}
    assert exported == set(BUILT_IN)


@pytest.mark.parametrize("model", [model for model in BUILT_IN if not schema_of(model).kept], ids=name_of)
def test_the_smallest_record_can_be_added_with_what_it_needs(crm, crm_make, model):
    made = [crm_make.add(model), crm_make.add(model)]
    with crm.session(system("test")) as s:
        assert list(s.repository(model).find(order=f.id)) == made


def test_names_of_tables_are_distinct(catalog):
    plurals = [schema.plural for schema in catalog]
    assert len(set(plurals)) == len(plurals) == len(BUILT_IN)


@pytest.mark.parametrize(
    ("name", "plural"),
    [
        ("address", "addresses"),
        ("opportunity", "opportunities"),
        ("activity", "activities"),
        ("outbox_message", "outbox"),
        ("stage_move", "stage_moves"),
        ("external_id", "external_ids"),
        ("customer", "customers"),
    ],
)
def test_tables_bear_the_plural(catalog, name, plural):
    assert catalog[name].plural == plural


def test_a_model_stands_after_those_it_links_to(catalog):
    seen = set()
    for schema in catalog:
        seen.add(schema.name)
        targets = {field.link_target for field in schema.links if field.link_target}
        assert targets <= seen, schema.name


@pytest.mark.parametrize("model", BUILT_IN, ids=name_of)
def test_the_required_fields_are_enough(model):
    record = model(**required(model))
    assert (record.version, record.deleted_at) == (0, None)
    assert hash(record) == hash(model(**required(model)))


@pytest.mark.parametrize("model", [model for model in BUILT_IN if required(model)], ids=name_of)
def test_a_record_needs_its_required_fields(model):
    with pytest.raises(TypeError, match="missing"):
        model()


@pytest.mark.parametrize("model", BUILT_IN, ids=name_of)
def test_records_are_values_that_cannot_be_changed(model):
    record = model(**required(model))
    assert not hasattr(record, "__dict__")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        record.version = 7


@pytest.mark.parametrize("model", BUILT_IN, ids=name_of)
def test_every_model_and_field_says_what_it_means(model):
    assert model.__doc__.strip().endswith(".")
    for field in schema_of(model).fields.values():
        assert field.doc[0].isupper(), field.name
        assert field.doc.endswith("."), field.name


@pytest.mark.parametrize("model", BUILT_IN, ids=name_of)
def test_a_field_without_a_value_is_optional(model):
    schema = schema_of(model)
    for attribute in attrs.fields(model):
        assert schema.fields[attribute.name].required == (attribute.default is not None), attribute.name


@pytest.mark.parametrize("model", BUILT_IN, ids=name_of)
def test_every_link_leads_there_and_back(catalog, model):
    schema = catalog.of(model)
    for field in schema.links:
        if not field.link_target:
            continue
        there = catalog.relations(schema)[field.name.removesuffix("_id")]
        back = catalog.relations(catalog[field.to])[field.back]
        assert (there.target, there.many, there.local) == (field.to, False, field.name)
        assert (back.target, back.many, back.remote) == (schema.name, True, field.name)


def test_four_models_move_through_a_pipeline(catalog):
    staged = {schema.name for schema in catalog if schema.staged}
    assert staged == {"lead", "opportunity", "ticket", "campaign"}
    for name in staged:
        moves = catalog.relations(catalog[name])["moves"]
        assert (moves.target, moves.remote, moves.fixed) == ("stage_move", "record_id", ("entity", name))


def test_staged_is_not_a_model_itself():
    with pytest.raises(BadDefinition, match="Staged is not a model"):
        Staged()


def test_history_events_and_outbox_are_append_only(catalog):
    assert {schema.name for schema in catalog if schema.append_only} == {
        "stage_move",
        "behaviour_event",
        "outbox_message",
    }


def test_moves_of_a_record_have_one_order():
    assert ("entity", "record_id", "number") in schema_of(StageMove).unique_columns()


def test_external_ids_hang_on_every_other_model(catalog):
    without = {schema.name for schema in catalog if "external_ids" not in catalog.relations(schema)}
    assert without == {"external_id"}


@pytest.mark.parametrize("model", BUILT_IN, ids=name_of)
def test_no_index_repeats_another(model):
    indexes = schema_of(model).index_columns()
    columns = schema_of(model).by_column
    for group in indexes:
        assert set(group) <= set(columns)
        assert not any(other != group and other[: len(group)] == group for other in indexes)


# -- products' own models ----------------------------------------------------------------------------------------------


def test_a_product_adds_columns_to_a_customer():
    @entity(extends=Customer, indexes=(("beds",),))
    class Clinic(Customer):
        """A customer who heals."""

        licence_no: str | None = text(default=None, unique=True, doc="The licence.")
        beds: int = integer(default=0, doc="How many beds there are.")

    schema = schema_of(Clinic)
    assert (schema.name, schema.plural) == ("customer", "customers")
    assert [column.name for column in schema.columns][-2:] == ["licence_no", "beds"]
    assert ("status", "tier", "score") in schema.index_columns()
    assert Clinic(name="Charité", beds=3001, tier="gold").beds == 3001

    catalog = Catalog([*BUILT_IN, Clinic])
    assert catalog.of(Customer) is schema
    assert catalog.relations(schema)["contacts"].target == "contact"


def test_a_product_adds_a_staged_model():
    @entity(plural="policies")
    class InsurancePolicy(Staged):
        """A policy that is applied for, and issued or declined."""

        number: str = text(min=1, unique=True, doc="The policy's number.")
        customer_id: uuid.UUID = link("customer", back="policies", doc="The insured.")

    catalog = Catalog([*BUILT_IN, InsurancePolicy])
    assert {"customer", "moves", "external_ids"} <= set(catalog.relations(catalog.of(InsurancePolicy)))
    assert catalog.relations(catalog["customer"])["policies"].target == "insurance_policy"


def test_a_relation_cannot_take_the_name_of_a_field():
    @entity()
    class Visit(Record):
        """A visit."""

        customer_id: uuid.UUID = link("customer", back="notes", doc="The host.")

    with pytest.raises(BadDefinition, match="customer has two things called 'notes'"):
        Catalog([*BUILT_IN, Visit])


def test_a_link_to_a_misspelt_model_is_corrected():
    @entity()
    class Visit(Record):
        """A visit."""

        host_id: uuid.UUID = link("custmer", doc="The host.")

    with pytest.raises(BadDefinition, match=r"links to 'custmer'\. Did you mean 'customer'"):
        Catalog([*BUILT_IN, Visit])


# -- what records refuse -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "values", "field", "code", "message"),
    [
        (Customer, {"name": "Acme", "size": "larg"}, "size", "unknown_choice", "Did you mean 'large'?"),
        (Customer, {"name": "Acme", "lifecycle": "activ"}, "lifecycle", "unknown_choice", "Did you mean 'active'?"),
        (Customer, {"name": "Acme", "country": "Germany"}, "country", "too_long", "2 at most"),
        (Customer, {"name": ""}, "name", "blank", "needs 1 character"),
        (Customer, {"name": "Acme", "tags": "vip"}, "tags", "wrong_type", 'Write ("vip",).'),
        (Customer, {"name": "Acme", "credit_limit": Money(-1, "EUR")}, "credit_limit", "too_small", "0 or more"),
        (
            Customer,
            {"name": "Acme", "last_contact_at": dt.datetime(2026, 1, 1)},
            "last_contact_at",
            "naive_datetime",
            "UTC",
        ),
        (
            Contact,
            {"name": "Bo Li", "role": "decision maker"},
            "role",
            "unknown_choice",
            "Did you mean 'decision_maker'?",
        ),
        (Opportunity, {"name": "Line 4", "amount": 12000.5}, "amount", "float_number", 'Money("12000.5", "EUR")'),
        (Opportunity, {"name": "Line 4", "probability": 101}, "probability", "too_large", "100 or less"),
        (Ticket, {"subject": "Broken", "satisfaction": 6}, "satisfaction", "too_large", "5 or less"),
        (StageMove, {**required(StageMove), "number": 0}, "number", "too_small", "1 or more"),
    ],
    ids=[
        "size", "lifecycle", "country_in_words", "blank_name", "one_text_as_tags", "negative_limit", "naive_datetime",
        "role_in_words", "float_as_money", "probability_past_100", "satisfaction_past_5", "moves_count_from_1",
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_the_way_out(model, values, field, code, message):
    with pytest.raises(BadRecord) as caught:
        model(**values)
    (problem,) = caught.value.problems
    assert (problem.field, problem.code) == (field, code)
    assert message in str(problem)


def test_a_misspelt_field_is_corrected():
    with pytest.raises(BadRecord, match="Did you mean 'industry'"):
        schema_of(Customer).clean({"industy": "retail"})


def test_every_problem_is_named_at_once():
    with pytest.raises(BadRecord) as caught:
        Customer(name="", country="Germany", employees=-1)
    assert [problem.field for problem in caught.value.problems] == ["name", "employees", "country"]
