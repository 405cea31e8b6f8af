"""Tables: from a model's schema to what a database administrator would have drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    literal,
    or_,
)
from sqlalchemy.types import Boolean

from crmkit.model.kind import Kind
from crmkit.storage.spi.wire import converters
from crmkit.storage.sql.name import constraint_name

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

    from crmkit.model import field as model
    from crmkit.model.catalog import Catalog
    from crmkit.model.schema import Schema
    from crmkit.storage.sql.dialect import Dialect

__all__ = ["KEY", "metadata_of"]

KEY = ("tenant", "id")
"""The primary key of every table."""


def metadata_of(catalog: Catalog, dialect: Dialect) -> MetaData:
    """Return the tables of all models of a catalog, for Alembic's `target_metadata` or for a look.

    Args:
        catalog: the models.
        dialect: whose types to use.

    >>> from crmkit.model.catalog import Catalog
    >>> from crmkit.model.declare import Record, entity, text
    >>> from crmkit.storage.sql.sqlite.dialect import SqliteDialect
    >>> @entity()
    ... class Vehicle(Record):
    ...     plate: str = text(max=12, unique=True)
    >>> metadata_of(Catalog([Vehicle]), SqliteDialect()).tables["vehicles"].c.plate.type
    String(length=12)
    """
    metadata = MetaData()
    for schema in catalog:
        _add_table(metadata, catalog, schema, dialect)
    return metadata


def _add_table(metadata: MetaData, catalog: Catalog, schema: Schema, dialect: Dialect) -> None:
    name = schema.plural
    table = Table(
        name,
        metadata,
        *(_column(name, column, dialect) for column in schema.columns),
        PrimaryKeyConstraint(*KEY, name=constraint_name("pk", name)),
    )
    for field in schema.fields.values():
        if field.link_target:
            # Deferred, so that one transaction may write records that link to each other in any order.
            columns = ("tenant", field.name)
            target = catalog[field.link_target].plural
            table.append_constraint(
                ForeignKeyConstraint(
                    columns,
                    [f"{target}.{column}" for column in KEY],
                    name=constraint_name("fk", name, [field.name]),
                    deferrable=dialect.deferrable or None,
                    initially="DEFERRED" if dialect.deferrable else None,
                )
            )
        for column in field.columns:
            if column.words:
                # Not IN: for each row SQLite would build the list anew, which takes as long as writing the row.
                check = or_(*(table.c[column.name] == word for word in column.words))
                table.append_constraint(CheckConstraint(check, name=constraint_name("ck", name, [column.name])))
    for group in schema.unique_columns():
        Index(constraint_name("uq", name, group), *(table.c[column] for column in ("tenant", *group)), unique=True)
    for group in schema.index_columns():
        # With the id at its end an index also gives the order in which pages are read.
        ends = () if "id" in group else ("id",)
        # Links are followed and never sorted by, and most rows lack most of the links they may have.
        sparse = dialect.partial_indexes and group in {(link.name,) for link in schema.links if link.nullable}
        options: dict[str, Any] = {f"{dialect.name}_where": table.c[group[0]].is_not(None)} if sparse else {}
        Index(constraint_name("ix", name, group), *(table.c[each] for each in ("tenant", *group, *ends)), **options)


def _column(table: str, column: model.Column, dialect: Dialect) -> Column[Any]:
    type_ = _type_of(table, column, dialect)
    stands = None
    if column.default is not None:
        encode = converters(dialect.wires)[0].get(column.kind)
        stands = literal(column.default if encode is None else encode(column.default), type_)
    return Column(column.name, type_, nullable=column.nullable, server_default=stands, info={"by": column.by})


def _type_of(table: str, column: model.Column, dialect: Dialect) -> TypeEngine[Any]:
    if column.kind is Kind.BOOL:
        return Boolean(create_constraint=True, name=constraint_name("ck", table, [column.name]))
    return dialect.type_of(column)
