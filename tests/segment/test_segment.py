"""Segments: one model, one condition, combined and stored as data."""

# ruff: noqa: E501 - one case is one line, with the whole message

import datetime as dt
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.entities import BUILT_IN, Contact, Customer
from crmkit.errors import BadDefinition, BadExpression, Unsupported
from crmkit.expr.build import ago, days, f, me
from crmkit.model.catalog import Catalog
from crmkit.model.declare import Record, entity, link
from crmkit.model.schema import schema_of
from crmkit.segment import Changes, Segment, changes
from crmkit.values import UTC

NOW = dt.datetime(2026, 6, 1, tzinfo=UTC)
VIP = Segment("vip", Customer, f.tags.has("vip"), description="Those who are called first.")
GERMAN = Segment("german", Customer, f.country == "DE")
LAPSING = Segment("lapsing", Customer, (f.last_contact_at < ago(days(90))) & f.opportunities.any(f.outcome == "won"))


def customer(**values):
    return Customer(**{"name": "Acme", "country": "DE", "tags": ("vip",), **values})


# -- combining ---------------------------------------------------------------------------------------------------------


def test_segments_combine_with_each_other_and_with_expressions():
    assert (VIP & GERMAN).where == f.tags.has("vip") & (f.country == "DE")
    assert (VIP | (f.country == "FR")).where == f.tags.has("vip") | (f.country == "FR")
    assert (~VIP).where == ~f.tags.has("vip")
    assert (VIP & ~GERMAN).name == "vip & ~(german)"
    assert (LAPSING & (f.country == "DE")).entity == "customer"
    assert len((LAPSING & (f.name == "x" * 500)).name) == 80


@given(st.booleans(), st.booleans())
def test_combining_is_logic(vip, german):
    acme = customer(tags=("vip",) if vip else (), country="DE" if german else "FR")
    assert (VIP & GERMAN).contains(acme, at=NOW) == (vip and german)
    assert (VIP | GERMAN).contains(acme, at=NOW) == (vip or german)
    assert (~VIP).contains(acme, at=NOW) == (not vip)
    assert (~(VIP | GERMAN)).contains(acme, at=NOW) == (~VIP & ~GERMAN).contains(acme, at=NOW)


def test_segments_of_two_models_do_not_combine():
    people = Segment("deciders", Contact, f.email.missing())
    with pytest.raises(BadExpression) as caught:
        VIP & people
    assert str(caught.value) == (
        "segment 'vip' picks from customer, and 'deciders' from contact. Combine segments of one model."
    )


@pytest.mark.parametrize("other", [f.active, True, "x", None], ids=["field", "flag", "text", "none"])
def test_only_conditions_combine(other):
    with pytest.raises(BadExpression, match=r"segment 'vip': .* is not "):
        VIP & other


def test_a_segment_is_not_a_truth_value():
    with pytest.raises(BadExpression, match="neither true nor false"):
        bool(VIP)


# -- checking ----------------------------------------------------------------------------------------------------------


def test_a_condition_is_bound_when_the_segment_is_defined():
    with pytest.raises(BadExpression) as caught:
        Segment("typo", Customer, f.countri == "DE")
    assert str(caught.value) == "segment 'typo': customer has no field 'countri'. Did you mean 'country'?"


def test_with_the_name_of_the_model_it_is_checked_later():
    later = Segment("typo", "customer", f.countri == "DE")
    with pytest.raises(BadExpression, match="customer has no field 'countri'"):
        later.check(Catalog(BUILT_IN))
    with pytest.raises(BadDefinition, match=r"there is no model 'custumer'\. Did you mean 'customer'"):
        Segment("x", "custumer", f.a == 1).check(Catalog(BUILT_IN))


def test_models_of_a_product_are_checked_in_their_own_catalog():
    @entity()
    class Site(Record):
        customer_id: UUID = link("customer", back="sites")

    @entity()
    class Machine(Record):
        site_id: UUID = link("site", back="machines")

    where = f.site.customer.country == "DE"
    with pytest.raises(BadDefinition, match=r"machine\.site_id links to 'site'"):
        Segment("german", Machine, where)
    assert Segment("german", Machine, where, catalog=Catalog([*BUILT_IN, Site, Machine])).where == where


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "the name of a segment needs 1 character or more."),
        ("x" * 81, "the name of a segment has 81 characters, 80 at most."),
        (None, "the name of a segment expects text, not NoneType."),
        ("a\x00", "the name of a segment holds a NUL character at position 1. Remove it."),
    ],
)
def test_a_name_must_be_storable(name, message):
    with pytest.raises(BadDefinition) as caught:
        Segment(name, Customer, f.country == "DE")
    assert str(caught.value) == message


def test_it_is_used_on_its_own_model_only():
    assert VIP.within(schema_of(Customer)) == VIP.where
    with pytest.raises(BadExpression) as caught:
        VIP.within(schema_of(Contact))
    assert str(caught.value) == (
        "segment 'vip' picks from customer, and this is contact. Reach it over a relation, with .any(segment.where)."
    )


# -- membership in memory ----------------------------------------------------------------------------------------------


def test_a_record_in_memory_belongs_or_not():
    assert VIP.contains(customer(), at=NOW)
    assert not VIP.contains(customer(tags=()), at=NOW)
    recent = Segment("recent", Customer, f.last_contact_at > ago(days(7)))
    assert recent.contains(customer(last_contact_at=NOW - dt.timedelta(days=6)), at=NOW)
    assert not recent.contains(customer(last_contact_at=NOW - dt.timedelta(days=8)), at=NOW)


def test_membership_that_reaches_other_records_is_left_to_the_store():
    with pytest.raises(Unsupported) as caught:
        LAPSING.contains(customer(), at=NOW)
    assert str(caught.value) == (
        "segment 'lapsing' reaches other records: "
        '(f.last_contact_at < ago(days(90))) & f.opportunities.any(f.outcome == "won"). '
        "Ask the store: exists(segment & (f.id == record.id))."
    )


def test_membership_is_asked_of_the_right_model_at_a_real_instant():
    with pytest.raises(BadExpression, match="picks from customer, and this is contact"):
        VIP.contains(Contact(name="Bo", customer_id=UUID(int=1)), at=NOW)
    with pytest.raises(BadExpression, match="at has no time zone"):
        VIP.contains(customer(), at=dt.datetime(2026, 1, 1))
    with pytest.raises(BadExpression, match=r"me\.id has no meaning here"):
        Segment("mine", Customer, f.owner_id == me.id).contains(customer(), at=NOW)


# -- as data -----------------------------------------------------------------------------------------------------------


def test_it_is_stored_as_canonical_text():
    assert VIP.to_json() == (
        '{"condition":{"version":1,"where":{"field":["tags"],"node":"has","tag":"vip"}},'
        '"description":"Those who are called first.","entity":"customer","name":"vip","version":1}'
    )
    assert Segment.from_json(VIP.to_json()) == VIP
    assert Segment.from_json(LAPSING.to_json(), catalog=Catalog(BUILT_IN)) == LAPSING
    assert VIP != GERMAN


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "$ is not JSON: Expecting property name enclosed in double quotes at line 1, column 2."),
        ('{"version": 3}', "$.version is 3, and this crmkit reads version 1. Upgrade crmkit."),
        (VIP.to_json().replace('"has"', '"hass"'), "$.condition.where.node is the text 'hass', which is not known here. Did you mean 'has'?"),
        (VIP.to_json().replace('"vip",', "7,"), "$.name is a whole number, where text belongs."),
        (VIP.to_json().replace('"entity"', '"entty"'), "$ has the unknown key 'entty'. Did you mean 'entity'?; $ lacks the key 'entity'. It needs: version, name, entity, condition, description."),
    ],
    ids=["json", "version", "node", "type", "key"],
)  # fmt: skip
def test_a_malformed_text_is_refused_at_its_place(text, message):
    with pytest.raises(BadExpression) as caught:
        Segment.from_json(text)
    assert str(caught.value) == message


def test_a_stored_condition_is_checked_against_the_models_given():
    text = Segment("x", "customer", f.nam == "a").to_json()
    with pytest.raises(BadExpression, match="segment 'x': customer has no field 'nam'"):
        Segment.from_json(text, catalog=Catalog(BUILT_IN))


# -- over time ---------------------------------------------------------------------------------------------------------

IDS = st.sets(st.integers(1, 20).map(lambda number: UUID(int=number)))


@given(IDS, IDS)
def test_who_entered_and_who_left_explains_the_difference(before, after):
    found = changes(before, after)
    assert (before | found.entered) - found.left == after
    assert not found.entered & found.left
    assert not found.entered & before
    assert found.left <= before
    assert changes(after, before) == Changes(entered=found.left, left=found.entered)
