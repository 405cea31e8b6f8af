"""beanie. It is asynchronous only: each timed call is one coroutine on one loop, however many operations it makes."""

# ruff: noqa: D102 - Participant says what each method does

import asyncio
import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import pymongo
from beanie import DecimalAnnotation, Document, init_beanie
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.results import UpdateResult

from benchmarks.mongo_raw import DATABASE, connect, fresh_collection, plain_indexes
from benchmarks.participant import PAGE_SCORE, PAGE_SIZE, PAGE_STATUS, PAGE_TIER, Participant, Workload, changed_one
from benchmarks.record import FIELDS, plain

COLLECTION = "customer_beanie"


class BeanieCustomer(Document):
    """A customer as a beanie document."""

    id: uuid.UUID  # type: ignore[assignment]  # beanie's way to replace the ObjectId
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime
    name: str
    kind: str
    status: str
    tier: str
    industry: str
    size: str
    region: str
    email: str
    phone: str
    website: str | None
    street: str
    city: str
    postcode: str
    country: str
    source: str
    score: int
    credit_limit: DecimalAnnotation
    currency: str
    owner_id: uuid.UUID
    tags: list[str]
    notes: str | None

    class Settings:
        """The collection; its indexes are the harness's."""

        name = COLLECTION


class Beanie(Participant[BeanieCustomer, tuple[uuid.UUID, int]]):
    """Documents in by insert_many, documents out by find and to_list."""

    title = "beanie"
    transactions = True

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        self.runner = asyncio.Runner()
        self.documents: list[BeanieCustomer] = []
        self.client = self.runner.run(self._connect())

    async def _connect(self) -> pymongo.AsyncMongoClient[dict[str, Any]]:
        client: pymongo.AsyncMongoClient[dict[str, Any]] = pymongo.AsyncMongoClient(
            self.workload.mongo_url, uuidRepresentation="standard", tz_aware=True
        )
        await init_beanie(database=client[DATABASE], document_models=[BeanieCustomer])
        return client

    def clear(self) -> None:
        with connect(self.workload) as client:
            fresh_collection(client[DATABASE], COLLECTION, plain_indexes(self.workload.indexes))

    def build(self) -> None:
        self.documents = [BeanieCustomer.model_validate(plain(record)) for record in self.workload.records]

    def add(self) -> None:
        self.runner.run(self._add())

    async def _add(self) -> None:
        await BeanieCustomer.insert_many(self.documents)

    def read(self) -> Sequence[BeanieCustomer]:
        return self.runner.run(self._read())

    async def _read(self) -> Sequence[BeanieCustomer]:
        return await BeanieCustomer.find_all().to_list()

    def get(self, ids: Sequence[uuid.UUID]) -> Sequence[BeanieCustomer]:
        return self.runner.run(self._get(ids))

    async def _get(self, ids: Sequence[uuid.UUID]) -> Sequence[BeanieCustomer]:
        return [customer for key in ids if (customer := await BeanieCustomer.get(key)) is not None]

    def hold(self, ids: Sequence[uuid.UUID]) -> Sequence[tuple[uuid.UUID, int]]:
        return [(customer.id, customer.version) for customer in self.get(ids)]

    def update(self, held: Sequence[tuple[uuid.UUID, int]], score: int) -> None:
        self.runner.run(self._update_all(held, score))

    async def _update_all(self, held: Sequence[tuple[uuid.UUID, int]], score: int) -> None:
        for customer in held:
            await self._update(customer, score)

    def update_in_transactions(self, held: Sequence[tuple[uuid.UUID, int]], score: int) -> None:
        self.runner.run(self._transact(held, score))

    async def _transact(self, held: Sequence[tuple[uuid.UUID, int]], score: int) -> None:
        for customer in held:
            async with self.client.start_session() as session, await session.start_transaction():
                await self._update(customer, score, session)

    async def _update(self, held: tuple[uuid.UUID, int], score: int, session: AsyncClientSession | None = None) -> None:
        key, version = held
        matched = BeanieCustomer.find_one(BeanieCustomer.id == key, BeanieCustomer.version == version)
        change = {"$set": {"score": score, "updated_at": dt.datetime.now(dt.UTC)}, "$inc": {"version": 1}}
        result = await matched.update(change, session=session)
        changed_one(self.title, result.modified_count if isinstance(result, UpdateResult) else 0)

    def page(self, times: int) -> Sequence[BeanieCustomer]:
        return self.runner.run(self._page(times))

    async def _page(self, times: int) -> Sequence[BeanieCustomer]:
        found: Sequence[BeanieCustomer] = ()
        for _ in range(times):
            matched = BeanieCustomer.find(
                BeanieCustomer.status == PAGE_STATUS,
                BeanieCustomer.tier == PAGE_TIER,
                BeanieCustomer.score > PAGE_SCORE,
            )
            found = await matched.sort("-score", "-_id").limit(PAGE_SIZE).to_list()
        return found

    def values(self, entity: BeanieCustomer) -> Mapping[str, object]:
        found = {name: getattr(entity, name) for name in FIELDS}
        return found | {"tags": tuple(found["tags"])}

    def close(self) -> None:
        self.runner.run(self.client.close())
        self.runner.close()
