"""The benchmarks run, answer correctly and save what they measured; nothing here looks at how long anything took."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
ROWS = 200


@pytest.mark.parametrize("table", ["same work", "as shipped"])
@pytest.mark.parametrize("store", ["sqlite", "mongo"])
def test_a_small_run_measures_raw_and_crmkit_on_every_item(store, table, tmp_path):
    command = [sys.executable, "-m", "benchmarks", store, "--rows", str(ROWS), "--rounds", "1"]
    command += ["--participants", "crmkit", "--tables", table, "--results", str(tmp_path)]

    run = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr
    saved = json.loads((tmp_path / f"{store}-{table.replace(' ', '-')}.json").read_text())
    assert saved["not_installed"] == []
    transact = ["transact"] if store == "mongo" else []  # on SQLite every update is a transaction
    assert list(saved["items"]) == ["add", "create", "read", "get", "page", "update", *transact]
    for name, item in saved["items"].items():
        raw, crmkit = item["participants"]
        assert raw["title"].startswith("raw ")
        assert crmkit["title"] == "crmkit"
        assert len(crmkit["rounds_s"]) == 1
        assert any(goal["text"].startswith("time over raw") for goal in item["goals"]) == (name != "create")


def test_making_a_record_is_measured_beside_a_bare_class(capsys):
    from benchmarks import construct

    assert construct.main(calls=10) == 0
    assert capsys.readouterr().out.startswith("21 fields: bare ")


def test_the_same_seed_gives_the_same_customers_in_the_order_of_their_ids():
    from benchmarks.record import make_records

    records = make_records(ROWS)

    assert records == make_records(ROWS)
    assert records != make_records(ROWS, seed=3)
    assert [record.id for record in records] == sorted(record.id for record in records)


def test_a_participant_that_answers_wrongly_is_refused(tmp_path):
    from benchmarks.item import Page, WrongAnswerError
    from benchmarks.participant import Workload
    from benchmarks.record import make_records
    from benchmarks.sqlite_raw import RawSqlite
    from benchmarks.stand_in_sqlite import table

    workload = Workload(make_records(ROWS), tmp_path)
    raw = RawSqlite(workload, table(workload))
    raw.clear()
    raw.add()
    page = Page(workload)
    right = page.prepare(raw, 0)()
    page.check(raw, right, 0)
    raw.close()

    with pytest.raises(WrongAnswerError, match="the right customers in the right order"):
        page.check(raw, list(reversed(right)), 0)


def test_two_versions_take_turns_and_the_ratio_has_an_interval(capsys):
    from benchmarks import compare

    code = compare.main([str(PROJECT / "src"), "sqlite", "--rows", str(ROWS), "--rounds", "3", "--items", "get"])

    head, line = capsys.readouterr().out.splitlines()
    assert head.startswith("sqlite: this version over")
    assert line.split()[0] == "get"
    assert (code == 1) == line.endswith("WORSE")


def test_an_interval_holds_the_mean_and_narrows_with_agreement():
    from benchmarks.compare import interval

    low, high = interval([1.0, 1.1, 1.05, 0.95, 1.0, 1.02, 1.03])
    assert (round(low, 2), round(high, 2)) == (0.98, 1.06)
    narrow = interval([1.02, 1.021, 1.019, 1.02, 1.021, 1.02, 1.02])
    assert 1.01 < narrow[0] < narrow[1] < 1.03
