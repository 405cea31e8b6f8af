"""crmkit, through its public face only; the same code for every store."""

# ruff: noqa: D102 - Participant says what each method does

import abc
import uuid
from collections.abc import Mapping, Sequence
from typing import ClassVar

from benchmarks.goal import SUBJECT
from benchmarks.participant import PAGE_SCORE, PAGE_SIZE, PAGE_STATUS, PAGE_TIER, Participant, Workload
from benchmarks.record import FIELDS, CustomerRecord
from crmkit import Customer, Money, User, connect, f, system

ACTOR = system("bench")
# crmkit sets these itself when a record is added
OWN = {"created_at", "updated_at"}


def customer_of(record: CustomerRecord) -> Customer:
    """Return a record as crmkit's customer."""
    values = {
        name: getattr(record, name) for name in FIELDS if name not in {"version", "credit_limit", "currency", *OWN}
    }
    return Customer(**values, credit_limit=Money(record.credit_limit, record.currency))


class Crmkit(Participant[Customer, Customer]):
    """Entities in by add_many, entities out by stream."""

    title: ClassVar[str] = SUBJECT

    def __init__(self, workload: Workload, url: str) -> None:
        super().__init__(workload)
        self.url = url
        self.crm = connect(url)
        self.customers: list[Customer] = []
        self.owners = sorted({record.owner_id for record in workload.records})

    def clear(self) -> None:
        self.close()
        self.remove()
        self.crm = connect(self.url)
        with self.crm.session(ACTOR) as s:
            s.users.add_many([User(id=owner, name=f"Owner {number}") for number, owner in enumerate(self.owners)])

    def build(self) -> None:
        self.customers = [customer_of(record) for record in self.workload.records]

    @abc.abstractmethod
    def remove(self) -> None:
        """Delete the database."""

    def add(self) -> None:
        with self.crm.session(ACTOR) as s:
            s.customers.add_many(self.customers)

    def read(self) -> Sequence[Customer]:
        with self.crm.session(ACTOR) as s:
            return list(s.customers.stream())

    def get(self, ids: Sequence[uuid.UUID]) -> Sequence[Customer]:
        with self.crm.session(ACTOR) as s:
            return [s.customers.get(key) for key in ids]

    def hold(self, ids: Sequence[uuid.UUID]) -> Sequence[Customer]:
        return self.get(ids)

    def update(self, held: Sequence[Customer], score: int) -> None:
        for customer in held:
            with self.crm.session(ACTOR) as s:
                s.customers.update(customer, score=score)

    def page(self, times: int) -> Sequence[Customer]:
        found: Sequence[Customer] = ()
        with self.crm.session(ACTOR) as s:
            for _ in range(times):
                condition = (f.status == PAGE_STATUS) & (f.tier == PAGE_TIER) & (f.score > PAGE_SCORE)
                found = s.customers.find(condition, order=-f.score, limit=PAGE_SIZE)
        return found

    def values(self, entity: Customer) -> Mapping[str, object]:
        found = {name: getattr(entity, name) for name in FIELDS if name not in {"credit_limit", "currency", *OWN}}
        limit = entity.credit_limit
        assert limit is not None  # noqa: S101 - every record of the benchmark has one
        return found | {"credit_limit": limit.amount, "currency": limit.currency}

    def close(self) -> None:
        self.crm.close()
