"""A plan and its apply agree, whatever the policy asks of records and of those that they lead to."""

from __future__ import annotations

import csv
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import Action, Actor, Crm, Expr, User, connect, everything, f, me, system
from crmkit.importers import family, run
from crmkit.importers.import_report import ImportReport
from crmkit.model.schema import Schema
from tests.importers.conftest import balanced

job = system("migration")
ann = Actor(id=UUID(int=1), name="Ann")
PEOPLE = {"Ann": UUID(int=1), "Bo": UUID(int=2)}
OWN = f.owner_id == me.id
TO_USER = {"link": "user", "by": "name"}
TO_FIRM = {"link": "customer"}
FIRM = {
    "into": "customer", "id": "No",
    "fields": {"name": "Name", "owner_id": {"column": "Owner", **TO_USER}, "parent_id": {"column": "Firm", **TO_FIRM}},
}  # fmt: skip
MAPPING: dict[str, Any] = {
    "source": "legacy", "zone": "UTC",
    "file": [
        {"path": "firms.csv", **FIRM},
        {"path": "more.csv", **FIRM},
        {
            "path": "people.csv", "into": "contact", "id": "No",
            "fields": {
                "name": "Name", "owner_id": {"column": "Owner", **TO_USER},
                "customer_id": {"column": "Firm", **TO_FIRM},
            },
        },
        {
            "path": "goods.csv", "into": "product", "id": "No", "fields": {"name": "Name", "sku": "Firm"},
        },
    ],
}  # fmt: skip
COLUMNS = {"No": "123456", "Name": ["A", "B", "C"], "Owner": [*PEOPLE, ""], "Firm": ["1", "2", "3", "4", "5", "6", ""]}
RULES: dict[str, list[Expr]] = {
    "customer": [
        OWN,
        f.owner_id.missing() | OWN,
        f.parent_id.missing() | (f.parent.owner_id == me.id),
        f.subsidiaries.count() < 2,
        f.subsidiaries.none(f.owner.name == "Bo"),
        f.contacts.all(OWN),
        f.parent.parent_id.missing(),
        f.created_by == ann.key,
        f.version < 2,
    ],
    "contact": [
        OWN,
        f.customer.owner_id == me.id,
        f.customer_id.missing() | (f.customer.parent.owner.name == "Ann"),
        f.customer.contacts.count(f.name == "A") <= 1,
        f.customer.subsidiaries.any(f.name == "B") | (f.name != "C"),
        (f.updated_by == ann.key) | f.customer_id.missing(),
    ],
}


class Rules:
    """What people may do to rows, by action and model; background work may do everything."""

    def __init__(self) -> None:
        self.asked: dict[tuple[Action, str], Expr] = {}

    def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
        return everything if actor.id is None else self.asked.get((action, schema.name), everything)


def prepared(crm: Crm) -> None:
    with crm.session(job) as s:
        s.users.add_many(User(id=id_, name=name, email=f"{name}@example.org") for name, id_ in PEOPLE.items())


def load(crm: Crm, folder: Path, actor: Actor = ann) -> ImportReport:
    """Plan and apply; both say the same of every row."""
    plan = crm.imports(actor).plan(MAPPING, folder=folder)
    done = plan.apply()
    assert (done.counts, list(done.problems)) == (plan.counts, list(plan.problems))
    return balanced(done)


def draw(random: Random, folder: Path) -> None:
    for each in MAPPING["file"]:
        made = [[random.choice(cells) for cells in COLUMNS.values()] for _ in range(random.randint(0, 8))]
        with (folder / each["path"]).open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([list(COLUMNS), *made])


def agrees(url: str, random: Random) -> None:
    """Load what nobody restricts, then other files under rules, and those again."""
    rules = Rules()
    with connect(url, policy=rules) as crm, TemporaryDirectory() as folder:
        prepared(crm)
        draw(random, Path(folder))
        load(crm, Path(folder), job)
        for model, asked in RULES.items():
            for action in (Action.CREATE, Action.UPDATE, Action.READ):
                if random.random() < (0.3 if action is Action.READ else 0.6):
                    rules.asked[action, model] = random.choice(asked)
        draw(random, Path(folder))
        load(crm, Path(folder))
        load(crm, Path(folder))


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of three rows, so that small files have several."""
    monkeypatch.setattr(run, "BATCH", 3)
    monkeypatch.setattr(family, "_MOST", 2)


@pytest.mark.usefixtures("small_batches")
def test_in_any_files_under_any_rules() -> None:
    @given(seed=st.integers(0, 10**6))
    @settings(max_examples=150)
    def check(seed: int) -> None:
        agrees("memory://", Random(seed))

    check()


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("seed", range(4))
def test_on_every_store(store_url: str, seed: int) -> None:
    agrees(store_url, Random(seed))
