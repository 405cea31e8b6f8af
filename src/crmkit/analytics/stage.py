"""Figures by stage, straight from the store: what stands in each stage, and how long stages take."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.analytics.amount import Amounts, amount_field
from crmkit.analytics.key import order_of, text_of
from crmkit.analytics.report import ALL, Report, label_of
from crmkit.expr.build import everything, f
from crmkit.model.schema import Relation
from crmkit.repository.aggregator import MoneyBag, tally
from crmkit.repository.measure import count, greatest, least, total

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crmkit.analytics.period import Period
    from crmkit.analytics.scope import Scope
    from crmkit.expr.node import Ref
    from crmkit.lifecycle import Pipeline
    from crmkit.repository.grouping import By

__all__ = ["PipelineValue", "StageTime", "StageValue", "pipeline_values", "stage_times"]


@attrs.frozen(kw_only=True)
class StageValue:
    """What stands in one stage.

    Attributes:
        pipeline, name: the pipeline and the stage.
        outcome: what the stage means for these records.
        count: how many records are in it.
        value: what they are worth, by currency.
        no_amount: how many of them have no amount; 0 where the model has none at all.
    """

    pipeline: str
    name: str
    outcome: str
    count: int
    value: MoneyBag
    no_amount: int

    def row(self) -> dict[str, Any]:
        """Return the stage as a row."""
        return {
            "pipeline": self.pipeline,
            "stage": self.name,
            "outcome": self.outcome,
            "count": self.count,
            "value": self.value,
            "no_amount": self.no_amount,
        }


@attrs.frozen(kw_only=True)
class PipelineValue:
    """What stands in the stages of one group.

    Attributes:
        key, label: what the records share, and how that is shown.
        stages: the stages in the order of their pipelines; only those that hold something.
    """

    key: Any
    label: str
    stages: tuple[StageValue, ...]

    @property
    def count(self) -> int:
        """How many records there are in all stages."""
        return sum(stage.count for stage in self.stages)

    @property
    def value(self) -> MoneyBag:
        """What they are worth, by currency."""
        return MoneyBag([money for stage in self.stages for money in stage.value.values()])

    def __getitem__(self, name: str) -> StageValue:
        """Return a stage by name; an empty one where nothing is in it."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        return StageValue(pipeline="", name=name, outcome="open", count=0, value=MoneyBag(), no_amount=0)

    def cells(self) -> list[dict[str, Any]]:
        """Return a row for each stage."""
        return [stage.row() for stage in self.stages]


async def pipeline_values(scope: Scope, by: By | None, amount: Ref | None, *, ended: bool) -> Report[PipelineValue]:
    """Return what stands in each stage; see `AsyncAnalytics.pipeline_value`."""
    amounts = Amounts(scope, by, amount_field(scope.schema, amount))
    await amounts.read(everything if ended else f.outcome == "open", f.pipeline, f.stage, f.outcome)
    order = {
        (pipeline.name, stage.name): number
        for pipeline in (await scope.doors.definitions.read()).of(scope.schema)
        for number, stage in enumerate(pipeline.stages)
    }
    whole = PipelineValue(key=None, label=ALL, stages=_stages(amounts.whole(), None, order))
    groups = (
        PipelineValue(key=key, label=label_of(key), stages=_stages(amounts, key, order))
        for key in sorted(amounts, key=order_of)
    )
    return Report(
        definition="pipeline.value/1", groups=(whole,) if by is None else tuple(groups), total=whole,
        by=text_of(by), as_of=scope.as_of, zone=scope.zone,
    )  # fmt: skip


def _stages(amounts: Amounts, key: Any, order: dict[tuple[str, str], int]) -> tuple[StageValue, ...]:
    def place(keys: tuple[Any, ...]) -> tuple[str, int, str]:
        return keys[0], order.get(keys[:2], len(order)), keys[1]

    held = amounts.further(key)
    return tuple(
        StageValue(
            pipeline=keys[0], name=keys[1], outcome=keys[2],
            count=sum(cell.count for cell in held[keys].values()),
            value=amounts.worth_of(held[keys]),
            no_amount=amounts.missing_of(held[keys]),
        )
        for keys in sorted(held, key=place)
    )  # fmt: skip


@attrs.frozen(kw_only=True)
class StageTime:
    """How long finished visits to one stage took.

    Attributes:
        key, label: the stage.
        visits: how many visits ended; a record that comes back makes two.
        total: how long they took together.
        mean: how long one took on average; `None` if there was none.
        least, greatest: the shortest and the longest.
    """

    key: str | None
    label: str
    visits: int
    total: dt.timedelta
    mean: dt.timedelta | None
    least: dt.timedelta | None
    greatest: dt.timedelta | None

    def cells(self) -> list[dict[str, Any]]:
        """Return the stage as a row."""
        return [
            {
                "visits": self.visits,
                "mean_days": self.mean,
                "least_days": self.least,
                "greatest_days": self.greatest,
                "total_days": self.total,
            }
        ]


async def stage_times(scope: Scope, pipeline: Pipeline, left: Period) -> Report[StageTime]:
    """Return how long stages take; see `AsyncAnalytics.time_in_stage`."""
    moves = scope.doors.of("stage_move")
    # History rows say nothing of who may see the record, so each must belong to a record that the actor may see.
    record = Relation("record", moves.schema.name, scope.schema.name, many=False, local="record_id", remote="id")
    name = pipeline.name
    condition = (
        (f.entity == scope.schema.name) & (f.pipeline == name) & (f.from_stage != "") & (f.kind != "transfer")
        & ~f.spent.missing() & left.holds(f.at) & (f.at <= scope.as_of)
    )  # fmt: skip
    where = (*await moves.bind(condition), moves.reaching(record, await scope.core()))
    measures = {"visits": count(), "spent": total(f.spent), "least": least(f.spent), "greatest": greatest(f.spent)}
    groups = await tally(moves, where, f.from_stage, measures)
    order = {stage.name: number for number, stage in enumerate(pipeline.stages)}
    rows = sorted(
        ((group.key[0], *group.measures.values()) for group in groups),
        key=lambda row: (order.get(row[0], len(order)), row[0]),
    )
    return Report(
        definition="pipeline.time_in_stage/1",
        groups=tuple(_time(row[0], label_of(row[0]), [row]) for row in rows),
        total=_time(None, ALL, rows),
        by="f.stage", as_of=scope.as_of, zone=scope.zone, period=left,
    )  # fmt: skip


def _time(key: str | None, label: str, rows: Iterable[tuple[Any, ...]]) -> StageTime:
    held = list(rows)
    visits = sum(row[1] for row in held)
    spent = sum(row[2] for row in held)
    return StageTime(
        key=key,
        label=label,
        visits=visits,
        total=dt.timedelta(milliseconds=spent),
        mean=dt.timedelta(microseconds=round(spent * 1000 / visits)) if visits else None,
        least=dt.timedelta(milliseconds=min(row[3] for row in held)) if held else None,
        greatest=dt.timedelta(milliseconds=max(row[4] for row in held)) if held else None,
    )
