"""The small models of these tests, and short words for what they do with a store."""

import datetime as dt
import random
from typing import Any
from uuid import UUID

from crmkit.expr.core import And, Compare, Core
from crmkit.expr.node import Op
from crmkit.model.catalog import Catalog
from crmkit.model.codec import Codec
from crmkit.model.declare import Record, day, entity, instant, integer, link, tags, text
from crmkit.model.schema import Schema
from crmkit.storage.mongo.store import MongoStore
from crmkit.storage.spi import Query, SortKey, Unit
from crmkit.testing.drive import step
from crmkit.values import UTC
from crmkit.values.identifier import uuid7_source

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=UTC)
new_id = uuid7_source(lambda: NOW, random.Random(7))
TENANT = Compare("tenant", Op.EQ, "acme")


@entity()
class Crew(Record):
    name: str = text(unique=True, search=True)


@entity(uniques=(("code", "lane"),), indexes=(("lane", "size"),))
class Boat(Record):
    name: str = text(search=True)
    code: str | None = text(default=None)
    lane: int = integer(default=0)
    size: int | None = integer(default=None)
    built: dt.date | None = day(default=None)
    seen: dt.datetime | None = instant(default=None)
    labels: tuple[str, ...] = tags()
    crew_id: UUID | None = link("crew", back="boats", default=None)


CATALOG = Catalog([Crew, Boat])
CREW, BOAT = CATALOG["crew"], CATALOG["boat"]
CREW_OF_BOAT, BOATS = CATALOG.relations(BOAT)["crew"], CATALOG.relations(CREW)["boats"]


def mine(*more: Core) -> And:
    """Return that a row is the tenant's, and more."""
    return And((TENANT, *more))


def make(model: type[Any], **values: Any) -> Any:
    """Return a record as it stands after it was added."""
    return model(id=values.pop("id", None) or new_id(), version=1, created_at=NOW, updated_at=NOW, **values)


def insert(store: MongoStore, unit: Unit, *records: Any) -> None:
    """Insert records of one model."""
    schema = CATALOG.of(type(records[0]))
    dump = Codec(schema, store.wires).dump
    step(unit.insert(schema, [dump(record, "acme") for record in records]))


def plant(store: MongoStore, *records: Any) -> None:
    """Insert records of one model, and commit."""
    unit = step(store.begin())
    insert(store, unit, *records)
    step(unit.commit())


def fetch(store: MongoStore, schema: Schema, *where: Core, order: tuple[SortKey, ...] = (SortKey("id"),)) -> list[Any]:
    """Return the tenant's records that satisfy conditions."""
    codec = Codec(schema, store.wires)
    unit = step(store.begin())
    rows = step(unit.fetch(Query(schema, mine(*where), codec.read, order)))
    step(unit.commit())
    return codec.load(rows)
