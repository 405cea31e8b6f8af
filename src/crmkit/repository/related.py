"""What was included with records, read by the paths that it was asked for by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, get_args, get_origin, overload

import attrs

from crmkit.errors import BadExpression, near
from crmkit.expr.node import Ref
from crmkit.model.form import to_dict
from crmkit.model.schema import schema_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from crmkit.model.schema import Relation, Schema

__all__ = ["NOTHING", "Branch", "Found", "Related"]

T = TypeVar("T")
R = TypeVar("R")


@attrs.frozen(eq=False)
class Branch:
    """Where one step led.

    Attributes:
        relation: the step.
        target: the model where it leads.
        found: what belongs to each record that it started from, by the record's id.
        further: what was included with these.
    """

    relation: Relation
    target: Schema
    found: Mapping[UUID, tuple[Any, ...]]
    further: Related


@attrs.frozen(eq=False)
class Related:
    """What was included with some records.

    Attributes:
        branches: the first steps, by name.
    """

    branches: Mapping[str, Branch] = attrs.field(factory=dict[str, Branch])

    def of(self, record: Any, ref: Any, model: Any) -> Any:
        """Return what belongs to a record; see `Page.related`."""
        reached, way = self._follow(record, ref)
        several = any(branch.relation.many for branch in way)
        if model is not None:
            _check_model(ref, model, way[-1].target, several=several)
        return reached if several else next(iter(reached), None)

    def each(self, record: Any, ref: Any, model: Any) -> tuple[Found[Any], ...]:
        """Return what belongs to a record, each with what was included with it; see `Found.each`."""
        reached, way = self._follow(record, ref)
        if model is not None:
            _check_target(ref, model, way[-1].target)
        return tuple(Found(each, way[-1].further) for each in reached)

    def dict_of(self, record: Any) -> dict[str, Any]:
        """Return a record as plain data, with what was included nested in it."""
        data = to_dict(record)
        for name, branch in self.branches.items():
            nested = [branch.further.dict_of(each) for each in branch.found[record.id]]
            data[name] = nested if branch.relation.many else next(iter(nested), None)
        return data

    def _follow(self, record: Any, ref: Any) -> tuple[tuple[Any, ...], list[Branch]]:
        """Return what a path leads to from a record, each once, and the steps on the way."""
        if not isinstance(ref, Ref) or not ref.path:
            raise BadExpression("a relation is expected here.", hint="Name it as it was included, as in f.customer.")
        way: list[Branch] = []
        for place, name in enumerate(ref.path, start=1):
            branches = way[-1].further.branches if way else self.branches
            if name not in branches:
                text = f"f.{'.'.join(ref.path[:place])}"
                hint = near(name, branches) or f"Ask for it: include=[{text}]."
                raise BadExpression(f"{text} was not included.", hint=hint)
            way.append(branches[name])
        schema = schema_of(record.__class__)
        if schema.name != way[0].relation.source or record.id not in way[0].found:
            raise BadExpression(f"this {schema.name} is none of the records with which {ref.text} was included.")
        reached: tuple[Any, ...] = (record,)
        for branch in way:
            reached = tuple({each.id: each for start in reached for each in branch.found[start.id]}.values())
        return reached, way


NOTHING: Final = Related()
"""Where nothing was included."""


def _check_model(ref: Ref, model: Any, target: Schema, *, several: bool) -> None:
    listed = get_origin(model) is tuple
    if listed is not several:
        name = target.cls.__name__
        fact, hint = ("several records", f"tuple[{name}, ...]") if several else ("one record", name)
        raise BadExpression(f"{ref.text} leads to {fact}.", hint=f"Write {hint}.")
    _check_target(ref, get_args(model)[0] if listed else model, target)


def _check_target(ref: Ref, model: Any, target: Schema) -> None:
    if not (isinstance(model, type) and issubclass(target.cls, model)):
        name = getattr(model, "__name__", repr(model))
        raise BadExpression(f"{ref.text} leads to {target.cls.__name__}, not to {name}.")


@attrs.frozen(eq=False)
class Found(Generic[T]):
    """A record, and what was included with it.

    Attributes:
        record: the record.
    """

    record: T
    _related: Related = attrs.field(default=NOTHING, repr=False)

    @overload
    def related(self, ref: Ref) -> Any: ...
    @overload
    def related(self, ref: Ref, model: type[tuple[R, ...]]) -> tuple[R, ...]: ...
    @overload
    def related(self, ref: Ref, model: type[R]) -> R | None: ...
    def related(self, ref: Ref, model: Any = None) -> Any:
        """Return what was included with the record; see `Page.related`."""
        return self._related.of(self.record, ref, model)

    @overload
    def each(self, ref: Ref) -> tuple[Found[Any], ...]: ...
    @overload
    def each(self, ref: Ref, model: type[R]) -> tuple[Found[R], ...]: ...
    def each(self, ref: Ref, model: Any = None) -> tuple[Found[Any], ...]:
        """Return what was included with the record, each of it with what was included further on.

        Args:
            ref: the way there, as it was included: `f.contacts`, where `f.contacts.activities` was included.
            model: what there is, for type checkers: `Contact`.

        Raises:
            BadExpression: that was not included, or the way leads to another model.
        """
        return self._related.each(self.record, ref, model)

    def __dict_form__(self, *, include: bool) -> dict[str, Any]:
        return self._related.dict_of(self.record) if include else to_dict(self.record)
