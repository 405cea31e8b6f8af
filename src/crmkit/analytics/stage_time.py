"""Times in stage: how long finished visits to each stage took, straight from the store."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.analytics.report import ALL, Report, label_of, row_of
from crmkit.expr.build import f
from crmkit.model.schema import Relation
from crmkit.repository.aggregator import tally
from crmkit.repository.measure import count, greatest, least, total

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crmkit.analytics.period import Period
    from crmkit.analytics.population import Population
    from crmkit.lifecycle import Pipeline

__all__ = ["StageTime", "stage_times"]


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
        days = [(f"{name}_days", name) for name in ("mean", "least", "greatest", "total")]
        return [row_of(self, "visits", *days)]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of these rows."""
        return tuple(self.cells()[0])


async def stage_times(population: Population, pipeline: Pipeline, left: Period) -> Report[StageTime]:
    """Return how long stages take; see `AsyncAnalytics.time_in_stage`."""
    moves = population.doors.of("stage_move")
    # History rows say nothing of who may see the record, so each must belong to a record that the actor may see.
    record = Relation("record", moves.schema.name, population.schema.name, many=False, local="record_id", remote="id")
    name = pipeline.name
    condition = (
        (f.entity == population.schema.name) & (f.pipeline == name) & (f.from_stage != "") & (f.kind != "transfer")
        & ~f.spent.missing() & left.holds(f.at) & (f.at <= population.as_of)
    )  # fmt: skip
    where = (*await moves.bind(condition), moves.reaching(record, await population.core()))
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
        by="f.stage", as_of=population.as_of, zone=population.zone, period=left,
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
