"""Nasty files load, or are refused in words; no other exception ever comes out."""

from __future__ import annotations

import csv
import io
import json
from contextlib import suppress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from crmkit import BadFile, BadMapping, connect, system
from tests.importers.conftest import balanced, customers

job = system("migration")


def attempt(path: Path, **settings):
    """Import every column as far as it has a name, and return the texts that landed, or the error."""
    try:
        with path.open(encoding=settings.get("encoding", "utf-8-sig"), newline="") as stream:
            head = next(csv.reader(stream, delimiter=settings.get("delimiter", ",")), [])
    except (UnicodeError, csv.Error):
        head = []
    columns = [name for name in dict.fromkeys(head) if name.strip()] or ["x"]
    fields = {"name": {"const": "row"}, "notes": {"columns": columns, "with": "|"}}
    mapping = customers(path=path.name, **settings)
    mapping["file"][0] |= {"fields": fields}
    del mapping["file"][0]["id"]
    with connect("memory://") as crm:
        try:
            balanced(crm.imports(job).plan(mapping, folder=path.parent).apply())
        except (BadFile, BadMapping) as error:
            return str(error)
        with crm.session(job) as s:
            return [each.notes for each in s.customers.stream()]


def test_every_file_of_the_csv_spectrum_gives_its_cells(dataset):
    folder = dataset("csv-spectrum")
    paths = sorted((folder / "csvs").glob("*.csv"))
    assert len(paths) == 11
    for path in paths:
        wanted = json.loads((folder / "json" / f"{path.stem}.json").read_text("utf-8"))
        cells = ["|".join(value.strip() for value in row.values() if value.strip()) for row in wanted]
        got = attempt(path)
        assert [each.replace("\r\n", "\n") for each in got] == [each.replace("\r\n", "\n") for each in cells if each]


def test_polluted_files_load_or_are_refused_in_words(dataset):
    paths = sorted((dataset("pollock-polluted") / "csv").glob("*.csv"))
    assert len(paths) == 41
    outcomes = {path.name: attempt(path) for path in paths}
    landed = {name: outcome for name, outcome in outcomes.items() if isinstance(outcome, list)}
    assert len(landed) >= 20
    for name, outcome in outcomes.items():
        assert name in landed or (path_named(outcome) and len(outcome) < 2_000)


def path_named(message: str) -> bool:
    return ".csv" in message


def test_address_books_load(dataset):
    for path in sorted((dataset("contacts-csv") / "roundcube").glob("*.csv")):
        got = attempt(path)
        assert got, path.name


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(st.lists(st.tuples(ANY_TEXT, ANY_TEXT), max_size=8))
def test_any_cells_written_as_csv_load_or_are_rejected_one_by_one(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("any")
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([("No", "Name"), *rows])
    (folder / "a.csv").write_bytes(stream.getvalue().encode())
    with connect("memory://") as crm:
        run = balanced(crm.imports(job).plan(customers(), folder=folder).apply())
        with crm.session(job) as s:
            landed = {each.name for each in s.customers.stream()}
    assert landed <= {name.strip() for _, name in rows}
    assert run.rows == len(rows)


@given(st.binary(max_size=200))
def test_any_bytes_load_or_are_refused_in_words(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("bytes")
    (folder / "a.csv").write_bytes(b"No,Name\n" + content)
    with connect("memory://") as crm, suppress(BadFile):
        balanced(crm.imports(job).plan(customers(), folder=folder).apply())
