"""What an import tells: counts, problems, and a file of rejects that can be mended and fed back."""

from __future__ import annotations

import csv
import io
import json

import pytest

from crmkit import BadFile, connect, system
from tests.importers.conftest import customers

job = system("migration")
SIZED = {"size": "Size", "phone": "Phone"}


@pytest.fixture
def crm():
    with connect("memory://") as crm:
        yield crm


@pytest.fixture
def run(crm, files):
    rows = "1,Acme,large,\n2,=1+1,huge,+49 30 123\n3,,-x,@home\n4,Beta,small,7,8\n"
    return crm.imports(job).plan(customers(fields=SIZED), folder=files(a__csv="No,Name,Size,Phone\n" + rows)).apply()


def test_a_row_tells_everything_that_is_wrong_with_it(run):
    assert [(each.record, each.column, each.code, each.value) for each in run.problems] == [
        (3, "Size", "unknown_choice", "huge"),
        (4, "Name", "required", ""),
        (4, "Size", "unknown_choice", "-x"),
        (5, "", "wrong_width", ""),
    ]
    assert len(run.rejects) == 3


def test_the_summary_and_the_dicts_say_the_same(run):
    told = run.to_dicts()
    assert json.loads(json.dumps(told)) == told
    assert told["counts"] == [
        {
            "file": "a.csv",
            "entity": "customer",
            "rows": 4,
            "create": 1,
            "update": 0,
            "unchanged": 0,
            "merged": 0,
            "reject": 3,
        }
    ]
    assert told["problems"][0]["code"] == "unknown_choice"
    assert run.summary().startswith("Written.\nfile   record")
    assert "2 x unknown_choice: a.csv, column 'Size', first in row 3\n1 x" in run.summary()
    assert "1 x wrong_width: a.csv, row 5" in run.summary()


def test_rejects_hold_the_row_and_are_safe_in_a_spreadsheet(run, tmp_path):
    (path,) = run.rejects.to_csv(tmp_path / "rejects.csv")
    head, *rows = csv.reader(path.read_text("utf-8").splitlines())
    assert head == ["crmkit_code", "crmkit_column", "crmkit_message", "No", "Name", "Size", "Phone"]
    assert rows[0][:2] == ["unknown_choice", "Size"]
    assert rows[0][3:] == ["2", "'=1+1", "huge", "+49 30 123"]
    assert rows[1][:2] == ["required | unknown_choice", "Name | Size"]
    assert rows[1][3:] == ["3", "", "'-x", "'@home"]
    assert rows[2][3:] == ["4", "Beta", "small", "7", "8"]


def test_mended_rejects_are_imported_with_the_same_mapping(crm, run, tmp_path):
    (path,) = run.rejects.to_csv(tmp_path / "again")
    assert path == tmp_path / "again" / "a.csv"
    path.write_text(
        path.read_text().replace("huge", "large").replace("small,7,8", "small,7").replace("3,,'-x", "3,Gamma,")
    )
    again = crm.imports(job).plan(customers(fields=SIZED), folder=tmp_path / "again").apply()
    assert (again.total("create"), len(again.rejects)) == (3, 0)
    with crm.session(job) as s:
        found = {each.name: each.phone for each in s.customers.stream()}
    assert found == {"Acme": None, "=1+1": "+49 30 123", "Gamma": "@home", "Beta": "7"}


def test_rejects_of_several_files_go_to_one_file_each(crm, files, tmp_path):
    mapping = customers()
    mapping["file"].append({"path": "b.csv", "into": "contact", "id": "No", "fields": {"name": "Name"}})
    run = crm.imports(job).plan(mapping, folder=files(a__csv="No,Name\n1,\n", b__csv="No,Name\n1,\n")).apply()
    assert run.rejects.to_csv(tmp_path / "r.csv") == [tmp_path / "r.a.csv", tmp_path / "r.b.csv"]


def test_nothing_is_written_by_a_plan(crm, files):
    plan = crm.imports(job).plan(customers(), folder=files(a__csv="No,Name\n1,Acme\n"))
    assert (plan.applied, plan.total("create")) == (False, 1)
    assert plan.summary().startswith("A dry run: nothing was written.")
    with crm.session(job) as s:
        assert (s.customers.count(), s.external_ids.count()) == (0, 0)


def test_progress_is_told_after_each_batch(crm, files):
    told = []
    folder = files(a__csv="No,Name\n" + "".join(f"{n},Firm\n" for n in range(12_000)))
    crm.imports(job).plan(customers(), folder=folder).apply(progress=lambda *each: told.append(each))
    assert told == [(5_000, 12_000), (10_000, 12_000), (12_000, 12_000)]


def test_one_file_of_a_folder_brings_its_history_along(crm, files):
    deals = {"path": "d.csv", "into": "opportunity", "id": "No", "fields": {"name": "Name"}}
    log = {"path": "h.csv", "history_of": "opportunity", "record": "No", "fields": {"stage": "To", "at": "At"}}
    mapping = customers() | {"zone": "UTC"}
    mapping["file"] += [deals, log]
    folder = files(d__csv="No,Name\n1,Line 4\n", h__csv="No,To,At\n1,won,2025-01-01\n")
    run = crm.imports(job).plan(mapping, file=folder / "d.csv").apply()
    assert [each.file for each in run.counts] == ["d.csv", "h.csv"]


def test_every_cell_of_a_reject_comes_back_as_it_was(crm, files, tmp_path):
    cells = ["=1+1", "'=1+1", "''@x", "-x", "'+49 30", "\t=1", "a\nb", 'q"r,', "'quoted'"]
    mapping = customers(fields={"notes": "=Notes"})
    content = "No,Name,=Notes\n" + "".join(
        '{},,"{}"\n'.format(number, cell.replace('"', '""')) for number, cell in enumerate(cells)
    )
    run = crm.imports(job).plan(mapping, folder=files(a__csv=content)).apply()
    (path,) = run.rejects.to_csv(tmp_path / "again")
    head, *rows = csv.reader(io.StringIO(path.read_bytes().decode(), newline=""))
    assert head[-1] == "'=Notes"
    assert not [cell for row in rows for cell in row if cell[:1] in {"=", "+", "-", "@", "\t"}]
    path.write_text(path.read_text().replace(",,", ",Acme,"))
    assert crm.imports(job).plan(mapping, folder=tmp_path / "again").apply().total("create") == len(cells)
    with crm.session(job) as s:
        assert sorted(each.notes for each in s.customers.stream()) == sorted(cell.strip() for cell in cells)


@pytest.mark.parametrize("target", [".", "a.csv"])
def test_rejects_are_never_written_over_a_file_of_the_import(run, tmp_path, target):
    before = (tmp_path / "a.csv").read_bytes()
    with pytest.raises(BadFile, match="another folder"):
        run.rejects.to_csv(tmp_path / target)
    assert (tmp_path / "a.csv").read_bytes() == before
