"""Segments: named expressions that pick records of one model."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, ClassVar, Final
from uuid import UUID

import attrs

from crmkit.errors import BadDefinition, BadExpression, Problem, Unsupported
from crmkit.expr import wire
from crmkit.expr.bind import Binder
from crmkit.expr.document import dump, load
from crmkit.expr.evaluate import evaluate, is_local
from crmkit.expr.nodes import Expr
from crmkit.expr.resolve import SAMPLE, Asker, Facts, resolve
from crmkit.expr.show import show
from crmkit.model.catalog import Catalog
from crmkit.model.schema import Schema, schema_of
from crmkit.values import UTC, clean_instant, clean_text

__all__ = ["VERSION", "Changes", "Segment", "changes"]

VERSION: Final = 1
"""The version of the JSON form that this module writes, and the only one it reads."""

_MAX_NAME: Final = 80
_MAX_DESCRIPTION: Final = 2_000
_MAX_SIZE: Final = 80 * 1024


@attrs.frozen(init=False)
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
        BadDefinition: the name is not acceptable, or the model is none.
        BadExpression: the condition does not fit the model.

    >>> from crmkit.entities import Customer
    >>> from crmkit.expr.build import f
    >>> vip = Segment("vip", Customer, f.tags.has("vip"))
    >>> (vip & (f.country == "DE")).name
    'vip & f.country == "DE"'
    """

    joins_expressions: ClassVar = True

    name: str
    entity: str
    where: Expr
    description: str

    def __init__(
        self,
        name: str,
        model: type[Any] | str,
        where: Expr,
        *,
        description: str = "",
        catalog: Catalog | None = None,
    ) -> None:
        entity = _text("the model's name", model, 1, _MAX_NAME) if isinstance(model, str) else schema_of(model).name
        write = object.__setattr__
        write(self, "name", _text("the name of a segment", name, 1, _MAX_NAME))
        write(self, "entity", entity)
        write(self, "where", _condition(name, where))
        write(self, "description", _text(f"the description of segment {name!r}", description, 0, _MAX_DESCRIPTION))
        if not isinstance(model, str):
            self.check(catalog or _catalog(model))

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

    def contains(self, record: Any, *, at: dt.datetime, me: Asker | None = None, zone: dt.tzinfo = UTC) -> bool:
        """Return whether one record, as it is in memory, belongs to the segment.

        Args:
            record: a record of the segment's model.
            at: what `now()` and `today()` stand for.
            me: whoever asks, for conditions that name `me`.
            zone: in which `today()` is meant.

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
        document = {
            "version": VERSION,
            "name": self.name,
            "entity": self.entity,
            "condition": wire.to_dict(self.where),
            "description": self.description,
        }
        return dump(document, at_most=_MAX_SIZE)

    @classmethod
    def from_json(cls, text: str, *, catalog: Catalog | None = None) -> Segment:
        """Return the segment that a JSON text defines.

        Args:
            text: what `to_json` returned, or what somebody claims it did.
            catalog: the models to check it against; without them it is checked when it is used.

        Raises:
            BadDefinition: the name is not acceptable, or the catalog has no such model.
            BadExpression: the text is malformed or of another version, or the condition does not fit the model.
        """
        cursor = load(text, at_most=_MAX_SIZE)
        cursor.version(VERSION)
        members = cursor.members(("version", "name", "entity", "condition", "description"))
        segment = cls(
            members["name"].text(at_most=_MAX_NAME, at_least=1),
            members["entity"].text(at_most=_MAX_NAME, at_least=1),
            wire.from_cursor(members["condition"]),
            description=members["description"].text(at_most=_MAX_DESCRIPTION),
        )
        if catalog is not None:
            segment.check(catalog)
        return segment


def _text(what: str, value: object, at_least: int, at_most: int) -> str:
    try:
        return clean_text(value, at_least=at_least, at_most=at_most)
    except Problem as problem:
        raise BadDefinition(f"{what} {problem.message}", hint=problem.hint) from None


def _condition(name: str, where: object) -> Expr:
    if not isinstance(where, Expr):
        raise BadExpression(
            f"segment {name!r}: {type(where).__name__} is no condition.",
            hint='Write one with f, as in f.country == "DE".',
        )
    return where


def _short(name: str) -> str:
    return name if len(name) <= _MAX_NAME else f"{name[: _MAX_NAME - 1]}…"


def _catalog(model: type[Any]) -> Catalog:
    # The entities are many; a program that names its models should not wait for them.
    from crmkit.entities import BUILT_IN

    return Catalog((*BUILT_IN, model))


# -- over time ---------------------------------------------------------------------------------------------------------


@attrs.frozen
class Changes:
    """What became of a segment between two evaluations.

    Attributes:
        entered: the records that were not in it before and are now.
        left: the records that were in it before and are not now.
    """

    entered: frozenset[UUID]
    left: frozenset[UUID]


def changes(before: Iterable[UUID], after: Iterable[UUID]) -> Changes:
    """Return who entered and who left a segment.

    Args:
        before: the ids of its members at the first evaluation.
        after: the ids of its members at the second.

    >>> changes([UUID(int=1), UUID(int=2)], [UUID(int=2), UUID(int=3)]).left
    frozenset({UUID('00000000-0000-0000-0000-000000000001')})
    """
    earlier, later = frozenset(before), frozenset(after)
    return Changes(entered=later - earlier, left=earlier - later)
