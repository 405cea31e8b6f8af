"""Fitting: whether the tables that a database has are those that the models need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect
from sqlalchemy.schema import CheckConstraint, CreateColumn, CreateIndex, CreateTable

from crmkit.errors import StoreError
from crmkit.storage.sql.table import KEY

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection, Index, Inspector, MetaData, Table

    from crmkit.storage.sql.dialect import Dialect

__all__ = ["fit"]

_MIGRATE = "Migrate the database first; Alembic can, with metadata_of() of crmkit.storage.sql.table as its target."


def fit(connection: Connection, metadata: MetaData, dialect: Dialect, *, create: bool) -> None:
    """Check that all tables are there and fit; create what is missing, but alter nothing.

    Args:
        connection: to the database, outside a transaction.
        metadata: the tables needed.
        dialect: the database's spelling.
        create: whether to create missing tables and indexes.

    Raises:
        StoreError: something is missing and may not be created, or does not fit.
    """
    if not _missing(connection, metadata, dialect, create=create):
        return
    dialect.lock_schema(connection)
    # Another process may have created them while this one waited for the lock.
    for statement in _missing(connection, metadata, dialect, create=True):
        connection.execute(statement)
    connection.commit()


def _missing(
    connection: Connection, metadata: MetaData, dialect: Dialect, *, create: bool
) -> list[CreateTable | CreateIndex]:
    inspector = inspect(connection)
    present = set(inspector.get_table_names())
    statements: list[CreateTable | CreateIndex] = []
    for table in metadata.tables.values():
        if table.name in present:
            _check_table(inspector, table, dialect)
            lacking = _lacking_indexes(inspector, table)
        else:
            if not create:
                raise StoreError(
                    f"the database has no table {table.name!r}.",
                    hint=f"{_MIGRATE} Or allow it to be created.",
                    absent=present.isdisjoint(metadata.tables),
                )
            statements.append(CreateTable(table))
            lacking = sorted(table.indexes, key=_name_of)
        if lacking and not create:
            index = lacking[0]
            columns = ", ".join(column.name for column in index.columns)
            unique = "unique index" if index.unique else "index"
            raise StoreError(
                f"the table {table.name!r} has no {unique} on ({columns}).",
                hint=f"Run: {str(CreateIndex(index).compile(connection)).strip()}",
            )
        statements += [CreateIndex(index) for index in lacking]
    return statements


def _name_of(index: Index) -> str:
    return str(index.name)


def _lacking_indexes(inspector: Inspector, table: Table) -> list[Index]:
    held = [(tuple(index["column_names"]), bool(index["unique"])) for index in inspector.get_indexes(table.name)]
    held += [(tuple(unique["column_names"]), True) for unique in inspector.get_unique_constraints(table.name)]
    return [
        index
        for index in sorted(table.indexes, key=_name_of)
        if not _is_held(tuple(column.name for column in index.columns), unique=bool(index.unique), held=held)
    ]


def _is_held(columns: tuple[str, ...], *, unique: bool, held: Sequence[tuple[Sequence[Any], bool]]) -> bool:
    return any(tuple(names) == columns and (is_unique or not unique) for names, is_unique in held)


def _check_table(inspector: Inspector, table: Table, dialect: Dialect) -> None:
    found = {column["name"]: column for column in inspector.get_columns(table.name)}
    if lacking := [column for column in table.columns if column.name not in found]:
        raise _lacking(inspector, table, lacking)
    for column in table.columns:
        held = found.pop(column.name)
        place = f"the column {table.name}.{column.name}"
        expected, actual = _type_name(inspector, column.type), _type_name(inspector, held["type"])
        if expected != actual:
            raise StoreError(f"{place} is of type {actual}, not {expected}.", hint=_MIGRATE)
        if column.nullable and not held["nullable"]:
            raise StoreError(f"{place} is NOT NULL, but the model's field is optional.", hint=_MIGRATE)
    for name, held in found.items():
        if not held["nullable"] and held["default"] is None:
            raise StoreError(
                f"the column {table.name}.{name} is NOT NULL, but the model has no such field.",
                hint=f"If one of your own models has it, name that in connect(models=[...]). If none has: {_MIGRATE}",
            )
    key = inspector.get_pk_constraint(table.name)["constrained_columns"]
    if tuple(key) != KEY:
        raise StoreError(
            f"the table {table.name!r} has the primary key ({', '.join(key)}), not (tenant, id).", hint=_MIGRATE
        )
    _check_choices(inspector, table, dialect)


def _lacking(inspector: Inspector, table: Table, columns: Sequence[Column[Any]]) -> StoreError:
    names = ", ".join(repr(column.name) for column in columns)
    bringing = sorted({column.info["by"] for column in columns if column.info["by"]})
    who = f", which {' and '.join(bringing)} brings along" if bringing else ""
    hint = _MIGRATE
    if all(column.nullable or column.server_default is not None for column in columns):
        definitions = (str(CreateColumn(column).compile(inspector.bind)).strip() for column in columns)
        hint = "Run: " + "; ".join(f"ALTER TABLE {table.name} ADD COLUMN {each}" for each in definitions)
    return StoreError(f"the table {table.name!r} has no column {names}{who}.", hint=hint)


def _type_name(inspector: Inspector, type_: Any) -> str:
    # Without the length: not every database keeps to it, and a table made for a shorter one serves as well.
    return str(type_.compile(inspector.dialect)).partition("(")[0]


def _check_choices(inspector: Inspector, table: Table, dialect: Dialect) -> None:
    compiler: Any = inspector.dialect.statement_compiler(inspector.dialect, None)
    held: dict[Any, str] = {check["name"]: check["sqltext"] for check in inspector.get_check_constraints(table.name)}
    for check in table.constraints:
        if isinstance(check, CheckConstraint) and check.name in held:
            text = compiler.process(check.sqltext, include_table=False, literal_binds=True)
            if dialect.check_meaning(held[check.name]) != dialect.check_meaning(text):
                raise StoreError(
                    f"the constraint {check.name} of the table {table.name!r} allows other values than the model does.",
                    hint=_MIGRATE,
                )
