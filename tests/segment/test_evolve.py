"""`attrs.evolve` makes a changed segment, and checks it like a new one."""

import attrs
import pytest

from crmkit.entities import Customer
from crmkit.errors import BadDefinition, BadExpression
from crmkit.expr.build import f
from crmkit.segment import Segment

VIP = Segment("vip", Customer, f.tags.has("vip"), description="Those who are called first.")


def test_what_is_not_changed_is_kept():
    assert attrs.evolve(VIP) == VIP
    german = attrs.evolve(VIP, name="german", where=f.country == "DE")
    assert (german.name, german.entity, german.description) == ("german", "customer", VIP.description)
    assert german.where == (f.country == "DE")


def test_a_changed_condition_is_checked_against_the_model():
    with pytest.raises(BadExpression) as caught:
        attrs.evolve(VIP, where=f.countri == "DE")
    assert str(caught.value) == "segment 'vip': customer has no field 'countri'. Did you mean 'country'?"
    with pytest.raises(BadDefinition, match="the name of a segment needs 1 character or more"):
        attrs.evolve(VIP, name="")


def test_every_mistake_of_a_document_is_listed_with_its_path():
    text = VIP.to_json().replace('"vip",', "7,").replace('"description"', '"descripton"').replace('"has"', '"hass"')
    with pytest.raises(BadExpression) as caught:
        Segment.from_json(text)
    assert [(each.field, each.message) for each in caught.value.problems] == [
        ("$", "has the unknown key 'descripton'."),
        ("$", "lacks the key 'description'."),
        ("$.name", "is a whole number, where text belongs."),
        ("$.condition.where.node", "is the text 'hass', which is not known here."),
    ]
