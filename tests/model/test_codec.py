"""Codecs: a record comes back from its row exactly, with any wires."""

from __future__ import annotations

import datetime as dt
import gc
import json
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.model.codec import CANONICAL, Codec, Wire, pause_collector
from crmkit.model.declare import Record, day, decimal, entity, flag, instant, integer, link, money, tags, text
from crmkit.model.field import Extra
from crmkit.model.kind import Kind
from crmkit.model.schema import schema_of
from crmkit.values import INT64_MAX, INT64_MIN, UTC, Money, decimal_of, fold, money_of
from crmkit.values.identifier import uuid_of_hex


@entity()
class Parcel(Record):
    """One field of every kind, each once required and once not."""

    label: str = text(search=True)
    note: str | None = text(default=None, search=True)
    count: int = integer()
    weight: Decimal | None = decimal(scale=3, default=None)
    fee: Money = money()
    value: Money | None = money(default=None)
    fragile: bool = flag()
    due: dt.date | None = day(default=None)
    sent_at: dt.datetime | None = instant(default=None)
    sender_id: UUID | None = link("parcel", default=None)
    marks: tuple[str, ...] = tags(default=())


TEXTUAL = {
    Kind.UUID: Wire("'%032x' % {v}.int", "uuid_of_hex({v})", {"uuid_of_hex": uuid_of_hex}, repeats=True),
    Kind.INSTANT: Wire("{v}.isoformat()", "read_at({v})", {"read_at": dt.datetime.fromisoformat}),
    Kind.DATE: Wire("{v}.isoformat()", "read_on({v})", {"read_on": dt.date.fromisoformat}, repeats=True),
    Kind.TAGS: Wire("dumps({v})", "tuple(loads({v}))", {"dumps": json.dumps, "loads": json.loads}, repeats=True),
    Kind.EXTRA: Wire("dumps({v})", "Extra(loads({v}))", {"dumps": json.dumps, "loads": json.loads, "Extra": Extra}),
    Kind.BOOL: Wire("int({v})", "{v} != 0"),
}

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
integers = st.integers(INT64_MIN, INT64_MAX)
moneys = st.builds(money_of, integers, st.sampled_from(["EUR", "USD", "JPY"]))
parcels = st.builds(
    Parcel,
    label=words,
    note=st.none() | words,
    count=integers,
    weight=st.none() | st.builds(decimal_of, integers, st.just(3)),
    fee=moneys,
    value=st.none() | moneys,
    fragile=st.booleans(),
    due=st.none() | st.dates(),
    sent_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    sender_id=st.none() | st.uuids().filter(lambda id_: id_.int != 0),
    marks=st.lists(words.filter(bool), max_size=3),
    extra=st.dictionaries(words, st.booleans() | integers | words, max_size=3),
)


@pytest.mark.parametrize("wires", [CANONICAL, TEXTUAL], ids=["canonical", "textual"])
@given(records=st.lists(parcels, max_size=4), id_=st.uuids())
def test_a_record_comes_back_from_its_row(wires: Any, records: list[Parcel], id_: UUID) -> None:
    codec: Codec[Parcel] = Codec(schema_of(Parcel), wires)
    now = dt.datetime(2026, 1, 1, tzinfo=UTC)
    rows = [dict(zip(codec.columns, codec.dump_new(record, "t", id_, now, "me"), strict=True)) for record in records]
    loaded = codec.load([[row[name] for name in codec.read] for row in rows])
    stamped = {
        "id": id_, "version": 1, "created_at": now, "updated_at": now, "created_by": "me", "updated_by": "me",
    }  # fmt: skip
    assert loaded == [attrs.evolve(record, **stamped) for record in records]
    assert all(type(record) is Parcel and hash(record) == hash(attrs.evolve(record)) for record in loaded)
    for row, record in zip(rows, records, strict=True):
        assert row["tenant"] == "t"
        assert row["label_folded"] == fold(record.label)
        again = dict(zip(codec.columns, codec.dump(attrs.evolve(record, **stamped), "t"), strict=True))
        assert again == row


def test_a_loaded_record_is_as_frozen_as_any() -> None:
    codec: Codec[Parcel] = Codec(schema_of(Parcel), CANONICAL)
    parcel = codec.replace(Parcel(label="a", count=1, fee=Money(1, "EUR"), fragile=False), count=2)
    assert parcel.count == 2
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        parcel.count = 3  # type: ignore[misc]  # wrong on purpose


def test_creation_times_given_are_kept() -> None:
    codec: Codec[Parcel] = Codec(schema_of(Parcel), CANONICAL)
    old = dt.datetime(1999, 1, 1, tzinfo=UTC)
    parcel = Parcel(label="a", count=1, fee=Money(1, "EUR"), fragile=False, created_at=old)
    row = codec.dump_new(parcel, "t", UUID(int=1), dt.datetime(2026, 1, 1, tzinfo=UTC), "me")
    assert row[codec.columns.index("created_at")] == old


def test_single_values_pass_through_the_same_wires() -> None:
    schema = schema_of(Parcel)
    codec: Codec[Parcel] = Codec(schema, TEXTUAL)
    column = schema.by_column["sender_id"]
    assert codec.encode(column, UUID(int=1)) == UUID(int=1).hex
    assert codec.decode(column, UUID(int=1).hex) == UUID(int=1)
    assert codec.encode(column, None) is codec.decode(column, None) is None


def test_the_collector_is_put_back_as_it_was() -> None:
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), pause_collector():
        assert not gc.isenabled()
        _ = 1 / 0
    assert gc.isenabled()
    gc.disable()
    try:
        with pause_collector():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
