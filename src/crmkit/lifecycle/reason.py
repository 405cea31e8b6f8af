"""Reasons: why a record may not move, each as a sentence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from crmkit.errors import BadExpression
from crmkit.expr.evaluate import evaluate, value_of
from crmkit.expr.form.show import show
from crmkit.expr.node import And, Expr, Missing
from crmkit.expr.resolve import Facts
from crmkit.lifecycle.neighbours import Neighbours
from crmkit.lifecycle.rule import Place, Rule
from crmkit.lifecycle.stage import Stage, path_of
from crmkit.lifecycle.step import StagedRecord

__all__ = ["of_rules", "of_stage", "too_early", "unruled"]


def too_early(record: StagedRecord, at: dt.datetime) -> tuple[str, ...]:
    """Return why a record cannot move at this time."""
    if at >= record.stage_since:
        return ()
    return (f"It entered {record.stage!r} at {record.stage_since.isoformat()}, which is after {at.isoformat()}.",)


def unruled(
    record: StagedRecord, target: str, places: Mapping[str, Place], ways_out: Mapping[str, Iterable[Rule]]
) -> tuple[str, ...]:
    """Return that no rule covers a move, and where a record may go instead."""
    source, reached = places[record.stage], record.stage_reached
    ways = [
        name for name, rules in ways_out.items() if any(each.allows(source, places[name], reached) for each in rules)
    ]
    rest = f"From there it may go to: {', '.join(ways)}." if ways else "No rule leads on from there."
    return (f"No rule leads from {record.stage!r} to {target!r}. {rest}",)


def of_rules(
    rules: Iterable[Rule], record: StagedRecord, roles: AbstractSet[str], facts: Facts, around: Neighbours | None
) -> tuple[str, ...]:
    """Return why none of the rules that cover a move allows it."""
    refusals = [_of_rule(rule, record, roles, facts, around) for rule in rules]
    return () if () in refusals else tuple(dict.fromkeys(one for each in refusals for one in each))


def _of_rule(
    rule: Rule, record: StagedRecord, roles: AbstractSet[str], facts: Facts, around: Neighbours | None
) -> tuple[str, ...]:
    role = (f"It takes the role {rule.role!r}.",) if rule.role and rule.role not in roles else ()
    return (*role, *_guarded(rule.guard, record, facts, around, "The move demands"))


def of_stage(goal: Place, record: StagedRecord, facts: Facts, around: Neighbours | None) -> tuple[str, ...]:
    """Return what a stage demands that a record, or one that it leads to, lacks."""
    stage = goal.stage
    lacking = [name for name in stage.requires if "." not in name and _lacks(getattr(record, name, None))]
    needs = (f"{stage.name!r} requires {' and '.join(lacking)}.",) if lacking else ()
    others = _required(stage, record, around)
    return (*needs, *others, *_guarded(stage.guard, record, facts, around, f"{stage.name!r} demands"))


def _required(stage: Stage, record: StagedRecord, around: Neighbours | None) -> Iterator[str]:
    """Yield what a stage requires of other records that is missing there."""
    for name in (name for name in stage.requires if "." in name):
        ref = path_of(name)
        try:
            lacks = _lacks(value_of(record, ref) if around is None else around.value(ref, record))
        except BadExpression as error:
            yield f"{stage.name!r} requires {name}, which cannot be read: {error}"
            continue
        if lacks:
            yield f"{stage.name!r} requires {name}{_where(Missing(ref), record, around, 'which is missing on')}."


def _lacks(value: Any) -> bool:
    return value in (None, "", ())


def _guarded(
    guard: Expr | None, record: StagedRecord, facts: Facts, around: Neighbours | None, who: str
) -> tuple[str, ...]:
    """Return what a guard demands that does not hold: one reason for each of the demands that it joins."""
    demands = guard.items if isinstance(guard, And) else () if guard is None else (guard,)
    reasons: list[str] = []
    for demand in demands:
        try:
            holds = evaluate(demand, record, facts=facts) if around is None else around.satisfy(demand, record, facts)
        except BadExpression as error:
            reasons.append(f"{who} {show(demand)}, which cannot be read: {error}")
            continue
        if not holds:
            reasons.append(f"{who} {show(demand)}{_where(demand, record, around, 'which does not hold for')}.")
    return tuple(reasons)


def _where(condition: Expr, record: StagedRecord, around: Neighbours | None, fault: str) -> str:
    """Return of which other records a condition does not hold, or that they are not there."""
    reached = () if around is None else around.reached(condition, record)
    there = [f"the {each.model} {each.id}" for each in reached if each.id is not None]
    absent = ["and there is no " + ".".join(each.way) for each in reached if each.id is None]
    return "".join(f", {part}" for part in ([f"{fault} {' and '.join(there)}"] if there else []) + absent)
