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
from crmkit.expr.evaluate import is_local
from crmkit.expr.node import Node, closed
from crmkit.expr.resolve import Asker, Facts
from crmkit.lifecycle import check, delta, reason
from crmkit.lifecycle.neighbours import Neighbours
from crmkit.lifecycle.rule import Place, Rule
from crmkit.lifecycle.stage import Stage, checked_name
from crmkit.lifecycle.step import StagedRecord, Step, StepKind, kind_of, made
from crmkit.lifecycle.way import Ways
from crmkit.model.catalog import Catalog
from crmkit.model.schema import Schema, entity_of, schema_of
from crmkit.values import clean_instant

__all__ = ["Pipeline"]

T = TypeVar("T")
_NO_ROLES: Final[AbstractSet[str]] = frozenset()
_BARE: Final = Schema(name="", plural="", cls=object, fields={})
"""A model without fields: whatever has parts is a way to other records."""


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

    def check(self, schema: Schema, catalog: Catalog | None = None) -> None:
        """Refuse a model that lacks what the pipeline needs.

        Args:
            schema: the model.
            catalog: all models, for what reaches others; without it that is not checked.

        Raises:
            BadDefinition: the model is another one or has no stages, or a required field, a locked one or a guard does
                not fit it.
        """
        if schema.name != self.entity:
            raise BadDefinition(f"pipeline {self.name!r} is one for {self.entity}, not for {schema.name}.")
        check.model(self.name, self.stages, self.moves, schema, catalog)

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

    # -- deltas --------------------------------------------------------------------------------------------------------

    with_stage = delta.with_stage
    without_stage = delta.without_stage
    with_move = delta.with_move
    without_move = delta.without_move
    with_guard = delta.with_guard
    with_requirement = delta.with_requirement
    with_lock = delta.with_lock
    with_label = delta.with_label

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
        around: Neighbours | None = None,
    ) -> tuple[str, ...]:
        """Return every reason why a record may not move to a stage now; none if it may.

        Args:
            record: as it stands, with the fields already filled in that the move requires.
            target: the stage's name.
            at: when it is to move.
            roles: the actor's roles.
            me: the actor, for guards that name `me`.
            zone: in which guards mean `today()`; that of `me`, or UTC, if left out.
            around: what is known of other records, for guards and requirements that reach them.

        Raises:
            Unsupported: other records are asked about, and nothing is known of them; a repository knows.
        """
        unknown = self._misplaced(record) or self._unknown(target)
        if unknown:
            return (unknown,)
        if target == record.stage:
            return (f"It is in {target!r} already.",)
        facts = Facts(self.instant(at), zone, me)
        source, goal = self.places[record.stage], self.places[target]
        ways = self.ways[record.stage].get(target, ())
        rules = [rule for rule in ways if rule.allows(source, goal, record.stage_reached)]
        return (
            *reason.too_early(record, facts.now),
            *(
                reason.of_rules(rules, record, roles, facts, around)
                if rules
                else reason.unruled(record, target, self.places, self.ways[record.stage])
            ),
            *reason.of_stage(goal, record, facts, around),
        )

    def allowed(
        self,
        record: StagedRecord,
        *,
        at: dt.datetime,
        roles: AbstractSet[str] = _NO_ROLES,
        me: Asker | None = None,
        zone: dt.tzinfo | None = None,
        around: Neighbours | None = None,
    ) -> tuple[str, ...]:
        """Return the stages to which a record may move now, in order; see `why_not`."""
        if self._misplaced(record):
            return ()
        return tuple(
            name
            for name in self.ways[record.stage]
            if not self.why_not(record, name, at=at, roles=roles, me=me, zone=zone, around=around)
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
        around: Neighbours | None = None,
    ) -> Step:
        """Return the step that moves a record to a stage; see `why_not`.

        Raises:
            MoveRefused: it may not; the error lists every reason.
        """
        reasons = self.why_not(record, target, at=at, roles=roles, me=me, zone=zone, around=around)
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
        around: Neighbours | None = None,
    ) -> Step:
        """Return the step by which a new record enters: at a stage, or where the record says, or at the beginning.

        Rules do not apply, as there is no stage to come from; what the stage itself demands must be satisfied.

        Raises:
            MoveRefused: there is no such stage, or it demands what the record lacks.
        """
        goal = stage or record.stage or self.initial
        return self._entered(record, goal, "enter", Facts(self.instant(at), zone, me), around)

    def transfer(
        self,
        record: StagedRecord,
        stage: str | None = None,
        *,
        at: dt.datetime,
        me: Asker | None = None,
        zone: dt.tzinfo | None = None,
        around: Neighbours | None = None,
    ) -> Step:
        """Return the step by which a record comes from another pipeline, or from another version of this one.

        Args:
            record: as it stands in the pipeline that it leaves.
            stage: where it goes on; by default the stage of the same name.
            at: when it moves.
            me: the actor, for guards that name `me`.
            zone: in which guards mean `today()`; that of `me`, or UTC, if left out.
            around: what is known of other records.

        Raises:
            MoveRefused: there is no such stage here, or it demands what the record lacks.
        """
        facts = Facts(self.instant(at), zone, me)
        early = reason.too_early(record, facts.now)
        if early:
            raise MoveRefused(record.stage, stage or record.stage, early)
        return self._entered(record, stage or record.stage, "transfer", facts, around)

    def recorded(self, record: StagedRecord, target: str, *, at: dt.datetime) -> Step:
        """Return the step of a move that has happened elsewhere, as an import tells it: nobody asks whether it may.

        A record whose stage is blank enters. One that is in this stage stays there.

        Raises:
            MoveRefused: there is no such stage, it is in another pipeline, or entered its stage later.
        """
        now = self.instant(at)
        unknown = self._unknown(target) or (record.stage and self._misplaced(record))
        reasons = (unknown,) if unknown else reason.too_early(record, now) if record.stage else ()
        if reasons:
            raise MoveRefused(record.stage, target, reasons)
        source = self.places.get(record.stage)
        goal = self.places[target]
        return made(self.name, record, goal, kind_of(source, goal), now)

    @cached_property
    def reaches(self) -> bool:
        """Whether a guard or a requirement may ask about other records; what is asked of a part of a field may be."""
        guards = (closed(rule.guard) for rule in self.moves if rule.guard is not None)
        asked = (*guards, *(condition for stage in self.stages for condition in stage.conditions))
        return not all(is_local(each, _BARE) for each in asked)

    def conditions(self, record: StagedRecord, target: str) -> tuple[Node, ...]:
        """Return all that may have to hold so that a record can move to a stage; nothing if there is no such stage."""
        source, goal = self.places.get(record.stage), self.places.get(target)
        if source is None or goal is None:
            return ()
        ways = self.ways[record.stage].get(target, ())
        rules = [rule for rule in ways if rule.allows(source, goal, record.stage_reached)]
        return (*goal.stage.conditions, *(closed(rule.guard) for rule in rules if rule.guard is not None))

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

    def instant(self, at: dt.datetime) -> dt.datetime:
        """Return a time as records hold it.

        Raises:
            BadRecord: it is not an instant, or has no time zone.
        """
        try:
            return clean_instant(at)
        except Problem as problem:
            raise BadRecord(self.entity, [problem.at("at")]) from None

    def _entered(
        self, record: StagedRecord, target: str, kind: StepKind, facts: Facts, around: Neighbours | None
    ) -> Step:
        unknown = self._unknown(target)
        reasons = (unknown,) if unknown else reason.of_stage(self.places[target], record, facts, around)
        if reasons:
            raise MoveRefused(record.stage if kind == "transfer" else "", target, reasons)
        return made(self.name, record, self.places[target], kind, facts.now)
