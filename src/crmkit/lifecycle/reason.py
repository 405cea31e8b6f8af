"""Reasons: why a record may not move, each as a sentence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Set as AbstractSet

from crmkit.errors import BadExpression
from crmkit.expr.evaluate import evaluate
from crmkit.expr.form.show import show
from crmkit.expr.node import Expr
from crmkit.expr.resolve import Facts
from crmkit.lifecycle.rule import Place, Rule
from crmkit.lifecycle.step import StagedRecord

__all__ = ["of_rule", "of_stage", "too_early"]


def too_early(record: StagedRecord, at: dt.datetime) -> tuple[str, ...]:
    """Return why a record cannot move at this time."""
    if at >= record.stage_since:
        return ()
    return (f"It entered {record.stage!r} at {record.stage_since.isoformat()}, which is after {at.isoformat()}.",)


def of_rule(rule: Rule, record: StagedRecord, roles: AbstractSet[str], facts: Facts) -> tuple[str, ...]:
    """Return why a rule that covers a move does not allow it."""
    role = (f"It takes the role {rule.role!r}.",) if rule.role and rule.role not in roles else ()
    return (*role, *_guarded(rule.guard, record, facts, "The move demands"))


def of_stage(goal: Place, record: StagedRecord, facts: Facts) -> tuple[str, ...]:
    """Return what a stage demands that a record lacks."""
    lacking = [field for field in goal.stage.requires if getattr(record, field, None) in (None, "", ())]
    needs = (f"{goal.stage.name!r} requires {' and '.join(lacking)}.",) if lacking else ()
    return (*needs, *_guarded(goal.stage.guard, record, facts, f"{goal.stage.name!r} demands"))


def _guarded(guard: Expr | None, record: StagedRecord, facts: Facts, who: str) -> tuple[str, ...]:
    try:
        if guard is None or evaluate(guard, record, facts=facts):
            return ()
    except BadExpression as error:
        return (f"{who} {show(guard)}, which cannot be read: {error}",) if guard is not None else ()
    return (f"{who} {show(guard)}.",)
