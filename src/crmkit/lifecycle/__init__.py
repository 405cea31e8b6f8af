"""Pipelines as data: stages, the moves between them, and the step from one to the next. Nothing here writes."""

from __future__ import annotations

from crmkit.lifecycle.history import Entry, moved
from crmkit.lifecycle.pipeline import Pipeline
from crmkit.lifecycle.rule import Rule, back, forward, into, move, reopen
from crmkit.lifecycle.stage import Stage
from crmkit.lifecycle.step import StagedRecord, Step, StepKind

__all__ = [
    "Entry",
    "Pipeline",
    "Rule",
    "Stage",
    "StagedRecord",
    "Step",
    "StepKind",
    "back",
    "forward",
    "into",
    "move",
    "moved",
    "reopen",
]
