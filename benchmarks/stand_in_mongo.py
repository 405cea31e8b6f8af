"""The stored form for raw PyMongo in a run without crmkit: what a careful hand would write."""

from bson.decimal128 import Decimal128

from benchmarks.mongo_raw import StoredDocuments, plain_indexes
from benchmarks.participant import Workload
from benchmarks.record import plain


def documents(workload: Workload) -> StoredDocuments:
    """Return the customers as documents, in the types that BSON has for their values."""
    found = []
    for record in workload.records:
        document = plain(record)
        found.append({"_id": document.pop("id"), **document, "credit_limit": Decimal128(record.credit_limit)})
    return StoredDocuments(tuple(found), plain_indexes(workload.indexes))
