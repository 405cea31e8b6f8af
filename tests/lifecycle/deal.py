"""A small staged model, its pipeline, and a deal in it, for the tests of life cycles."""

import datetime as dt

import attrs

from crmkit.entities import Staged
from crmkit.expr.build import f
from crmkit.lifecycle import Pipeline, Stage, back, forward, into, reopen
from crmkit.model.declare import entity, integer, money, tags, text
from crmkit.values import UTC, Money

START = dt.datetime(2026, 1, 1, 9, tzinfo=UTC)


@entity()
class Deal(Staged):
    """Something that may be sold."""

    title: str = text(default="Line 4")
    amount: Money | None = money(default=None)
    probability: int | None = integer(default=None)
    lost_reason: str | None = text(default=None)
    labels: tuple[str, ...] = tags()


def stages():
    """Return four open stages, and two in which a deal ends."""
    return [
        Stage("contact", 10),
        Stage("needs", 25),
        Stage("proposal", 50, requires={"amount"}),
        Stage("negotiation", 75, guard=f.amount > Money("100", "EUR")),
        Stage("won", 100, outcome="won"),
        Stage("lost", 0, outcome="lost", requires={"lost_reason"}),
    ]


STANDARD = Pipeline("standard", Deal, stages=stages(), moves=[forward(), back(1), into("lost"), reopen(role="manager")])


def deal(stage="contact", *, pipeline=STANDARD, since=START, reached=None, **values):
    """Return a deal in a stage."""
    position = pipeline.position(stage)
    place = pipeline.stage(stage)
    return Deal(
        pipeline=pipeline.name,
        stage=stage,
        stage_since=since,
        stage_reached=reached if reached is not None else position if place.is_open else 1,
        outcome=place.outcome,
        closed_at=None if place.is_open else since,
        **values,
    )


def after(record, step):
    """Return the record as a repository would hold it after a step."""
    return attrs.evolve(record, **step.changes)
