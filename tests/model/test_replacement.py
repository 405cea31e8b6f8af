"""Fields over inherited ones: said out loud, and never narrower than what others rely on."""

from __future__ import annotations

import inspect
from random import Random
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import BadDefinition, Customer, Record, entity, fieldset
from crmkit.entities import BUILT_IN
from crmkit.model import declare as declarations
from crmkit.model.catalog import Catalog
from crmkit.model.declare import choice, declare, integer, link, text
from crmkit.model.field.declaration import named_field
from crmkit.model.schema import schema_of

CATALOG = Catalog(BUILT_IN)


def over(base: type[Any], name: str, declared: Any) -> type[Any]:
    """Declare a class that extends another by one field."""
    field = named_field(declared, name)
    annotation = field.holds | None if field.nullable else field.holds
    own = {"__annotations__": {name: annotation}, name: declared, "__module__": __name__}
    return entity(extends=base)(type("Own", (base,), own))


def refusal(base: type[Any], name: str, declared: Any) -> str:
    with pytest.raises(BadDefinition) as caught:
        over(base, name, declared)
    return str(caught.value)


def test_a_field_over_a_built_in_one_says_so() -> None:
    assert refusal(Customer, "employees", text(default=None)) == (
        "customer.employees: Own declares it as text, and Customer has it already as integer. "
        'Rename it, to x_employees for example; or adopt the one that is there: replaces="employees".'
    )
    own = over(Customer, "employees", integer(default=None, min=0, replaces="employees", doc="Those of the group."))
    assert schema_of(own).fields["employees"].doc == "Those of the group."


def test_a_replacement_is_of_the_same_kind() -> None:
    assert refusal(Customer, "employees", text(default=None, replaces="employees")) == (
        "customer.employees: Own replaces integer of Customer by text, but the two are of different kinds. "
        "Code that knows the one that is there must go on working. Refuse values by a rule, or rename it."
    )


@pytest.mark.parametrize(
    ("name", "declared", "why"),
    [
        ("name", text(min=1, max=100, search=True, replaces="name"), "its max is 100 instead of"),
        ("name", text(min=2, max=200, search=True, replaces="name"), "its min is 2 instead of 1"),
        ("name", text(min=1, max=200, replaces="name"), "its search is False instead of True"),
        (
            "name",
            text(min=1, max=200, search=True, unique=True, replaces="name"),
            "its unique is True instead of False",
        ),
        ("name", text(min=1, max=200, search=True, default=None, replaces="name"), "that one cannot be missing"),
        ("country", text(min=2, max=2, replaces="country"), "that one may be missing"),
        ("kind", choice("organisation", "person", "household", replaces="kind"), "that one has a default"),
        ("kind", choice("person", "odd", default="odd", replaces="kind"), "its choices is ('person', 'odd')"),
        ("owner_id", link("team", back="customers", default=None, replaces="owner_id"), "its to is 'team' instead of"),
    ],
)
def test_a_replacement_is_not_narrower(name: str, declared: Any, why: str) -> None:
    assert why in refusal(Customer, name, declared)


def test_a_replacement_names_a_field_that_is_there() -> None:
    assert refusal(Customer, "employes", integer(default=None, replaces="employes")) == (
        "customer.employes: it replaces 'employes', and nothing of its name is there. Did you mean 'employees'?"
    )
    assert "Rename it" in refusal(Customer, "employees", integer(default=None, replaces="name"))


def test_what_a_host_declares_is_kept_from_itself_too() -> None:
    @fieldset
    class Coded(Record):
        """What has a code."""

        code: str = text(max=12)

    with pytest.raises(
        BadDefinition, match=r"depot.code: Depot declares it as integer, and Coded has it already as text"
    ):

        @entity()
        class Depot(Coded):
            """Where vehicles stand."""

            code: int = integer()  # type: ignore[assignment]  # pyright: ignore[reportIncompatibleVariableOverride]  # wrong on purpose

    @entity()
    class Yard(Coded):
        """Where more of them stand."""

        code: str = text(max=20, replaces="code")

    assert Yard(code="a" * 20).code == "a" * 20


@pytest.mark.parametrize("other", [7, property(lambda _: 7), lambda _: 7], ids=["value", "property", "method"])
def test_nothing_else_takes_the_name_of_an_inherited_field(other: Any) -> None:
    with pytest.raises(BadDefinition) as caught:
        entity(extends=Customer)(type("Own", (Customer,), {"employees": other, "__module__": __name__}))
    assert str(caught.value) == (
        "Own.employees: Customer has a field of this name, which is not to be hidden. Name it differently in Own."
    )


@pytest.mark.parametrize("schema", list(CATALOG), ids=lambda schema: schema.name)
def test_every_built_in_field_can_be_adopted_as_it_is_and_none_in_silence(schema: Any) -> None:
    for name, field in schema.fields.items():
        if field.managed or name in {"created_at", "extra"}:
            continue
        attribute = getattr(attrs.fields(schema.cls), name)
        assert f"{name}: Own declares it as {field.word}" in refusal(schema.cls, name, again(attribute))
        own = schema_of(over(schema.cls, name, again(attribute, replaces=name)))
        assert attrs.evolve(own.fields[name], replaces="") == field


def again(attribute: Any, **settings: Any) -> Any:
    return declare(named_field(attribute, ""), default=attribute.default, **settings)


def test_no_built_in_name_begins_as_a_hosts_does() -> None:
    names = {word for schema in CATALOG for word in (schema.name, schema.plural, *schema.by_column)}
    names |= {relation for schema in CATALOG for relation in CATALOG.relations(schema)}
    assert not {name for name in names if name.startswith("x_")}
    assert schema_of(over(Customer, "x_rank", integer(default=0))).fields["x_rank"].replaces == ""


def test_every_declaration_takes_it() -> None:
    calls: list[Any] = [getattr(declarations, name) for name in declarations.__all__]
    declaring = [
        each
        for each in calls
        if callable(each) and not isinstance(each, type) and "doc" in inspect.signature(each).parameters
    ]
    assert len(declaring) >= 14
    assert all("replaces" in inspect.signature(each).parameters for each in (*declaring, declare))


bounds = st.none() | st.integers(0, 5)


@given(held=st.tuples(bounds, bounds), own=st.tuples(bounds, bounds), seed=st.integers(0, 10_000))
def test_what_the_replaced_field_takes_its_replacement_takes(
    held: tuple[int | None, int | None], own: tuple[int | None, int | None], seed: int
) -> None:
    def declared(bounds: tuple[int | None, int | None], replaces: str = "") -> Any:
        return integer(min=bounds[0], max=bounds[1], replaces=replaces)

    if any(None not in each and each[0] > each[1] for each in (held, own)):  # type: ignore[operator]  # none is missing
        return
    base: type[Any] = entity()(
        type("Held", (Record,), {"__annotations__": {"it": int}, "it": declared(held), "__module__": __name__})
    )
    example = schema_of(base).fields["it"].example(Random(seed))
    try:
        field = schema_of(over(base, "it", declared(own, replaces="it"))).fields["it"]
    except BadDefinition:
        return
    assert field.clean(example) == example
