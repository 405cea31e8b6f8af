"""Loading with history: records that moved elsewhere stand where their moves led, and say how they came there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import (
    UTC,
    Action,
    Actor,
    BadDefinition,
    BadRecord,
    Campaign,
    Crm,
    Customer,
    Expr,
    Lead,
    NotAllowed,
    Opportunity,
    Pipeline,
    Stage,
    Ticket,
    User,
    connect,
    everything,
    f,
    forward,
    into,
    moved,
    system,
)
from crmkit.lifecycle import Entry
from crmkit.lifecycle.built_in import BUILT_IN
from crmkit.model.schema import Schema, schema_of
from crmkit.testing import FrozenClock, asked

job = system("load")
NOW = dt.datetime(2026, 3, 1, tzinfo=UTC)
SALES = Pipeline(
    "sales",
    Opportunity,
    stages=[
        Stage("contact", 10),
        Stage("proposal", 50, requires={"amount"}),
        Stage("won", 100, outcome="won"),
        Stage("lost", 0, outcome="lost", requires={"lost_reason"}),
    ],
    moves=[forward(), into("lost")],
)


def day(number: float) -> dt.datetime:
    """The instant so many days after the first of January."""
    return dt.datetime(2026, 1, 1, tzinfo=UTC) + dt.timedelta(days=number)


@pytest.fixture
def crm_clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
def crm_options() -> dict[str, Any]:
    return {"pipelines": [SALES]}


def test_a_record_stands_where_its_history_leads(crm: Crm) -> None:
    with crm.session(job) as s:
        ann = s.users.add(User(name="Ann"))
        deal = s.opportunities.add(
            Opportunity(name="Deal"),
            history=[
                moved("contact", at=day(0), by="system:legacy"),
                moved("proposal", at=day(10), by=ann.id, note="sent v2"),
                moved("proposal", at=day(12), note="called"),
                moved("contact", at=day(15)),
                moved("lost", at=day(20)),
                moved("proposal", at=day(21)),
                moved("won", at=day(31)),
            ],
        )
        assert (deal.pipeline, deal.pipeline_version, deal.stage, deal.outcome) == ("sales", 1, "won", "won")
        assert (deal.created_at, deal.stage_since, deal.closed_at, deal.stage_reached) == (day(0), day(31), day(31), 2)
        assert (deal.version, deal) == (1, s.opportunities.get(deal.id))
        moves = s.stage_moves.find(f.record_id == deal.id, order=f.number)
        days = 86_400_000
        assert [(m.number, m.from_stage, m.to_stage, m.kind, m.spent, m.actor, m.note) for m in moves] == [
            (1, "", "contact", "enter", None, "system:legacy", None),
            (2, "contact", "proposal", "forward", 10 * days, str(ann.id), "sent v2"),
            (3, "proposal", "proposal", "stay", None, "", "called"),
            (4, "proposal", "contact", "back", 5 * days, "", None),
            (5, "contact", "lost", "close", 5 * days, "", None),
            (6, "lost", "proposal", "reopen", days, "", None),
            (7, "proposal", "won", "close", 10 * days, "", None),
        ]
        assert [m.at for m in moves] == [day(number) for number in (0, 10, 12, 15, 20, 21, 31)]


def test_it_goes_on_from_there(crm: Crm) -> None:
    with crm.session(job) as s:
        deal = s.opportunities.add(Opportunity(name="Deal"), history=[moved("contact", at=day(0))])
        deal = s.opportunities.advance(deal, "won", at=day(9))
        assert [(m.number, m.spent) for m in s.stage_moves.find(order=f.number)] == [(1, None), (2, 9 * 86_400_000)]
        assert s.analytics.cycle().total.days.median == dt.timedelta(days=9)


ADDS: dict[str, Callable[..., object]] = {
    "one": lambda shelf, record, history: shelf.add(record, history=history),
    "many": lambda shelf, record, history: shelf.add_many([(record, history)]),
    "among others": lambda shelf, record, history: shelf.add_many([Opportunity(name="Other"), (record, history)]),
}
IMPOSSIBLE: dict[str, tuple[list[Any], str]] = {
    "a stage that is not there": (
        [moved("contct", at=day(0))],
        "history[0].stage: is not a stage of 'sales'. Did you mean 'contact'?",
    ),
    "a time to come": (
        [moved("contact", at=NOW + dt.timedelta(seconds=1))],
        "history[0].at: is 2026-03-01T00:00:01+00:00, which is yet to come.",
    ),
    "a time without a zone": (
        [moved("contact", at=dt.datetime(2026, 1, 1))],
        "history[0].at: has no time zone, so it names no instant. Add one, as in datetime(..., tzinfo=UTC).",
    ),
    "no time": (
        [Entry("contact", None)],
        "history[0].at: expects a date and time, not NoneType.",
    ),
    "an order that time denies": (
        [moved("contact", at=day(5)), moved("proposal", at=day(4))],
        "history[1].at: is before the move that precedes it. List moves in the order in which they were made.",
    ),
    "nobody": (
        [moved("contact", at=day(0), by=UUID(int=7))],
        "history[0].by: links to user 00000000-0000-0000-0000-000000000007, which does not exist. "
        "Add the user first, or leave by out.",
    ),
    "words that nothing holds": (
        [moved("contact", at=day(0), by="x" * 121, note="\0")],
        "history[0].by: has 121 characters, 120 at most.; "
        "history[0].note: holds a NUL character at position 0. Remove it.",
    ),
    "no moves": (["contact"], "history[0]: expects moved(...), not str."),
    "several things": (
        [moved("x", at=day(0)), moved("y", at=NOW + dt.timedelta(1))],
        "history[0].stage: is not a stage of 'sales'. There is: contact, lost, proposal, won.; "
        "history[1].stage: is not a stage of 'sales'. There is: contact, lost, proposal, won.; "
        "history[1].at: is 2026-03-02T00:00:00+00:00, which is yet to come.",
    ),
}


@pytest.mark.parametrize("add", ADDS)
@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_what_cannot_be_true_is_listed_and_nothing_is_written(crm: Crm, add: str, case: str) -> None:
    history, message = IMPOSSIBLE[case]
    if add != "one":
        message = message.replace("history[", f"[{int(add != 'many')}].history[")
    with crm.session(job) as s:
        with pytest.raises(BadRecord) as caught:
            ADDS[add](s.opportunities, Opportunity(name="Deal"), history)
        assert str(caught.value) == f"opportunity refused: {message}"
    with crm.session(job) as s:
        assert (s.opportunities.count(), s.stage_moves.count()) == (0, 0)


def test_the_record_itself_must_agree(crm: Crm) -> None:
    with crm.session(job) as s:
        with pytest.raises(BadRecord) as caught:
            s.opportunities.add(
                Opportunity(name="Deal", stage="won", created_at=day(3)), history=[moved("contact", at=day(0))]
            )
        assert str(caught.value) == (
            "opportunity refused: "
            "created_at: is after history[0].at, its first move. "
            "Leave created_at out, and the record is as old as its first move.; "
            "stage: is 'won', but history ends in 'contact'. Leave stage out, or add the move that led there."
        )
        deal = Opportunity(name="Deal", stage="won", created_at=day(-3))
        deal = s.opportunities.add(deal, history=[moved("contact", at=day(0)), moved("won", at=day(1))])
        assert (deal.created_at, deal.stage_since) == (day(-3), day(1))


def test_only_what_moves_has_a_history(crm: Crm) -> None:
    with crm.session(job) as s:
        with pytest.raises(BadDefinition, match="customer has no stages to move through"):
            s.customers.add(Customer(name="Acme"), history=[moved("contact", at=day(0))])
        with pytest.raises(BadRecord, match=r"history: expects a list of moved\(...\), not Entry"):
            s.opportunities.add(Opportunity(name="Deal"), history=moved("contact", at=day(0)))  # type: ignore[arg-type]
        with pytest.raises(BadRecord, match="expects Opportunity, not tuple"):
            s.opportunities.add_many([(Opportunity(name="Deal"),)])  # type: ignore[list-item]
        assert s.opportunities.add(Opportunity(name="Deal"), history=[]).stage == "contact"


STAGED: list[Any] = [Lead(name="Lea"), Ticket(subject="Help"), Campaign(name="Fair")]


@pytest.mark.parametrize("record", STAGED, ids=lambda record: type(record).__name__)
def test_every_model_with_stages_takes_one(crm: Crm, record: Any) -> None:
    (pipeline,) = (each for each in BUILT_IN if each.entity == schema_of(type(record)).name)
    first, *_, last = pipeline.stages
    with crm.session(job) as s:
        added = s.repository(type(record)).add(
            record, history=[moved(first.name, at=day(0)), moved(last.name, at=day(2))]
        )
        assert (added.stage, added.stage_since, added.closed_at) == (last.name, day(2), day(2))
        assert [move.to_stage for move in s.stage_moves.find(order=f.number)] == [first.name, last.name]


def test_the_policy_decides_about_the_record_as_it_then_stands(store_url: str) -> None:
    class NoWins:
        def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
            return f.outcome != "won" if schema.name == "opportunity" and action is Action.CREATE else everything

    with connect(store_url, pipelines=[SALES], policy=NoWins(), clock=lambda: NOW) as crm, crm.session(job) as s:
        with pytest.raises(NotAllowed):
            s.opportunities.add(Opportunity(name="Deal"), history=[moved("won", at=day(0))])
        assert s.opportunities.count() == 0


def test_many_take_as_many_statements_as_one(crm: Crm) -> None:
    def load(count: int) -> int:
        with asked(crm) as found, crm.session(job) as s:
            s.opportunities.add_many(
                (Opportunity(name=str(n)), [moved("contact", at=day(0), by=ann.id), moved("won", at=day(n % 50))])
                for n in range(count)
            )
        return len([each for each in found if each.is_statement])

    with crm.session(job) as s:
        ann = s.users.add(User(name="Ann"))
        s.opportunities.add(Opportunity(name="First"))
    assert load(1) == load(300)
    with crm.session(job) as s:
        assert (s.opportunities.count(f.stage == "won"), s.stage_moves.count()) == (301, 603)


STAGES = tuple(SALES.places)


@given(st.lists(st.tuples(st.sampled_from(STAGES), st.integers(0, 50)), min_size=1, max_size=8))
def test_any_history_is_read_back_as_it_was_told(visits: list[tuple[str, int]]) -> None:
    visits = list(zip([stage for stage, _ in visits], sorted(at for _, at in visits), strict=True))
    with connect("memory://", pipelines=[SALES], clock=lambda: NOW) as crm, crm.session(job) as s:
        deal = s.opportunities.add(Opportunity(name="Deal"), history=[moved(stage, at=day(at)) for stage, at in visits])
        moves = s.stage_moves.find(order=f.number)
        assert [(move.to_stage, move.at) for move in moves] == [(stage, day(at)) for stage, at in visits]
        assert [move.from_stage for move in moves] == ["", *(stage for stage, _ in visits[:-1])]
        assert [move.kind == "stay" for move in moves[1:]] == [a == b for (a, _), (b, _) in pairwise(visits)]
        spent = sum(move.spent or 0 for move in moves)
        assert spent == (deal.stage_since - deal.created_at) // dt.timedelta(milliseconds=1)
        assert (deal.closed_at is None) == (deal.outcome == "open") == SALES.stage(visits[-1][0]).is_open
