"""The stored form for raw sqlite3 in a run without crmkit: what a careful hand would write."""

import json
from decimal import Decimal

from benchmarks.participant import Workload
from benchmarks.record import FIELDS, CustomerRecord, plain
from benchmarks.sqlite_raw import Row, StoredTable

INTEGERS = {"version", "score", "created_at", "updated_at", "credit_limit"}
NULLABLE = {"website", "notes"}


def table(workload: Workload) -> StoredTable:
    """Return the customers as rows: ids and tags as text, instants as milliseconds, money in minor units."""
    columns = ["id TEXT PRIMARY KEY NOT NULL"]
    for name in FIELDS[1:]:
        kind = "INTEGER" if name in INTEGERS else "TEXT"
        columns.append(f"{name} {kind}{'' if name in NULLABLE else ' NOT NULL'}")
    definition = [f"CREATE TABLE customer ({', '.join(columns)})"]
    definition += [f"CREATE INDEX ix_{'_'.join(i)} ON customer ({', '.join(i)})" for i in workload.indexes]
    rows = tuple(_row(record) for record in workload.records)
    return StoredTable("customer", tuple(definition), FIELDS, rows, workload.indexes)


def _row(record: CustomerRecord) -> Row:
    values = plain(record) | {
        "id": record.id.hex,
        "owner_id": record.owner_id.hex,
        "created_at": int(record.created_at.timestamp() * 1000),
        "updated_at": int(record.updated_at.timestamp() * 1000),
        "credit_limit": int(record.credit_limit * Decimal(100)),
        "tags": json.dumps(record.tags),
    }
    return tuple(values[name] for name in FIELDS)
