"""A session's life at random, on every store: whatever callers hold, calls do what a model in plain dicts says."""

from __future__ import annotations

import datetime as dt
import itertools
import pickle
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from typing import Any, TypeAlias
from uuid import UUID

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

from crmkit import (
    UTC,
    Action,
    Actor,
    BadRecord,
    Crm,
    CrmError,
    Expr,
    MoveRefused,
    NotAllowed,
    NotFound,
    Opportunity,
    Pipeline,
    Refused,
    Segment,
    Session,
    Stage,
    Stale,
    User,
    connect,
    everything,
    f,
    from_json,
    me,
    move,
    system,
    to_json,
)
from crmkit.model.schema import Schema
from crmkit.storage.spi import Feature
from crmkit.testing import FrozenClock

Row: TypeAlias = dict[str, Any]

# The stages by what they mean, and the moves there are; to lose takes a reason.
STAGES = {"contact": "open", "proposal": "open", "won": "won", "lost": "lost"}
MOVES = {
    ("contact", "proposal"), ("proposal", "contact"), ("proposal", "won"), ("contact", "lost"), ("proposal", "lost"),
    ("lost", "contact"),
}  # fmt: skip
MANAGED = {
    "created_at", "updated_at", "created_by", "updated_by", "deleted_at", "pipeline", "pipeline_version", "stage",
    "stage_since", "stage_reached", "outcome", "closed_at",
}  # fmt: skip
START = dt.datetime(2026, 3, 1, tzinfo=UTC)
PIPELINE = Pipeline(
    "standard",
    Opportunity,
    stages=[
        Stage("contact"),
        Stage("proposal"),
        Stage("won", outcome="won"),
        Stage("lost", outcome="lost", requires=["lost_reason"]),
    ],
    moves=[move(*each) for each in sorted(MOVES)],
)


class Own:
    """People see and touch the deals they own; background work sees all."""

    def rows(self, actor: Actor, action: Action, schema: Schema) -> Expr:
        return f.owner_id == me.id if actor.id is not None and schema.name == "opportunity" else everything


changes = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["A", "B"]),
        "lost_reason": st.sampled_from([None, "price"]),
        "next_step": st.sampled_from([None, "call", "write"]),
        "owner_id": st.sampled_from(["nobody", "ann"]),
    },
)
forgeries = st.fixed_dictionaries(
    {},
    optional={
        "version": st.integers(1, 4),
        "stage": st.sampled_from(sorted(STAGES)),
        "outcome": st.sampled_from(sorted(set(STAGES.values()))),
        "stage_since": st.just(START),
        "updated_at": st.just(START),
        "deleted_at": st.sampled_from([None, START]),
        "created_by": st.just("the boss"),
    },
)


copies: dict[str, Callable[[Opportunity], Opportunity]] = {
    "pickled": lambda deal: pickle.loads(pickle.dumps(deal)),  # noqa: S301 - our own
    "from JSON": lambda deal: from_json(Opportunity, to_json(deal)),
    "evolved": attrs.evolve,
}
stages = st.sampled_from(sorted(STAGES))
names = st.sampled_from(["first", "first", "first", "second", "second", "ann", "ann", "other"])
fresh = st.sampled_from([True, True, True, False])


@attrs.define
class Kept:
    """What one tenant keeps."""

    rows: dict[UUID, Row] = attrs.field(factory=dict)
    segments: dict[str, str] = attrs.field(factory=dict)


class Claims(RuleBasedStateMachine):
    """Four sessions: two of background work, one of a person who sees their own alone, one of another tenant.

    One of them writes at a time, as some databases allow no more. It sees what it wrote; the others see what is
    committed.
    """

    deals = Bundle("deals")
    numbers = itertools.count()

    def __init__(self, crm: Crm, clock: FrozenClock) -> None:
        super().__init__()
        self.crm = crm
        self.clock = clock
        self.savepoints = Feature.SAVEPOINT in crm.environment.store.features
        clock.now = START
        number = next(self.numbers)  # each run has tenants of its own
        here, there = (system("job", tenant=f"{word} {number}") for word in ("here", "there"))
        with crm.session(here) as s:
            self.ann = s.users.add(User(name="Ann")).id
        self.actors = {"first": here, "second": here, "ann": Actor(id=self.ann, tenant=here.tenant), "other": there}
        self.sessions = {name: self.entered(name) for name in self.actors}
        self.committed = {here.tenant: Kept(), there.tenant: Kept()}
        self.pending = deepcopy(self.committed)
        self.writer: str | None = None

    def entered(self, name: str) -> Session:
        return self.crm.session(self.actors[name]).__enter__()

    def teardown(self) -> None:
        for name in self.sessions:
            self.look(name=name)
        for session in self.sessions.values():
            session.__exit__(None, None, None)

    # -- the model -----------------------------------------------------------------------------------------------------

    def kept(self, name: str) -> Kept:
        return (self.pending if self.writer == name else self.committed)[self.actors[name].tenant]

    def sees(self, name: str, row: Row) -> bool:
        return name != "ann" or row["owner_id"] == self.ann

    def words(self, name: str, drawn: Row) -> Row:
        known = drawn.get("owner_id") == "ann" and name != "other"  # Ann is not there
        return drawn | ({"owner_id": self.ann if known else None} if "owner_id" in drawn else {})

    def claimed(self, name: str, claim: Opportunity, *, deleted: bool = False) -> Row:
        """The row that a claim names; an error if there is none."""
        row = self.kept(name).rows.get(claim.id)
        if row is None or not self.sees(name, row):
            raise NotFound("")
        if row["version"] != claim.version:
            raise Stale("", claim.id, 0, 0)
        if (row["deleted_at"] is None) is deleted:
            raise Refused("") if deleted else NotFound("")
        return row

    def differing(self, claim: Opportunity, row: Row) -> Row:
        told = attrs.asdict(claim, recurse=False)  # type: ignore[call-overload]
        found = {field: value for field, value in told.items() if value != row[field]}
        if found.keys() & MANAGED:
            raise BadRecord("", [])
        return found

    def changed(self, name: str, row: Row, changes: Row) -> Row:
        if changes.get("owner_id") is not None and name == "other":
            raise BadRecord("", [])  # Ann is not there
        at = max(self.clock.now, row["updated_at"])
        stamps = {"version": row["version"] + 1, "updated_at": at, "updated_by": self.actors[name].key}
        made = row | changes | stamps | ({"deleted_at": at} if changes.get("deleted_at") else {})
        if not self.sees(name, made):
            raise NotAllowed("")
        return made

    def moved(self, row: Row, target: str, *, transfer: bool) -> Row:
        allowed = transfer or (row["stage"], target) in MOVES
        if not allowed or (target == "lost" and not row["lost_reason"]):
            raise MoveRefused("", "", [])
        at, outcome = max(self.clock.now, row["stage_since"]), STAGES[target]
        before = 0 if transfer and outcome == "open" else row["stage_reached"]
        stays = transfer and row["closed_at"] is not None and row["outcome"] == outcome
        return {
            "stage": target,
            "stage_since": at,
            "stage_reached": max(before, list(STAGES).index(target) + 1) if outcome == "open" else before,
            "outcome": outcome,
            "closed_at": None if outcome == "open" else row["closed_at"] if stays else at,
        }

    def write(self, name: str, call: Callable[[Any], Opportunity], expected: Callable[[], Row]) -> Any:
        """Make a call, and compare what it gives or raises with what is expected."""
        repository = self.sessions[name].opportunities
        try:
            row = expected()
        except CrmError as error:
            with pytest.raises(type(error)):
                call(repository)
            return multiple()
        got = call(repository)
        assert attrs.asdict(got, recurse=False) == row  # type: ignore[call-overload]
        assert repository.get(got.id, deleted=True) == got
        self.kept(name).rows[got.id] = row
        return got

    def give_pen(self, name: str) -> None:
        if self.writer not in {None, name}:
            self.end(name=str(self.writer), commit=True)
        if self.writer is None:
            self.writer, self.pending = name, deepcopy(self.committed)

    def taken(self, name: str, deal: Opportunity, told: Row, *, fresh: bool) -> Opportunity:
        """The record as it was held or is read anew, and a changed copy if anything is told."""
        row = self.kept(name).rows.get(deal.id)
        if fresh and row is not None and self.sees(name, row):
            deal = self.sessions[name].opportunities.get(deal.id, deleted=True)
        return attrs.evolve(deal, **self.words(name, told)) if told else deal

    # -- what happens --------------------------------------------------------------------------------------------------

    @initialize(target=deals, drawn=st.lists(changes, min_size=3, max_size=3))
    def begin(self, drawn: list[Row]) -> Any:
        made = [self.add(name=name, drawn=each) for name, each in zip(["first", "first", "other"], drawn, strict=True)]
        self.end(name="first", commit=True)
        return multiple(*made)

    @rule(hours=st.sampled_from([-1, 1, 1, 24]))
    def set_the_clock(self, *, hours: int) -> None:
        self.clock.now += dt.timedelta(hours=hours)

    @rule(target=deals, name=names, drawn=changes)
    def add(self, *, name: str, drawn: Row) -> Any:
        given = Opportunity(**{"name": "new", **self.words(name, drawn)})
        self.give_pen(name)
        opportunities = self.sessions[name].opportunities
        if name == "ann" and given.owner_id is None:
            with pytest.raises(NotAllowed):
                opportunities.add(given)
            return multiple()
        got = opportunities.add(given)
        assert (got.version, got.stage, got.stage_since, got.created_at) == (1, "contact", *[self.clock.now] * 2)
        self.kept(name).rows[got.id] = attrs.asdict(got, recurse=False)  # type: ignore[call-overload]
        return got

    @rule(target=deals, name=names, deal=deals)
    def get(self, *, name: str, deal: Opportunity) -> Any:
        row = self.kept(name).rows.get(deal.id)
        if row is None or not self.sees(name, row):
            with pytest.raises(NotFound):
                self.sessions[name].opportunities.get(deal.id, deleted=True)
            return multiple()
        return self.sessions[name].opportunities.get(deal.id, deleted=True)

    @rule(target=deals, deal=deals, drawn=changes, forged=st.one_of(st.just({}), st.just({}), forgeries))
    def evolve(self, *, deal: Opportunity, drawn: Row, forged: Row) -> Opportunity:
        return attrs.evolve(deal, **self.words("first", drawn), **forged)

    @rule(target=deals, deal=deals, how=st.sampled_from(sorted(copies)))
    def copy(self, *, deal: Opportunity, how: str) -> Opportunity:
        return copies[how](deal)

    @rule(target=deals, name=names, deal=deals, fresh=fresh, told=changes, drawn=changes)
    def update(self, *, name: str, deal: Opportunity, fresh: bool, told: Row, drawn: Row) -> Any:
        self.give_pen(name)
        given, deal = self.words(name, drawn), self.taken(name, deal, told, fresh=fresh)

        def expected() -> Row:
            row = self.claimed(name, deal)
            return self.changed(name, row, self.differing(deal, row) | given)

        return self.write(name, lambda deals: deals.update(deal, **given), expected)

    @rule(target=deals, name=names, deal=deals, fresh=fresh, told=changes, drawn=changes, stage=stages)
    def advance(self, *, name: str, deal: Opportunity, fresh: bool, told: Row, drawn: Row, stage: str) -> Any:
        self.give_pen(name)
        given, deal = self.words(name, drawn), self.taken(name, deal, told, fresh=fresh)

        def expected() -> Row:
            row = self.claimed(name, deal)
            changes = self.differing(deal, row) | given
            return self.changed(name, row, changes | self.moved(row | changes, stage, transfer=False))

        return self.write(name, lambda deals: deals.advance(deal, stage, **given), expected)

    @rule(target=deals, name=names, deal=deals, fresh=fresh, told=changes, stage=stages)
    def transfer(self, *, name: str, deal: Opportunity, fresh: bool, told: Row, stage: str) -> Any:
        self.give_pen(name)
        deal = self.taken(name, deal, told, fresh=fresh)

        def expected() -> Row:
            row = self.claimed(name, deal)
            changes = self.differing(deal, row)
            return self.changed(name, row, changes | self.moved(row | changes, stage, transfer=True))

        return self.write(name, lambda deals: deals.transfer(deal, stage=stage), expected)

    @rule(target=deals, name=names, deal=deals, fresh=fresh)
    def delete_or_restore(self, *, name: str, deal: Opportunity, fresh: bool) -> Any:
        self.give_pen(name)
        deal = self.taken(name, deal, {}, fresh=fresh)
        restoring = deal.deleted_at is not None

        def expected() -> Row:
            row = self.claimed(name, deal, deleted=restoring)
            if self.differing(deal, row):
                raise BadRecord("", [])
            return self.changed(name, row, {"deleted_at": None if restoring else START})

        return self.write(name, lambda deals: (deals.restore if restoring else deals.delete)(deal), expected)

    @rule(name=names, deal=deals, fresh=fresh, told=changes, drawn=changes)
    def look_ahead(self, *, name: str, deal: Opportunity, fresh: bool, told: Row, drawn: Row) -> None:
        given, deal = self.words(name, drawn), self.taken(name, deal, told, fresh=fresh)
        deals = self.sessions[name].opportunities
        try:
            row = self.claimed(name, deal)
            would_be = row | self.differing(deal, row)
        except CrmError as error:
            for call in (lambda: deals.allowed_moves(deal), lambda: deals.why_not(deal, "won", **given)):
                with pytest.raises(type(error)):
                    call()
            return
        allowed = [stage for stage in STAGES if self.may(would_be, stage)]
        assert list(deals.allowed_moves(deal)) == allowed
        for stage in STAGES:
            assert (deals.why_not(deal, stage, **given) == "") is self.may(would_be | given, stage)

    def may(self, row: Row, stage: str) -> bool:
        return (row["stage"], stage) in MOVES and (stage != "lost" or bool(row["lost_reason"]))

    @rule(target=deals, name=names, deal=deals, told=changes, later=changes, part=st.booleans())
    def use_what_was_undone(self, *, name: str, deal: Opportunity, told: Row, later: Row, part: bool) -> Any:
        self.end(name=name, commit=True)
        self.give_pen(name)
        deal, before = self.taken(name, deal, {}, fresh=True), deepcopy(self.pending)
        if part and self.savepoints:
            with suppress(ZeroDivisionError), self.sessions[name].nested():
                never = self.update(name=name, deal=deal, fresh=False, told={}, drawn=told)
                raise ZeroDivisionError
            self.pending = before
        else:
            never = self.update(name=name, deal=deal, fresh=False, told={}, drawn=told)
            self.end(name=name, commit=False)
        kept = self.update(name=name, deal=deal, fresh=False, told={}, drawn=later)
        got = [never, kept]
        if isinstance(never, Opportunity):
            got.append(self.update(name=name, deal=never, fresh=False, told={}, drawn={}))
        return multiple(*(each for each in got if isinstance(each, Opportunity)))

    @rule(name=names, word=st.sampled_from(["call", "write"]))
    def save_a_segment(self, *, name: str, word: str) -> None:
        self.give_pen(name)
        self.sessions[name].segments.save(Segment("next", Opportunity, f.next_step == word))
        self.kept(name).segments["next"] = word

    @rule(name=names, commit=st.booleans())
    def end(self, *, name: str, commit: bool) -> None:
        (self.sessions[name].commit if commit else self.sessions[name].rollback)()
        if self.writer == name:
            self.committed = self.pending if commit else self.committed
            self.writer = None

    @rule(name=names)
    def open_another_session(self, *, name: str) -> None:
        if self.writer == name:
            self.committed, self.writer = self.pending, None
        self.sessions[name].__exit__(None, None, None)
        self.sessions[name] = self.entered(name)

    @rule(name=names)
    def look(self, *, name: str) -> None:
        s, kept = self.sessions[name], self.kept(name)
        rows = {id: row for id, row in kept.rows.items() if self.sees(name, row)}
        found = {each.id: each for each in s.opportunities.stream(deleted=True)}
        assert {id: attrs.asdict(each, recurse=False) for id, each in found.items()} == rows  # type: ignore[call-overload]
        assert s.segments.names() == sorted(kept.segments)
        for segment, word in kept.segments.items():
            wanted = {id for id, row in rows.items() if row["next_step"] == word and row["deleted_at"] is None}
            assert s.segments.ids(s.segments.get(segment)) == wanted
        for deal in found.values():
            moves = s.stage_moves.find(f.record_id == deal.id, order=f.number)
            assert [each.number for each in moves] == list(range(1, len(moves) + 1))
            assert [each.from_stage for each in moves] == ["", *(each.to_stage for each in moves)][:-1]
            assert (moves[-1].to_stage, moves[-1].at) == (deal.stage, deal.stage_since)
            assert [each.at for each in moves] == sorted(each.at for each in moves)


SHORT = settings(max_examples=40, stateful_step_count=50)
LONG = settings(max_examples=400, stateful_step_count=100, derandomize=False)


@pytest.mark.parametrize("steps", [SHORT, pytest.param(LONG, marks=pytest.mark.long)], ids=["short", "long"])
def test_calls_do_what_the_model_says(store_url: str, steps: settings) -> None:
    clock = FrozenClock(START)
    with connect(store_url, clock=clock, policy=Own(), pipelines=[PIPELINE]) as crm:
        run_state_machine_as_test(lambda: Claims(crm, clock), settings=steps)  # type: ignore[no-untyped-call]
