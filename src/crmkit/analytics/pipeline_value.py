"""Pipeline values: what stands in each stage, straight from the store."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import attrs

from crmkit.analytics.amounts import Amounts, amount_field
from crmkit.analytics.grouping import order_of, text_of
from crmkit.analytics.report import ALL, Column, Report, label_of, names_of, row_of
from crmkit.errors import BadDefinition
from crmkit.expr.build import everything, f
from crmkit.repository.aggregator import MoneyBag

if TYPE_CHECKING:
    from crmkit.analytics.population import Population
    from crmkit.expr.node import Ref
    from crmkit.repository.grouping import By

__all__ = ["PipelineValue", "StageValue", "pipeline_values"]


_COLUMNS: Final[tuple[Column, ...]] = ("pipeline", ("stage", "name"), "outcome", "count", "value", "no_amount")


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
        return row_of(self, *_COLUMNS)


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

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of these rows."""
        return names_of(_COLUMNS)


async def pipeline_values(
    population: Population, by: By | None, amount: Ref | None, *, ended: bool
) -> Report[PipelineValue]:
    """Return what stands in each stage; see `AsyncAnalytics.pipeline_value`."""
    amounts = Amounts(population, by, amount_field(population.schema, amount))
    await amounts.read(everything if ended else f.outcome == "open", f.pipeline, f.stage, f.outcome)
    order = await _order(population)
    whole = PipelineValue(key=None, label=ALL, stages=_stages(amounts.whole(), None, order))
    groups = (
        PipelineValue(key=key, label=label_of(key), stages=_stages(amounts, key, order))
        for key in sorted(amounts, key=order_of)
    )
    return Report(
        definition="pipeline.value/1", groups=(whole,) if by is None else tuple(groups), total=whole,
        by=text_of(by), as_of=population.as_of, zone=population.zone,
    )  # fmt: skip


async def _order(population: Population) -> dict[tuple[str, str], int]:
    known = await population.doors.definitions.read()
    order: dict[tuple[str, str], int] = {}
    for name in known.names(population.schema):
        with suppress(BadDefinition):  # the stages of a damaged definition come last
            stages = known.named(population.schema, name).pipeline.stages
            order |= {(name, stage.name): number for number, stage in enumerate(stages)}
    return order


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
