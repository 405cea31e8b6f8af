"""Pipelines: the definition, what it allows, and the step from one stage to the next."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import Any, Final, TypeVar, cast

import attrs

from crmkit.errors import BadDefinition, BadRecord, MoveRefused, Problem, near
from crmkit.expr.resolve import Asker, Facts
from crmkit.lifecycle import check, reason
from crmkit.lifecycle.rule import Place, Rule
from crmkit.lifecycle.stage import Stage, checked_name
from crmkit.lifecycle.step import StagedRecord, Step, StepKind, kind_of
from crmkit.lifecycle.way import Ways
from crmkit.model.schema import Schema, entity_of, schema_of
from crmkit.values import NOT_YET, clean_instant

__all__ = ["Pipeline"]

T = TypeVar("T")
_MILLISECOND: Final = dt.timedelta(milliseconds=1)
_NO_ROLES: Final[AbstractSet[str]] = frozenset()


def _stages(given: Iterable[Stage]) -> tuple[Stage, ...]:
    return _tuple(given)


def _rules(given: Iterable[Rule]) -> tuple[Rule, ...]:
    return _tuple(given)


def _tuple(given: Iterable[T]) -> tuple[T, ...]:
    # What is not a list is refused later, where the name of the pipeline is known.
    return tuple(given) if isinstance(given, Iterable) else cast("tuple[T, ...]", given)


def _initial(given: str | None) -> str:
    # The first stage, once the stages are known.
    return cast("str", given)


@attrs.frozen
class Pipeline:
    """Stages and the moves between them, as data. Two pipelines are equal when they say the same.

    Open stages come first and have the positions 1, 2, 3 and so on; the stages that close a record follow. A move is
    allowed when a rule covers it, the actor has the rule's role, and the rule's guard, the stage's guard and the
    stage's required fields are satisfied.

    Args:
        name: what records hold; stable, at most 80 characters.
        model: the model whose records move through it. With the class, fields and guards are checked at once; with its
            name alone, when the pipeline is registered.
        stages: in order, the open ones first.
        moves: the rules: `forward()`, `back()`, `into()`, `reopen()`, `move()`.
        initial: where records enter; the first stage by default.

    Raises:
        BadDefinition: the stages and rules do not fit together, or do not fit the model.

    >>> from crmkit.lifecycle.rule import back, forward, into
    >>> pipeline = Pipeline(
    ...     "trial", "opportunity",
    ...     stages=[Stage("talk", 20), Stage("offer", 60), Stage("won", outcome="won"), Stage("lost", outcome="lost")],
    ...     moves=[forward(), back(1), into("lost")],
    ... )
    >>> pipeline.initial, pipeline.position("won")
    ('talk', 3)
    """

    name: str
    model: type[Any] | str = attrs.field(eq=entity_of, repr=lambda model: repr(entity_of(model)))
    stages: tuple[Stage, ...] = attrs.field(kw_only=True, converter=_stages)
    moves: tuple[Rule, ...] = attrs.field(kw_only=True, converter=_rules)
    initial: str = attrs.field(default=None, kw_only=True, converter=_initial)

    def __attrs_post_init__(self) -> None:
        """Check that it is sound, and that it fits its model if that is available."""
        checked_name("a pipeline", self.name)
        if isinstance(self.model, str):
            checked_name("a model", self.model)
        check.each(f"pipeline {self.name!r}: a stage", Stage, self.stages, 'Stage("new")')
        check.each(f"pipeline {self.name!r}: a rule", Rule, self.moves, "forward()")
        if self.initial is None:
            object.__setattr__(self, "initial", next((stage.name for stage in self.stages if stage.is_open), ""))
        schema = None if isinstance(self.model, str) else schema_of(self.model)
        check.definition(self.name, self.stages, self.places, self.moves, self.initial)
        if schema is not None:
            self.check(schema)

    @property
    def entity(self) -> str:
        """The name of the model."""
        return entity_of(self.model)

    def check(self, schema: Schema) -> None:
        """Refuse a model that lacks what the pipeline needs.

        Raises:
            BadDefinition: the model is another one or has no stages, or a required field or a guard does not fit it.
        """
        if schema.name != self.entity:
            raise BadDefinition(f"pipeline {self.name!r} is one for {self.entity}, not for {schema.name}.")
        check.model(self.name, self.stages, self.moves, schema)

    @cached_property
    def places(self) -> Mapping[str, Place]:
        """The stages by name, each with its position."""
        last_open = sum(stage.is_open for stage in self.stages)
        return {stage.name: Place(stage, number, last_open) for number, stage in enumerate(self.stages, 1)}

    @cached_property
    def ways(self) -> Ways:
        """Which rules lead on from a stage, by the stage that they lead to."""
        return Ways(self.places, self.moves)

    def stage(self, name: str) -> Stage:
        """Return a stage by name.

        Raises:
            BadDefinition: it does not exist; the message suggests one that does.
        """
        return self._place(name).stage

    def position(self, name: str) -> int:
        """Return the position of a stage, from 1.

        Raises:
            BadDefinition: there is no such stage.
        """
        return self._place(name).position

    def probability(self, record: StagedRecord) -> int:
        """Return the chance to win a record, in per cent: its own if it has one, or else that of its stage.

        It is 100 for a record that is won and 0 for one that is lost, whatever the record itself says.
        """
        stage = self.stage(record.stage)
        own = getattr(record, "probability", None)
        return stage.probability if own is None or stage.outcome in {"won", "lost"} else int(own)

    # -- moves ---------------------------------------------------------------------------------------------------------

    def why_not(
        self,
        record: StagedRecord,
        target: str,
        *,
        at: dt.datetime,
        roles: AbstractSet[str] = _NO_ROLES,
        me: Asker | None = None,
        zone: dt.tzinfo | None = None,
    ) -> tuple[str, ...]:
        """Return every reason why a record may not move to a stage now; none if it may.

        Args:
            record: as it stands, with the fields already filled in that the move requires.
            target: the stage's name.
            at: when it is to move.
            roles: the actor's roles.
            me: the actor, for guards that name `me`.
            zone: in which guards mean `today()`; that of `me`, or UTC, if left out.
        """
        unknown = self._misplaced(record) or self._unknown(target)
        if unknown:
            return (unknown,)
        if target == record.stage:
            return (f"It is in {target!r} already.",)
        facts = Facts(self._instant(at), zone, me)
        source, goal = self.places[record.stage], self.places[target]
        ways = self.ways[record.stage].get(target, ())
        rules = [rule for rule in ways if rule.allows(source, goal, record.stage_reached)]
        return (
            *reason.too_early(record, facts.now),
            *self._ruled(rules, record, target, roles, facts),
            *reason.of_stage(goal, record, facts),
        )

    def allowed(
        self,
        record: StagedRecord,
        *,
        at: dt.datetime,
        roles: AbstractSet[str] = _NO_ROLES,
        me: Asker | None = None,
        zone: dt.tzinfo | None = None,
    ) -> tuple[str, ...]:
        """Return the stages to which a record may move now, in order; see `why_not`."""
        if self._misplaced(record):
            return ()
        return tuple(
            name
            for name in self.ways[record.stage]
            if not self.why_not(record, name, at=at, roles=roles, me=me, zone=zone)
        )

    def step(
        self,
        record: StagedRecord,
        target: str,
        *,
        at: dt.datetime,
        roles: AbstractSet[str] = _NO_ROLES,
        me: Asker | None = None,
        zone: dt.tzinfo | None = None,
    ) -> Step:
        """Return the step that moves a record to a stage; see `why_not`.

        Raises:
            MoveRefused: it may not; the error lists every reason.
        """
        reasons = self.why_not(record, target, at=at, roles=roles, me=me, zone=zone)
        if reasons:
            raise MoveRefused(record.stage, target, reasons)
        return self.recorded(record, target, at=at)

    def enter(
        self,
        record: StagedRecord,
        stage: str | None = None,
        *,
        at: dt.datetime,
        me: Asker | None = None,
        zone: dt.tzinfo | None = None,
    ) -> Step:
        """Return the step by which a new record enters: at a stage, or where the record says, or at the beginning.

        Rules do not apply, as there is no stage to come from; what the stage itself demands must be satisfied.

        Raises:
            MoveRefused: there is no such stage, or it demands what the record lacks.
        """
        return self._entered(record, stage or record.stage or self.initial, "enter", Facts(self._instant(at), zone, me))

    def transfer(
        self,
        record: StagedRecord,
        stage: str | None = None,
        *,
        at: dt.datetime,
        me: Asker | None = None,
        zone: dt.tzinfo | None = None,
    ) -> Step:
        """Return the step by which a record comes from another pipeline, or from another version of this one.

        Args:
            record: as it stands in the pipeline that it leaves.
            stage: where it goes on; by default the stage of the same name.
            at: when it moves.
            me: the actor, for guards that name `me`.
            zone: in which guards mean `today()`; that of `me`, or UTC, if left out.

        Raises:
            MoveRefused: there is no such stage here, or it demands what the record lacks.
        """
        facts = Facts(self._instant(at), zone, me)
        early = reason.too_early(record, facts.now)
        if early:
            raise MoveRefused(record.stage, stage or record.stage, early)
        return self._entered(record, stage or record.stage, "transfer", facts)

    def recorded(self, record: StagedRecord, target: str, *, at: dt.datetime) -> Step:
        """Return the step of a move that has happened elsewhere, as an import tells it: nobody asks whether it may.

        A record whose stage is blank enters. One that is in this stage stays there.

        Raises:
            MoveRefused: there is no such stage, it is in another pipeline, or entered its stage later.
        """
        now = self._instant(at)
        unknown = self._unknown(target) or (record.stage and self._misplaced(record))
        reasons = (unknown,) if unknown else reason.too_early(record, now) if record.stage else ()
        if reasons:
            raise MoveRefused(record.stage, target, reasons)
        source = self.places.get(record.stage)
        return self._made(record, self.places[target], kind_of(source, self.places[target]), now)

    # -- as data -------------------------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """Return the definition as canonical JSON; equal pipelines have equal texts.

        Raises:
            BadDefinition: it is too large, or a guard holds a value that is not part of the language.
        """
        return self._json

    @cached_property
    def _json(self) -> str:
        from crmkit.lifecycle import form

        return form.to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Pipeline:
        """Return the pipeline that a JSON text defines.

        Raises:
            BadDefinition: the text is malformed, of another version, or defines no sound pipeline; `problems` holds
                every mistake and its path.
        """
        from crmkit.lifecycle import form

        return form.from_json(cls, text)

    def fingerprint(self) -> str:
        """Return the SHA-256 digest of the canonical JSON, in hexadecimal: equal for equal pipelines."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def mermaid(self) -> str:
        """Return the pipeline as a Mermaid state diagram."""
        from crmkit.lifecycle import drawing

        return drawing.mermaid(self)

    def table(self) -> str:
        """Return the stages as a table in Markdown."""
        from crmkit.lifecycle import drawing

        return drawing.table(self)

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _place(self, name: str) -> Place:
        unknown = self._unknown(name)
        if unknown:
            raise BadDefinition(f"pipeline {self.name!r}: {unknown}")
        return self.places[name]

    def _unknown(self, name: str) -> str:
        return "" if name in self.places else f"There is no stage {name!r}. {near(name, self.places)}"

    def _misplaced(self, record: StagedRecord) -> str:
        if not record.stage:
            return "The record has not entered a pipeline yet."
        if record.pipeline not in {"", self.name}:
            return f"The record is in the pipeline {record.pipeline!r}, not in {self.name!r}; transfer it first."
        if record.stage not in self.places:
            return f"The record is in {record.stage!r}, which is not a stage of {self.name!r}; transfer it first."
        return ""

    def _instant(self, at: dt.datetime) -> dt.datetime:
        try:
            return clean_instant(at)
        except Problem as problem:
            raise BadRecord(self.entity, [problem.at("at")]) from None

    def _ruled(
        self, rules: list[Rule], record: StagedRecord, target: str, roles: AbstractSet[str], facts: Facts
    ) -> tuple[str, ...]:
        if not rules:
            source = self.places[record.stage]
            ways = [
                name
                for name, rules in self.ways[record.stage].items()
                if any(rule.allows(source, self.places[name], record.stage_reached) for rule in rules)
            ]
            rest = f"From there it may go to: {', '.join(ways)}." if ways else "No rule leads on from there."
            return (f"No rule leads from {record.stage!r} to {target!r}. {rest}",)
        refusals = [reason.of_rule(rule, record, roles, facts) for rule in rules]
        return () if () in refusals else tuple(dict.fromkeys(one for each in refusals for one in each))

    def _entered(self, record: StagedRecord, target: str, kind: StepKind, facts: Facts) -> Step:
        unknown = self._unknown(target)
        reasons = (unknown,) if unknown else reason.of_stage(self.places[target], record, facts)
        if reasons:
            raise MoveRefused(record.stage if kind == "transfer" else "", target, reasons)
        return self._made(record, self.places[target], kind, facts.now)

    def _made(self, record: StagedRecord, goal: Place, kind: StepKind, at: dt.datetime) -> Step:
        entering = kind == "enter"
        before = 0 if entering else record.stage_reached
        # Positions in another pipeline mean nothing here; a closed record may keep how far it came, if that far exists.
        if kind == "transfer":
            before = 0 if goal.stage.is_open else min(before, goal.last_open)
        ended = kind == "transfer" and record.outcome == goal.stage.outcome and record.closed_at is not None
        stays_closed = ended or kind == "stay"
        closed_at = record.closed_at if stays_closed else at
        untimed = kind in {"enter", "stay"} or record.stage_since == NOT_YET
        return Step(
            pipeline=self.name,
            from_stage="" if entering else record.stage,
            to_stage=goal.stage.name,
            kind=kind,
            position=goal.position,
            outcome=goal.stage.outcome,
            at=at,
            stage_reached=max(before, goal.position) if goal.stage.is_open else before,
            closed_at=None if goal.stage.is_open else closed_at,
            spent=None if untimed else (at - record.stage_since) // _MILLISECOND,
        )
