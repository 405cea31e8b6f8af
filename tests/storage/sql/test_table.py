"""Tables are what a database administrator would have drawn."""

from sqlalchemy import create_engine
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from crmkit.model.catalog import Catalog
from crmkit.model.declare import Record, entity, text
from crmkit.storage.sql.sqlite.dialect import SqliteDialect
from crmkit.storage.sql.table import metadata_of
from tests.storage.sql.shop import CATALOG

FIRMS = """\
CREATE TABLE firms (
	tenant VARCHAR(64) NOT NULL,
	id CHAR(32) NOT NULL,
	version BIGINT NOT NULL,
	created_at CHAR(29) NOT NULL,
	updated_at CHAR(29) NOT NULL,
	created_by VARCHAR(120) NOT NULL,
	updated_by VARCHAR(120) NOT NULL,
	deleted_at CHAR(29),
	extra TEXT NOT NULL,
	name VARCHAR(80) NOT NULL,
	name_folded VARCHAR(1440) NOT NULL,
	email VARCHAR(200),
	city VARCHAR(200),
	rank VARCHAR(4),
	score BIGINT,
	ratio BIGINT,
	worth BIGINT,
	worth_currency VARCHAR(3),
	vip BOOLEAN NOT NULL,
	founded CHAR(10),
	seen CHAR(29),
	labels TEXT NOT NULL,
	memo TEXT,
	parent_id CHAR(32),
	CONSTRAINT pk_firms PRIMARY KEY (tenant, id),
	CONSTRAINT ck_firms__vip CHECK (vip IN (0, 1)),
	CONSTRAINT ck_firms__rank CHECK (rank = 'gold' OR rank = 'it''s'),
	CONSTRAINT fk_firms__parent_id FOREIGN KEY(tenant, parent_id) REFERENCES firms (tenant, id) \
DEFERRABLE INITIALLY DEFERRED
)
CREATE INDEX ix_firms__city_score ON firms (tenant, city, score, id)
CREATE INDEX ix_firms__created_at ON firms (tenant, created_at, id)
CREATE INDEX ix_firms__name_folded ON firms (tenant, name_folded, id)
CREATE INDEX ix_firms__parent_id ON firms (tenant, parent_id, id) WHERE parent_id IS NOT NULL
CREATE INDEX ix_firms__rank ON firms (tenant, rank, id)
CREATE UNIQUE INDEX uq_firms__email ON firms (tenant, email)"""

PEOPLE = """\
CREATE TABLE people (
	tenant VARCHAR(64) NOT NULL,
	id CHAR(32) NOT NULL,
	version BIGINT NOT NULL,
	created_at CHAR(29) NOT NULL,
	updated_at CHAR(29) NOT NULL,
	created_by VARCHAR(120) NOT NULL,
	updated_by VARCHAR(120) NOT NULL,
	deleted_at CHAR(29),
	extra TEXT NOT NULL,
	name VARCHAR(80) NOT NULL,
	firm_id CHAR(32),
	CONSTRAINT pk_people PRIMARY KEY (tenant, id),
	CONSTRAINT fk_people__firm_id FOREIGN KEY(tenant, firm_id) REFERENCES firms (tenant, id) \
DEFERRABLE INITIALLY DEFERRED
)
CREATE UNIQUE INDEX uq_people__firm_id_name ON people (tenant, firm_id, name)"""


def definition(table):
    statements = [CreateTable(table), *map(CreateIndex, sorted(table.indexes, key=lambda index: index.name))]
    lines = "\n".join(str(statement.compile(dialect=sqlite.dialect())).strip() for statement in statements)
    return "\n".join(line.rstrip() for line in lines.splitlines() if line.strip())


def test_a_model_becomes_a_table_with_keys_checks_and_indexes():
    tables = metadata_of(CATALOG, SqliteDialect()).tables
    assert definition(tables["firms"]) == FIRMS
    assert definition(tables["people"]) == PEOPLE


def test_hosts_can_create_the_tables_themselves():
    engine = create_engine("sqlite://")
    metadata_of(CATALOG, SqliteDialect()).create_all(engine)
    engine.dispose()


def test_names_stay_short_and_apart():
    columns = ("a" * 41, "b" * 41)

    @entity(plural="t" * 40, indexes=(columns, columns[::-1]))
    class Wide(Record):
        vars()["__annotations__"] = dict.fromkeys(columns, str)
        locals().update({name: text(index=True) for name in columns})

    (table,) = metadata_of(Catalog([Wide]), SqliteDialect()).tables.values()
    names = [index.name for index in table.indexes]
    assert len(set(names)) == len(names) == 2
    assert max(map(len, names)) < 64
