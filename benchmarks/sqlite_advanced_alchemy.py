"""advanced-alchemy's repository on SQLite."""

# ruff: noqa: D102 - Participant says what each method does

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import ClassVar

import sqlalchemy as sa
from advanced_alchemy.base import UUIDAuditBase
from advanced_alchemy.filters import LimitOffset
from advanced_alchemy.repository import SQLAlchemySyncRepository
from sqlalchemy import orm

from benchmarks.participant import PAGE_SCORE, PAGE_SIZE, PAGE_STATUS, PAGE_TIER, Workload
from benchmarks.record import plain
from benchmarks.sqlite_sqlalchemy import CustomerColumns, OnEngine


class AaCustomer(CustomerColumns, UUIDAuditBase):
    """A customer on the library's own audit base: id, created_at and updated_at come from there."""

    __tablename__ = "customer"

    version: orm.Mapped[int] = orm.mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - how SQLAlchemy wants it spelt


class AaRepository(SQLAlchemySyncRepository[AaCustomer]):
    """The repository as the library's documentation writes it."""

    model_type = AaCustomer


class AdvancedAlchemy(OnEngine[AaCustomer, AaCustomer]):
    """Entities in by add_many, entities out by list."""

    title = "advanced-alchemy"
    file_name = "advanced_alchemy.db"
    metadata: ClassVar[sa.MetaData] = AaCustomer.metadata

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        self.entities: list[AaCustomer] = []

    def build(self) -> None:
        self.entities = [AaCustomer(**plain(record)) for record in self.workload.records]

    def add(self) -> None:
        with orm.Session(self.engine) as session:
            AaRepository(session=session).add_many(self.entities, auto_commit=True)

    def read(self) -> Sequence[AaCustomer]:
        with orm.Session(self.engine) as session:
            return AaRepository(session=session).list()

    def get(self, ids: Sequence[uuid.UUID]) -> Sequence[AaCustomer]:
        with orm.Session(self.engine) as session:
            repository = AaRepository(session=session)
            return [repository.get(key) for key in ids]

    def hold(self, ids: Sequence[uuid.UUID]) -> Sequence[AaCustomer]:
        return self.get(ids)

    def update(self, held: Sequence[AaCustomer], score: int) -> None:
        for customer in held:
            customer.score = score
            customer.updated_at = dt.datetime.now(dt.UTC)
            with orm.Session(self.engine) as session:
                AaRepository(session=session).update(customer, auto_commit=True)

    def page(self, times: int) -> Sequence[AaCustomer]:
        found: Sequence[AaCustomer] = ()
        for _ in range(times):
            with orm.Session(self.engine) as session:
                found = AaRepository(session=session).list(
                    AaCustomer.score > PAGE_SCORE,
                    LimitOffset(PAGE_SIZE, 0),
                    order_by=[("score", True), ("id", True)],
                    status=PAGE_STATUS,
                    tier=PAGE_TIER,
                )
        return found
