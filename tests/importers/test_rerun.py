"""Imports can be run again: nothing doubles, changes come in, history stays, and a killed run goes on."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import sys
import textwrap
from fractions import Fraction
from random import Random
from uuid import UUID

import pytest

from crmkit import UTC, Busy, Crm, Funnel, Money, connect, f, system
from crmkit.lifecycle.built_in import OPPORTUNITY
from crmkit.values.identifier import uuid7_source
from tests.importers.conftest import balanced, customers

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
    run = balanced(plan.apply())
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
    told = [(each.entity, each.rows, each.create, each.merged) for each in run.counts]
    assert told == [("opportunity", 1, 1, 0), ("stage_move", 4, 4, 0)]
    with crm.session(job) as s:
        deal = s.opportunities.first()
        moves = sorted(s.stage_moves.stream(f.record_id == deal.id), key=lambda move: move.number)
    assert [(m.from_stage, m.to_stage, m.kind) for m in moves] == [
        ("", "contact", "enter"), ("contact", "proposal", "forward"), ("proposal", "proposal", "stay"),
        ("proposal", "won", "close"),
    ]  # fmt: skip
    assert [m.spent for m in moves] == [None, 31 * 86_400_000, None, 28 * 86_400_000]
    assert (deal.outcome, deal.stage_reached, deal.amount) == ("won", 3, Money(12, "EUR"))
    assert deal.closed_at == deal.stage_since == dt.datetime(2025, 3, 1, tzinfo=UTC)
    assert (deal.pipeline, deal.pipeline_version) == ("opportunity", 1)


LOGGED = {
    **DEALS,
    "file": [
        {"path": "people.csv", "into": "user", "id": "Name", "fields": {"name": "Name"}},
        DEALS["file"][0],
        {
            "path": "log.csv", "history_of": "opportunity", "record": "No",
            "fields": {"stage": "To", "at": "At", "note": "Said", "by": {"link": "user", "column": "By", "by": "name"}},
        },
    ],
}  # fmt: skip
SAID = "No,To,At,Said,By\n"


def told(crm):
    """What history says: where from and to, on which day, and with which words of whom."""
    with crm.session(job) as s:
        names = {str(each.id): each.name for each in s.users.stream()}
        moves = sorted(s.stage_moves.stream(), key=lambda move: move.number)
        return [(m.kind, m.to_stage, m.at.day, m.note, names.get(m.actor, "")) for m in moves]


def test_a_row_that_keeps_the_stage_keeps_its_time_its_note_and_its_author(crm, files):
    rows = "1,contact,2025-01-01,met,Ann\n1,contact,2025-01-02,called,Bo\n"
    rows += "1,won,2025-01-03,,Ann\n1,won,2025-01-04,paid,Bo\n"
    folder = files(people__csv="Name\nAnn\nBo\n", deals__csv=HEAD + "1,Line 4,won,2025-01-01,\n", log__csv=SAID + rows)
    run = load(crm, folder, LOGGED)
    assert (run.counts[-1].create, run.counts[-1].skip) == (4, 0)
    assert told(crm) == [
        ("enter", "contact", 1, "met", "Ann"),
        ("stay", "contact", 2, "called", "Bo"),
        ("close", "won", 3, None, "Ann"),
        ("stay", "won", 4, "paid", "Bo"),
    ]
    with crm.session(job) as s:
        deal = s.opportunities.first()
        assert deal.closed_at == deal.stage_since == dt.datetime(2025, 1, 3, tzinfo=UTC)
        contact = s.analytics.time_in_stage(OPPORTUNITY)["contact"]
        assert (contact.visits, contact.mean) == (1, dt.timedelta(days=2))


def test_a_row_that_returns_to_an_earlier_stage_is_a_move_even_if_an_earlier_row_says_the_same(crm, files):
    rows = "1,contact,2025-01-01,,Ann\n1,needs,2025-01-01,,Ann\n1,contact,2025-01-01,,Ann\n"
    folder = files(people__csv="Name\nAnn\n", deals__csv=HEAD + "1,Line 4,contact,2025-01-01,\n", log__csv=SAID + rows)
    run = load(crm, folder, LOGGED)
    assert (run.counts[-1].create, run.counts[-1].skip) == (3, 0)
    assert [(kind, stage) for kind, stage, *_ in told(crm)] == [
        ("enter", "contact"), ("forward", "needs"), ("back", "contact"),
    ]  # fmt: skip
    more = "1,needs,2025-01-01,,Ann\n1,contact,2025-01-01,,Ann\n"
    load(crm, files(log__csv=SAID + rows + more), LOGGED)
    assert [(kind, stage) for kind, stage, *_ in told(crm)[3:]] == [("forward", "needs"), ("back", "contact")]
    assert load(crm, files(), LOGGED).total("update") == 0


def test_a_row_that_only_repeats_another_is_skipped(crm, files):
    rows = "1,contact,2025-01-01,,Ann\n1,needs,2025-01-02,,Ann\n1,contact,2025-01-01,,Ann\n"
    folder = files(people__csv="Name\nAnn\n", deals__csv=HEAD + "1,Line 4,needs,2025-01-01,\n", log__csv=SAID + rows)
    run = load(crm, folder, LOGGED)
    assert (run.counts[-1].create, run.counts[-1].skip) == (2, 1)
    assert [(kind, stage) for kind, stage, *_ in told(crm)] == [("enter", "contact"), ("forward", "needs")]


def test_what_is_yet_to_come_is_no_history(crm, files):
    folder = files(
        deals__csv=HEAD + "1,Line 4,,2025-01-01,\n", log__csv=LOG + "1,contact,2025-01-01\n1,won,2125-01-01\n"
    )
    run = load(crm, folder, DEALS)
    assert [(each.file, each.code) for each in run.problems] == [("log.csv", "yet_to_come")]
    entered = {**DEALS, "file": [{**DEALS["file"][0], "entered": {"won": "Created"}}]}
    run = load(crm, files(deals__csv=HEAD + "2,Line 5,won,2125-01-01,\n"), entered)
    assert [(each.column, each.code) for each in run.problems] == [("Created", "yet_to_come")]
    with crm.session(job) as s:
        assert [(each.name, each.stage) for each in s.opportunities.stream()] == [("Line 4", "contact")]


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


def test_rows_without_a_key_are_known_by_what_they_say_and_how_often(crm, files):
    mapping = customers()
    del mapping["file"][0]["id"]
    run = load(crm, files(a__csv="No,Name\n1,Acme\n2,Acme\n3,Beta\n"), mapping)
    assert (run.total("create"), run.total("merged")) == (3, 0)
    assert load(crm, files(), mapping).total("unchanged") == 3
    run = load(crm, files(a__csv="No,Name\n9,Acme\n3,Beta\n1,Acme\n2,Acme\n"), mapping)
    assert (run.total("create"), run.total("unchanged")) == (1, 3)
    with crm.session(job) as s:
        assert sorted(each.name for each in s.customers.stream()) == ["Acme", "Acme", "Acme", "Beta"]


def test_rows_without_a_key_that_say_the_same_are_one_only_if_the_mapping_says_so(crm, files):
    mapping = customers(distinct=True)
    del mapping["file"][0]["id"]
    run = load(crm, files(a__csv="No,Name\n1,Acme\n2,Acme\n3,Beta\n"), mapping)
    assert (run.total("create"), run.total("merged")) == (2, 1)
    run = load(crm, files(), mapping)
    assert (run.total("unchanged"), run.total("merged")) == (2, 1)


def test_a_row_of_history_that_was_refused_is_refused_on_every_run(crm, files):
    log = LOG + "1,contact,2025-01-01\n1,demo,2025-02-01\n"
    folder = files(deals__csv=HEAD + "1,Line 4,needs,2025-01-01,\n", log__csv=log)
    for effects in ({"create": 1, "reject": 1}, {"unchanged": 1, "reject": 1}):
        run = load(crm, folder, DEALS)
        assert [each.code for each in run.problems] == ["unknown_stage"]
        assert {name: getattr(run.counts[1], name) for name in effects} == effects


def test_a_row_of_history_counts_by_itself(crm, files):
    log = LOG + "1,contact,2025-01-01\n1,contact,2025-01-01\n"
    deals = HEAD + "1,Line 4,,2025-01-01,\n"
    load(crm, files(deals__csv=deals, log__csv=log), DEALS)
    run = load(crm, files(deals__csv=deals, log__csv=log + "1,needs,2025-02-01\n1,won,2025-03-01\n"), DEALS)
    record, history = run.counts
    assert (record.update, record.unchanged) == (1, 0)
    assert (history.rows, history.create, history.unchanged, history.merged) == (4, 2, 1, 1)


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


def test_a_mapping_that_reads_the_same_text_otherwise_changes_its_rows(crm, files):
    mapping = customers(fields={"last_contact_at": "Seen"})
    folder = files(a__csv="No,Name,Seen\n1,Acme,2025-01-01 12:00\n")
    load(crm, folder, mapping)
    run = load(crm, folder, mapping | {"zone": "Asia/Tokyo"})
    assert (run.total("update"), run.total("skip")) == (1, 0)
    with crm.session(job) as s:
        assert s.customers.first().last_contact_at == dt.datetime(2025, 1, 1, 3, tzinfo=UTC)
    assert load(crm, folder, mapping | {"zone": "Asia/Tokyo"}).total("skip") == 1


def test_rows_without_a_key_stay_known_when_the_mapping_reads_them_otherwise(crm, files):
    mapping = customers(fields={"birthday": {"column": "Born", "format": "%d/%m/%Y"}})
    del mapping["file"][0]["id"]
    folder = files(a__csv="No,Name,Born\n1,Acme,02/03/1999\n")
    load(crm, folder, mapping)
    mapping["file"][0]["fields"]["birthday"]["format"] = "%m/%d/%Y"
    run = load(crm, folder, mapping)
    assert (run.total("create"), run.total("update")) == (0, 1)
    with crm.session(job) as s:
        assert [each.birthday for each in s.customers.stream()] == [dt.date(1999, 2, 3)]


def test_a_record_of_unknown_age_is_as_old_as_its_first_move(crm, files):
    mapping = {**DEALS, "file": [{**DEALS["file"][0], "fields": {"name": "Name"}}, DEALS["file"][1]]}
    log = LOG + "1,won,2025-03-01\n1,contact,2025-01-01\n"
    load(crm, files(deals__csv=HEAD + "1,Line 4,,,\n", log__csv=log), mapping)
    with crm.session(job) as s:
        assert s.opportunities.first().created_at == dt.datetime(2025, 1, 1, tzinfo=UTC)
        assert s.analytics.cycle().total.days.median == dt.timedelta(days=59)


def test_a_record_that_closed_nobody_knows_when_is_neither_fast_nor_recent(crm, files):
    load(crm, files(deals__csv=HEAD + "1,Line 4,won,2025-01-01,\n2,Line 5,lost,2025-01-01,\n", log__csv=LOG), DEALS)
    with crm.session(job) as s:
        closed = {deal.outcome: deal.closed_at for deal in s.opportunities.stream()}
        assert closed == {"won": None, "lost": None}
        assert {move.note for move in s.stage_moves.stream()} == {"The files do not say when."}
        cycle = s.analytics.cycle().total
        assert (cycle.days.count, cycle.undated) == (0, 1)
        assert s.analytics.win_rate().total.rate.exact == Fraction(1, 2)
        year = s.analytics.win_rate(closed=("2025-01-01", "2026-01-01")).total
        assert (year.won, year.undated) == (0, 2)


def test_a_funnel_over_records_without_history_agrees_with_the_win_rate(crm, files):
    deals = "".join(f"{number},Line,{stage},2025-01-01,\n" for number, stage in enumerate(("won", "lost", "lost")))
    load(crm, files(deals__csv=HEAD + deals, log__csv=LOG), DEALS)
    with crm.session(job) as s:
        funnel, rate = s.analytics.funnel(Funnel(OPPORTUNITY)).total, s.analytics.win_rate().total.rate
    assert str(rate) == "1 of 3 (33.3%)"
    assert str(funnel.win_rate) == str(funnel.conversion("contact", "won")) == str(rate)
    assert funnel["contact"].entered == funnel.entered == 3


@pytest.mark.parametrize("newest_first", [False, True])
def test_moves_of_one_instant_keep_the_order_of_the_file(crm, files, newest_first):
    rows = ["1,contact,2025-01-01\n", "1,proposal,2025-02-01\n", "1,needs,2025-02-01\n", "1,negotiation,2025-02-01\n"]
    log = LOG + "".join(reversed(rows) if newest_first else rows)
    load(crm, files(deals__csv=HEAD + "1,Line 4,negotiation,2025-01-01,\n", log__csv=log), DEALS)
    with crm.session(job) as s:
        moves = sorted(s.stage_moves.stream(), key=lambda move: move.number)
        assert [move.to_stage for move in moves] == ["contact", "proposal", "needs", "negotiation"]


def test_an_import_may_overtake_another_between_batches(tmp_path):
    (tmp_path / "a.csv").write_text("No,Name\n" + "".join(f"{n},Firm {n}\n" for n in range(12_000)))
    with connect(f"sqlite:///{tmp_path / 'crm.db'}") as crm:
        first, second = (crm.imports(job).plan(customers(), folder=tmp_path) for _ in range(2))
        done: list[int] = []

        def overtake(*_: int) -> None:
            if not done:
                done.append(second.apply().total("create"))

        assert (first.apply(progress=overtake).total("create"), done) == (5_000, [7_000])
        with crm.session(job) as s:
            assert s.customers.count() == s.external_ids.count() == 12_000


def test_of_two_imports_of_the_same_rows_at_once_one_is_told_to_wait(tmp_path):
    (tmp_path / "a.csv").write_text("No,Name\n0,Zeta\n")
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    source = uuid7_source(lambda: dt.datetime.now(UTC), Random(1))
    armed: list[Crm] = []

    def ids() -> UUID:
        # New records get their ids after their keys were looked up, and before anything of them is written.
        if armed:
            assert armed.pop().imports(job).plan(customers(), folder=tmp_path).apply().total("create") == 2
        return source()

    with connect(url) as other, connect(url, ids=ids) as crm:
        crm.imports(job).plan(customers(), folder=tmp_path).apply()
        (tmp_path / "a.csv").write_text("No,Name\n1,Acme\n2,Beta\n")
        plan = crm.imports(job).plan(customers(), folder=tmp_path)
        armed.append(other)
        with pytest.raises(Busy, match="run this one again"):
            plan.apply()
        assert plan.apply().total("skip") == 2
        with crm.session(job) as s:
            assert s.customers.count() == s.external_ids.count() == 3


KILLED = """
import os, random, sys
from crmkit import connect, system
from crmkit.values import system_clock
from crmkit.values.identifier import uuid7_source
from tests.importers.conftest import customers

make, left = uuid7_source(system_clock, random.Random(1)), iter(range(250))
def ids():
    if next(left, None) is None:  # the records are written, and what the legacy system calls them is about to be
        os._exit(9)
    return make()
with connect(sys.argv[1], ids=ids) as crm:
    crm.imports(system("x")).plan(customers(), folder=sys.argv[2]).apply()
"""


@pytest.fixture
def impatient(mongod):
    """Let MongoDB give up transactions sooner than after a minute."""
    setting = "transactionLifetimeLimitSeconds"
    before = mongod.client.admin.command({"getParameter": 1, setting: 1})[setting]
    mongod.client.admin.command({"setParameter": 1, setting: 3})
    yield
    mongod.client.admin.command({"setParameter": 1, setting: before})


@pytest.mark.usefixtures("impatient")
def test_an_import_that_was_killed_may_be_run_again_at_once(mongo_url, tmp_path):
    """MongoDB keeps the transaction of a process that died for a while; the next import waits for that."""
    (tmp_path / "a.csv").write_text("No,Name\n" + "".join(f"{number},Name\n" for number in range(100)))
    assert subprocess.run([sys.executable, "-c", KILLED, mongo_url, str(tmp_path)], check=False).returncode == 9
    with connect(mongo_url) as crm:
        assert crm.imports(job).plan(customers(), folder=tmp_path).apply().total("create") == 100
        with crm.session(job) as s:
            assert s.customers.count() == s.external_ids.count() == 100
