"""crmkit, through its public face only; the same code for every store."""

# ruff: noqa: D102 - Participant says what each method does

import abc
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from benchmarks.goal import SUBJECT
from benchmarks.model import MODELS
from benchmarks.participant import PAGE_SCORE, PAGE_SIZE, PAGE_STATUS, PAGE_TIER, Participant, Workload
from benchmarks.record import FIELDS, CustomerRecord
from crmkit import Crm, Money, Repository, Session, User, connect, f, system
from crmkit.model.schema import schema_of

ACTOR = system("bench")
# crmkit sets these itself when a record is added
OWN = {"created_at", "updated_at"}


GIVEN = tuple(name for name in FIELDS if name not in {"version", "credit_limit", "currency", *OWN})


def customer_of(model: type[Any], record: CustomerRecord) -> Any:
    """Return a record as one of crmkit's."""
    values = {name: getattr(record, name) for name in GIVEN}
    return model(**values, credit_limit=Money(record.credit_limit, record.currency))


class Crmkit(Participant[Any, Any]):
    """Entities in by add_many, entities out by stream."""

    title: ClassVar[str] = SUBJECT

    def __init__(self, workload: Workload, url: str) -> None:
        super().__init__(workload)
        self.url = url
        self.model = MODELS[workload.table]
        self.schema = schema_of(self.model)
        self.crm = self.connected()
        self.customers: list[Any] = []
        self.owners = sorted({record.owner_id for record in workload.records})

    def connected(self) -> Crm:
        """Return a CRM with the model that takes part."""
        return connect(self.url, models=() if self.schema.name == "customer" else [self.model])

    def of(self, session: Session) -> Repository[Any]:
        """Return the repository of that model."""
        return session.repository(self.model)

    def clear(self) -> None:
        self.close()
        self.remove()
        self.crm = self.connected()
        with self.crm.session(ACTOR) as s:
            s.users.add_many([User(id=owner, name=f"Owner {number}") for number, owner in enumerate(self.owners)])

    def build(self) -> None:
        self.customers = [customer_of(self.model, record) for record in self.workload.records]

    @abc.abstractmethod
    def remove(self) -> None:
        """Delete the database."""

    def add(self) -> None:
        with self.crm.session(ACTOR) as s:
            self.of(s).add_many(self.customers)

    def read(self) -> Sequence[Any]:
        with self.crm.session(ACTOR) as s:
            return list(self.of(s).stream())

    def get(self, ids: Sequence[uuid.UUID]) -> Sequence[Any]:
        with self.crm.session(ACTOR) as s:
            return [self.of(s).get(key) for key in ids]

    def hold(self, ids: Sequence[uuid.UUID]) -> Sequence[Any]:
        return self.get(ids)

    def update(self, held: Sequence[Any], score: int) -> None:
        for customer in held:
            with self.crm.session(ACTOR) as s:
                self.of(s).update(customer, score=score)

    def page(self, times: int) -> Sequence[Any]:
        found: Sequence[Any] = ()
        with self.crm.session(ACTOR) as s:
            for _ in range(times):
                condition = (f.status == PAGE_STATUS) & (f.tier == PAGE_TIER) & (f.score > PAGE_SCORE)
                found = self.of(s).find(condition, order=-f.score, limit=PAGE_SIZE)
        return found

    def values(self, entity: Any) -> Mapping[str, object]:
        found = {name: getattr(entity, name) for name in FIELDS if name not in {"credit_limit", "currency", *OWN}}
        limit = entity.credit_limit
        return found | {"credit_limit": limit.amount, "currency": limit.currency}

    def close(self) -> None:
        self.crm.close()
