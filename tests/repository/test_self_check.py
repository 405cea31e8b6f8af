"""A model's own checks, in its `__attrs_post_init__`, hold on every path by which a record is made or changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from crmkit import (
    BadRecord,
    Crm,
    Customer,
    Opportunity,
    Problem,
    Session,
    connect,
    entity,
    f,
    from_dict,
    integer,
    moved,
    system,
    text,
)

job = system("test")
WHEN = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


@entity(extends=Customer)
class Clinic(Customer):
    """A customer that never has more free beds than beds, and knows its name in capitals."""

    beds: int = integer(default=0)
    free: int = integer(default=0)
    sign: str = text(default="", max=300)

    def __attrs_post_init__(self) -> None:
        if self.free > self.beds:
            raise BadRecord("customer", [Problem("too_large", "is more than there are.", field="free")])
        object.__setattr__(self, "sign", self.name.upper())


@entity(extends=Opportunity)
class Deal(Opportunity):
    """A deal that is never lost for nothing."""

    def __attrs_post_init__(self) -> None:
        if self.outcome == "lost" and self.next_step is None:
            raise ValueError("a lost deal says what comes next")


@pytest.fixture
def crm(store_url: str) -> Iterator[Crm]:
    with connect(store_url, models=[Clinic, Deal]) as crm:
        yield crm


REFUSED: dict[str, Callable[[Session], object]] = {
    "made": lambda _: Clinic(name="A", free=1),
    "read from a document": lambda _: from_dict(Clinic, {"name": "A", "free": 1}),
    "a changed copy": lambda s: attrs.evolve(clinic(s), free=9),
    "update": lambda s: s.repository(Clinic).update(clinic(s), free=9),
    "update of another field": lambda s: s.repository(Clinic).update(clinic(s), beds=1),
    "advance": lambda s: s.repository(Deal).advance(deal(s), "lost", lost_reason="price"),
    "transfer": lambda s: s.repository(Deal).transfer(deal(s, lost_reason="price"), stage="lost"),
    "add at a stage": lambda s: s.repository(Deal).add(Deal(name="A", stage="lost", lost_reason="price")),
    "add_many with a history": lambda s: s.repository(Deal).add_many([(Deal(name="A"), [moved("lost", at=WHEN)])]),
}


def clinic(s: Session) -> Clinic:
    return s.repository(Clinic).add(Clinic(name="St. Ann", beds=3, free=2))


def deal(s: Session, **values: Any) -> Deal:
    return s.repository(Deal).add(Deal(name="A", **values))


@pytest.mark.parametrize("how", REFUSED)
def test_what_a_record_refuses_is_stored_by_no_path(crm: Crm, how: str) -> None:
    with crm.session(job) as s:
        with pytest.raises(BadRecord) as caught:
            REFUSED[how](s)
        assert str(caught.value) in {
            "customer refused: free: is more than there are.",
            "opportunity refused: a lost deal says what comes next",
        }
        assert not s.repository(Clinic).count((f.free > 3) | (f.beds < 3))
        assert not s.repository(Deal).count(f.outcome == "lost")


def test_what_a_record_sets_itself_is_stored_with_every_change(crm: Crm) -> None:
    with crm.session(job) as s:
        made = clinic(s)
        assert made.sign == "ST. ANN"
        renamed = s.repository(Clinic).update(made, name="St. Bo")
        assert renamed.sign == "ST. BO"
        assert s.repository(Clinic).get(made.id) == renamed


def test_a_record_that_refuses_itself_can_still_be_deleted_but_not_restored(
    crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    with crm.session(job) as s:
        with monkeypatch.context() as lax:  # as if its class had become stricter since
            lax.setattr(Clinic, "__attrs_post_init__", lambda _: None)
            wrong = s.repository(Clinic).add(Clinic(name="A", free=9))
        deleted = s.repository(Clinic).delete(wrong)
        with pytest.raises(BadRecord, match="is more than there are"):
            s.repository(Clinic).restore(deleted)


def test_a_move_that_a_record_would_refuse_is_not_offered(crm: Crm) -> None:
    with crm.session(job) as s:
        held = deal(s, lost_reason="price")
        assert s.repository(Deal).why_not(held, "lost") == "a lost deal says what comes next"
        assert "lost" not in s.repository(Deal).allowed_moves(held)
        assert not s.repository(Deal).why_not(held, "lost", next_step="call")


IMPORT = {
    "source": "legacy",
    "zone": "UTC",
    "file": [
        {
            "path": "a.csv",
            "into": "customer",
            "id": "No",
            "fields": {"name": "Name", "beds": "Beds", "free": "Free"},
        }
    ],
}


def test_rows_of_imports_are_refused_alone_in_a_dry_run_too(crm: Crm, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("No,Name,Beds,Free\n1,Good,3,2\n2,Bad,3,4\n")
    plan = crm.imports(job).plan(IMPORT, folder=tmp_path)
    assert [each.message for each in plan.problems] == ["is more than there are."]
    done = plan.apply()
    assert [(each.column, each.record) for each in done.problems] == [("Free", 3)]
    (tmp_path / "a.csv").write_text("No,Name,Beds,Free\n1,Better,1,2\n2,Well,3,1\n")
    again = crm.imports(job).plan(IMPORT, folder=tmp_path).apply()
    assert [(each.column, each.record) for each in again.problems] == [("Free", 2)]
    with crm.session(job) as s:
        assert {(each.name, each.sign) for each in s.repository(Clinic).find()} == {("Good", "GOOD"), ("Well", "WELL")}
