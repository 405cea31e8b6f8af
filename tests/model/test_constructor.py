"""Constructors tell plainly clean values at a glance, and look closely at all others."""

from __future__ import annotations

import datetime as dt
import inspect
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import BadDefinition, BadRecord, Customer, Money, Problem
from crmkit.model.declare import Record, declare, entity, flag, integer, tags, text
from crmkit.model.field import Field, TextField
from crmkit.model.schema import schema_of
from crmkit.testing import values
from crmkit.values import UTC
from tests.model.field.test_field import FIELDS


class Word(str):
    __slots__ = ()


class Number(int):
    pass


ODD: tuple[Any, ...] = (
    "", "a", "a" * 31, "nul\x00", "é", "\ud800", Word("gold"), "gold", "brass", 0, 1, -1, 2**63, -(2**63), Number(3),
    True, False, None, 1.5, Decimal("1.5"), Money("-1", "EUR"), Money(5, "JPY"), UUID(int=0), UUID(int=7),
    dt.date(2026, 1, 1), dt.datetime(2026, 1, 1, tzinfo=UTC), dt.datetime(2026, 1, 1, microsecond=1, tzinfo=UTC),
    dt.datetime(2026, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))), dt.datetime(2026, 1, 1, fold=1, tzinfo=UTC),
    dt.datetime(2026, 1, 1),
    (), ("a",), ("a", "a"), ("a", Word("b")), ("é",), ("",), ("x" * 101,), tuple(map(str, range(101))), ["a"], {"a": 1},
)  # fmt: skip


def sure(field: Field, value: Any) -> bool:
    condition = field.sure_source("value")
    return bool(condition and eval(condition, {**field.names, "value": value}))  # noqa: S307 - the kind's own condition


@pytest.mark.parametrize("name", FIELDS)
@given(st.data())
def test_what_is_told_at_a_glance_is_clean_as_it_is(name: str, data: st.DataObject) -> None:
    field = FIELDS[name]
    value = data.draw(st.sampled_from(ODD) | values(field))
    if value is not None and sure(field, value):
        clean = field.clean(value)
        assert (type(clean), repr(clean)) == (type(value), repr(value))


@pytest.mark.parametrize("name", ["note", "grade", "score", "seats"])
def test_most_values_are_told_at_a_glance(name: str) -> None:
    plain = {"note": "Acme", "grade": "gold", "score": 28, "seats": 3}
    assert sure(FIELDS[name], plain[name])


class Loud(TextField):
    def accept(self, value: Any) -> str:
        if value == "quiet":
            raise Problem("quiet", "is quiet.")
        return super().accept(value).upper()


class Trimmed(TextField):
    def normal(self, text: str) -> str:
        return text.strip()


@entity()
class Shout(Record):
    word: str = declare(Loud())
    name: str = declare(Trimmed())


def test_a_kind_that_accepts_otherwise_inherits_no_glance() -> None:
    assert Shout(word="hey", name=" Ann ").word == "HEY"
    assert Shout(word="hey", name=" Ann ").name == "Ann"
    with pytest.raises(BadRecord, match="word: is quiet"):
        Shout(word="quiet", name="Ann")


@entity()
class Shadow(Record):
    """A model whose fields bear the names of what conditions are written with."""

    type: str = text(max=5)
    len: int = integer(default=0)
    str: bool = flag(default=False)
    tuple: tuple[str, ...] = tags()  # type: ignore[valid-type]  # the name is taken by the field


def test_fields_may_bear_any_name() -> None:
    made = Shadow(type="a", len=3, str=True)
    assert (made.type, made.len, made.str) == ("a", 3, True)
    with pytest.raises(BadRecord) as caught:
        Shadow(type="abcdef", len="x", str=1)  # type: ignore[arg-type]  # wrong on purpose
    assert [problem.field for problem in caught.value.problems] == ["type", "len", "str"]


@entity(extends=Customer)
class Clinic(Customer):
    beds: int = integer(default=0)
    free: int = integer(default=0)

    def __attrs_post_init__(self) -> None:
        if self.free > self.beds:
            raise BadRecord("customer", [Problem("too_large", "is more than there are.", field="free")])


def test_a_model_s_own_checks_come_after_those_of_its_fields() -> None:
    assert Clinic(name="St. Ann", beds=3, free=2).free == 2
    with pytest.raises(BadRecord, match="free: is more than there are"):
        Clinic(name="St. Ann", beds=3, free=4)
    with pytest.raises(BadRecord, match="name: is required"):
        Clinic(name=None, beds=3, free=4)  # type: ignore[arg-type]  # wrong on purpose


def test_a_record_is_frozen_copied_and_described_as_before() -> None:
    acme = Customer(name="Acme")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        acme.name = "Bcme"  # type: ignore[misc]  # wrong on purpose
    assert attrs.evolve(acme, name="Bcme").name == "Bcme"
    parameters = inspect.signature(Customer).parameters
    assert parameters.keys() == schema_of(Customer).fields.keys()
    assert parameters["name"].default is inspect.Parameter.empty
    with pytest.raises(TypeError, match="name"):
        Customer()  # type: ignore[call-arg]  # wrong on purpose
    with pytest.raises(TypeError, match="nmae"):
        Customer(nmae="Acme")  # type: ignore[call-arg]  # wrong on purpose


def test_a_class_derived_from_a_model_is_no_model() -> None:
    class Plain(Customer):
        pass

    with pytest.raises(BadDefinition, match="Plain is not a model"):
        Plain(name="Acme")
