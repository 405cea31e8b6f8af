"""An import says of a record that its actor may not see what it says of none, and a plan is what its apply does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from crmkit import (
    Action,
    Actor,
    Affiliation,
    Contact,
    Crm,
    Customer,
    Expr,
    Product,
    Session,
    User,
    connect,
    everything,
    f,
    me,
    nothing,
    system,
)
from crmkit.importers.import_report import ImportReport
from crmkit.model.schema import Schema
from tests.importers.conftest import Files, customers

job = system("migration")
ann = Actor(id=UUID(int=1), name="Ann")
FIND = "whoever may see it finds it with find(..., deleted=True)"
READ_OWN = f.owner_id == me.id


class Rules:
    """What people may do to rows, by action and model; background work may do everything."""

    def __init__(self) -> None:
        self.by_action: dict[tuple[Action, str], Expr] = {}

    def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
        return everything if actor.id is None else self.by_action.get((action, schema.name), everything)


@pytest.fixture
def rules() -> Rules:
    return Rules()


@pytest.fixture
def crm(store_url: str, rules: Rules) -> Iterator[Crm]:
    with connect(store_url, policy=rules) as crm:
        with crm.session(job) as s:
            s.users.add(User(id=UUID(int=1), name="Ann", email="ann@example.org"))
        yield crm


def load(crm: Crm, folder: Any, mapping: dict[str, Any], actor: Actor = ann) -> ImportReport:
    """Plan and apply; both say the same of every row."""
    plan = crm.imports(actor).plan(mapping, folder=folder)
    done = plan.apply()
    assert list(done.problems) == list(plan.problems)
    assert done.counts == plan.counts
    return done


def told(report: ImportReport) -> list[tuple[int, str, str]]:
    return [(each.record, each.column, each.code) for each in report.problems]


def test_a_row_of_an_invisible_record_tells_nothing_of_what_it_holds(crm: Crm, rules: Rules, files: Files) -> None:
    load(crm, files(a__csv="No,Name\n1,Secret\n"), customers(), job)
    rules.by_action[Action.READ, "customer"] = READ_OWN
    guesses = [load(crm, files(a__csv=f"No,Name\n1,{guess}\n"), customers()) for guess in ("Secret", "Wrong")]
    with crm.session(job) as s:
        s.customers.delete(s.customers.first(f.name == "Secret"))
    guesses += [load(crm, files(a__csv=f"No,Name\n1,{guess}\n"), customers()) for guess in ("Secret", "Wrong")]
    assert len({str((list(each.problems), each.counts)) for each in guesses}) == 1
    (problem,) = guesses[0].problems
    assert (problem.record, problem.column, problem.code, problem.value) == (2, "No", "duplicate", "1")
    assert FIND in problem.message


def test_whoever_sees_a_deleted_record_is_told_that_it_is_deleted(crm: Crm, files: Files) -> None:
    load(crm, files(a__csv="No,Name\n1,Acme\n"), customers())
    with crm.session(ann) as s:
        s.customers.delete(s.customers.first(f.name == "Acme"))
    assert told(load(crm, files(a__csv="No,Name\n1,Acme AG\n"), customers())) == [(2, "No", "deleted")]


def test_a_link_to_an_invisible_record_leads_nowhere(crm: Crm, rules: Rules, files: Files) -> None:
    load(crm, files(a__csv="No,Name\n1,Secret\n"), customers(), job)
    rules.by_action[Action.READ, "customer"] = READ_OWN
    for link in ({"column": "At", "link": "customer"}, {"column": "At", "link": "customer", "by": "name"}):
        mapping = {
            "source": "legacy",
            "file": [{"path": "b.csv", "into": "contact", "id": "No", "fields": {"name": "Name", "customer_id": link}}],
        }
        there = load(crm, files(b__csv="No,Name,At\n1,Cid,Secret\n2,Dan,1\n3,Eve,2\n4,Fay,None\n"), mapping)
        assert {each.code for each in there.problems} == {"unknown_link"}
        assert {each.message for each in there.problems} == {
            f"leads nowhere: no customer has that {'name' if 'by' in link else 'key'}."
        }


def hold_invisibly(s: Session, rules: Rules) -> None:
    rules.by_action[Action.READ, "user"] = f.id == me.id
    s.users.add(User(name="Bo", email="bo@example.org"))


def hold_deleted(s: Session, rules: Rules) -> None:
    s.users.delete(s.users.add(User(name="Bo", email="bo@example.org")))


@pytest.mark.parametrize("hold", [hold_invisibly, hold_deleted])
def test_a_row_with_a_value_that_is_taken_is_refused_and_the_others_are_loaded(
    crm: Crm, rules: Rules, files: Files, hold: Any
) -> None:
    with crm.session(job) as s:
        hold(s, rules)
    mapping = {
        "source": "legacy",
        "file": [{"path": "u.csv", "into": "user", "id": "No", "fields": {"name": "Name", "email": "Mail"}}],
    }
    report = load(crm, files(u__csv="No,Name,Mail\n1,Cid,c@example.org\n2,Bo,bo@example.org\n3,Dan,\n"), mapping)
    (problem,) = report.problems
    assert (problem.record, problem.column, problem.code, problem.value) == (3, "Mail", "duplicate", "bo@example.org")
    assert problem.message.startswith("another user already has this email.")
    assert FIND in problem.message
    assert report.total("create") == 2


def test_values_of_another_file_that_are_taken_refuse_the_row(crm: Crm, files: Files) -> None:
    with crm.session(job) as s:
        s.products.delete(s.products.add(Product(name="Old", sku="A-1")))
    mapping = {
        "source": "legacy",
        "file": [
            {"path": "p.csv", "into": "product", "id": "No", "fields": {"name": "Name"}},
            {"path": "s.csv", "join": "product", "record": "No", "fields": {"sku": "Sku"}},
        ],
    }
    report = load(crm, files(p__csv="No,Name\n1,New\n2,Other\n", s__csv="No,Sku\n1,A-1\n2,A-2\n"), mapping)
    assert (2, "", "duplicate") in told(report)
    with crm.session(job) as s:
        assert [each.sku for each in s.products.find()] == ["A-2"]


def test_values_that_are_taken_together_with_one_that_stays_refuse_the_row(crm: Crm, files: Files) -> None:
    with crm.session(job) as s:
        here, there = (s.customers.add(Customer(name=name)) for name in ("Here", "There"))
        cid = s.contacts.add(Contact(name="Cid"))
        s.affiliations.delete(s.affiliations.add(Affiliation(contact_id=cid.id, customer_id=there.id)))
    fields = {
        "contact_id": {"const": "Cid", "link": "contact", "by": "name"},
        "customer_id": {"column": "At", "link": "customer", "by": "name"},
    }
    mapping = {"source": "legacy", "file": [{"path": "a.csv", "into": "affiliation", "id": "No", "fields": fields}]}
    assert load(crm, files(a__csv="No,At\n1,Here\n"), mapping).total("create") == 1
    assert told(load(crm, files(a__csv="No,At\n1,There\n"), mapping)) == [(2, "", "duplicate")]
    with crm.session(job) as s:
        assert [each.customer_id for each in s.affiliations.find()] == [here.id]


REFUSING = {
    "create": (Action.CREATE, f.country == "DE", [(2, "No", "not_allowed"), (3, "No", "not_allowed")]),
    "update as it was": (Action.UPDATE, f.country == "DE", [(3, "No", "not_allowed")]),
    "update as it will be": (Action.UPDATE, f.name != "Acme AG", [(2, "No", "not_allowed")]),
    "update of nothing": (Action.UPDATE, nothing, [(2, "No", "not_allowed"), (3, "No", "not_allowed")]),
}


@pytest.mark.parametrize("case", REFUSING)
def test_rows_that_the_policy_refuses_are_refused_alone(crm: Crm, rules: Rules, files: Files, case: str) -> None:
    action, rule, expected = REFUSING[case]
    if action is Action.UPDATE:
        load(crm, files(a__csv="No,Name,Land\n1,Acme,DE\n2,Beta,FR\n3,Cem,DE\n"), customers(fields={"country": "Land"}))
    rules.by_action[action, "customer"] = rule
    report = load(crm, files(a__csv="No,Name\n1,Acme AG\n2,Beta AG\n"), customers())
    assert told(report) == expected
    assert report.total("create") + report.total("update") == 2 - len(expected)
