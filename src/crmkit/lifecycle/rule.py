"""Rules: which moves a pipeline allows."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, unique
from typing import Final

import attrs

from crmkit.errors import BadDefinition
from crmkit.expr.form.show import show, show_value
from crmkit.expr.node import Expr
from crmkit.lifecycle.stage import Stage, check_guard, checked_name

__all__ = ["TAKES", "Place", "Rule", "RuleKind", "back", "forward", "into", "move", "reopen"]


@unique
class RuleKind(Enum):
    """The five kinds of rules."""

    FORWARD = "forward"
    BACK = "back"
    INTO = "into"
    REOPEN = "reopen"
    MOVE = "move"


@attrs.frozen
class Place:
    """A stage within its pipeline.

    Attributes:
        stage: the stage.
        position: its place, from 1; open stages come first.
        last_open: the position of the last open stage.
    """

    stage: Stage
    position: int
    last_open: int


def _steps(given: int | None) -> int:
    return 0 if given is None else given


def _name(given: str | None) -> str:
    return "" if given is None else given


TAKES: Final[Mapping[RuleKind, Mapping[str, bool]]] = {
    RuleKind.FORWARD: {"steps": False},
    RuleKind.BACK: {"steps": True},
    RuleKind.INTO: {"target": True},
    RuleKind.REOPEN: {"target": False},
    RuleKind.MOVE: {"source": True, "target": True},
}
"""What each kind of rules takes beside a role and a guard, and whether it must be given."""


@attrs.frozen
class Rule:
    """A rule that allows moves; made by `forward`, `back`, `into`, `reopen` or `move`.

    Attributes:
        kind: which of the five it is.
        steps: how many stages a move may pass; 0 for any number.
        source: the stage that is left, if the rule names one.
        target: the stage that is entered, if the rule names one.
        role: the role the actor must have; blank for none.
        guard: what must hold of the record.

    Raises:
        BadDefinition: one of these is not acceptable, or has no meaning for this kind of rules.
    """

    kind: RuleKind
    steps: int = attrs.field(default=0, converter=_steps)
    source: str = attrs.field(default="", converter=_name)
    target: str = attrs.field(default="", converter=_name)
    role: str = attrs.field(default="", converter=_name)
    guard: Expr | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse what the kind does not take, or lacks."""
        where, takes = f"{self.kind.value}()", TAKES[self.kind]
        for name in ("steps", "source", "target"):
            if name not in takes and getattr(self, name):
                raise BadDefinition(f"{where} takes no {name}.", hint="Leave it out.")
        if type(self.steps) is not int or self.steps < takes.get("steps", False):
            raise BadDefinition(f"{where} goes {self.steps!r} steps.", hint="Write a whole number from 1.")
        for name in ("source", "target"):
            if getattr(self, name) != "" or takes.get(name):
                checked_name(f"the stage of {where}", getattr(self, name))
        if self.role != "":
            checked_name(f"the role of {where}", self.role)
        check_guard(where, self.guard)
        if self.kind is RuleKind.MOVE and self.source == self.target:
            raise BadDefinition(f"{self.text} leads nowhere.", hint="Name two stages.")

    def allows(self, source: Place, target: Place, reached: int) -> bool:
        """Return whether the rule is about this move; its role and its guard are not asked.

        Args:
            source: the stage that is left.
            target: the stage that is entered.
            reached: the position of the furthest open stage that the record ever entered.
        """
        match self.kind:
            case RuleKind.FORWARD:
                return source.stage.is_open and target.stage.outcome != "lost" and self._within(_ahead(source, target))
            case RuleKind.BACK:
                return source.stage.is_open and target.stage.is_open and self._within(source.position - target.position)
            case RuleKind.INTO:
                return source.stage.is_open and target.stage.name == self.target
            case RuleKind.REOPEN:
                known = target.stage.name == self.target if self.target else target.position <= max(reached, 1)
                return not source.stage.is_open and target.stage.is_open and known
            case RuleKind.MOVE:
                return (source.stage.name, target.stage.name) == (self.source, self.target)

    def _within(self, distance: int) -> bool:
        return distance >= 1 and (not self.steps or distance <= self.steps)

    @property
    def text(self) -> str:
        """The rule as a person writes it."""
        given: list[str] = [show_value(name) for name in (self.source, self.target) if name]
        if self.kind is RuleKind.REOPEN:
            given = [f"to={name}" for name in given]
        if self.steps:
            given.append(f"steps={self.steps}" if self.kind is RuleKind.FORWARD else f"{self.steps}")
        if self.role:
            given.append(f"role={show_value(self.role)}")
        if self.guard is not None:
            given.append(f"guard={show(self.guard)}")
        return f"{self.kind.value}({', '.join(given)})"


def _ahead(source: Place, target: Place) -> int:
    # All closing stages are one step after the last open one.
    return min(target.position, source.last_open + 1) - source.position


def forward(*, steps: int | None = None, role: str | None = None, guard: Expr | None = None) -> Rule:
    """Allow moves from an open stage to a later one, or to one that is won or done.

    Args:
        steps: how far at most; by default any number of stages may be skipped. Winning counts as the step after the
            last open stage, so `forward(steps=1)` wins from there only.
        role: the role it takes, if any.
        guard: what must hold of the record, if anything.
    """
    if steps == 0:
        raise BadDefinition("forward() goes 0 steps.", hint="Write a whole number from 1.")
    return Rule(RuleKind.FORWARD, steps=steps, role=role, guard=guard)


def back(steps: int = 1, *, role: str | None = None, guard: Expr | None = None) -> Rule:
    """Allow moves from an open stage to one of the open stages before it, at most this many steps away."""
    return Rule(RuleKind.BACK, steps=steps, role=role, guard=guard)


def into(stage: str, *, role: str | None = None, guard: Expr | None = None) -> Rule:
    """Allow moves from any open stage to this one; the way to a stage that is lost."""
    return Rule(RuleKind.INTO, target=stage, role=role, guard=guard)


def reopen(*, role: str | None = None, to: str | None = None, guard: Expr | None = None) -> Rule:
    """Allow moves from a closed stage to an open one.

    Args:
        role: the role it takes, if any.
        to: the stage to which; by default any open stage up to the furthest that the record ever reached.
        guard: what must hold of the record, if anything.
    """
    return Rule(RuleKind.REOPEN, target=to, role=role, guard=guard)


def move(source: str, target: str, *, role: str | None = None, guard: Expr | None = None) -> Rule:
    """Allow moves from one stage to another, open or closed."""
    return Rule(RuleKind.MOVE, source=source, target=target, role=role, guard=guard)
