"""All that can be done with a field of customers, by its name alone: what one line in a model must be enough for.

python -m tests.crm.field_use URL NAME KIND
"""

from __future__ import annotations

import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from crmkit import (
    Crm,
    Customer,
    Opportunity,
    Session,
    connect,
    count,
    f,
    from_dict,
    from_json,
    json_schema,
    system,
    to_dict,
    to_json,
)

job = system("test")
KINDS: dict[str, tuple[Any, Any, str, str]] = {
    "integer": (3, 40, "40", "integer"),
    "text": ("A-1", "B-2", "B-2", "string"),
    "decimal": (Decimal("0.50"), Decimal("7.25"), "7.25", "string"),
    "day": (date(2024, 2, 29), date(2026, 1, 1), "2026-01-01", "string"),
}
"""Of each kind a value, a greater one, that one as files have it, and the type of its JSON."""


def use(crm: Crm, model: type[Customer], name: str, kind: str) -> None:
    """Use a field, which may be missing, of the CRM's model of customers."""
    low, high, spelled, typed = KINDS[kind]
    with crm.session(job) as s:
        records = [s.customers.add(model(name="c", **{name: value})) for value in (low, high, None)]
        read(s, records, name)
        travel(model, records, name, typed)
        changed: Any = s.customers.update(records[2], **{name: low})
        assert getattr(changed, name) == low
        assert s.customers.count(f[name] == low) == 2
        s.rollback()
    load(crm, name, spelled)
    with crm.session(job) as s:
        assert [getattr(each, name) for each in s.customers.find(order=f[name])] == [high, None]


def read(s: Session, records: list[Customer], name: str) -> None:
    """Find, order and group by the field, from its own model and from another."""
    small, great, blank = records
    low, high = getattr(small, name), getattr(great, name)
    assert list(s.customers.find(f[name] == high)) == [great]
    assert list(s.customers.find(f[name].missing())) == [blank]
    assert list(s.customers.find(order=f[name])) == [small, great, blank]
    first = s.customers.find(order=f[name].desc(missing="first"), limit=1)
    rest = s.customers.find(order=f[name].desc(missing="first"), after=first.next)
    assert [*first, *rest] == [blank, great, small]
    groups = s.customers.tally(by=f[name], n=count())
    assert [(group.key, group["n"]) for group in groups] == [((low,), 1), ((high,), 1), ((None,), 1)]

    deals = [s.opportunities.add(Opportunity(name="d", customer_id=each.id)) for each in (great, blank, small)]
    page = s.opportunities.find(order=f.customer[name], limit=2)
    assert [*page, *s.opportunities.find(order=f.customer[name], after=page.next)] == [deals[2], deals[0], deals[1]]
    assert [group.key for group in s.opportunities.tally(by=f.customer[name])] == [(low,), (high,), (None,)]
    assert [group.key for group in s.analytics.win_rate(by=f.customer[name])] == [low, high, None]


def travel(model: type[Customer], records: list[Customer], name: str, typed: str) -> None:
    """Write records as JSON and read them back."""
    for record in records:
        assert from_dict(model, to_dict(record)) == from_json(model, to_json(record)) == record
    value, blank = json_schema(model)["properties"][name]["anyOf"]
    assert (value["type"], blank["type"]) == (typed, "null")


def load(crm: Crm, name: str, spelled: str) -> None:
    """Import two customers from a file, one of them with a value."""
    fields = {"name": "Name", name: "Value"}
    mapping = {"source": "old", "file": [{"path": "a.csv", "into": "customer", "id": "No", "fields": fields}]}
    with TemporaryDirectory() as folder:
        Path(folder, "a.csv").write_text(f"No,Name,Value\n1,Acme,{spelled}\n2,Zeta,\n", encoding="utf-8")
        assert not list(crm.imports(job).plan(mapping, folder=folder).apply().problems)


if __name__ == "__main__":
    with connect(sys.argv[1]) as crm:
        use(crm, Customer, *sys.argv[2:])
