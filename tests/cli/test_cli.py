"""The command line as a shell meets it."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from pymongo import MongoClient

ROOT = Path(__file__).parents[2]
LEGACY = ROOT / "examples" / "legacy"
MAP = LEGACY / "mapping.toml"


def crmkit(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "crmkit.cli", *map(str, arguments)],
        capture_output=True, text=True, encoding="utf-8", check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "utf-8", "COLUMNS": "120"} | environment,
    )  # fmt: skip


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A database with the legacy export in it, and what the import printed."""
    url = f"sqlite:///{tmp_path_factory.mktemp('cli') / 'crm.db'}"
    return url, crmkit("import", LEGACY, "--db", url, "--mapping", MAP, "--json")


def test_an_import_says_in_json_what_it_did_and_by_its_code_that_rows_were_rejected(database):
    _, done = database
    assert (done.returncode, done.stderr) == (1, "")
    told = json.loads(done.stdout)
    assert (told["dry_run"], told["applied"], len(told["problems"])) == (False, True, 161)
    assert {each["entity"]: each["create"] for each in told["counts"]}["opportunity"] == 2974


def test_a_second_import_has_nothing_to_do(database):
    url, _ = database
    done = crmkit("import", LEGACY, "--db", url, "--mapping", MAP, "--json")
    assert sum(each["create"] + each["update"] for each in json.loads(done.stdout)["counts"]) == 0


def test_a_dry_run_creates_nothing_where_nothing_is(tmp_path):
    done = crmkit("import", LEGACY, "--db", f"sqlite:///{tmp_path / 'crm.db'}", "--mapping", MAP, "--dry-run")
    assert (done.returncode, list(tmp_path.iterdir())) == (1, [])
    empty = tmp_path / "empty.db"
    empty.touch()
    assert crmkit("import", LEGACY, "--db", f"sqlite:///{empty}", "--mapping", MAP, "--dry-run").stdout == done.stdout
    assert [(each.name, each.stat().st_size) for each in tmp_path.iterdir()] == [("empty.db", 0)]


def test_a_dry_run_creates_no_collection(mongod):
    with mongod.database() as url:
        done = crmkit("import", LEGACY, "--db", url, "--mapping", MAP, "--dry-run")
        assert (done.returncode, done.stderr) == (1, "")
        with MongoClient(url) as client:
            assert client.get_default_database().list_collection_names() == []


BAD_MAPPINGS = {
    "no TOML": "source =",
    "no model": 'source = "x"\n[[file]]\npath = "a.csv"\ninto = "custmer"\nid = "No"\nfields = { name = "Name" }\n',
    "no column": 'source = "x"\n[[file]]\npath = "a.csv"\ninto = "customer"\nid = "No"\nfields = { name = "Nam" }\n',
    "no file": 'source = "x"\n[[file]]\npath = "b.csv"\ninto = "customer"\nid = "No"\nfields = { name = "Name" }\n',
    "no stage": 'source = "x"\n[[pipeline]]\nname = "p"\nentity = "lead"\nstages = []\n[[file]]\npath = "a.csv"\n'
    'into = "lead"\nid = "No"\nfields = { name = "Name" }\n',
}


@pytest.mark.parametrize("case", BAD_MAPPINGS)
def test_a_mapping_that_does_not_fit_creates_nothing(tmp_path, case):
    (tmp_path / "a.csv").write_text("No,Name\n1,Acme\n")
    mapping = tmp_path / "m.toml"
    mapping.write_text(BAD_MAPPINGS[case])
    done = crmkit("import", tmp_path, "--db", f"sqlite:///{tmp_path / 'crm.db'}", "--mapping", mapping)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.csv", "m.toml"]


def test_an_import_creates_what_a_database_lacks_that_is_there(database, tmp_path):
    path = tmp_path / "crm.db"
    shutil.copy(database[0].removeprefix("sqlite:///"), path)
    with closing(sqlite3.connect(path)) as there:
        there.execute("DROP TABLE campaign_members")
    assert crmkit("import", LEGACY, "--db", f"sqlite:///{path}", "--mapping", MAP).returncode == 1


def test_a_dry_run_leaves_a_database_as_it_is(database, tmp_path):
    path = tmp_path / "crm.db"
    shutil.copy(database[0].removeprefix("sqlite:///"), path)
    before = path.read_bytes()
    done = crmkit("import", LEGACY, "--db", f"sqlite:///{path}", "--mapping", MAP, "--dry-run", "--json")
    assert {each["create"] for each in json.loads(done.stdout)["counts"]} == {0}
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["crm.db"]


def test_a_dry_run_says_what_a_database_lacks_that_is_there(database, tmp_path):
    path = tmp_path / "crm.db"
    shutil.copy(database[0].removeprefix("sqlite:///"), path)
    with closing(sqlite3.connect(path)) as there:
        there.execute("DROP TABLE leads")
    done = crmkit("import", LEGACY, "--db", f"sqlite:///{path}", "--mapping", MAP, "--dry-run")
    assert (done.returncode, done.stdout) == (2, "")
    assert "the database has no table 'leads'" in done.stderr


def test_a_dry_run_writes_nothing_but_the_rejects_asked_for(tmp_path):
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    done = crmkit("import", LEGACY, "--db", url, "--mapping", MAP, "--dry-run", "--rejects", tmp_path / "rejects")
    assert done.returncode == 1
    assert done.stdout.startswith("A dry run: nothing was written.\n")
    assert (tmp_path / "rejects" / "accounts.csv").is_file()
    again = crmkit("import", LEGACY, "--db", url, "--mapping", MAP, "--dry-run", "--json")
    assert sum(each["create"] for each in json.loads(again.stdout)["counts"]) == 14_284


def test_rejects_that_cannot_be_written_are_reported_in_one_line(tmp_path):
    (tmp_path / "firms.csv").write_text("No,Name\n1,\n")
    mapping = tmp_path / "m.toml"
    mapping.write_text(
        'source = "x"\n[[file]]\npath = "firms.csv"\ninto = "customer"\nid = "No"\nfields = { name = "Name" }\n'
    )
    taken = tmp_path / "m.toml" / "rejects"
    done = crmkit("import", tmp_path, "--db", "memory://", "--mapping", mapping, "--rejects", taken)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"crmkit: {taken}")
    assert "cannot be used: Not a directory." in done.stderr


def test_one_file_can_be_imported_alone_and_all_is_well(tmp_path):
    (tmp_path / "firms.csv").write_text("No,Name\n1,Acme\n")
    mapping = tmp_path / "m.toml"
    mapping.write_text(
        'source = "x"\n[[file]]\npath = "a.csv"\ninto = "customer"\nid = "No"\nfields = { name = "Name" }\n'
    )
    done = crmkit("import", tmp_path / "firms.csv", "--db", f"sqlite:///{tmp_path / 'crm.db'}", "--mapping", mapping)
    assert (done.returncode, done.stderr) == (0, "")
    assert "firms.csv  customer     1       1" in done.stdout


def test_the_funnel_is_a_table_or_json(database):
    url, _ = database
    table = crmkit("funnel", "--db", url, "--pipeline", "sales", "--by", "source")
    assert (table.returncode, table.stderr) == (0, "")
    assert "referral" in table.stdout
    assert "2974" in table.stdout
    narrow = crmkit("funnel", "--db", url, "--pipeline", "sales", "--by", "source", COLUMNS="80").stdout
    assert "…" not in narrow
    assert "│ needs_analysis │" in narrow
    told = json.loads(crmkit("funnel", "--db", url, "--pipeline", "sales", "--by", "owner.region", "--json").stdout)
    assert told["entered"] == 2974
    period = ("--from", "2026-01-01", "--to", "2026-02-01", "--reading", "strict", "--json")
    told = json.loads(crmkit("funnel", "--db", url, "--pipeline", "sales", *period).stdout)
    assert 0 < told["entered"] < 2974
    assert told["reading"] == "strict"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["funnel", "--db", "{db}", "--pipeline", "sals"],
            "crmkit: there is no pipeline 'sals'. Did you mean 'sales'?\n",
        ),
        (["funnel", "--db", "{db}", "--pipeline", "sales", "--by", "sorce"], "Did you mean 'source'?\n"),
        (["funnel", "--db", "{db}", "--pipeline", "sales", "--from", "yesterday"], "yesterday"),
        (["funnel", "--db", "oracle://x", "--pipeline", "sales"], "there is no store for oracle://"),
        (
            ["import", "nowhere.csv", "--db", "{db}", "--mapping", MAP],
            "nowhere.csv: there is no such file or folder. Check the path.\n",
        ),
        (["funnel", "--db", "{db}", "--pipeline", "sales", "--by", "contains"], "no field 'contains'. Did you mean"),
        (["funnel", "--db", "{db}", "--pipeline", "sales", "--by", "__class__"], "no field '__class__'. There is: "),
        (["import", LEGACY, "--db", "{db}", "--mapping", "nowhere.toml"], "nowhere.toml: No such file"),
        (["import", LEGACY, "--db", "{db}"], "--mapping"),
        (["imprt"], "imprt"),
    ],
)
def test_errors_are_one_line_on_stderr_and_code_2(database, arguments, message):
    done = crmkit(*(str(each).replace("{db}", database[0]) for each in arguments))
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.startswith("crmkit: ")
    assert done.stderr.count("\n") == 1


def test_without_the_extra_it_says_how_to_install_it(tmp_path):
    (tmp_path / "cyclopts.py").write_text("raise ModuleNotFoundError('No module named cyclopts', name='cyclopts')\n")
    done = crmkit("funnel", PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT / 'src'}")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "crmkit: the command line is not installed. Run: pip install 'crmkit[cli]'\n"
