"""Imports can be run again: nothing doubles, changes come in, history stays, and a killed run goes on."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import sys
import textwrap

import pytest

from crmkit import UTC, Money, connect, f, system
from tests.importers.conftest import customers

job = system("migration")
DEALS = {
    "source": "legacy",
    "zone": "UTC",
    "file": [
        {
            "path": "deals.csv", "into": "opportunity", "id": "No",
            "fields": {
                "name": "Name", "stage": "Stage", "created_at": "Created", "city": "X",
                "amount": {"money": "Amount", "currency": {"const": "EUR"}},
            },
        },
        {"path": "log.csv", "history_of": "opportunity", "record": "No", "fields": {"stage": "To", "at": "At"}},
    ],
}  # fmt: skip
del DEALS["file"][0]["fields"]["city"]
HEAD = "No,Name,Stage,Created,Amount\n"
LOG = "No,To,At\n"


@pytest.fixture
def crm(store_url):
    with connect(store_url) as crm:
        yield crm


def load(crm, folder, mapping):
    plan = crm.imports(job).plan(mapping, folder=folder)
    run = plan.apply()
    assert plan.counts == run.counts
    return run


def test_a_changed_row_changes_its_fields_alone(crm, files):
    mapping = customers(fields={"city": "City", "phone": "Phone"})
    load(crm, files(a__csv="No,Name,City,Phone\n1,Acme,Bonn,7\n2,Beta,Ulm,8\n"), mapping)
    with crm.session(job) as s:
        s.customers.update(s.customers.first(f.name == "Acme"), industry="food", phone="9")
    run = load(crm, files(a__csv="No,Name,City,Phone\n1,Acme,Köln,\n2,Beta,Ulm,8\n"), mapping)
    assert (run.total("create"), run.total("update"), run.total("skip")) == (0, 1, 1)
    with crm.session(job) as s:
        acme, beta = s.customers.first(f.name == "Acme"), s.customers.first(f.name == "Beta")
    assert (acme.city, acme.phone, acme.industry, acme.version, beta.version) == ("Köln", "9", "food", 3, 1)
    assert load(crm, files(), mapping).total("skip") == 2


def test_the_mapping_says_what_a_rerun_may_do_to_a_field(crm, files):
    fields = {"city": {"column": "City", "on_update": "never"}, "phone": {"column": "Phone", "on_update": "fill"}}
    load(crm, files(a__csv="No,Name,City,Phone\n1,Acme,Bonn,\n"), customers(fields=fields))
    load(crm, files(a__csv="No,Name,City,Phone\n1,Acme,Ulm,7\n"), customers(fields=fields))
    load(crm, files(a__csv="No,Name,City,Phone\n1,Acme,Ulm,8\n"), customers(fields=fields))
    with crm.session(job) as s:
        acme = s.customers.first()
    assert (acme.city, acme.phone) == ("Bonn", "7")


def test_a_deleted_record_is_not_brought_back(crm, files):
    load(crm, files(a__csv="No,Name\n1,Acme\n"), customers())
    with crm.session(job) as s:
        s.customers.delete(s.customers.first())
    assert load(crm, files(), customers()).total("skip") == 1
    run = load(crm, files(a__csv="No,Name\n1,Acme Ltd\n"), customers())
    assert [each.code for each in run.problems] == ["deleted"]
    with crm.session(job) as s:
        assert s.customers.count() == 0


def test_history_sets_the_stage_and_every_managed_field(crm, files):
    folder = files(
        deals__csv=HEAD + "1,Line 4,won,2025-01-01,12\n",
        log__csv=LOG + "1,won,2025-03-01\n1,contact,2025-01-01\n1,proposal,2025-02-01\n1,proposal,2025-02-03\n",
    )
    run = load(crm, folder, DEALS)
    assert [(each.entity, each.create) for each in run.counts] == [("opportunity", 1), ("stage_move", 4)]
    with crm.session(job) as s:
        deal = s.opportunities.first()
        moves = sorted(s.stage_moves.stream(f.record_id == deal.id), key=lambda move: move.number)
    assert [(m.from_stage, m.to_stage, m.kind) for m in moves] == [
        ("", "contact", "enter"), ("contact", "proposal", "forward"), ("proposal", "won", "close"),
    ]  # fmt: skip
    assert [m.spent for m in moves] == [None, 31 * 86_400_000, 28 * 86_400_000]
    assert (deal.outcome, deal.stage_reached, deal.amount) == ("won", 3, Money(12, "EUR"))
    assert deal.closed_at == deal.stage_since == dt.datetime(2025, 3, 1, tzinfo=UTC)
    assert (deal.pipeline, deal.pipeline_version) == ("opportunity", 1)


def test_new_history_is_added_and_old_history_is_never_rewritten(crm, files):
    first = LOG + "1,contact,2025-01-01\n1,needs,2025-02-01\n"
    load(crm, files(deals__csv=HEAD + "1,Line 4,needs,2025-01-01,\n", log__csv=first), DEALS)
    run = load(
        crm, files(deals__csv=HEAD + "1,Line 4,lost,2025-01-01,\n", log__csv=first + "1,lost,2025-03-01\n"), DEALS
    )
    assert run.counts[0].update == 1
    with crm.session(job) as s:
        deal = s.opportunities.first()
        assert (deal.stage, deal.outcome, deal.version) == ("lost", "lost", 2)
        assert [m.number for m in s.stage_moves.stream()] == [1, 2, 3]
    run = load(crm, files(log__csv=first + "1,proposal,2025-02-15\n1,lost,2025-03-01\n"), DEALS)
    codes = {(each.file, each.code) for each in run.problems}
    assert codes == {("deals.csv", "history_conflict"), ("log.csv", "unknown_record")}
    with crm.session(job) as s:
        assert s.stage_moves.count() == 3


def test_moves_that_users_made_after_an_import_stay(crm, files):
    load(crm, files(deals__csv=HEAD + "1,Line 4,contact,2025-01-01,\n", log__csv=LOG), DEALS)
    with crm.session(system("user")) as s:
        s.opportunities.advance(s.opportunities.first(), "needs")
    load(crm, files(deals__csv=HEAD + "1,Line 5,contact,2025-01-01,\n"), DEALS)
    with crm.session(job) as s:
        deal = s.opportunities.first()
        assert (deal.name, deal.stage) == ("Line 5", "needs")


def test_rows_without_a_key_are_known_by_what_they_say(crm, files):
    mapping = customers()
    del mapping["file"][0]["id"]
    run = load(crm, files(a__csv="No,Name\n1,Acme\n2,Acme\n3,Beta\n"), mapping)
    assert (run.total("create"), run.total("skip")) == (2, 1)
    assert load(crm, files(), mapping).total("skip") == 3


def test_the_same_key_in_two_sources_names_two_records(crm, files):
    folder = files(a__csv="No,Name\n1,Acme\n")
    load(crm, folder, customers())
    load(crm, folder, customers() | {"source": "other"})
    with crm.session(job) as s:
        assert s.customers.count() == 2


def test_tenants_do_not_meet(crm, files):
    folder = files(a__csv="No,Name\n1,Acme\n")
    for tenant in ("a", "b"):
        run = crm.imports(system("migration", tenant=tenant)).plan(customers(), folder=folder).apply()
        assert run.total("create") == 1


def test_a_run_that_was_killed_goes_on_where_it_stopped(tmp_path):
    rows = 30_000
    (tmp_path / "a.csv").write_text("No,Name\n" + "".join(f"{n},Firm {n}\n" for n in range(rows)))
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    program = textwrap.dedent(
        f"""
        from crmkit import connect, system
        mapping = {customers()!r}
        plan = connect({url!r}).imports(system("migration")).plan(mapping, folder={str(tmp_path)!r})
        plan.apply(progress=lambda rows, total: print(rows, flush=True))
        """
    )
    started = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    assert started.stdout.readline() == "5000\n"
    started.send_signal(signal.SIGKILL)
    started.wait()
    started.stdout.close()
    with connect(url) as crm:
        with crm.session(job) as s:
            before = s.customers.count()
        assert 5_000 <= before < rows
        assert before % 5_000 == 0
        run = crm.imports(job).plan(customers(), folder=tmp_path).apply()
        assert (run.total("create"), run.total("skip")) == (rows - before, before)
        with crm.session(job) as s:
            assert s.customers.count() == s.external_ids.count() == rows
            assert {each.name for each in s.customers.stream()} == {f"Firm {n}" for n in range(rows)}
