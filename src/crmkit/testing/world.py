"""The kit's own small models, and worlds: a few related records that expressions are asked of."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

import attrs

from crmkit.model.catalog import Catalog
from crmkit.model.declare import (
    Record,
    attached,
    choice,
    day,
    decimal,
    document,
    entity,
    flag,
    instant,
    integer,
    key,
    link,
    money,
    tags,
    text,
)
from crmkit.values import UTC, Money, system_clock
from crmkit.values.identifier import uuid7_source

if TYPE_CHECKING:
    from crmkit.model.schema import Schema

__all__ = [
    "CATALOG",
    "EXTRA_KEYS",
    "NOW",
    "UNIQUE_CATALOG",
    "Account",
    "Badge",
    "Deal",
    "Region",
    "Remark",
    "World",
    "fresh_id",
    "made",
]

R = TypeVar("R", bound=Record)
NOW: Final = dt.datetime(2024, 3, 31, 0, 30, tzinfo=UTC)
"""When the kit's records are made and its expressions are read: half an hour before a change to summer time."""

fresh_id: Final = uuid7_source(system_clock, random.Random())  # noqa: S311 - ids need to be distinct, not secret
"""Makes ids that no world before has used, so that one store can hold many worlds."""


@entity(name="kit_region", plural="kit_regions")
class Region(Record):
    """What links lead to, and a tree of its own."""

    name: str = text(max=300, search=True)
    rank: int | None = integer(default=None)
    within_id: UUID | None = link("kit_region", back="parts", default=None)


@entity(name="kit_account", plural="kit_accounts", indexes=(("grade", "score"),))
class Account(Record):
    """One field of every kind; all but the name may be missing."""

    name: str = text(max=5000, search=True)
    code: str | None = text(default=None, max=5000, index=True)
    motto: str | None = text(default=None, max=300, search=True)
    grade: str | None = choice("gold", "silver", "Gold", default=None)
    score: int | None = integer(default=None, index=True)
    ratio: Decimal | None = decimal(scale=6, default=None)
    worth: Money | None = money(default=None)
    active: bool | None = flag(default=None)
    founded: dt.date | None = day(default=None, index=True)
    seen: dt.datetime | None = instant(default=None)
    mark: UUID | None = key(default=None)
    labels: tuple[str, ...] = tags()
    facts: str | None = document(default=None)
    region_id: UUID | None = link("kit_region", back="accounts", default=None)


@entity(name="kit_deal", plural="kit_deals")
class Deal(Record):
    """Fields that may not be missing, and a link that must be there."""

    title: str = text(max=300, search=True)
    amount: Money = money()
    open: bool = flag(default=True)
    stage: str = choice("new", "won", "lost", default="new")
    chance: int = integer(default=0)
    closes: dt.date | None = day(default=None)
    moved: dt.datetime | None = instant(default=None)
    account_id: UUID = link("kit_account", back="deals")


@entity(name="kit_remark", plural="kit_remarks")
class Remark(Record):
    """A record that hangs on a record of any model."""

    entity: str = text(max=40)
    subject_id: UUID = attached(back="remarks")
    body: str | None = text(default=None, max=300, search=True)


@entity(name="kit_badge", plural="kit_badges", uniques=(("holder", "place"),))
class Badge(Record):
    """A record with unique keys."""

    code: str | None = text(default=None, max=5000, unique=True)
    holder: str | None = text(default=None, max=200)
    place: int | None = integer(default=None)
    count: int = integer(default=0)


EXTRA_KEYS: Final = (
    "plain", "with space", "dotted.name", "$where", "$", "a.$b", "it's", 'say "so"', "semi;colon--", "[0]", "*",
    "back\\slash", "{curly}", "%", "é", "😀", "x" * 200,
)  # fmt: skip
"""Names of extra fields, most of which mean something to one database or another."""

_TEXTS: Final[Mapping[str, Any]] = {name: text(default=None, max=300) for name in EXTRA_KEYS}
_EXTRA: Final = {**_TEXTS, "size": integer(default=None), "size.max": integer(default=None), "vip": flag(default=None)}

CATALOG: Final = Catalog([Region, Account, Deal, Remark], extra={Account: _EXTRA})
"""Models without unique keys: what every store can hold."""
UNIQUE_CATALOG: Final = Catalog([Region, Account, Deal, Remark, Badge], extra={Account: _EXTRA})
"""The same models and one with unique keys, for stores that declare to keep them."""


def made(model: type[R], **values: Any) -> R:
    """Return a record as if it had been added: with an id of its own, version 1, and these values."""
    build: Callable[..., R] = model
    stamps: dict[str, Any] = {"id": fresh_id(), "version": 1, "created_at": NOW, "updated_at": NOW, "created_by": "kit"}
    return build(**{**stamps, **values})


@attrs.frozen(eq=False)
class World:
    """Some records, and the relations between them as plain Python sees them."""

    records: Sequence[Record]
    catalog: Catalog = CATALOG

    def of(self, schema: Schema) -> list[Record]:
        """Return the records of one model."""
        return [record for record in self.records if isinstance(record, schema.cls)]

    def by_schema(self) -> Iterator[tuple[Schema, list[Record]]]:
        """Yield each model with its records."""
        for schema in self.catalog:
            found = self.of(schema)
            if found:
                yield schema, found

    def related(self, record: Any, relation: str) -> Iterable[Any]:
        """Return the records to which a relation leads from this one."""
        step = self.catalog.relations(self.catalog.of(record.__class__))[relation]
        value = getattr(record, step.local)
        if value is None:
            return []
        targets = self.of(self.catalog[step.target])
        if step.fixed is not None:
            targets = [other for other in targets if getattr(other, step.fixed[0]) == step.fixed[1]]
        return [other for other in targets if getattr(other, step.remote) == value]
