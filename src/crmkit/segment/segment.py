"""Segments: named expressions that pick records of one model."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

import attrs

from crmkit.errors import BadDefinition, BadExpression, Problem, Unsupported
from crmkit.expr.bind import Binder
from crmkit.expr.evaluate import evaluate, is_local
from crmkit.expr.form.show import show
from crmkit.expr.node import Expr, closed
from crmkit.expr.resolve import SAMPLE, Asker, Facts, resolve
from crmkit.model.catalog import Catalog
from crmkit.model.schema import Schema, entity_of, schema_of
from crmkit.segment.limit import MAX_DESCRIPTION, MAX_NAME
from crmkit.values import clean_instant, clean_text

__all__ = ["Segment"]


@attrs.frozen
class Segment:
    """A named expression over one model: whom a campaign addresses, which deals need a look.

    Segments combine with `&`, `|` and `~`, among each other and with expressions. The result is a segment of the same
    model, so that it is never asked of another one. Two segments are equal when they say the same.

    Args:
        name: what it is called, at most 80 characters.
        model: the model whose records it picks. With the class, the expression is checked at once; with its name alone,
            when it is first used.
        where: the condition.
        description: whom it is meant to find, and what for.
        catalog: the models among which relations lead; the built-in ones and `model` by default.

    Raises:
        BadDefinition: the name is not acceptable, or the class is not a model.
        BadExpression: the condition does not fit the model.

    >>> from crmkit.entities import Customer
    >>> from crmkit.expr.build import f
    >>> vip = Segment("vip", Customer, f.tags.has("vip"))
    >>> (vip & (f.country == "DE")).name
    'vip & f.country == "DE"'
    """

    joins_expressions: ClassVar = True

    name: str
    model: type[Any] | str = attrs.field(eq=entity_of, repr=lambda model: repr(entity_of(model)))
    where: Expr
    description: str = attrs.field(default="", kw_only=True)
    catalog: Catalog | None = attrs.field(default=None, kw_only=True, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Check all of it, against the models as far as they are known."""
        if isinstance(self.model, str):
            _check_text("the model's name", self.model, 1, MAX_NAME)
        _check_text("the name of a segment", self.name, 1, MAX_NAME)
        _condition(self.name, self.where)
        _check_text(f"the description of segment {self.name!r}", self.description, 0, MAX_DESCRIPTION)
        if not isinstance(self.model, str):
            self.check(self.catalog or _catalog(self.model))

    @property
    def entity(self) -> str:
        """The name of the model."""
        return entity_of(self.model)

    def check(self, catalog: Catalog) -> None:
        """Refuse a catalog whose model the condition does not fit.

        Raises:
            BadDefinition: there is no such model.
            BadExpression: the condition names what the model does not have, or compares what cannot be compared.
        """
        try:
            Binder(catalog).bind(catalog[self.entity], resolve(self.where, SAMPLE))
        except BadExpression as error:
            raise BadExpression(f"segment {self.name!r}: {error.message}", hint=error.hint) from None

    def within(self, schema: Schema) -> Expr:
        """Return the condition, for use on a model.

        Raises:
            BadExpression: the segment picks records of another model.
        """
        if schema.name != self.entity:
            raise BadExpression(
                f"segment {self.name!r} picks from {self.entity}, and this is {schema.name}.",
                hint="Reach it over a relation, with .any(segment.where).",
            )
        return self.where

    def contains(self, record: Any, *, at: dt.datetime, me: Asker | None = None, zone: dt.tzinfo | None = None) -> bool:
        """Return whether one record, as it is in memory, belongs to the segment.

        Args:
            record: a record of the segment's model.
            at: what `now()` and `today()` stand for.
            me: the actor who asks, for conditions that name `me`.
            zone: in which `today()` is meant; that of `me`, or UTC, if left out.

        Raises:
            BadExpression: the record is of another model, or the condition names `me` and nobody asks.
            Unsupported: the condition reaches other records, which are in the store only.
        """
        schema = schema_of(record.__class__)
        condition = self.within(schema)
        if not is_local(condition, schema):
            raise Unsupported(
                f"segment {self.name!r} reaches other records: {show(condition)}.",
                hint="Ask the store: exists(segment & (f.id == record.id)).",
            )
        try:
            now = clean_instant(at)
        except Problem as problem:
            raise BadExpression(f"at {problem.message}", hint=problem.hint) from None
        Binder(Catalog(())).bind(schema, resolve(condition, SAMPLE))
        return evaluate(condition, record, facts=Facts(now, zone, me))

    # -- combining -----------------------------------------------------------------------------------------------------

    def __and__(self, other: Segment | Expr) -> Segment:
        return self._joined("&", other, self.where & self._part(other))

    def __or__(self, other: Segment | Expr) -> Segment:
        return self._joined("|", other, self.where | self._part(other))

    __rand__ = __and__
    __ror__ = __or__

    def __invert__(self) -> Segment:
        return Segment(_short(f"~({self.name})"), self.entity, ~self.where)

    def __bool__(self) -> bool:
        raise BadExpression(
            f"segment {self.name!r} is neither true nor false until a store or contains() reads it.",
            hint="Write & for and, | for or, ~ for not.",
        )

    def _part(self, other: Segment | Expr) -> Expr:
        if isinstance(other, Segment):
            if other.entity != self.entity:
                raise BadExpression(
                    f"segment {self.name!r} picks from {self.entity}, and {other.name!r} from {other.entity}.",
                    hint="Combine segments of one model.",
                )
            return other.where
        return _condition(self.name, other)

    def _joined(self, sign: str, other: Segment | Expr, where: Expr) -> Segment:
        named = other.name if isinstance(other, Segment) else show(other)
        return Segment(_short(f"{self.name} {sign} {named}"), self.entity, where)

    # -- as data -------------------------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """Return the segment as canonical JSON; equal segments have equal texts.

        Raises:
            BadExpression: the condition is too large to be stored, or holds a value that is not part of the language.
        """
        from crmkit.segment import form

        return form.to_json(self)

    @classmethod
    def from_json(cls, text: str, *, catalog: Catalog | None = None) -> Segment:
        """Return the segment that a JSON text defines.

        Args:
            text: what `to_json` returned, or what somebody claims it did.
            catalog: the models to check it against; without them it is checked when it is used.

        Raises:
            BadDefinition: the catalog has no such model.
            BadExpression: the text is malformed or of another version, or the condition does not fit the model;
                `problems` holds every mistake of the text and its path.
        """
        from crmkit.segment import form

        segment = form.from_json(cls, text)
        if catalog is not None:
            segment.check(catalog)
        return segment


def _check_text(what: str, value: object, at_least: int, at_most: int) -> None:
    try:
        clean_text(value, at_least=at_least, at_most=at_most)
    except Problem as problem:
        raise BadDefinition(f"{what} {problem.message}", hint=problem.hint) from None


def _condition(name: str, where: object) -> Expr:
    try:
        return closed(where)
    except BadExpression as error:
        raise BadExpression(f"segment {name!r}: {error.message}", hint=error.hint) from None


def _short(name: str) -> str:
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"


def _catalog(model: type[Any]) -> Catalog:
    # The entities are many; a program that names its models should not wait for them.
    from crmkit.entities import BUILT_IN

    return Catalog((*BUILT_IN, model))
