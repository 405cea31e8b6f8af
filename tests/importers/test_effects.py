"""Every row of every file counts once, for what became of it; and what the counts say is what the database shows."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import Contact, Customer, Lead, Opportunity, User, connect, system
from crmkit.importers import ImportReport
from crmkit.importers import run as run_module
from crmkit.importers.import_report import EFFECTS

job = system("migration")
MODELS = {"user": User, "customer": Customer, "contact": Contact, "lead": Lead, "opportunity": Opportunity}
KEYS = ["1", "2", "3", "4", "5", " 2 ", ""]
COLUMNS = {
    "users.csv": {"No": KEYS, "Name": ["Ann", "Bo", ""], "Email": ["a@x.org", "b@x.org", "", "no mail"]},
    "customers.csv": {"No": KEYS, "Name": ["Acme", "Beta", "n/a"], "Size": ["small", "1-49", "huge"], "Parent": KEYS},
    "phones.csv": {"No": KEYS, "Phone": ["1", "2", ""], "Owner": ["Ann", "Bo", "Nobody", ""]},
    "leads.csv": {"Name": ["Ann", "Bo", ""], "Phone": ["1", ""]},
    "names.csv": {"Name": ["Ann", "Bo", ""], "Firm": ["Acme", ""]},
    "deals.csv": {"No": KEYS, "Name": ["Line 4", "Roof"], "Firm": [*KEYS, "9"], "Stage": ["contact", "won", "?", ""]},
    "log.csv": {
        "No": KEYS, "To": ["contact", "needs", "?"], "At": ["2025-01-01", "2025-02-01", "x"], "By": ["Ann", ""],
    },
}  # fmt: skip
MAPPING: dict[str, Any] = {
    "source": "legacy", "zone": "UTC", "blank": ["n/a"],
    "file": [
        {"path": "users.csv", "into": "user", "id": "No", "fields": {"name": "Name", "email": "Email"}},
        {
            "path": "customers.csv", "into": "customer", "id": "No", "skip": {"Name": "Total"},
            "fields": {
                "name": "Name", "parent_id": {"link": "customer", "column": "Parent"},
                "size": {"column": "Size", "map": {"small": ["1-49"]}},
            },
        },
        {
            "path": "phones.csv", "join": "customer", "record": "No",
            "fields": {"phone": "Phone", "owner_id": {"link": "user", "column": "Owner", "by": "name"}},
        },
        {"path": "leads.csv", "into": "lead", "fields": {"name": "Name", "phone": "Phone"}},
        {"path": "names.csv", "into": "contact", "distinct": True, "fields": {"name": "Name", "job_title": "Firm"}},
        {
            "path": "deals.csv", "into": "opportunity", "id": "No",
            "fields": {"name": "Name", "stage": "Stage", "customer_id": {"link": "customer", "column": "Firm"}},
        },
        {
            "path": "log.csv", "history_of": "opportunity", "record": "No",
            "fields": {"stage": "To", "at": "At", "by": {"link": "user", "column": "By", "by": "name"}},
        },
    ],
}  # fmt: skip


def messy(random: Random, folder: Path) -> dict[str, int]:
    """Write files in which much is wrong, and return how many rows each has."""
    rows: dict[str, int] = {}
    for name, columns in COLUMNS.items():
        made = [[random.choice(cells) for cells in columns.values()] for _ in range(random.randint(0, 9))]
        made += random.choices(made, k=random.randint(0, 3)) if made else []
        odd = [["1"], [], ["", ""], ["9", "Total", "", ""], ["1", "Acme", "x", "y", "z", "too long"]]
        made += random.sample(odd, random.randint(0, 2))
        random.shuffle(made)
        rows[name] = len(made)
        with (folder / name).open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([list(columns), *made])
        if random.random() < 0.2:
            with (folder / name).open("a", encoding="utf-8") as stream:
                stream.write('1,"stray" quote,\n')
            rows[name] += 1
    return rows


def stored(crm) -> dict[str, dict[Any, int]]:
    """The versions of all records, by model, and the moves."""
    with crm.session(job) as s:
        found = {name: {each.id: each.version for each in s.repository(cls).stream()} for name, cls in MODELS.items()}
        return {**found, "stage_move": {each.id: 1 for each in s.stage_moves.stream()}}


def load(crm, folder: Path, rows: dict[str, int]) -> ImportReport:
    """Plan and apply, and hold the counts against the files, the rejects and the database."""
    before = stored(crm)
    plan = crm.imports(job).plan(MAPPING, folder=folder)
    assert stored(crm) == before
    run = plan.apply()
    assert plan.counts == run.counts
    assert list(plan.problems) == list(run.problems)
    assert {each.file: each.rows for each in run.counts} == rows
    rejected = Counter(file for file, _ in {(each.file, each.record) for each in run.problems})
    after = stored(crm)
    for counts in run.counts:
        assert counts.rows == sum(getattr(counts, effect) for effect in EFFECTS), counts
        assert counts.reject == rejected[counts.file]
    for name in MODELS:
        made = [id for id in after[name] if id not in before[name]]
        changed = [id for id, version in before[name].items() if after[name][id] != version]
        told = [each for each in run.counts if each.entity == name]
        assert (sum(each.create for each in told), sum(each.update for each in told)) == (len(made), len(changed))
    assert run.counts[-1].create <= len(after["stage_move"]) - len(before["stage_move"])
    return run


def every_row_counts(random: Random, crm, folder: Path) -> None:
    """Load messy files, again, and changed; then once more after a cut in the middle."""
    rows = messy(random, folder)
    first = load(crm, folder, rows)
    again = load(crm, folder, rows)
    assert (again.total("create"), again.total("update")) == (0, 0)
    assert [(each.rows, each.reject) for each in again.counts] == [(each.rows, each.reject) for each in first.counts]
    assert list(again.problems) == list(first.problems)
    rows = messy(random, folder)
    stop = random.randint(0, 3)

    def cut(*_: int) -> None:
        nonlocal stop
        stop -= 1
        if stop < 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crm.imports(job).plan(MAPPING, folder=folder).apply(progress=cut)
    load(crm, folder, rows)


@pytest.fixture
def small_batches(monkeypatch):
    """Batches of three rows, so that small files have several."""
    monkeypatch.setattr(run_module, "BATCH", 3)


@given(st.integers(0, 10**9))
def test_in_any_messy_files(seed):
    with TemporaryDirectory() as folder, connect("memory://") as crm, pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "BATCH", 3)
        every_row_counts(Random(seed), crm, Path(folder))


@pytest.mark.usefixtures("small_batches")
def test_on_every_store(store_url, tmp_path):
    for seed in range(4):
        with connect(store_url) as crm:
            every_row_counts(Random(seed), crm, tmp_path)
