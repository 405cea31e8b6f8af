"""Values as the driver takes and gives them."""

import datetime as dt
from decimal import Decimal

import pytest

from crmkit.model.codec import Codec
from crmkit.model.kind import Kind
from crmkit.storage.spi import Query
from crmkit.storage.spi.wire import converters
from crmkit.storage.sql.wire import TEXT_WIRES
from crmkit.testing.drive import step
from crmkit.values import UTC, Money
from crmkit.values.identifier import uuid_of_int
from tests.storage.sql.shop import FIRM, Firm, add, mine

ENCODE, DECODE = converters(TEXT_WIRES)
FULL = Firm(
    name="Łódź 😀", email="a@b", city="\U0010ffff", rank="it's", score=-(2**63), ratio=Decimal("-0.01"),
    worth=Money("922337203685477.5807", "JPY"), vip=True, founded=dt.date.min,
    seen=dt.datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC), labels=("a", '"', "é"),
    memo='{"a": [1, null]}', extra={'k.e"y': True, "n": 1, "s": "1"},
)  # fmt: skip


@pytest.mark.parametrize("record", [FULL, Firm(name="")], ids=["full", "empty"])
def test_a_record_comes_back_as_it_went(store, record):
    codec = Codec(FIRM, store.wires)

    async def there_and_back():
        await add(store, record)
        unit = await store.begin()
        loaded = codec.load(await unit.fetch(Query(FIRM, mine(), codec.read)))
        await unit.commit()
        return loaded

    (loaded,) = step(there_and_back())
    for name in FIRM.fields:
        if not FIRM.fields[name].managed and name != "created_at":
            assert getattr(loaded, name) == getattr(record, name), name
            assert type(getattr(loaded, name)) is type(getattr(record, name)), name


def test_instants_have_the_one_utc():
    moment = dt.datetime(1, 1, 1, tzinfo=UTC)
    assert ENCODE[Kind.INSTANT](moment) == "0001-01-01T00:00:00.000+00:00"
    assert DECODE[Kind.INSTANT](ENCODE[Kind.INSTANT](moment)).tzinfo is UTC


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Kind.BOOL, [False, True]),
        (Kind.DATE, [dt.date.min, dt.date(999, 12, 31), dt.date(1000, 1, 1), dt.date.max]),
        (Kind.INSTANT, [dt.datetime(2026, 1, 1, 0, 0, 0, ms * 1000, UTC) for ms in (0, 1, 10, 999)]),
        (Kind.UUID, [uuid_of_int(number) for number in (0, 9, 10, 255, 2**128 - 1)]),
    ],
)
def test_spellings_sort_as_values_do(kind, values):
    spelled = [ENCODE[kind](value) for value in values]
    assert spelled == sorted(spelled)
    assert [DECODE[kind](each) for each in spelled] == values
