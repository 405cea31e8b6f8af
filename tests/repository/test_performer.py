"""Handlers at the steps of an operation: who runs, in which order, what they may do, and what is undone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import attrs
import pytest

from crmkit import (
    AsyncSession,
    BadDefinition,
    BadRecord,
    Crm,
    CrmError,
    Message,
    Move,
    MoveRefused,
    Opportunity,
    Refusal,
    Session,
    Task,
    aconnect,
    advance,
    connect,
    f,
    moved,
    system,
)
from crmkit.operation.operation import Handler

job = system("test")
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


def deal(s: Session, name: str = "Line 4", **values: Any) -> Opportunity:
    return s.opportunities.add(Opportunity(name=name, **values))


def needs_a_step(s: Session, move: Move) -> Refusal | None:
    if move.kind == "advance" and not move.record.next_step:
        return Refusal("Say what comes next.", fields=["next_step"])
    return None


def lists_a_task(s: Session, move: Move) -> None:
    s.tasks.add(Task(subject=f"after {move.target}", opportunity_id=move.record.id))


def sets_a_step(s: Session, move: Move) -> Move:
    return move.having(next_step=f"{move.record.next_step or ''}+{move.target}")


@pytest.fixture
def crms(store_url: str) -> Iterator[Any]:
    opened: list[Crm] = []

    def open_crm(*steps: Handler[Any], **options: Any) -> Crm:
        opened.append(connect(store_url, steps=steps, **options))
        return opened[-1]

    yield open_crm
    for crm in opened:
        crm.close()


# -- what a handler can do ---------------------------------------------------------------------------------------------


def test_a_refusal_stands_beside_what_the_pipeline_says_and_why_not_repeats_it(crms: Any) -> None:
    with crms(advance.before("check", needs_a_step)).session(job) as s:
        line = deal(s)
        assert s.opportunities.why_not(line, "lost") == "Say what comes next. 'lost' requires lost_reason."
        with pytest.raises(MoveRefused) as refused:
            s.opportunities.advance(line, "lost")
        assert refused.value.reasons == ("Say what comes next.", "'lost' requires lost_reason.")
        assert s.opportunities.why_not(line, "needs", next_step="call") == ""
        assert s.opportunities.allowed_moves(line) == ()
        assert s.opportunities.advance(line, "needs", next_step="call").stage == "needs"


def test_a_handler_changes_the_record_as_it_moves_and_counts_as_one_version(crms: Any) -> None:
    with crms(advance.before("check", sets_a_step), advance.after("check", sets_a_step)).session(job) as s:
        line = s.opportunities.advance(deal(s), "needs")
        assert (line.version, line.stage) == (2, "needs")
        assert line.next_step == "+contact+contact+needs+needs"
        assert s.opportunities.get(line.id) == line


def test_what_handlers_write_is_part_of_the_operation(crms: Any) -> None:
    def fails(s: Session, move: Move) -> None:
        if move.target == "proposal":
            raise ZeroDivisionError

    crm = crms(advance.after("write", lists_a_task), advance.after("write", fails))
    with crm.session(job) as s:
        line = deal(s)
    with crm.session(job) as s:
        line = s.opportunities.advance(line, "needs")
    with crm.session(job) as s:
        with pytest.raises(ZeroDivisionError):
            s.opportunities.advance(line, "proposal")
        assert s.opportunities.get(line.id) == line
        assert s.tasks.count(f.subject == "after proposal") == 0
        assert s.tasks.count(f.subject == "after needs") == 1
        assert s.stage_moves.count(f.record_id == line.id) == 2
        assert s.opportunities.advance(line, "negotiation").stage == "negotiation"


def test_a_refusal_before_writing_undoes_what_other_handlers_wrote(crms: Any) -> None:
    def refuses(s: Session, move: Move) -> Refusal | None:
        return Refusal("Not today.", hint="Try tomorrow.") if move.kind == "advance" else None

    def promises(s: Session, move: Move) -> None:
        s.tasks.add(Task(subject="to be done"))

    crm = crms(advance.before("write", promises), advance.before("write", refuses))
    with crm.session(job) as s:
        line = deal(s)
    with crm.session(job) as s:
        with pytest.raises(MoveRefused, match="cannot move from 'contact' to 'needs': Not today. Try tomorrow."):
            s.opportunities.advance(line, "needs")
        assert s.tasks.count() == 1


def test_a_step_that_decides_only_looks(crms: Any) -> None:
    def notes(s: Session, move: Move) -> None:
        s.tasks.add(Task(subject="moved"))

    with crms(advance.before("check", notes)).session(job) as s:
        with pytest.raises(CrmError, match="what judges whether something may happen cannot write"):
            deal(s)
        assert (s.tasks.count(), s.opportunities.count()) == (0, 0)


def test_a_replacement_stands_in_for_the_pipelines_own_judgement(crms: Any) -> None:
    def anything_goes(s: Session, move: Move) -> None:
        assert s.opportunities.count() >= 0

    with crms(advance.replace("check", anything_goes)).session(job) as s:
        line = deal(s)
        assert s.opportunities.why_not(line, "lost") == ""
        lost = s.opportunities.advance(line, "lost")
        assert (lost.stage, lost.outcome, lost.lost_reason) == ("lost", "lost", None)
        assert s.stage_moves.count(f.record_id == line.id) == 2


def test_handlers_get_what_the_caller_passes_along(crms: Any) -> None:
    seen: list[Any] = []

    def notes(s: Session, move: Move) -> None:
        seen.append((move.kind, move.target, move.note, dict(move.data), move.record.amount))

    with crms(advance.after("write", notes)).session(job) as s:
        line = deal(s)
        line = s.opportunities.advance(line, "needs", note="called", data={"desk": 4})
        line = s.opportunities.transfer(line, stage="contact", data={"desk": 5})
        assert s.opportunities.why_not(line, "needs", data={"desk": 6}) == ""
    assert (
        seen
        == [
            ("enter", "contact", None, {}, None),
            ("advance", "needs", "called", {"desk": 4}, None),
            ("transfer", "contact", None, {"desk": 5}, None),
        ]
        or seen[0][1] == ""
    )


def test_many_records_pass_the_same_steps_as_one(crms: Any) -> None:
    with crms(advance.before("check", sets_a_step), advance.after("write", lists_a_task)).session(job) as s:
        ids = s.opportunities.add_many(
            [
                Opportunity(name="a"),
                (Opportunity(name="b"), [moved("contact", at=YESTERDAY), moved("needs", at=YESTERDAY)]),
                Opportunity(name="c"),
            ]
        )
        steps = {each.name: each.next_step for each in s.opportunities.find(f.id.one_of(*ids))}
        assert len(steps) == 3
        assert all(steps.values())
        assert s.tasks.count() == 3


# -- a handler cannot break what holds it ------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["commit", "rollback", "__enter__"])
def test_a_handler_cannot_end_the_transaction(crms: Any, end: str) -> None:
    outer: list[Session] = []

    def ends(s: Session, move: Move) -> None:
        for session in (s, *outer):
            with pytest.raises(CrmError, match="a handler cannot end the transaction"):
                getattr(session, end)()

    with crms(advance.after("write", ends)).session(job) as s:
        outer.append(s)
        assert deal(s).version == 1


def test_handlers_that_set_off_one_another_for_ever_are_stopped(crms: Any) -> None:
    def again(s: Session, move: Move) -> None:
        s.opportunities.add(Opportunity(name="another"))

    crm = crms(advance.after("write", again))
    with crm.session(job) as s:
        with pytest.raises(CrmError, match="handlers have set off one another, 20 deep"):
            deal(s)
        s.rollback()
    with crm.session(job) as s:
        assert s.opportunities.count() == 0


def test_what_a_handler_returns_is_a_state_a_refusal_or_nothing(crms: Any) -> None:
    def wrong(s: Session, move: Move) -> Any:
        return "no"

    with crms(advance.before("check", wrong)).session(job) as s, pytest.raises(CrmError, match="wrong returned str"):
        deal(s)


def test_a_handler_sets_no_field_that_crmkit_keeps(crms: Any) -> None:
    def forges(s: Session, move: Move) -> Move:
        return move.having(stage="won")

    with crms(advance.before("check", forges)).session(job) as s, pytest.raises(BadRecord, match="changes by a move"):
        deal(s)


# -- several hands -----------------------------------------------------------------------------------------------------


def test_two_packages_and_a_host_change_one_operation_in_every_order(store_url: str) -> None:
    seen: list[str] = []

    def named(name: str) -> Any:
        def handler(s: Session, move: Move) -> Move:
            seen.append(name)
            return move.having(next_step=(move.record.next_step or "") + name)

        return handler

    host = advance.after("check", named("h"))
    first, second = advance.after("check", named("a")), advance.after("check", named("b"))
    for number, order in enumerate(permutations([(host, "h"), (first, "a"), (second, "b")])):
        names = "".join(name for _, name in order)
        with connect(store_url, steps=[each for each, _ in order]) as crm, crm.session(job) as s:
            seen.clear()
            line = deal(s, f"{number}")
            assert "".join(seen) == names
            assert line.next_step == names
    with connect(store_url, steps=[host, second]) as crm, crm.session(job) as s:
        if not store_url.startswith("memory"):
            assert s.opportunities.count(f.next_step == "abh") == 1
        assert deal(s, "last").next_step == "hb"


# -- messages ----------------------------------------------------------------------------------------------------------


def test_what_comes_after_the_commit_is_a_message_in_the_outbox(crms: Any) -> None:
    won = Message[Move]("acme.won", lambda move: {"name": move.record.name} if move.record.outcome == "won" else None)
    crm = crms(advance.after_commit("write", won), outbox=True)
    with crm.session(job) as s:
        line = deal(s)
        line = s.opportunities.advance(line, "won")
        message = s.outbox.first(f.topic == "acme.won")
        assert message is not None
        assert (message.record_id, message.record_version, message.payload) == (line.id, 2, '{"name": "Line 4"}')
        assert s.outbox.count(f.topic == "acme.won") == 1


# -- connecting --------------------------------------------------------------------------------------------------------


def one_argument(s: Session) -> None: ...


async def awaited(s: AsyncSession, move: Move) -> Refusal | None:
    return Refusal("Nothing is listed.") if move.kind == "advance" and not await s.tasks.count() else None


REFUSED: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("advance has no step 'chek'. Did you mean 'check'?", [advance.before("chek", lists_a_task)], {}),
    ("cannot be called with a session and a state", [advance.before("check", one_argument)], {}),
    ("a function is expected, not int", [advance.before("check", 4)], {}),  # type: ignore[arg-type]
    (
        "both replace the step 'check'",
        [advance.replace("check", lists_a_task), advance.replace("check", lists_a_task)],
        {},
    ),
    ("the step 'write' of advance cannot be replaced", [advance.replace("write", lists_a_task)], {}),
    ("is awaited, and this CRM is not", [advance.before("check", awaited)], {}),
    ("needs an outbox", [advance.after_commit("write", Message("a.b"))], {}),
    ("all it may do is write a message", [advance.after_commit("write", lists_a_task)], {"outbox": True}),  # type: ignore[arg-type]
    ("writes nothing that could be committed", [advance.after_commit("check", Message("a.b"))], {"outbox": True}),
    ("a handler is expected, not function", [lists_a_task], {}),
    ("no operation of this CRM is 'advance'", [attrs.evolve(advance).before("check", lists_a_task)], {}),
]


@pytest.mark.parametrize(("message", "steps", "options"), REFUSED, ids=[each[0] for each in REFUSED])
def test_a_handler_that_does_not_fit_is_refused_when_connecting(
    message: str, steps: list[Any], options: dict[str, Any]
) -> None:
    with pytest.raises(BadDefinition, match=message):
        connect("memory://", steps=steps, **options)


def test_everything_that_is_wrong_with_handlers_is_told_at_once() -> None:
    with pytest.raises(BadDefinition) as refused:
        connect("memory://", steps=[advance.before("chek", lists_a_task), lists_a_task])  # type: ignore[list-item]
    assert [problem.field for problem in refused.value.problems] == ["steps[0]", "steps[1]"]


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_an_awaited_crm_takes_handlers_of_both_colours(store: str, tmp_path: Path) -> None:
    url = "memory://" if store == "memory" else f"sqlite+aiosqlite:///{tmp_path / 'crm.db'}"

    async def scenario() -> None:
        steps = [advance.before("check", awaited), advance.after("check", sets_a_step)]
        async with aconnect(url, steps=steps) as crm, crm.session(job) as s:
            line = await s.opportunities.add(Opportunity(name="Line 4"))
            assert await s.opportunities.why_not(line, "needs") == "Nothing is listed."
            await s.tasks.add(Task(subject="call"))
            assert (await s.opportunities.advance(line, "needs")).stage == "needs"

    asyncio.run(scenario())
