"""Funnels as definitions: what is to be counted, checked before anything is read."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

import attrs

from crmkit.analytics.period import Bounds, Period, moment_of
from crmkit.errors import BadDefinition, BadExpression, near
from crmkit.expr.bind import Binder
from crmkit.expr.build import everything
from crmkit.expr.node import Expr, Ref
from crmkit.expr.resolve import SAMPLE, resolve
from crmkit.lifecycle import Pipeline
from crmkit.repository.aggregator import By, Span
from crmkit.repository.zone import zone_of
from crmkit.segment import Segment

if TYPE_CHECKING:
    from crmkit.model.catalog import Catalog
    from crmkit.model.schema import Schema

__all__ = ["Funnel", "Reading"]

Reading: TypeAlias = Literal["reached", "observed", "strict"]
"""When a record counts for a stage; see `Funnel`."""
_READINGS: Final[tuple[str, ...]] = get_args(Reading)


@attrs.frozen(init=False)
class Funnel:
    """What to count of the way that records take through a pipeline.

    The reading says when a record counts for a stage:

    - `"reached"`: it got at least that far. A record that is won got through all open stages, whatever its history
      shows; one that is lost got as far as it was last seen.
    - `"observed"`: its history shows that it was in the stage.
    - `"strict"`: its history shows that it was in the stage after every earlier one, none skipped.

    Args:
        pipeline: the pipeline; the stages of the report are those of this definition.
        by: what to group by: a field, a path such as `f.owner.team.region`, or a span such as `by_month(f.created_at)`.
        entered: the time in which records entered the pipeline, as a start and an end that is no longer part of it:
            days, their ISO spellings, aware datetimes, or `None` for no end. What happened later counts as well.
        where: which records count, as they are now.
        reading: when a record counts for a stage.
        zone: whose days `entered` means.
        as_of: the instant up to which history counts; now by default.

    Fields that `by` and `where` name are looked up when the funnel is counted, among the models of that CRM.

    Raises:
        BadDefinition: a period, reading or zone is not acceptable.

    >>> from crmkit.lifecycle.built_in import OPPORTUNITY
    >>> Funnel(OPPORTUNITY, entered=("2026-01-01", "2026-04-01")).reading
    'reached'
    """

    pipeline: Pipeline
    by: By | None = attrs.field(eq=repr)
    entered: Period
    where: Expr | Segment
    reading: Reading
    zone: str
    as_of: dt.datetime | None

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        by: By | None = None,
        entered: Bounds | None = None,
        where: Expr | Segment = everything,
        reading: Reading = "reached",
        zone: str = "UTC",
        as_of: dt.datetime | None = None,
    ) -> None:
        given: Any = pipeline
        if not isinstance(given, Pipeline):
            raise BadDefinition(
                f"a funnel is counted over a Pipeline, not over a {type(given).__name__}.",
                hint="Give the pipeline itself; the built-in ones are in crmkit.lifecycle.built_in.",
            )
        if reading not in _READINGS:
            raise BadDefinition(f"there is no reading {reading!r}.", hint=near(str(reading), _READINGS))
        zone_of(zone)
        if not (by is None or isinstance(by, Ref | Span)):
            raise BadDefinition(
                f"{by!r} is nothing to group by.", hint="Write a field such as f.source, or by_month(f.created_at)."
            )
        if not isinstance(where, Expr | Segment):
            raise BadDefinition("where expects an expression.", hint='Write one with f, as in f.source == "web".')
        if isinstance(by, Span):
            zone_of(by.zone)
        write = object.__setattr__
        write(self, "pipeline", pipeline)
        write(self, "by", by)
        write(self, "entered", Period.of(entered, zone))
        write(self, "where", where)
        write(self, "reading", reading)
        write(self, "zone", zone)
        write(self, "as_of", None if as_of is None else moment_of(as_of, "as_of"))

    def check(self, catalog: Catalog) -> None:
        """Refuse a catalog whose models the funnel does not fit.

        Raises:
            BadDefinition: there is no such model.
            BadExpression: `by` or `where` names what the model does not have, or compares what cannot be compared.
        """
        schema = catalog[self.pipeline.entity]
        binder = Binder(catalog)
        try:
            if self.by is not None:
                _known(catalog, binder, schema, self.by.ref if isinstance(self.by, Span) else self.by)
            if isinstance(self.where, Expr):
                binder.bind(schema, resolve(self.where, SAMPLE))
        except BadExpression as error:
            raise BadExpression(f"funnel over {schema.name}: {error.message}", hint=error.hint) from None


def _known(catalog: Catalog, binder: Binder, schema: Schema, ref: Ref) -> None:
    _, end, rest = binder.hops(schema, ref)
    if rest[0] not in end.fields:
        names = [*end.fields, *catalog.relations(end)]
        raise BadExpression(f"{ref.text}: {end.name} has no field {rest[0]!r}.", hint=near(rest[0], names))
