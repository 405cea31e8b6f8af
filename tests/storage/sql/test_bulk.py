"""Many rows in bounded memory."""

import tracemalloc

from crmkit.expr.core import Compare
from crmkit.expr.node import Op
from crmkit.storage.spi import Query, SortKey
from crmkit.testing.drive import step
from crmkit.values.identifier import uuid_of_hex, uuid_of_int
from tests.storage.sql.shop import FIRM, Firm, mine, row

ROWS, BATCH = 200_000, 5_000


def test_two_hundred_thousand_rows_pass_through_in_batches(store):
    template = row(Firm(name="n", city="c"), 0)
    place = [column.name for column in FIRM.columns].index("id")

    async def write():
        unit = await store.begin()
        for start in range(0, ROWS, BATCH):
            numbers = range(start + 1, start + BATCH + 1)
            await unit.insert(FIRM, [(*template[:place], f"{n:032x}", *template[place + 1 :]) for n in numbers])
        await unit.commit()

    async def read():
        unit = await store.begin()
        last, count = uuid_of_int(0), 0
        columns = tuple(column.name for column in FIRM.columns)
        while True:
            where = mine(Compare("id", Op.GT, last))
            rows = await unit.fetch(Query(FIRM, where, columns, (SortKey("id"),), BATCH))
            count += len(rows)
            if len(rows) < BATCH:
                await unit.commit()
                return count
            last = uuid_of_hex(rows[-1][place])

    step(write())
    tracemalloc.start()
    try:
        assert step(read()) == ROWS
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A batch of 5,000 takes about 7 MB, and two of them meet for a moment; all rows would take 280 MB.
    assert peak < 25_000_000
