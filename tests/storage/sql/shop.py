"""Two small models, and short words for what the tests of the SQL store do with them."""

import datetime as dt
from decimal import Decimal
from uuid import UUID

from crmkit.expr.core import And, Compare, Core
from crmkit.expr.node import Op
from crmkit.model.catalog import Catalog
from crmkit.model.codec import Codec
from crmkit.model.declare import (
    Record,
    choice,
    day,
    decimal,
    document,
    entity,
    flag,
    instant,
    integer,
    link,
    money,
    tags,
    text,
)
from crmkit.storage.spi import Query, SortKey
from crmkit.storage.sql.wire import TEXT_WIRES
from crmkit.values import UTC, Money
from crmkit.values.identifier import uuid_of_int


@entity(indexes=(("created_at",), ("city", "score")))
class Firm(Record):
    name: str = text(max=80, search=True)
    email: str | None = text(default=None, unique=True)
    city: str | None = text(default=None)
    rank: str | None = choice("gold", "it's", default=None, index=True)
    score: int | None = integer(default=None)
    ratio: Decimal | None = decimal(scale=2, default=None)
    worth: Money | None = money(default=None)
    vip: bool = flag(default=False)
    founded: dt.date | None = day(default=None)
    seen: dt.datetime | None = instant(default=None)
    labels: tuple[str, ...] = tags()
    memo: str | None = document(default=None)
    parent_id: UUID | None = link("firm", back="parts", default=None)


@entity(plural="people", uniques=(("firm_id", "name"),))
class Person(Record):
    name: str = text(max=80)
    firm_id: UUID | None = link("firm", back="people", default=None)


CATALOG = Catalog([Firm, Person])
FIRM, PERSON = CATALOG["firm"], CATALOG["person"]
NOW = dt.datetime(2026, 1, 1, tzinfo=UTC)
TENANT = Compare("tenant", Op.EQ, "t")
_CODECS = {schema.cls: Codec(schema, TEXT_WIRES) for schema in CATALOG}


def mine(*more: Core) -> Core:
    return And((TENANT, *more))


def row(record: Record, number: int, tenant: str = "t"):
    """The row of a new record whose id is a number."""
    return _CODECS[type(record)].dump_new(record, tenant, uuid_of_int(number), NOW, "me")


def ids(where: Core | None = None, *order: SortKey, limit: int | None = None) -> Query:
    return Query(FIRM, mine() if where is None else where, ("id",), order or (SortKey("id"),), limit)


async def add(store, *records: Record, first: int = 1, tenant: str = "t"):
    """Write records of one model in a unit of their own; their ids count up from `first`."""
    unit = await store.begin()
    try:
        rows = [row(record, number, tenant) for number, record in enumerate(records, first)]
        await unit.insert(CATALOG.of(type(records[0])), rows)
        await unit.commit()
    finally:
        await unit.rollback()


async def read(store, query: Query):
    """The rows of a query in a unit of their own; the first column only."""
    unit = await store.begin()
    try:
        return [first for first, *_ in await unit.fetch(query)]
    finally:
        await unit.rollback()


async def numbers(store, query: Query):
    """The ids that a query finds, as numbers."""
    return [int(found, 16) for found in await read(store, query)]
