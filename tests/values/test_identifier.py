"""Identifiers: they rise, they repeat with their sources, and come back from their digits."""

from __future__ import annotations

import datetime as dt
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from crmkit.values import UTC
from crmkit.values.identifier import uuid7_source, uuid_of_hex, uuid_of_int


@given(st.uuids())
def test_a_uuid_comes_back_from_its_number_and_its_digits(id_: UUID) -> None:
    assert uuid_of_int(id_.int) == uuid_of_hex(id_.hex) == id_
    assert hash(uuid_of_int(id_.int)) == hash(id_)
    assert str(uuid_of_int(id_.int)) == str(id_)


def test_ids_rise_strictly_even_when_the_clock_stands_or_steps_back() -> None:
    start = dt.datetime(2026, 1, 1, tzinfo=UTC)
    times = iter([start] * 5000 + [start - dt.timedelta(hours=1)] * 5000 + [start + dt.timedelta(hours=1)] * 10)
    make = uuid7_source(lambda: next(times), Random(3))
    ids = [make() for _ in range(10_010)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert {(id_.version, id_.variant) for id_ in ids} == {(7, "specified in RFC 4122")}


def test_ids_repeat_with_the_same_clock_and_seed() -> None:
    def source() -> list[UUID]:
        make = uuid7_source(lambda: dt.datetime(2026, 1, 1, tzinfo=UTC), Random(7))
        return [make() for _ in range(10)]

    assert source() == source()
