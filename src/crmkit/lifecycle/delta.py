"""Deltas: what a product changes in a pipeline that it was given, each as a new pipeline that is checked anew.

A delta names what it changes, so one that does not fit the next version of a pipeline says so when the program starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import attrs

from crmkit.errors import BadDefinition, near
from crmkit.expr.node import Always, And, Expr, Or, all_of, closed
from crmkit.lifecycle.rule import Rule, RuleKind
from crmkit.lifecycle.stage import Stage, check_guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmkit.lifecycle.pipeline import Pipeline

    P = TypeVar("P", bound=Pipeline)

__all__ = [
    "with_guard", "with_label", "with_lock", "with_move",
    "with_requirement", "with_stage", "without_move", "without_stage",
]  # fmt: skip


def with_stage(  # noqa: D417 - the first one is the pipeline
    self: P, stage: Stage, /, *moves: Rule, after: str = "", before: str = "", initial: bool = False
) -> P:
    """Return the pipeline with one more stage.

    Args:
        stage: the stage.
        moves: rules that come with it, where those that are there do not lead to it, as in `into("void")`.
        after: the stage that it follows; or
        before: the stage that it precedes.
        initial: whether records enter there from now on.

    Raises:
        BadDefinition: it does not fit; the error says which delta, which pipeline, and why.

    >>> from crmkit.lifecycle.built_in import OPPORTUNITY
    >>> longer = OPPORTUNITY.with_stage(Stage("audit", 60), after="proposal")
    >>> longer.position("audit"), OPPORTUNITY.position("negotiation"), longer.position("negotiation")
    (4, 4, 5)
    """
    if not isinstance(stage, Stage):
        raise BadDefinition(f"a stage is expected, not {type(stage).__name__}.", hint='Write Stage("audit", 40).')
    what = f"with_stage({stage.name!r})"
    if bool(after) is bool(before):
        raise BadDefinition(f"{what} needs one place.", hint="Write after= or before=, and the stage beside it.")
    if any(each.name == stage.name for each in self.stages):
        _refuse(self, what, "it has a stage of that name itself.", "Drop the delta, or name the stage differently.")
    place = _index(self, what, after or before) + bool(after)
    stages = (*self.stages[:place], stage, *self.stages[place:])
    begin = stage.name if initial else self.initial
    return _derived(self, what, stages=stages, moves=(*self.moves, *moves), initial=begin)


def without_stage(self: P, name: str, /) -> P:
    """Return the pipeline without a stage, and without the rules that name it.

    Records that are in the stage follow the definition under which they entered.

    Raises:
        BadDefinition: there is no such stage, or what is left does not hold together.
    """
    what = f"without_stage({name!r})"
    place = _index(self, what, name)
    if name == self.initial:
        _refuse(self, what, "records enter there.", "Let them enter elsewhere first: with_stage(..., initial=True).")
    moves = [rule for rule in self.moves if name not in {rule.source, rule.target}]
    return _derived(self, what, stages=(*self.stages[:place], *self.stages[place + 1 :]), moves=moves)


def with_move(self: P, *moves: Rule) -> P:
    """Return the pipeline with further rules, each of which allows moves that are not allowed yet.

    Raises:
        BadDefinition: a rule names a stage that is not there, is there already, or allows nothing.
    """
    what = f"with_move({', '.join(map(_text, moves))})"
    for rule in moves:
        if rule in self.moves:
            _refuse(self, what, f"it has {rule.text} itself.", "Drop the delta.")
    return _derived(self, what, moves=(*self.moves, *moves))


def without_move(self: P, rule: Rule | str, target: str = "", /) -> P:  # noqa: D417
    """Return the pipeline without a rule. To put another one in its place, call `with_move` first.

    Args:
        rule: the rule, as the pipeline has it; or the stage that is left, for the rules `move(rule, target)`.
        target: the stage that is entered.

    Raises:
        BadDefinition: there is no such rule, or without it a stage is out of reach.
    """
    what = f"without_move({_text(rule)}{f', {target!r}' if target else ''})"
    if isinstance(rule, str):
        gone = [each for each in self.moves if (each.kind, each.source, each.target) == (RuleKind.MOVE, rule, target)]
    else:
        gone = [each for each in self.moves if each == rule]
    if not gone:
        rules = ", ".join(each.text for each in self.moves)
        _refuse(self, what, "it has no such rule.", f"There is: {rules}.")
    return _derived(self, what, moves=[each for each in self.moves if each not in gone])


def with_guard(self: P, stage: str, guard: Expr, /) -> P:
    """Return the pipeline in which a guard must hold before a record may enter a stage, besides those that must now.

    Raises:
        BadDefinition: there is no such stage, or the guard does not fit.

    >>> from crmkit.expr.build import f
    >>> from crmkit.lifecycle.built_in import OPPORTUNITY
    >>> guarded = OPPORTUNITY.with_guard("won", f.customer.contacts.any(f.role == "decision_maker"))
    >>> guarded.stage("won").guard is None, OPPORTUNITY.stage("won").guard is None
    (False, True)
    """
    what = f"with_guard({stage!r})"
    check_guard(what, guard)
    return _changed(self, what, stage, lambda it: {"guard": guard if it.guard is None else all_of((it.guard, guard))})


def with_requirement(self: P, stage: str, /, *fields: str) -> P:
    """Return the pipeline in which further fields must hold a value before a record may enter a stage.

    Raises:
        BadDefinition: there is no such stage, or the model has no such field.
    """
    what = f"with_requirement({_listed(stage, *fields)})"
    return _changed(self, what, stage, lambda it: {"requires": (*it.requires, *fields)})


def with_lock(self: P, stage: str, /, *fields: str) -> P:
    """Return the pipeline in which no write changes these fields while a record is in a stage; see `Stage`.

    Raises:
        BadDefinition: there is no such stage, or the model has no such field.
    """
    return _changed(self, f"with_lock({_listed(stage, *fields)})", stage, lambda it: {"locks": (*it.locks, *fields)})


def with_label(self: P, stage: str, label: str, /) -> P:
    """Return the pipeline in which people read another name of a stage; what records hold stays.

    Raises:
        BadDefinition: there is no such stage, or the label is too long.
    """
    return _changed(self, f"with_label({_listed(stage, label)})", stage, lambda _: {"label": label})


# -- within ------------------------------------------------------------------------------------------------------------


def _changed(pipeline: P, what: str, name: str, change: Callable[[Stage], dict[str, Any]]) -> P:
    place = _index(pipeline, what, name)
    stage = pipeline.stages[place]
    try:
        changed = attrs.evolve(stage, **change(stage))
    except BadDefinition as error:
        _refuse(pipeline, what, error.message, error.hint)
    return _derived(pipeline, what, stages=(*pipeline.stages[:place], changed, *pipeline.stages[place + 1 :]))


def _derived(pipeline: P, what: str, **changes: Any) -> P:
    try:
        made = attrs.evolve(pipeline, **changes)
    except BadDefinition as error:
        # Each mistake of a definition begins with its name, which is said here already.
        own = f"pipeline {pipeline.name!r}"
        _refuse(pipeline, what, error.message.removeprefix(f"{own}: ").replace(own, "it", 1), error.hint)
    if _winnable(pipeline) and not _winnable(made):
        _refuse(pipeline, what, "then no record can be won or done.", "Leave it a stage to win in.")
    return made


def _winnable(pipeline: Pipeline) -> bool:
    # Every stage can be reached, as far as the rules go; what is left is a guard that nothing satisfies.
    return any(each.outcome in {"won", "done"} and not _never(each.guard) for each in pipeline.stages)


def _never(guard: Expr | None) -> bool:
    match None if guard is None else closed(guard):
        case Always(value=value):
            return not value
        case And(items=items):
            return any(map(_never, items))
        case Or(items=items):
            return all(map(_never, items))
        case _:
            return False


def _index(pipeline: Pipeline, what: str, name: str) -> int:
    names = [stage.name for stage in pipeline.stages]
    if name not in names:
        _refuse(pipeline, what, f"it has no stage {name!r}.", near(name, names))
    return names.index(name)


def _refuse(pipeline: Pipeline, what: str, why: str, hint: str) -> NoReturn:
    raise BadDefinition(f"{what} does not fit pipeline {pipeline.name!r}: {why}", hint=hint) from None


def _text(rule: object) -> str:
    return rule.text if isinstance(rule, Rule) else repr(rule)


def _listed(*names: object) -> str:
    return ", ".join(map(repr, names))
