"""Declaring models: a model is one class, and each of its fields is one call."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar, cast, dataclass_transform
from uuid import UUID

import attrs

from crmkit.errors import BadDefinition
from crmkit.model.annotation import resolve
from crmkit.model.constructor import constructor
from crmkit.model.field import NO_EXTRA, declare
from crmkit.model.field.attached import attached
from crmkit.model.field.choice import choice
from crmkit.model.field.day import day
from crmkit.model.field.decimal import decimal
from crmkit.model.field.declaration import declared_field, named_field
from crmkit.model.field.document import document
from crmkit.model.field.extra import extra
from crmkit.model.field.flag import flag
from crmkit.model.field.instant import instant
from crmkit.model.field.integer import integer
from crmkit.model.field.key import key
from crmkit.model.field.link import link
from crmkit.model.field.money import money
from crmkit.model.field.tags import tags
from crmkit.model.field.text import text
from crmkit.model.field.translated import translated
from crmkit.model.mistake import mistakes_of, refuse, unmakeable
from crmkit.model.schema import Schema, schema_of
from crmkit.values import NOT_YET
from crmkit.values.identifier import NEW

__all__ = [
    "Record",
    "attached",
    "choice",
    "day",
    "decimal",
    "declare",
    "document",
    "entity",
    "extra",
    "fieldset",
    "flag",
    "instant",
    "integer",
    "key",
    "link",
    "money",
    "tags",
    "text",
    "translated",
]

_T = TypeVar("_T")


@dataclass_transform(
    frozen_default=True,
    kw_only_default=True,
    # Spelt out, as type checkers cannot follow a name here and would take every field for optional.
    field_specifiers=(
        text, choice, integer, decimal, money, flag, day, instant, key, link, attached, tags, extra, document,
        translated, declare,
    ),
)  # fmt: skip
def entity(
    *,
    plural: str = "",
    name: str = "",
    extends: type[Any] | None = None,
    uniques: tuple[tuple[str, ...], ...] = (),
    indexes: tuple[tuple[str, ...], ...] = (),
    append_only: bool = False,
    about: tuple[str, ...] | None = None,
    kept: str = "",
) -> Callable[[type[_T]], type[_T]]:
    """Declare a model.

    Args:
        plural: the table's name and the repository's; the name with an s if blank.
        name: the model's stable name; the class name in snake case if blank.
        extends: a model that this one takes the place of: same name, same table, further columns.
        uniques: groups of fields that no two records of a tenant may share.
        indexes: groups of fields to index together.
        append_only: whether records are written once and never changed.
        about: the links to what a record is about, all those that every record needs if left out. Unless the policy
            has a rule for this model, an actor sees a record if they may see everything that these links name, and one
            that names nothing if it is theirs or nobody's.
        kept: how its records come about, as a sentence for those who try to write them: repositories and imports refuse
            to, and reading stays as it is. Blank if callers may write.

    Raises:
        BadDefinition: a field, an annotation, a name or a group is not acceptable; it lists everything that is wrong.

    >>> @entity()
    ... class Vehicle(Record):
    ...     plate: str = text(max=12, unique=True)
    ...     seats: int = integer(default=4, min=1)
    >>> Vehicle(plate="B-CR 1").seats
    4
    """

    def decorate(cls: type[_T]) -> type[_T]:
        if not (isinstance(cls, type) and issubclass(cls, Record)):
            shown = getattr(cls, "__name__", type(cls).__name__)
            raise BadDefinition(f"{shown} is not a record.", hint=f"Write class {shown}(Record).")
        refuse(cls, unmakeable(cls))
        made: type[_T] = attrs.define(cls, frozen=True, kw_only=True, slots=True, eq=True, weakref_slot=True)
        unknown = resolve(made, inspect.currentframe())
        if extends is not None and not issubclass(made, extends):
            raise BadDefinition(f"{cls.__name__} extends {extends.__name__} but does not inherit from it.")
        parent = schema_of(extends) if extends is not None else None
        own_name = parent.name if parent else name or _snake(cls.__name__)
        attributes = attrs.fields(cast("type[Any]", made))
        fields = {each.name: named_field(each, each.name) for each in attributes if declared_field(each)}
        schema = Schema(
            name=own_name,
            plural=parent.plural if parent else plural or f"{own_name}s",
            cls=made,
            fields=fields,
            uniques=(*(parent.uniques if parent else ()), *uniques),
            indexes=(*(parent.indexes if parent else ()), *indexes),
            staged="stage" in fields and "pipeline_version" in fields,
            append_only=parent.append_only if parent else append_only,
            about=about if about is not None or parent is None else tuple(each.name for each in parent.namings),
            kept=parent.kept if parent else kept,
            extensions=vars(cls).get("__extensions__", ()),
            checks=made.__attrs_post_init__ is not Record.__attrs_post_init__,  # type: ignore[attr-defined]  # it is one
        )
        refuse(cls, mistakes_of(schema, unknown))
        made.__schema__ = schema  # type: ignore[attr-defined]  # read back by schema_of only
        made.__init__ = constructor(schema)  # type: ignore[method-assign]
        return made

    return decorate


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


@dataclass_transform(
    frozen_default=True,
    kw_only_default=True,
    # As above.
    field_specifiers=(
        text, choice, integer, decimal, money, flag, day, instant, key, link, attached, tags, extra, document,
        translated, declare,
    ),
)  # fmt: skip
def fieldset(cls: type[_T]) -> type[_T]:
    """Declare a class of fields that several models inherit, and which is not a model itself.

    It derives from `Record`, or from another such class.

    Raises:
        BadDefinition: a name cannot be that of a field; it lists everything that is wrong.

    >>> @fieldset
    ... class Coded(Record):
    ...     code: str = text(max=12)
    >>> @entity()
    ... class Depot(Coded):
    ...     seats: int = integer(default=0)
    >>> Depot(code="HH").code
    'HH'
    """
    refuse(cls, unmakeable(cls))
    made: type[_T] = attrs.define(cls, frozen=True, kw_only=True, slots=True)
    resolve(made, inspect.currentframe())
    return made


class Turned:
    """Room for the turn of a session in which a store gave or took a record.

    It is not a field: constructors, copies and pickles leave it out, so a record that anybody changed does not have it.
    """

    __slots__ = ("__turn__",)


@fieldset
class Record(Turned):
    """What every record has: an id, a version, who made and changed it and when, and room for added fields.

    Records are immutable values. A repository's `add` and `update` return the record as it now stands.

    Attributes:
        id: a UUIDv7, given when the record is added; `NEW` before that.
        version: how often the record was written; 0 before it is added.
        created_at: when it was added; a value given at construction is kept, as imports need.
        updated_at: when it was last written.
        created_by, updated_by: the actor's key.
        deleted_at: when it was deleted; `None` for a live record.
        extra: values of the fields that a product's end users added.
    """

    id: UUID = key(default=NEW, managed=True, doc="A UUIDv7, given when the record is added.")
    version: int = integer(default=0, managed=True, doc="How often the record was written.")
    created_at: datetime = instant(default=NOT_YET, doc="When it was added; kept if given.")
    updated_at: datetime = instant(default=NOT_YET, managed=True, doc="When it was last written.")
    created_by: str = text(default="", max=120, managed=True, doc="The key of the actor who added it.")
    updated_by: str = text(default="", max=120, managed=True, doc="The key of the actor who wrote it last.")
    deleted_at: datetime | None = instant(default=None, managed=True, doc="When it was deleted.")
    extra: Mapping[str, Any] = extra(default=NO_EXTRA, doc="Values of the fields that end users added.")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Tell pydantic how to read, check and write a record, so that it can stand in a host's own models."""
        from crmkit.model.core_schema import core_schema  # only those who use pydantic need it

        return core_schema(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> dict[str, Any]:
        """Tell pydantic, and so OpenAPI, what a record looks like as JSON."""
        from crmkit.model.core_schema import described

        return described(cls)

    def __attrs_post_init__(self) -> None:
        """Refuse to be made unless this is a model; a model may override it, to refuse what no field alone can tell.

        It then holds whenever a record is made or changed. What it raises becomes a `BadRecord`.
        """
        schema_of(type(self))
