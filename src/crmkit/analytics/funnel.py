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
from crmkit.form.kept import Kept
from crmkit.lifecycle import Pipeline
from crmkit.repository.grouping import By, Span
from crmkit.segment import Segment
from crmkit.values.zone import zone_of

if TYPE_CHECKING:
    from crmkit.form.form import Form
    from crmkit.model.catalog import Catalog
    from crmkit.model.schema import Schema

__all__ = ["Funnel", "Reading"]

Reading: TypeAlias = Literal["reached", "observed", "strict"]
"""When a record counts for a stage; see `Funnel`."""
_READINGS: Final[tuple[str, ...]] = get_args(Reading)


def _bounds(given: Bounds | Period | None) -> Bounds | Period:
    # Days are days of a zone, so they stay what they are until one is known.
    return Period() if given is None else given


@attrs.frozen
class Funnel(Kept):
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
        zone: whose days are meant; the session's, if left out.
        as_of: the instant up to which history counts; now by default.

    Fields that `by` and `where` name are looked up when the funnel is counted, among the models of that CRM.

    Raises:
        BadDefinition: a period, reading or zone is not acceptable.

    >>> from crmkit.lifecycle.built_in import OPPORTUNITY
    >>> Funnel(OPPORTUNITY, entered=("2026-01-01", "2026-04-01")).reading
    'reached'
    >>> Funnel.from_json(Funnel(OPPORTUNITY).to_json()) == Funnel(OPPORTUNITY)
    True
    """

    __max_size__ = 256 * 1024

    pipeline: Pipeline
    by: By | None = attrs.field(default=None, eq=repr, kw_only=True)
    entered: Bounds | Period = attrs.field(default=Period(), converter=_bounds, kw_only=True)
    where: Expr | Segment = attrs.field(default=everything, kw_only=True)
    reading: Reading = attrs.field(default="reached", kw_only=True)
    zone: str | None = attrs.field(default=None, kw_only=True)
    as_of: dt.datetime | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Check all of it, and name the period by instants."""
        given: Any = self.pipeline
        if not isinstance(given, Pipeline):
            raise BadDefinition(
                f"a funnel is counted over a Pipeline, not over {type(given).__name__}.",
                hint="Give the pipeline itself; the built-in ones are in crmkit.lifecycle.built_in.",
            )
        if self.reading not in _READINGS:
            raise BadDefinition(f"there is no reading {self.reading!r}.", hint=near(str(self.reading), _READINGS))
        if not (self.by is None or isinstance(self.by, Ref | Span)):
            raise BadDefinition(
                f"{self.by!r} cannot be grouped by.", hint="Write a field such as f.source, or by_month(f.created_at)."
            )
        if not isinstance(self.where, Expr | Segment):
            raise BadDefinition("where expects an expression.", hint='Write one with f, as in f.source == "web".')
        for zone in (self.zone, self.by.zone if isinstance(self.by, Span) else None):
            if zone is not None:
                zone_of(zone)
        entered = Period.without_zone(self.entered) if self.zone is None else Period.of(self.entered, self.zone)
        object.__setattr__(self, "entered", entered)
        object.__setattr__(self, "as_of", None if self.as_of is None else moment_of(self.as_of, "as_of"))

    def period(self, zone: str) -> Period:
        """Return the time in which records entered the pipeline, by the funnel's own zone or else by this one."""
        return Period.of(self.entered, self.zone or zone)

    @classmethod
    def __form__(cls) -> Form:
        """Return the form of funnels."""
        from crmkit.analytics.form import FUNNEL

        return FUNNEL

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
