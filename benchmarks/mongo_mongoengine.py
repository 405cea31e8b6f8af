"""mongoengine."""

# ruff: noqa: D102 - Participant says what each method does

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import mongoengine as me

from benchmarks.mongo_raw import DATABASE, connect, fresh_collection, plain_indexes
from benchmarks.participant import PAGE_SCORE, PAGE_SIZE, PAGE_STATUS, PAGE_TIER, Participant, Workload, changed_one
from benchmarks.record import FIELDS, plain

COLLECTION = "customer_mongoengine"


class MeCustomer(me.Document):
    """A customer as a mongoengine document."""

    objects: ClassVar[Any]

    id = me.UUIDField(primary_key=True, binary=True)
    version = me.IntField()
    created_at = me.DateTimeField()
    updated_at = me.DateTimeField()
    name = me.StringField()
    kind = me.StringField()
    status = me.StringField()
    tier = me.StringField()
    industry = me.StringField()
    size = me.StringField()
    region = me.StringField()
    email = me.StringField()
    phone = me.StringField()
    website = me.StringField()
    street = me.StringField()
    city = me.StringField()
    postcode = me.StringField()
    country = me.StringField()
    source = me.StringField()
    score = me.IntField()
    credit_limit = me.Decimal128Field()
    currency = me.StringField()
    owner_id = me.UUIDField(binary=True)
    tags = me.ListField(me.StringField())
    notes = me.StringField()

    meta = {"collection": COLLECTION, "auto_create_index": False}  # noqa: RUF012 - how mongoengine wants it spelt


class Mongoengine(Participant[MeCustomer, tuple[uuid.UUID, int]]):
    """Documents in by insert, documents out of a query set."""

    title = "mongoengine"

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        me.connect(DATABASE, host=workload.mongo_url, uuidRepresentation="standard", tz_aware=True)
        self.documents: list[MeCustomer] = []

    def clear(self) -> None:
        with connect(self.workload) as client:
            fresh_collection(client[DATABASE], COLLECTION, plain_indexes(self.workload.indexes))

    def build(self) -> None:
        self.documents = [MeCustomer(**plain(record)) for record in self.workload.records]

    def add(self) -> None:
        MeCustomer.objects.insert(self.documents, load_bulk=False)

    def read(self) -> Sequence[MeCustomer]:
        return list(MeCustomer.objects)

    def get(self, ids: Sequence[uuid.UUID]) -> Sequence[MeCustomer]:
        return [MeCustomer.objects.get(pk=key) for key in ids]

    def hold(self, ids: Sequence[uuid.UUID]) -> Sequence[tuple[uuid.UUID, int]]:
        return list(MeCustomer.objects(pk__in=ids).scalar("id", "version"))

    def update(self, held: Sequence[tuple[uuid.UUID, int]], score: int) -> None:
        for key, version in held:
            matched = MeCustomer.objects(pk=key, version=version)
            changed = matched.update_one(set__score=score, set__updated_at=dt.datetime.now(dt.UTC), inc__version=1)
            changed_one(self.title, changed)

    def page(self, times: int) -> Sequence[MeCustomer]:
        found: Sequence[MeCustomer] = ()
        for _ in range(times):
            matched = MeCustomer.objects(status=PAGE_STATUS, tier=PAGE_TIER, score__gt=PAGE_SCORE)
            found = list(matched.order_by("-score", "-id").limit(PAGE_SIZE))
        return found

    def values(self, entity: MeCustomer) -> Mapping[str, object]:
        found = {name: getattr(entity, name) for name in FIELDS}
        return found | {"tags": tuple(found["tags"])}

    def close(self) -> None:
        me.disconnect()
