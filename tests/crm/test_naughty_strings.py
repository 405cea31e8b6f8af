"""The strings that break software: each goes through every text field of every model, on every store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import reduce
from operator import and_
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest

from crmkit import BadRecord, Contact, Crm, Session, connect, f, system
from crmkit.crm.coroutine import run
from crmkit.entities import BUILT_IN
from crmkit.lifecycle.built_in import BUILT_IN as PIPELINES
from crmkit.model.field import Field, ReferenceField, TextField
from crmkit.model.schema import Schema, schema_of

job = system("test")


@pytest.fixture(scope="module")
def strings(dataset: Callable[[str], Path]) -> list[str]:
    found: list[str] = json.loads((dataset("naughty-strings") / "blns.json").read_text(encoding="utf-8"))
    truth = json.loads((dataset("naughty-strings") / "truth.json").read_text(encoding="utf-8"))
    assert len(found) == truth["strings"] == 515
    return list(dict.fromkeys(found))


@pytest.fixture
def crm(store_url: str) -> Iterator[Crm]:
    # The definitions among the records are nonsense, so the tenant's own pipelines must not be left to them.
    with connect(store_url, pipelines=PIPELINES) as crm:
        yield crm


def texts(schema: Schema) -> list[Field]:
    """Return the fields of free text: those that must name a model, a stage or a pipeline are left out."""
    ruled = {"entity", "stage", "pipeline"} if schema.staged else {"entity"}
    return [
        field
        for field in schema.fields.values()
        if isinstance(field, TextField) and not field.managed and field.name not in ruled
    ]


def needed(schema: Schema, anchors: dict[str, UUID]) -> dict[str, Any]:
    """Return a value for every required field that is not free text."""
    values: dict[str, Any] = {}
    for field in schema.fields.values():
        if field.name == "entity":
            values["entity"] = "opportunity"
        elif isinstance(field, ReferenceField) and field.required:
            values[field.name] = anchors[field.link_target or "opportunity"]
        elif field.required and not field.managed and not isinstance(field, TextField):
            values[field.name] = field.example(Random(7))
    return values


def ordered() -> list[type[Any]]:
    models = list(BUILT_IN)
    models.sort(key=lambda model: any(not field.link_target for field in schema_of(model).links))
    return models


def add(s: Session, model: type[Any], records: list[Any]) -> list[UUID]:
    """Write records: those of a model that is kept through its keeper, as nobody else may."""
    if not schema_of(model).kept:
        return s.repository(model).add_many(records)
    doors = s._inner.doors
    ids = [doors.ids() for _ in records]
    run(doors.keeper(schema_of(model).name).add(records, ids, at=doors.clock()))
    return ids


def test_every_text_field_keeps_every_string(crm: Crm, strings: list[str]) -> None:
    with crm.session(job) as s:
        anchors: dict[str, UUID] = {}
        for model in ordered():
            schema = schema_of(model)
            plain: dict[str, Any] = {field.name: "anchor"[: field.max] for field in texts(schema) if field.required}
            plain |= {"number": 2} if schema.name == "stage_move" else {}
            (anchors[schema.name],) = add(s, model, [model(**(needed(schema, anchors) | plain))])
        for model in ordered():
            schema = schema_of(model)
            if not texts(schema):
                continue
            base = needed(schema, anchors)
            # Each affiliation is of a contact of its own, as a contact and a customer have one at most.
            own = s.contacts.add_many(Contact(name="own") for _ in strings) if schema.name == "affiliation" else []
            records = []
            for number, string in enumerate(strings):
                fields = {
                    field.name: string for field in texts(schema) if (field.min or 0) <= len(string) <= (field.max or 0)
                }
                missing = {
                    field.name: f"filler {number}"[: field.max]
                    for field in texts(schema)
                    if field.required and field.name not in fields
                }
                counted: dict[str, Any] = {"number": number + 10} if "number" in base else {}
                counted |= {"contact_id": own[number]} if own else {}
                records.append(model(**(base | fields | missing | counted)))
            repository = s.repository(model)
            ids = add(s, model, records)
            s.commit()
            for record, id_ in zip(records, ids, strict=True):
                held = {field.name: getattr(record, field.name) for field in texts(schema)}
                alike = [f[name] == value for name, value in held.items() if value is not None]
                same = reduce(and_, alike, f.id == id_)
                found = repository.find(same)
                assert [each.id for each in found] == [id_]
                assert all(getattr(found[0], name) == value for name, value in held.items())


def test_searching_for_a_string_finds_it_and_breaks_nothing(crm: Crm, strings: list[str]) -> None:
    customer = crm.environment.catalog["customer"].cls
    fitting = [string for string in strings if 1 <= len(string) <= 200]
    with crm.session(job) as s:
        ids = s.customers.add_many(customer(name=string, tags=(string[:100],)) for string in fitting)
        for string, id_ in zip(fitting, ids, strict=True):
            assert s.customers.exists(f.name.contains(string) & (f.id == id_))
            assert s.customers.exists(f.name.starts_with(string) & (f.id == id_))
            assert s.customers.exists(f.tags.has(string[:100]) & (f.id == id_))


def test_what_is_too_long_is_refused(strings: list[str]) -> None:
    customer = schema_of(BUILT_IN[[schema_of(model).name for model in BUILT_IN].index("customer")])
    for string in (string for string in strings if len(string) > 200):
        with pytest.raises(BadRecord, match=f"name: has {len(string)} characters, 200 at most"):
            customer.cls(name=string)
