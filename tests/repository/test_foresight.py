"""What is foreseen of a record is what the specification says of it, given the records that it is related to."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings

from crmkit import Contact, Customer, Opportunity, connect, f, rule, system
from crmkit.expr.evaluate import evaluate
from crmkit.expr.resolve import resolve
from crmkit.model.schema import schema_of
from crmkit.repository import Doors
from crmkit.repository.foresight import holds
from crmkit.testing.drive import step
from crmkit.testing.strategy import Case, cases
from crmkit.testing.world import _EXTRA, CATALOG, NOW, Account

job = system("test")


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(cases())
def test_of_a_stored_record_it_agrees_with_the_specification(case: Case) -> None:
    models = [each.cls for each in CATALOG]
    with connect("memory://", models=models, extra={Account: _EXTRA}, clock=lambda: NOW) as crm:
        with crm.session(job) as s:
            for record in case.world.records:
                s.repository(type(record)).add(record)
        doors = Doors(crm.environment, job)
        for schema, expr in case.questions:
            door = doors.of(schema.name)
            for record in case.world.of(schema):
                stored = step(door.records(f.id == record.id))[0]
                foreseen = step(holds(resolve(expr, case.facts), stored, door.judge, new=False))
                assert foreseen == evaluate(expr, record, facts=case.facts, world=case.world), expr


def test_a_changed_link_leads_where_it_will_lead(store_url: str) -> None:
    poor = rule("The customer is poor.", refuse=f.customer.name == "Poor")
    bare = rule("The customer has no contact.", refuse=f.customer.contacts.none())
    one = rule("It stands alone.", refuse=f.customer.count() == 0)
    with connect(store_url, rules={Opportunity: [poor, bare, one]}) as crm, crm.session(job) as s:
        rich, other = s.customers.add(Customer(name="Rich")), s.customers.add(Customer(name="Poor"))
        s.contacts.add(Contact(name="Ann", customer_id=rich.id))
        deal = s.opportunities.add(Opportunity(name="A", customer_id=rich.id))
        assert s.opportunities.why_not(deal, "proposal") == ""
        told = s.opportunities.why_not(deal, "proposal", customer_id=other.id)
        assert told == "The customer is poor. The customer has no contact."
        assert s.opportunities.why_not(deal, "proposal", customer_id=None) == (
            "The customer has no contact. It stands alone."
        )


def test_an_import_waits_for_records_of_its_own(store_url: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("No,Name\n1,Rich\n2,Poor\n")
    (tmp_path / "b.csv").write_text("No,Name,At\n1,A,1\n2,B,2\n3,C,\n")
    mapping = {
        "source": "legacy",
        "zone": "UTC",
        "file": [
            {"path": "a.csv", "into": "customer", "id": "No", "fields": {"name": "Name"}},
            {
                "path": "b.csv",
                "into": "opportunity",
                "id": "No",
                "fields": {"name": "Name", "customer_id": {"column": "At", "link": "customer"}},
            },
        ],
    }
    named = rule("It has no customer.", refuse=f.customer.name.missing(), on=["customer_id"])
    with connect(store_url, rules={Opportunity: [named]}) as crm:
        for report in (plan := crm.imports(job).plan(mapping, folder=tmp_path), plan.apply()):
            assert [(each.file, each.record, each.column, each.message) for each in report.problems] == [
                ("b.csv", 4, "At", "It has no customer.")
            ]
        with crm.session(job) as s:
            assert s.opportunities.count() == 2


def test_a_new_record_has_nothing_that_leads_to_it(store_url: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("No,Name\n1,Acme\n")
    mapping = {
        "source": "legacy",
        "zone": "UTC",
        "file": [{"path": "a.csv", "into": "customer", "id": "No", "fields": {"name": "Name"}}],
    }
    known = rule("Nobody knows it.", refuse=f.contacts.none(), on=["name"])
    with connect(store_url, rules={Customer: [known]}) as crm:
        assert schema_of(Customer).name == "customer"
        plan = crm.imports(job).plan(mapping, folder=tmp_path)
        assert [each.message for each in plan.problems] == ["Nobody knows it."]
        assert not plan.apply().total("create")
