"""The reports a session offers, awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.analytics.cycle import cycles
from crmkit.analytics.forecast import forecasts
from crmkit.analytics.funnel import Funnel
from crmkit.analytics.funnel_count import FunnelCount
from crmkit.analytics.period import Period, moment_of
from crmkit.analytics.pipeline_value import pipeline_values
from crmkit.analytics.population import Population
from crmkit.analytics.stage_time import stage_times
from crmkit.analytics.velocity import velocities
from crmkit.analytics.win_rate import win_rates
from crmkit.entities import Opportunity
from crmkit.errors import BadDefinition
from crmkit.expr.build import everything, f
from crmkit.lifecycle import Pipeline

if TYPE_CHECKING:
    import datetime as dt

    from crmkit.analytics.cycle import Cycle, Ending
    from crmkit.analytics.forecast import Forecast
    from crmkit.analytics.funnel_report import FunnelReport
    from crmkit.analytics.period import Bounds
    from crmkit.analytics.pipeline_value import PipelineValue
    from crmkit.analytics.report import Report
    from crmkit.analytics.stage_time import StageTime
    from crmkit.analytics.velocity import VelocityGroup
    from crmkit.analytics.win_rate import WinRate
    from crmkit.expr.node import Expr, Ref
    from crmkit.model.schema import Schema
    from crmkit.repository import Doors
    from crmkit.repository.grouping import By
    from crmkit.segment import Segment

__all__ = ["AsyncAnalytics"]


class AsyncAnalytics:
    """Funnels and pipeline figures over the records that the actor may see.

    Sessions hand it out: `s.analytics`.
    """

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    async def funnel(self, funnel: Funnel) -> FunnelReport:
        """Count how records go through a pipeline, from the history of their moves.

        Memory stays bounded for any number of records: they are read in batches, and what is kept are counters for each
        group.

        Args:
            funnel: what to count.

        Raises:
            BadDefinition: it is not a funnel.
            BadExpression: the funnel does not fit the model, or has too many groups.
        """
        if not isinstance(funnel, Funnel):
            raise BadDefinition(
                f"a Funnel is expected, not {type(funnel).__name__}.", hint="Write Funnel(pipeline, by=f.source)."
            )
        return await FunnelCount(self._doors, funnel).report()

    async def win_rate(
        self,
        *,
        by: By | None = None,
        closed: Bounds | None = None,
        where: Expr | Segment = everything,
        model: type[Any] = Opportunity,
        amount: Ref | None = None,
        zone: str | None = None,
        as_of: dt.datetime | None = None,
    ) -> Report[WinRate]:
        """Return how much of what was decided was won, by count and by value; computed inside the store.

        Amounts of different currencies are never added up: there is one ratio by value for each currency.

        Args:
            by: a field, a path or a span to group by.
            closed: the time in which records closed, as a start and an end that is no longer part of it.
            where: which records count.
            model: the model.
            amount: the field that holds what a record is worth; the model's `amount`, if it has one, by default.
            zone: whose days `closed` means; the actor's, if left out.
            as_of: records that closed later count as open, and ones that were created later not at all; now by default.
                An outcome that was changed since is read as it is now.

        Raises:
            BadDefinition: the period, the zone or the model is not acceptable.
            BadExpression: `by`, `where` or `amount` does not fit the model.
        """
        population = self._population(model, where, as_of, zone)
        return await win_rates(population, by, amount, Period.of(closed, population.zone))

    async def cycle(
        self,
        *,
        by: By | None = None,
        closed: Bounds | None = None,
        where: Expr | Segment = everything,
        outcome: Ending = "won",
        start: Ref = f.created_at,
        model: type[Any] = Opportunity,
        zone: str | None = None,
        as_of: dt.datetime | None = None,
    ) -> Report[Cycle]:
        """Return how many days records took to close: mean, median and percentiles of calendar days.

        The columns that this takes are streamed, as a median needs the values themselves; of each group only the
        different numbers of days stay in memory.

        Args:
            by: a field, a path or a span to group by.
            closed: the time in which records closed, as a start and an end that is no longer part of it.
            where: which records count.
            outcome: which closed records count: `"won"`, `"lost"` or `"all"`.
            start: the field of the day or the instant at which a record began.
            model: the model.
            zone: whose days are counted; the actor's, if left out.
            as_of: records that closed later do not count; now by default.

        Raises:
            BadDefinition: the period, the zone or the model is not acceptable.
            BadExpression: `by`, `where`, `outcome` or `start` does not fit the model.
        """
        population = self._population(model, where, as_of, zone)
        return await cycles(population, by, start, outcome, Period.of(closed, population.zone))

    async def velocity(
        self,
        *,
        by: By | None = None,
        closed: Bounds | None = None,
        where: Expr | Segment = everything,
        start: Ref = f.created_at,
        model: type[Any] = Opportunity,
        amount: Ref | None = None,
        zone: str | None = None,
        as_of: dt.datetime | None = None,
    ) -> Report[VelocityGroup]:
        """Return how much a group earns a day: open deals x win rate x mean worth of a won deal / median cycle in days.

        All four are taken over the same group, period and currency. Takes the arguments of `win_rate` and `cycle`, and
        raises what they raise.

        Args:
            by: a field, a path or a span to group by.
            closed: the time in which records closed, as a start and an end that is no longer part of it.
            where: which records count.
            start: the field of the day or the instant at which a record began.
            model: the model.
            amount: the field that holds what a record is worth; the model's `amount` by default.
            zone: whose days are counted; the actor's, if left out.
            as_of: records that closed later count as open; now by default.
        """
        population = self._population(model, where, as_of, zone)
        return await velocities(population, by, amount, start, Period.of(closed, population.zone))

    async def forecast(
        self,
        *,
        by: By | None = None,
        due: Bounds | None = None,
        where: Expr | Segment = everything,
        model: type[Any] = Opportunity,
        amount: Ref | None = None,
        zone: str | None = None,
        as_of: dt.datetime | None = None,
    ) -> Report[Forecast]:
        """Return what open deals are likely to bring by month, beside what was won; computed inside the store.

        An open deal counts its amount times its chance: its own `probability` if it has one, or else that of its stage
        in the version of the pipeline that it follows. Won deals stand in a column of their own, in full, in the month
        in which they closed. Open deals whose `close_date` has passed, and those without one, stand in buckets of their
        own, whatever `due` says.

        Args:
            by: a field, a path or a span to group by.
            due: the days on which open deals are due, and in which won ones closed; all by default.
            where: which records count.
            model: the model; it must have a `close_date`.
            amount: the field that holds what a record is worth; the model's `amount` by default.
            zone: whose days are meant; the actor's, if left out.
            as_of: decides what is overdue; now by default. Stages and amounts are read as they are now.

        Raises:
            BadDefinition: the period, the zone or the model is not acceptable.
            BadExpression: `by`, `where` or `amount` does not fit the model, or it has no `close_date`.
        """
        population = self._population(model, where, as_of, zone)
        return await forecasts(population, by, amount, Period.of(due, population.zone))

    async def pipeline_value(
        self,
        *,
        by: By | None = None,
        where: Expr | Segment = everything,
        model: type[Any] = Opportunity,
        amount: Ref | None = None,
        ended: bool = False,
    ) -> Report[PipelineValue]:
        """Return how many records stand in each stage now and what they are worth; computed inside the store.

        Args:
            by: a field, a path or a span to group by.
            where: which records count.
            model: the model.
            amount: the field that holds what a record is worth; the model's `amount`, if it has one, by default.
            ended: whether closed records count as well.

        Raises:
            BadDefinition: the model is not one of this CRM's, or has no stages.
            BadExpression: `by`, `where` or `amount` does not fit the model.
        """
        population = self._population(model, where, None, None)
        return await pipeline_values(population, by, amount, ended=ended)

    async def time_in_stage(
        self,
        pipeline: Pipeline,
        *,
        left: Bounds | None = None,
        where: Expr | Segment = everything,
        zone: str | None = None,
        as_of: dt.datetime | None = None,
    ) -> Report[StageTime]:
        """Return how long visits to each stage took on average; computed inside the store from the history.

        A visit counts when it is over, each one by itself; transfers between pipelines and versions do not count. A
        funnel has the time by record instead, with median and percentiles.

        Args:
            pipeline: the pipeline.
            left: the time in which the visits ended, as a start and an end that is no longer part of it.
            where: which records count.
            zone: whose days `left` means; the actor's, if left out.
            as_of: visits that ended later do not count; now by default.

        Raises:
            BadDefinition: the period or the zone is not acceptable, or it is not a pipeline.
            BadExpression: `where` does not fit the model.
        """
        if not isinstance(pipeline, Pipeline):
            raise BadDefinition(
                f"a Pipeline is expected, not {type(pipeline).__name__}.", hint="Give the Pipeline itself."
            )
        population = Population(self._doors, self._doors.catalog[pipeline.entity], where, self._at(as_of), zone)
        return await stage_times(population, pipeline, Period.of(left, population.zone))

    def _at(self, as_of: dt.datetime | None) -> dt.datetime:
        return self._doors.clock() if as_of is None else moment_of(as_of, "as_of")

    def _population(
        self, model: type[Any], where: Expr | Segment, as_of: dt.datetime | None, zone: str | None
    ) -> Population:
        schema: Schema = self._doors.catalog.of(model)
        if not schema.staged:
            raise BadDefinition(f"{schema.name} has no stages.", hint="Give a model that moves through a pipeline.")
        return Population(self._doors, schema, where, self._at(as_of), zone)
