"""Links lead to earlier files, to the database, or to rows of the same file that come later."""

from __future__ import annotations

from uuid import UUID

import pytest

from crmkit import Customer, Product, User, connect, entity, f, link, system
from crmkit.importers import family
from crmkit.importers import run as run_module
from tests.importers.conftest import balanced, customers

job = system("migration")
BY_KEY = {"parent_id": {"link": "customer", "column": "Parent"}}
BY_NAME = {"parent_id": {"link": "customer", "column": "Parent", "by": "name"}}


@pytest.fixture
def crm(store_url):
    with connect(store_url) as crm:
        yield crm


def load(crm, folder, mapping):
    plan = crm.imports(job).plan(mapping, folder=folder)
    run = balanced(plan.apply())
    assert plan.counts == run.counts
    assert list(plan.problems) == list(run.problems)
    return run


def parents(crm):
    with crm.session(job) as s:
        names = {each.id: each.name for each in s.customers.stream()}
        return {each.name: names.get(each.parent_id) for each in s.customers.stream()}


@pytest.mark.parametrize("fields", [BY_KEY, BY_NAME])
def test_parents_may_stand_after_their_children(crm, files, fields):
    rows = "C,C,B\nB,B,A\nA,A,\nD,D,c\u00a0\n"
    load(crm, files(a__csv="No,Name,Parent\n" + rows), customers(fields=fields))
    assert parents(crm) == {"A": None, "B": "A", "C": "B", "D": "C"}


@pytest.mark.parametrize("fields", [BY_KEY, BY_NAME])
def test_rows_in_a_circle_are_rejected_with_what_hangs_on_them_and_no_others(crm, files, fields):
    rows = "A,A,B\nB,B,A\nC,C,C\nD,D,A\nE,E,D\nF,F,\nG,G,F\n"
    run = load(crm, files(a__csv="No,Name,Parent\n" + rows), customers(fields=fields))
    assert [(each.record, each.column, each.code) for each in run.problems] == [
        (2, "Parent", "circle"), (3, "Parent", "circle"), (4, "Parent", "circle"),
        (5, "Parent", "unknown_link"), (6, "Parent", "unknown_link"),
    ]  # fmt: skip
    assert parents(crm) == {"F": None, "G": "F"}


def test_rows_may_link_to_each_other_in_circles_where_the_link_makes_no_tree(store_url, files):
    @entity(extends=Customer)
    class Twin(Customer):
        twin_id: UUID | None = link("customer", tree=False, default=None)

    with connect(store_url, models=[Twin]) as crm:
        fields = {"twin_id": {"link": "customer", "column": "Twin"}}
        load(crm, files(a__csv="No,Name,Twin\nA,A,B\nB,B,A\nC,C,C\n"), customers(fields=fields))
        with crm.session(job) as s:
            twins = {each.name: each for each in s.repository(Twin).stream()}
        assert twins["A"].twin_id == twins["B"].id
        assert twins["B"].twin_id == twins["A"].id
        assert twins["C"].twin_id == twins["C"].id


def test_a_reorganisation_is_taken_over_whatever_the_order_of_its_rows(crm, files):
    mapping = customers(fields=BY_KEY)
    load(crm, files(a__csv="No,Name,Parent\nA,A,B\nB,B,\nC,C,A\nZ,Z,\n"), mapping)
    load(crm, files(a__csv="No,Name,Parent\nB,B,A\nC,C,B\nA,A,Z\n"), mapping)
    assert parents(crm) == {"A": "Z", "B": "A", "C": "B", "Z": None}


@pytest.fixture(params=[1, 2, 3])
def batches(request, monkeypatch):
    """Batches of a few rows."""
    monkeypatch.setattr(run_module, "BATCH", request.param)
    monkeypatch.setattr(family, "_MOST", request.param)


REORGANISATIONS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "turned round": (dict(zip("BCDEFG", "ABCDEF", strict=True)), dict(zip("ABCDEFG", "BCDEFGR", strict=True))),
    "the lowest first": ({"B": "A", "C": "B"}, {"A": "C", "B": "R", "C": "R"}),
    "two swapped": ({"B": "A", "D": "C"}, {"A": "B", "B": "C", "C": "R"}),
    "under a new record": ({"B": "A", "C": "B"}, {"A": "N", "N": "C", "C": "R"}),
    "every second": ({"B": "A", "C": "B", "D": "C", "E": "D"}, {"A": "E", "C": "A", "E": "C", "B": "R", "D": "B"}),
}


@pytest.mark.usefixtures("batches")
@pytest.mark.parametrize("case", REORGANISATIONS)
@pytest.mark.parametrize("fields", [BY_KEY, BY_NAME], ids=["key", "name"])
def test_a_reorganisation_over_several_batches_takes_one_run(crm, files, case, fields):
    before, after = REORGANISATIONS[case]
    names = "ABCDEFGR"
    mapping = customers(fields=fields)
    load(crm, files(a__csv="No,Name,Parent\n" + "".join(f"{n},{n},{before.get(n, '')}\n" for n in names)), mapping)
    rows_after = "".join(f"{n},{n},{parent}\n" for n, parent in after.items())
    run = load(crm, files(a__csv="No,Name,Parent\n" + rows_after), mapping)
    final = parents(crm)
    refused = {each.value for each in run.problems}
    if case == "every second":  # A, E and C are to stand above each other
        assert refused
        assert {each.code for each in run.problems} == {"circle"}
    else:
        assert not refused
        assert {n: final[n] for n in after} == after
    again = load(crm, files(), mapping)
    assert (again.total("create"), again.total("update")) == (0, 0)
    assert list(again.problems) == list(run.problems)


def test_a_reorganisation_over_several_files_takes_one_run(crm, files):
    mapping = customers(fields=BY_KEY)
    load(crm, files(a__csv="No,Name,Parent\nA,A,\nB,B,A\nC,C,B\nR,R,\n"), mapping)
    mapping["file"].append({**mapping["file"][0], "path": "b.csv"})
    folder = files(a__csv="No,Name,Parent\nA,A,C\n", b__csv="No,Name,Parent\nC,C,B\nB,B,R\n")
    assert not list(load(crm, folder, mapping).problems)
    assert parents(crm) == {"A": "C", "B": "R", "C": "B", "R": None}


def test_a_value_that_a_row_gives_up_is_free_for_later_ones(crm, files, monkeypatch):
    monkeypatch.setattr(run_module, "BATCH", 1)
    mapping = {
        "source": "legacy",
        "file": [
            {"path": path, "into": "product", "id": "No", "fields": {"name": "Name", "sku": "Sku"}}
            for path in ("a.csv", "b.csv")
        ],
    }
    load(crm, files(a__csv="No,Name,Sku\n1,One,A\n2,Two,B\n", b__csv="No,Name,Sku\n"), mapping)
    folder = files(a__csv="No,Name,Sku\n1,One,C\n2,Two,A\n", b__csv="No,Name,Sku\n3,Three,B\n4,Four,C\n")
    run = load(crm, folder, mapping)
    assert [(each.file, each.record, each.code) for each in run.problems] == [("b.csv", 3, "duplicate")]
    with crm.session(job) as s:
        assert {each.name: each.sku for each in s.products.find()} == {"One": "C", "Two": "A", "Three": "B"}


def test_a_row_that_would_put_a_record_under_itself_is_rejected_and_no_other(crm, files):
    mapping = customers(fields=BY_KEY)
    load(crm, files(a__csv="No,Name,Parent\nA,A,\nB,B,A\nC,C,B\n"), mapping)
    run = load(crm, files(a__csv="No,Name,Parent\nA,A,C\nD,D,A\n"), mapping)
    assert [(each.record, each.column, each.code) for each in run.problems] == [(2, "Parent", "circle")]
    assert parents(crm) == {"A": None, "B": "A", "C": "B", "D": "A"}


@pytest.mark.parametrize("fields", [BY_KEY, BY_NAME])
def test_what_hangs_on_a_rejected_row_is_rejected_too(crm, files, fields):
    rows = "A,A,X\nB,B,A\nC,C,B\nD,D,\n"
    run = load(crm, files(a__csv="No,Name,Parent\n" + rows), customers(fields=fields))
    assert [(each.record, each.column, each.code) for each in run.problems] == [
        (2, "Parent", "unknown_link"), (3, "Parent", "unknown_link"), (4, "Parent", "unknown_link"),
    ]  # fmt: skip
    assert parents(crm) == {"D": None}


def test_a_name_that_two_rows_have_is_ambiguous_wherever_they_stand(crm, files):
    rows = "1,Twin,\n2,Child,twin\n3,Twin,\n"
    run = load(crm, files(a__csv="No,Name,Parent\n" + rows), customers(fields=BY_NAME))
    assert [(each.record, each.code) for each in run.problems] == [(3, "ambiguous_link")]


def test_links_reach_records_that_were_there_before(crm, files):
    with crm.session(job) as s:
        ann = s.users.add(User(name="Ann Weiß", email="ann@example.com"))
    fields = {"owner_id": {"link": "user", "column": "Owner", "by": "name"}}
    load(crm, files(a__csv="No,Name,Owner\n1,Acme, ann WEISS\n2,Beta,\n"), customers(fields=fields))
    with crm.session(job) as s:
        assert s.customers.first(f.name == "Acme").owner_id == ann.id
        assert s.customers.first(f.name == "Beta").owner_id is None


def test_a_record_that_was_there_makes_a_name_of_the_file_ambiguous(crm, files):
    with crm.session(job) as s:
        s.customers.add(Customer(name="Acme"))
    run = load(crm, files(a__csv="No,Name,Parent\n1,Acme,\n2,Child,Acme\n"), customers(fields=BY_NAME))
    assert [(each.record, each.code) for each in run.problems] == [(3, "ambiguous_link")]


def test_links_reach_records_of_an_earlier_import_by_their_old_key(crm, files):
    load(crm, files(a__csv="No,Name\n1,Acme\n"), customers())
    load(crm, files(a__csv="No,Name,Parent\n2,Child,1\n"), customers(fields=BY_KEY))
    assert parents(crm) == {"Acme": None, "Child": "Acme"}


def test_links_do_not_reach_deleted_records_nor_those_of_another_tenant(crm, files):
    with crm.session(job) as s:
        s.customers.delete(s.customers.add(Customer(name="Gone")))
    with crm.session(system("x", tenant="other")) as s:
        s.customers.add(Customer(name="Theirs"))
    folder = files(a__csv="No,Name,Parent\n1,A,Gone\n2,B,Theirs\n")
    run = load(crm, folder, customers(fields=BY_NAME))
    assert [each.code for each in run.problems] == ["unknown_link", "unknown_link"]


def test_a_unique_value_that_is_taken_rejects_its_row_and_no_other(crm, files):
    with crm.session(job) as s:
        s.products.add(Product(name="Old", sku="A"))
    mapping = {
        "source": "legacy",
        "file": [{"path": "a.csv", "into": "product", "id": "No", "fields": {"name": "Name", "sku": "Sku"}}],
    }
    run = load(crm, files(a__csv="No,Name,Sku\n1,New,A\n2,Two,B\n3,Three,B\n4,Four,\n5,Five,\n"), mapping)
    assert [(each.record, each.column, each.code) for each in run.problems] == [
        (2, "Sku", "duplicate"),
        (4, "Sku", "duplicate"),
    ]
    assert load(crm, files(), mapping).total("skip") == 3


def test_history_names_the_users_who_made_it(crm, files):
    mapping = {
        "source": "legacy",
        "zone": "UTC",
        "file": [
            {"path": "u.csv", "into": "user", "id": "No", "fields": {"name": "Name"}},
            {"path": "d.csv", "into": "opportunity", "id": "No", "fields": {"name": "Name"}},
            {
                "path": "h.csv", "history_of": "opportunity", "record": "No",
                "fields": {
                    "stage": "To", "at": "At", "note": "Note", "by": {"link": "user", "column": "By", "by": "name"},
                },
            },
        ],
    }  # fmt: skip
    folder = files(
        u__csv="No,Name\n7,Ann\n", d__csv="No,Name\n1,Line 4\n",
        h__csv="No,To,At,By,Note\n1,needs,2025-01-01,ANN,call\n1,wn,2025-01-02,Ann,\n"
        "1,won,2025-01-03,Bob,\n9,won,2025-01-03,,\n",
    )  # fmt: skip
    run = load(crm, folder, mapping)
    assert [(each.file, each.record, each.column, each.code) for each in run.problems] == [
        ("h.csv", 3, "To", "unknown_stage"), ("h.csv", 4, "By", "unknown_link"), ("h.csv", 5, "No", "unknown_record"),
    ]  # fmt: skip
    with crm.session(job) as s:
        (move,) = s.stage_moves.stream()
        assert (move.to_stage, move.actor, move.note) == ("needs", str(s.users.first().id), "call")


def test_a_pair_of_links_that_is_taken_rejects_its_row_and_no_other(crm, files):
    member = {
        "campaign_id": {"link": "campaign", "column": "C"},
        "lead_id": {"link": "lead", "column": "L", "by": "name"},
    }
    mapping = {
        "source": "legacy",
        "file": [
            {"path": "c.csv", "into": "campaign", "id": "No", "fields": {"name": "Name"}},
            {"path": "l.csv", "into": "lead", "id": "No", "fields": {"name": "Name"}},
            {"path": "m.csv", "into": "campaign_member", "id": "No", "fields": member},
        ],
    }
    folder = files(
        c__csv="No,Name\n1,Fair\n",
        l__csv="No,Name\n1,Ann\n2,Bob\n",
        m__csv="No,C,L\n1,1,Ann\n2,1,Bob\n3,1,ANN\n4,1,\n5,1,\n",
    )
    run = load(crm, folder, mapping)
    assert [(each.record, each.code) for each in run.problems] == [(4, "duplicate")]
    assert load(crm, folder, mapping).total("skip") == 7
