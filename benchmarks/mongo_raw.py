"""PyMongo by hand, on a copy of the documents that crmkit wrote."""

# ruff: noqa: D102 - Participant says what each method does

import dataclasses
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import pymongo
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from benchmarks.participant import PAGE_SCORE, PAGE_SIZE, PAGE_STATUS, PAGE_TIER, Participant, Workload, changed_one

Document: TypeAlias = dict[str, Any]
DATABASE = "benchmarks"


@dataclasses.dataclass(frozen=True, slots=True)
class StoredDocuments:
    """The documents of a filled collection, in the order of their ids, and its indexes.

    `scope` is the condition that every query on this collection carries; `key` leads to the id.
    """

    documents: tuple[Document, ...]
    definition: tuple[pymongo.IndexModel, ...]
    scope: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    key: str = "_id"


def connect(workload: Workload) -> pymongo.MongoClient[Document]:
    """Return a client with the two options that every program of today sets."""
    return pymongo.MongoClient(workload.mongo_url, uuidRepresentation="standard", tz_aware=True)


def read_documents(collection: Collection[Document], scope: Mapping[str, Any], key: str = "_id") -> StoredDocuments:
    """Return what a collection holds and how it is indexed."""
    found = [index for index in map(dict, collection.list_indexes()) if index["name"] != "_id_"]
    indexes = tuple(pymongo.IndexModel([*index.pop("key").items()], **index) for index in found)
    return StoredDocuments(tuple(collection.find(scope).sort(key)), indexes, scope, key)


def plain_indexes(indexes: Iterable[Sequence[str]]) -> tuple[pymongo.IndexModel, ...]:
    """Return indexes on fields, as the peers have them."""
    return tuple(pymongo.IndexModel(list(fields)) for fields in indexes)


def fresh_collection(
    database: Database[Document], name: str, indexes: Sequence[pymongo.IndexModel]
) -> Collection[Document]:
    """Return an empty collection with these indexes."""
    database.drop_collection(name)
    collection = database.create_collection(name)
    collection.create_indexes(list(indexes))
    return collection


class RawMongo(Participant[Document, tuple[Any, int]]):
    """Prepared documents in by insert_many, dictionaries out by find."""

    title = "raw PyMongo"
    transactions = True

    def __init__(self, workload: Workload, stored: StoredDocuments) -> None:
        super().__init__(workload)
        self.stored = stored
        self.client = connect(workload)
        self.collection: Collection[Document] = self.client[DATABASE]["customer_raw"]
        self.stored_ids = {
            record.id: document[stored.key] for record, document in zip(workload.records, stored.documents, strict=True)
        }

    def clear(self) -> None:
        self.collection = fresh_collection(self.client[DATABASE], "customer_raw", self.stored.definition)

    def build(self) -> None:
        """Do nothing: the documents are finished."""

    def add(self) -> None:
        self.collection.insert_many(self.stored.documents)

    def read(self) -> Sequence[Document]:
        return list(self.collection.find(self.stored.scope))

    def get(self, ids: Sequence[uuid.UUID]) -> Sequence[Document]:
        find_one, keys = self.collection.find_one, self.stored_ids
        scope, key = self.stored.scope, self.stored.key
        return [document for id_ in ids if (document := find_one({**scope, key: keys[id_]})) is not None]

    def hold(self, ids: Sequence[uuid.UUID]) -> Sequence[tuple[Any, int]]:
        return [(document[self.stored.key], document["version"]) for document in self.get(ids)]

    def update(self, held: Sequence[tuple[Any, int]], score: int) -> None:
        for customer in held:
            self._update(customer, score)

    def update_in_transactions(self, held: Sequence[tuple[Any, int]], score: int) -> None:
        for customer in held:
            with self.client.start_session() as session, session.start_transaction():
                self._update(customer, score, session)

    def _update(self, held: tuple[Any, int], score: int, session: ClientSession | None = None) -> None:
        stored_id, version = held
        # any time in the stored form will do: encoding one is not the raw driver's work
        change = {
            "$set": {"score": score, "updated_at": self.stored.documents[-1]["updated_at"]},
            "$inc": {"version": 1},
        }
        condition = {**self.stored.scope, self.stored.key: stored_id, "version": version}
        result = self.collection.update_one(condition, change, session=session)
        changed_one(self.title, result.modified_count)

    def page(self, times: int) -> Sequence[Document]:
        condition = {"status": PAGE_STATUS, "tier": PAGE_TIER, "score": {"$gt": PAGE_SCORE}}
        order = [("score", pymongo.DESCENDING), (self.stored.key, pymongo.DESCENDING)]
        found: Sequence[Document] = ()
        for _ in range(times):
            found = list(self.collection.find({**self.stored.scope, **condition}).sort(order).limit(PAGE_SIZE))
        return found

    def values(self, entity: Document) -> Mapping[str, object]:
        return {name: entity[name] for name in ("name", "email", "score", "version")}

    def close(self) -> None:
        self.client.close()
