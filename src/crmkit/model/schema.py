"""Schemas: everything that is known about one model, derived from its class."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import attrs

from crmkit.errors import BadDefinition, BadRecord, Problem, near
from crmkit.model.field import Column, ExtraField, Field, LinkField, ReferenceField
from crmkit.model.field.refusal import FAILURES, listed
from crmkit.model.kind import Kind
from crmkit.values import clean_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from crmkit.model.extension import Extension

__all__ = ["TENANT", "Relation", "Schema", "entity_of", "schema_of"]

TENANT: Final = Column("tenant", Kind.TEXT, max=64)
"""The column that leads every row and every index."""

_LONGEST_EXTRA: Final = 200
# Both, as they share one slot of the type: with a Python method in either, each assignment takes twice the time.
_OPEN: Final = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}


@attrs.frozen
class Relation:
    """A way from one model to another: rows of `source` and of `target` whose columns agree.

    Attributes:
        name: what expressions call it.
        source, target: names of the two schemas.
        many: whether one source row may meet several target rows.
        local, remote: the columns that must be equal: of the source, and of the target.
        fixed: a further column of the target and the text it must hold, where one table serves several models.
    """

    name: str
    source: str
    target: str
    many: bool
    local: str
    remote: str
    fixed: tuple[str, str] | None = None


@attrs.frozen(eq=False)
class Schema:
    """One model, as the rest of crmkit sees it.

    Attributes:
        name: the model's name, such as `"customer"`; stable, as stored rows and expressions refer to it.
        plural: the table's or collection's name, and the repository's name on a session.
        cls: the class that users construct.
        fields: its fields by name, in order.
        uniques: the groups of fields that no two records of a tenant may share; records that miss one of them are free.
        indexes: the groups of fields that stores keep an index on, besides links, uniques and single indexed fields.
        staged: whether its records move through a pipeline.
        append_only: whether its records are written once and never changed.
        about: the fields that name what its records are about, if the model declares them.
        kept: how its records come about, if no caller may write them; blank if callers may.
        extensions: what packages add to it, if the class was made to hold that; ordered by their names.
        checks: whether its records check themselves, in an `__attrs_post_init__` of their class.
    """

    name: str
    plural: str
    cls: type[Any]
    fields: Mapping[str, Field]
    uniques: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    staged: bool = False
    append_only: bool = False
    about: tuple[str, ...] | None = None
    kept: str = ""
    extensions: tuple[Extension[..., Any], ...] = ()
    checks: bool = False

    if not TYPE_CHECKING:
        __hash__ = object.__hash__

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Every column in the order of a stored row: the tenant first."""
        return (TENANT, *(column for field in self.fields.values() for column in self._held(field)))

    @cached_property
    def by_column(self) -> Mapping[str, Column]:
        """The columns by name."""
        return {column.name: column for column in self.columns}

    def _held(self, field: Field) -> Iterator[Column]:
        if field.name not in self.owners or field.replaces:
            yield from field.columns
            return
        # Rows of a package's columns are also written where it is not installed, and know nothing of them.
        default = field.clean(getattr(attrs.fields(self.cls), field.name).default)
        for column, value in zip(field.columns, field.to_columns(default), strict=True):
            yield attrs.evolve(column, default=value, by=self.owners[field.name])

    @cached_property
    def owners(self) -> Mapping[str, str]:
        """The names of the packages that declare fields of it, by field."""
        return {each.name: extension.by for extension in self.extensions for each in extension.attributes}

    @property
    def root(self) -> type[Any]:
        """The class without what packages add."""
        root: type[Any] = self.cls.__bases__[0] if self.extensions else self.cls
        return root

    def takes(self, model: type[Any]) -> bool:
        """Return whether a record of this class is one of its own: of the same class, but for fields of packages."""
        if model is self.cls:
            return True
        other = vars(model).get("__schema__")
        return isinstance(other, Schema) and other.root is self.root and {*other.extensions} <= {*self.extensions}

    def taken(self, record: Any) -> Any:
        """Return a record that it takes as one of its own class; what the record lacks has its default."""
        if type(record) is self.cls:
            return record
        return self.cls(**{name: getattr(record, name) for name in schema_of(record.__class__).fields})

    @cached_property
    def cleaners(self) -> Mapping[str, Callable[[object], object]]:
        """The fastest way to do what each field's `accept` does, by the field's name."""
        return {name: field.cleaner() for name, field in self.fields.items()}

    @cached_property
    def opened(self) -> type[Any]:
        """What the class of a record is while it is being filled.

        A subclass without slots of its own has the same layout, so that a frozen record can be filled by plain
        assignments, several times faster, and then be closed for good by giving it its own class.
        """
        return type(f"Open{self.cls.__name__}", (self.cls,), dict(_OPEN))

    @cached_property
    def links(self) -> tuple[ReferenceField, ...]:
        """The fields that hold another record's id."""
        return tuple(field for field in self.fields.values() if isinstance(field, ReferenceField))

    @cached_property
    def trees(self) -> tuple[LinkField, ...]:
        """The links that lead from a record to the one above it."""
        return tuple(each for each in self.links if isinstance(each, LinkField) and each.tree and each.to == self.name)

    @cached_property
    def namings(self) -> tuple[Field, ...]:
        """The fields that name what its records are about: those declared, or the links that every record needs."""
        if self.about is None:
            return tuple(link for link in self.links if link.required)
        return tuple(self.fields[name] for name in self.about)

    @property
    def about_any(self) -> bool:
        """Whether its records are about a record of any model, whose name stands beside the id."""
        return any(not field.link_target for field in self.namings)

    @cached_property
    def extra(self) -> Mapping[str, Field]:
        """The declared fields inside the `extra` mapping, by name."""
        return {
            name: entry
            for field in self.fields.values()
            if isinstance(field, ExtraField)
            for name, entry in field.entries.items()
        }

    def field(self, name: str) -> Field:
        """Return a field by name.

        Raises:
            BadDefinition: it does not exist; the message suggests one that does.
        """
        try:
            return self.fields[name]
        except KeyError:
            raise BadDefinition(f"{self.name} has no field {name!r}.", hint=near(name, self.fields)) from None

    def unique_columns(self) -> tuple[tuple[str, ...], ...]:
        """Return each group of columns, the tenant left out, that the stores must keep unique."""
        single = tuple((field.name,) for field in self.fields.values() if field.unique)
        return (*single, *self.uniques)

    def index_columns(self) -> tuple[tuple[str, ...], ...]:
        """Return each group of columns to be indexed, the tenant left out; a longer group serves a shorter one, too."""
        uniques = self.unique_columns()
        # In this order: links, single fields, folded columns.
        fields = sorted(self.fields.values(), key=lambda field: field not in self.links)
        wanted = sorted(
            (group for field in fields for group in field.indexes), key=lambda each: each[0] not in self.fields
        )
        groups = dict.fromkeys([*wanted, *self.indexes])
        longer = [*uniques, *groups]
        return tuple(g for g in groups if not any(other != g and other[: len(g)] == g for other in longer))

    def clean(self, values: Mapping[str, object]) -> dict[str, object]:
        """Return the given fields' values as the model holds them.

        Raises:
            BadRecord: some are refused; it lists them all.
        """
        clean: dict[str, object] = {}
        problems: list[Problem] = []
        for name, value in values.items():
            field = self.fields.get(name)
            if field is None:
                problems.append(
                    Problem("unknown_field", "is not a field of this model.", hint=near(name, self.fields), field=name)
                )
                continue
            try:
                clean[name] = field.clean(value)
            except Problem as problem:
                problems += listed(problem)
        if problems:
            raise BadRecord(self.name, problems)
        return clean

    def check(self, record: Any) -> dict[str, object]:
        """Let a record check itself, if its model does, and return the fields that it set on the way.

        Raises:
            BadRecord: it refuses itself, or sets a field to what the field refuses.
        """
        if not self.checks:
            return {}
        before = {name: getattr(record, name) for name in self.fields}
        try:
            record.__attrs_post_init__()
        except Problem as problem:
            raise BadRecord(self.name, problem.problems or (problem,)) from None
        except (*FAILURES, AssertionError) as error:
            raise BadRecord(self.name, [Problem("refused", str(error) or "its class refuses it.")]) from error
        found = {name: value for name in self.fields if (value := getattr(record, name)) != before[name]}
        changes = self.clean(found) if found else {}
        for name, value in changes.items():
            object.__setattr__(record, name, value)
        return changes

    def with_extra(self, extra: Iterable[Field]) -> Schema:
        """Return the same schema with these fields declared inside `extra`.

        Raises:
            BadDefinition: a field is of a kind that cannot stand there, or its name is not a text of up to 200
                characters that can be read.
        """
        entries = {field.name: attrs.evolve(field, within="extra") for field in extra}
        for field in entries.values():
            try:
                clean_name(field.name, at_most=_LONGEST_EXTRA)
            except Problem as problem:
                message = f"{self.name}.extra: the name of an added field {problem.message}"
                raise BadDefinition(message, hint=problem.hint) from None
            if not field.addable or field.unique or field.index or len(field.columns) > 1:
                raise BadDefinition(
                    f"{self.name}.extra.{field.name}: an added field is a plain text, choice, integer or flag.",
                    hint="Extend the model for anything else: @entity(extends=...).",
                )
            for mistake in field.mistakes():
                raise BadDefinition(f"{self.name}.extra.{field.name}: {mistake}")
        changed = {
            name: attrs.evolve(field, entries=entries) if isinstance(field, ExtraField) else field
            for name, field in self.fields.items()
        }
        return attrs.evolve(self, fields=changed)


def schema_of(model: type[Any]) -> Schema:
    """Return the schema of a model.

    Raises:
        BadDefinition: the class was not declared with `@entity`.
    """
    schema = model.__dict__.get("__schema__") if isinstance(model, type) else None
    if not isinstance(schema, Schema):
        cls: type[Any] = model if isinstance(model, type) else type(model)
        if cls is model:
            raise BadDefinition(f"{cls.__name__} is not a model.", hint="Declare it with @entity.")
        hint = f"Give the class {cls.__name__} itself." if hasattr(cls, "__schema__") else "Give its class."
        raise BadDefinition(f"an object of type {cls.__name__} is not a model.", hint=hint)
    return schema


def entity_of(model: type[Any] | str) -> str:
    """Return the name of a model that is given as its class or by its name.

    Raises:
        BadDefinition: the class was not declared with `@entity`.
    """
    return model if isinstance(model, str) else schema_of(model).name
