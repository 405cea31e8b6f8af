"""The catalog: the models one CRM works with, and the relations between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.errors import BadDefinition, near
from crmkit.model.extension import compositions
from crmkit.model.field import Field, ReferenceField
from crmkit.model.field.declaration import named_field
from crmkit.model.schema import Relation, Schema, schema_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from crmkit.model.extension import Extension

__all__ = ["Catalog", "Naming"]


@attrs.frozen
class Naming:
    """A field by which rows say what they are about.

    Attributes:
        field: the field, which holds an id.
        ways: how to get from there to the record, one way for each model that it may be of.
        model: the field beside it that names the model, where there may be several; blank otherwise.
    """

    field: str
    ways: tuple[Relation, ...]
    model: str = ""


class Catalog:
    """The models one CRM works with, checked to fit together.

    Args:
        models: the classes; one that extends another takes its place.
        extra: fields declared inside `extra`, by model and name.
        extensions: what packages add to the models, in any order.

    Raises:
        BadDefinition: two models want one name or table, a link leads nowhere, or a relation's name is taken; or
            extensions clash.
    """

    def __init__(
        self,
        models: Iterable[type[Any]],
        extra: Mapping[type[Any], Mapping[str, Any]] | None = None,
        extensions: Iterable[Extension[..., Any]] = (),
    ) -> None:
        self._schemas: dict[str, Schema] = {}
        for model in models:
            self._admit(schema_of(model))
        for model in compositions(self, extensions):
            self._admit(schema_of(model))
        for model, fields in (extra or {}).items():
            own = schema_of(model)
            if not isinstance(fields, Mapping):
                raise BadDefinition(
                    f"the added fields of {own.name} must be a mapping, not {type(fields).__name__}.",
                    hint='Write {"shoe_size": integer(default=None)}, for example.',
                )
            named = [named_field(field, name) for name, field in fields.items()]
            self._schemas[own.name] = self[own.name].with_extra(named)
        self._relations: dict[str, dict[str, Relation]] = {name: {} for name in self._schemas}
        for schema in self:
            for field in schema.links:
                self._connect(schema, field)
        self._namings = {schema.name: tuple(self._naming(schema, field) for field in schema.namings) for schema in self}
        self._cut_circles()

    def _admit(self, schema: Schema) -> None:
        held = self._schemas.get(schema.name)
        if held is not None and held.cls is not schema.cls and not issubclass(schema.cls, held.cls):
            if issubclass(held.cls, schema.cls):
                return
            raise BadDefinition(
                f"two models are called {schema.name!r}: {held.cls.__name__} and {schema.cls.__name__}.",
                hint="Let one of them extend the other, or name it differently.",
            )
        for other in self:
            if other.plural == schema.plural and other.name != schema.name:
                raise BadDefinition(
                    f"{other.name} and {schema.name} would share the table {schema.plural!r}.",
                    hint="Give one of them another plural.",
                )
        self._schemas[schema.name] = schema

    def _connect(self, schema: Schema, field: ReferenceField) -> None:
        if not field.link_target:
            for target in self:
                if field.back and (field.to == "*" or target.staged) and target.name != schema.name:
                    fixed = ("entity", target.name)
                    self._relate(Relation(field.back, target.name, schema.name, True, "id", field.name, fixed))
            return
        if field.to not in self._schemas:
            raise BadDefinition(
                f"{schema.name}.{field.name} links to {field.to!r}.", hint=near(field.to, self._schemas)
            )
        self._relate(Relation(field.name.removesuffix("_id"), schema.name, field.to, False, field.name, "id"))
        if field.back:
            self._relate(Relation(field.back, field.to, schema.name, True, "id", field.name))

    def _relate(self, relation: Relation) -> None:
        taken, source = self._relations[relation.source], self[relation.source]
        if relation.name in taken or relation.name in source.fields:
            both = sorted(
                [
                    self._declared(taken.get(relation.name) or source.fields[relation.name], source),
                    self._declared(relation, source),
                ]
            )
            raise BadDefinition(
                f"{relation.source} has two things called {relation.name!r}, of {' and '.join(both)}.",
                hint="Rename a link's back.",
            )
        taken[relation.name] = relation

    def _declared(self, thing: Relation | Field, source: Schema) -> str:
        """Return the field that declares a relation, or is one; and the package that brings it along, if one does."""
        name = thing.name
        if isinstance(thing, Relation):
            source, name = (self[thing.target], thing.remote) if thing.many else (source, thing.local)
        by = source.owners.get(name, "")
        return f"{source.name}.{name}{by and f' ({by})'}"

    def _naming(self, schema: Schema, field: Field) -> Naming:
        if field.link_target:
            return Naming(field.name, (self._relations[schema.name][field.name.removesuffix("_id")],))
        # What is itself about a record of any model is no such record.
        targets = [each for each in self if not each.about_any and (each.staged or getattr(field, "to", "*") == "*")]
        ways = (Relation("record", schema.name, each.name, False, field.name, "id") for each in targets)
        return Naming(field.name, tuple(ways), "entity")

    def _cut_circles(self) -> None:
        """Let no row be about itself: models that need each other, and do not declare more, are about nothing."""
        for schema in [each for each in self if each.about is None and each.name in self._named_from(each.name)]:
            self._namings[schema.name] = ()
        for schema in self:
            if schema.name in self._named_from(schema.name):
                raise BadDefinition(
                    f"{schema.name} would be about itself.",
                    hint="Declare which links count, as in @entity(about=('customer_id',)).",
                )

    def _named_from(self, name: str) -> set[str]:
        """Return the models that rows of a model are about, also by way of others."""
        found: set[str] = set()
        left = [name]
        while left:
            targets = {way.target for naming in self._namings[left.pop()] for way in naming.ways}
            left += targets - found
            found |= targets
        return found

    def __iter__(self) -> Iterator[Schema]:
        """Yield the schemas in the order of declaration."""
        return iter(self._schemas.values())

    def __getitem__(self, name: str) -> Schema:
        """Return the schema of this name.

        Raises:
            BadDefinition: there is no such model.
        """
        try:
            return self._schemas[name]
        except KeyError:
            raise BadDefinition(f"there is no model {name!r}.", hint=near(name, self._schemas)) from None

    def of(self, model: type[Any]) -> Schema:
        """Return the schema that serves a model here: its own, or that of the model which took its place.

        Raises:
            BadDefinition: the model is not part of this catalog.
        """
        own = schema_of(model)
        held = self._schemas.get(own.name)
        if held is None or not (issubclass(held.cls, model) or held.takes(model)):
            raise BadDefinition(
                f"{model.__name__} is not one of this CRM's models.", hint="Name it in connect(..., models=[...])."
            )
        return held

    def relations(self, schema: Schema) -> Mapping[str, Relation]:
        """Return the ways that lead from a model, by name; none from a model that is not part of this catalog."""
        return self._relations.get(schema.name, {})

    def namings(self, schema: Schema) -> tuple[Naming, ...]:
        """Return the fields by which rows of a model say what they are about."""
        return self._namings.get(schema.name, ())
