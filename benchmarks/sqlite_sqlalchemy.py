"""SQLAlchemy Core and SQLAlchemy ORM on SQLite."""

# ruff: noqa: D102 - Participant says what each method does

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, TypeAlias

import sqlalchemy as sa
from sqlalchemy import event, orm

from benchmarks import sqlite_file
from benchmarks.participant import (
    PAGE_SCORE,
    PAGE_SIZE,
    PAGE_STATUS,
    PAGE_TIER,
    Entity,
    Held,
    Participant,
    Workload,
    changed_one,
)
from benchmarks.record import FIELDS, plain

Row: TypeAlias = sa.Row[Any]


class CustomerColumns:
    """The twenty fields, for any declarative class."""

    name: orm.Mapped[str] = orm.mapped_column(sa.String(200))
    kind: orm.Mapped[str] = orm.mapped_column(sa.String(20))
    status: orm.Mapped[str] = orm.mapped_column(sa.String(20))
    tier: orm.Mapped[str] = orm.mapped_column(sa.String(20))
    industry: orm.Mapped[str] = orm.mapped_column(sa.String(40))
    size: orm.Mapped[str] = orm.mapped_column(sa.String(20))
    region: orm.Mapped[str] = orm.mapped_column(sa.String(40))
    email: orm.Mapped[str] = orm.mapped_column(sa.String(254))
    phone: orm.Mapped[str] = orm.mapped_column(sa.String(40))
    website: orm.Mapped[str | None] = orm.mapped_column(sa.String(200))
    street: orm.Mapped[str] = orm.mapped_column(sa.String(200))
    city: orm.Mapped[str] = orm.mapped_column(sa.String(100))
    postcode: orm.Mapped[str] = orm.mapped_column(sa.String(20))
    country: orm.Mapped[str] = orm.mapped_column(sa.String(2))
    source: orm.Mapped[str] = orm.mapped_column(sa.String(40))
    score: orm.Mapped[int]
    credit_limit: orm.Mapped[Decimal] = orm.mapped_column(sa.Numeric(14, 2))
    currency: orm.Mapped[str] = orm.mapped_column(sa.String(3))
    owner_id: orm.Mapped[uuid.UUID]
    tags: orm.Mapped[list[str]] = orm.mapped_column(sa.JSON)
    notes: orm.Mapped[str | None] = orm.mapped_column(sa.Text)


class Base(orm.DeclarativeBase):
    """The registry of this module."""


class SaCustomer(CustomerColumns, Base):
    """A customer with SQLAlchemy's own optimistic version."""

    __tablename__ = "customer"

    id: orm.Mapped[uuid.UUID] = orm.mapped_column(primary_key=True)
    version: orm.Mapped[int] = orm.mapped_column()
    created_at: orm.Mapped[dt.datetime] = orm.mapped_column(sa.DateTime(timezone=True))
    updated_at: orm.Mapped[dt.datetime] = orm.mapped_column(sa.DateTime(timezone=True))

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - how SQLAlchemy wants it spelt


TABLE = Base.metadata.tables[SaCustomer.__tablename__]


def open_engine(workload: Workload, path_name: str) -> sa.Engine:
    """Return an engine on a file of the scratch folder, with the shared settings on each connection."""
    engine = sa.create_engine(f"sqlite:///{workload.folder / path_name}")

    @event.listens_for(engine, "connect")
    def _apply_settings(connection: Any, _: object) -> None:
        for setting in sqlite_file.SETTINGS:
            connection.execute(setting)

    return engine


class OnEngine(Participant[Entity, Held]):
    """What everything built on a SQLAlchemy engine shares: the file, the table and its indexes."""

    file_name: ClassVar[str]
    metadata: ClassVar[sa.MetaData] = Base.metadata
    table_name: ClassVar[str] = "customer"

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        self.engine = open_engine(workload, self.file_name)

    def clear(self) -> None:
        self.close()
        path = self.workload.folder / self.file_name
        sqlite_file.remove(path)
        self.metadata.create_all(self.engine)
        sqlite_file.create_indexes(path, self.table_name, self.workload.indexes)

    def values(self, entity: Entity) -> Mapping[str, object]:
        found = {name: getattr(entity, name) for name in FIELDS}
        for name in ("created_at", "updated_at"):
            # DateTime drops the zone on SQLite
            found[name] = found[name].replace(tzinfo=dt.UTC)
        return found | {"tags": tuple(found["tags"])}

    def close(self) -> None:
        self.engine.dispose()


class SqlalchemyCore(OnEngine[Row, tuple[uuid.UUID, int]]):
    """Dictionaries in by one insert(), rows out; statements are built once, with bind parameters."""

    title = "SQLAlchemy Core"
    file_name = "core.db"

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        columns = TABLE.c
        self.rows: list[dict[str, object]] = []
        self.by_id = sa.select(TABLE).where(columns.id == sa.bindparam("key"))
        self.guarded = (
            sa.update(TABLE)
            .where(columns.id == sa.bindparam("key"), columns.version == sa.bindparam("held_version"))
            .values(score=sa.bindparam("new_score"), version=columns.version + 1, updated_at=sa.bindparam("now"))
        )
        self.best = (
            sa.select(TABLE)
            .where(
                columns.status == sa.bindparam("status"),
                columns.tier == sa.bindparam("tier"),
                columns.score > sa.bindparam("score"),
            )
            .order_by(columns.score.desc(), columns.id.desc())
            .limit(PAGE_SIZE)
        )

    def build(self) -> None:
        self.rows = [plain(record) for record in self.workload.records]

    def add(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.insert(TABLE), self.rows)

    def read(self) -> Sequence[Row]:
        with self.engine.connect() as connection:
            return connection.execute(sa.select(TABLE)).fetchall()

    def get(self, ids: Sequence[uuid.UUID]) -> Sequence[Row]:
        with self.engine.connect() as connection:
            return [connection.execute(self.by_id, {"key": key}).one() for key in ids]

    def hold(self, ids: Sequence[uuid.UUID]) -> Sequence[tuple[uuid.UUID, int]]:
        return [(row.id, row.version) for row in self.get(ids)]

    def update(self, held: Sequence[tuple[uuid.UUID, int]], score: int) -> None:
        for key, version in held:
            arguments = {"key": key, "held_version": version, "new_score": score, "now": dt.datetime.now(dt.UTC)}
            with self.engine.begin() as connection:
                changed_one(self.title, connection.execute(self.guarded, arguments).rowcount)

    def page(self, times: int) -> Sequence[Row]:
        arguments = {"status": PAGE_STATUS, "tier": PAGE_TIER, "score": PAGE_SCORE}
        rows: Sequence[Row] = ()
        with self.engine.connect() as connection:
            for _ in range(times):
                rows = connection.execute(self.best, arguments).fetchall()
        return rows


class SqlalchemyOrm(OnEngine[SaCustomer, SaCustomer]):
    """Entities in by add_all, entities out; the version is kept by version_id_col."""

    title = "SQLAlchemy ORM"
    file_name = "orm.db"

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        self.entities: list[SaCustomer] = []

    def build(self) -> None:
        self.entities = [SaCustomer(**plain(record)) for record in self.workload.records]

    def add(self) -> None:
        with orm.Session(self.engine) as session, session.begin():
            session.add_all(self.entities)

    def read(self) -> Sequence[SaCustomer]:
        with orm.Session(self.engine) as session:
            return session.scalars(sa.select(SaCustomer)).all()

    def get(self, ids: Sequence[uuid.UUID]) -> Sequence[SaCustomer]:
        with orm.Session(self.engine) as session:
            return [session.get_one(SaCustomer, key) for key in ids]

    def hold(self, ids: Sequence[uuid.UUID]) -> Sequence[SaCustomer]:
        return self.get(ids)

    def update(self, held: Sequence[SaCustomer], score: int) -> None:
        for customer in held:
            with orm.Session(self.engine, expire_on_commit=False) as session, session.begin():
                session.add(customer)
                customer.score = score
                customer.updated_at = dt.datetime.now(dt.UTC)

    def page(self, times: int) -> Sequence[SaCustomer]:
        found: Sequence[SaCustomer] = ()
        for _ in range(times):
            # a session for each page: with one for all, the second page would come from the identity map
            with orm.Session(self.engine) as session:
                found = session.scalars(
                    sa.select(SaCustomer)
                    .where(
                        SaCustomer.status == PAGE_STATUS,
                        SaCustomer.tier == PAGE_TIER,
                        SaCustomer.score > PAGE_SCORE,
                    )
                    .order_by(SaCustomer.score.desc(), SaCustomer.id.desc())
                    .limit(PAGE_SIZE)
                ).all()
        return found
