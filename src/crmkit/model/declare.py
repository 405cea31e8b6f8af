"""The declaration functions: a model is one class, and each of its fields is one call."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeVar, dataclass_transform

import attrs

from crmkit.errors import BadDefinition, BadRecord, Problem
from crmkit.model.field import NO_EXTRA, Field, FieldKind
from crmkit.model.schema import Schema, schema_of
from crmkit.values import NOT_YET
from crmkit.values.identifier import NEW

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from uuid import UUID

__all__ = [
    "Record",
    "attached",
    "choice",
    "day",
    "decimal",
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
]

_REQUIRED: Final[Any] = attrs.NOTHING
_KEY: Final = "crmkit"
_T = TypeVar("_T")


def _declare(field: Field, default: Any) -> Any:
    hashed = False if field.kind is FieldKind.EXTRA else None  # its mapping has no hash; equality still compares it
    return attrs.field(default=default, hash=hashed, metadata={_KEY: attrs.evolve(field, required=default is not None)})


def text(
    *,
    default: Any = _REQUIRED,
    max: int = 200,
    min: int = 0,
    search: bool = False,
    unique: bool = False,
    index: bool = False,
    managed: bool = False,
    doc: str = "",
) -> Any:
    """Declare a text field.

    Args:
        default: the value when none is given; `None` makes the field optional.
        max: the longest text accepted, in code points.
        min: the shortest text accepted; 1 refuses blanks.
        search: whether `contains` and `starts_with` may be asked of it; costs a second, folded column.
        unique: whether two records of a tenant may not share a value.
        index: whether stores index it.
        managed: whether only crmkit sets it.
        doc: one sentence for the reference.
    """
    field = Field(FieldKind.TEXT, min=min, max=max, search=search, unique=unique, index=index, managed=managed, doc=doc)
    return _declare(field, default)


def choice(*words: str, default: Any = _REQUIRED, index: bool = False, managed: bool = False, doc: str = "") -> Any:
    """Declare a field that holds one of a few words."""
    return _declare(Field(FieldKind.CHOICE, choices=words, index=index, managed=managed, doc=doc), default)


def integer(
    *,
    default: Any = _REQUIRED,
    min: int | None = None,
    max: int | None = None,
    index: bool = False,
    managed: bool = False,
    doc: str = "",
) -> Any:
    """Declare a whole number of at most 64 bits."""
    return _declare(Field(FieldKind.INTEGER, min=min, max=max, index=index, managed=managed, doc=doc), default)


def decimal(
    *,
    scale: int,
    default: Any = _REQUIRED,
    min: int | None = None,
    max: int | None = None,
    index: bool = False,
    doc: str = "",
) -> Any:
    """Declare an exact decimal number with `scale` digits after the point; units of 10**-scale must fit 64 bits."""
    return _declare(Field(FieldKind.DECIMAL, scale=scale, min=min, max=max, index=index, doc=doc), default)


def money(*, default: Any = _REQUIRED, min: int | None = None, index: bool = False, doc: str = "") -> Any:
    """Declare an amount in a currency."""
    return _declare(Field(FieldKind.MONEY, min=min, index=index, doc=doc), default)


def flag(*, default: Any = _REQUIRED, index: bool = False, doc: str = "") -> Any:
    """Declare a field that is true or false."""
    return _declare(Field(FieldKind.FLAG, index=index, doc=doc), default)


def day(*, default: Any = _REQUIRED, index: bool = False, doc: str = "") -> Any:
    """Declare a calendar date, which has no time and no zone."""
    return _declare(Field(FieldKind.DAY, index=index, doc=doc), default)


def instant(*, default: Any = _REQUIRED, index: bool = False, managed: bool = False, doc: str = "") -> Any:
    """Declare a point in time: an aware datetime, kept in UTC to the millisecond."""
    return _declare(Field(FieldKind.INSTANT, index=index, managed=managed, doc=doc), default)


def key(*, default: Any = _REQUIRED, unique: bool = False, managed: bool = False, doc: str = "") -> Any:
    """Declare a UUID that is no link."""
    return _declare(Field(FieldKind.KEY, unique=unique, managed=managed, doc=doc), default)


def link(to: str, *, back: str = "", default: Any = _REQUIRED, doc: str = "") -> Any:
    """Declare a link to another record of the same tenant.

    The attribute's name must end in `_id`; without that ending it names the relation in expressions, so that
    `customer_id` can be read as `f.customer.country`.

    Args:
        to: the target model's name.
        back: what the relation from there to here is called, such as `"contacts"`; blank for none.
        default: `None` makes the link optional.
        doc: one sentence for the reference.
    """
    return _declare(Field(FieldKind.LINK, to=to, back=back, doc=doc), default)


def attached(*, to: str = "*", back: str = "", doc: str = "") -> Any:
    """Declare the id of a record of any model; the model's name stands in a text field called `entity` beside it.

    Args:
        to: `"*"` for any model, `"staged"` for those with a pipeline.
        back: what the relation from each such model to here is called.
        doc: one sentence for the reference.
    """
    return _declare(Field(FieldKind.ATTACHED, to=to, back=back, doc=doc), _REQUIRED)


def tags(*, default: tuple[str, ...] = (), doc: str = "") -> Any:
    """Declare a set of short texts, kept in the order given."""
    return _declare(Field(FieldKind.TAGS, doc=doc), default)


def extra(*, default: Mapping[str, Any] = NO_EXTRA, doc: str = "") -> Any:
    """Declare the mapping for fields that a product's end users add."""
    return _declare(Field(FieldKind.EXTRA, doc=doc), default)


def document(*, default: Any = _REQUIRED, max: int = 1_000_000, doc: str = "") -> Any:
    """Declare a JSON document kept as text, into which no expression looks."""
    return _declare(Field(FieldKind.DOCUMENT, max=max, doc=doc), default)


@dataclass_transform(
    frozen_default=True,
    kw_only_default=True,
    # Spelt out, as type checkers cannot follow a name here and would take every field for optional.
    field_specifiers=(
        text, choice, integer, decimal, money, flag, day, instant, key, link, attached, tags, extra, document,
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
) -> Callable[[type[_T]], type[_T]]:
    """Declare a model.

    Args:
        plural: the table's name and the repository's; the name with an s if blank.
        name: the model's stable name; the class name in snake case if blank.
        extends: a model that this one takes the place of: same name, same table, further columns.
        uniques: groups of fields that no two records of a tenant may share.
        indexes: groups of fields to index together.
        append_only: whether records are written once and never changed.

    Raises:
        BadDefinition: a field, a name or a group is not acceptable.

    >>> @entity()
    ... class Vehicle(Record):
    ...     plate: str = text(max=12, unique=True)
    ...     seats: int = integer(default=4, min=1)
    >>> Vehicle(plate="B-CR 1").seats
    4
    """

    def decorate(cls: type[_T]) -> type[_T]:
        made: type[_T] = attrs.define(cls, frozen=True, kw_only=True, slots=True, eq=True, weakref_slot=True)
        parent = schema_of(extends) if extends is not None else None
        if extends is not None and not issubclass(made, extends):
            raise BadDefinition(f"{cls.__name__} extends {extends.__name__} but does not inherit from it.")
        own_name = parent.name if parent else name or _snake(cls.__name__)
        fields = {
            attribute.name: attrs.evolve(attribute.metadata[_KEY], name=attribute.name)
            for attribute in _attributes(made)
        }
        schema = Schema(
            name=own_name,
            plural=parent.plural if parent else plural or f"{own_name}s",
            cls=made,
            fields=fields,
            uniques=(*(parent.uniques if parent else ()), *uniques),
            indexes=(*(parent.indexes if parent else ()), *indexes),
            staged="stage" in fields and "pipeline_version" in fields,
            append_only=parent.append_only if parent else append_only,
        )
        _check(schema)
        _check_defaults(schema)
        made.__schema__ = schema  # type: ignore[attr-defined]  # read back by schema_of only
        return made

    return decorate


def _attributes(cls: type[Any]) -> tuple[attrs.Attribute[Any], ...]:
    attributes = attrs.fields(cls)
    for attribute in attributes:
        if _KEY not in attribute.metadata:
            raise BadDefinition(
                f"{cls.__name__}.{attribute.name} is not declared.",
                hint="Use text(), integer(), link() or another of them.",
            )
    return tuple(attributes)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _check(schema: Schema) -> None:
    for word in (schema.name, schema.plural):
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", word):
            raise BadDefinition(f"{word!r} cannot name a model.", hint="Use lower case, in ASCII, at most 41 long.")
    for field in schema.fields.values():
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", field.name):
            raise BadDefinition(f"{schema.name}.{field.name}: a field's name is lower case, in ASCII, at most 41 long.")
        if field.kind is FieldKind.LINK and not field.name.endswith("_id"):
            raise BadDefinition(f"{schema.name}.{field.name}: a link's name must end in _id.")
        if field.kind is FieldKind.CHOICE and not field.choices:
            raise BadDefinition(f"{schema.name}.{field.name}: a choice needs words to choose from.")
    names = [column.name for column in schema.columns]
    for twice in sorted({name for name in names if names.count(name) > 1}):
        raise BadDefinition(f"{schema.name}: two columns would be called {twice!r}.", hint="Rename a field.")
    for group in (*schema.uniques, *schema.indexes):
        if isinstance(group, str):
            raise BadDefinition(f"{schema.name}: the group {group!r} is one text.", hint=f"Write (({group!r},),).")
        for name in group:
            schema.field(name)


def _check_defaults(schema: Schema) -> None:
    for attribute in attrs.fields(schema.cls):
        if attribute.default is _REQUIRED or isinstance(attribute.default, attrs.Factory):  # type: ignore[arg-type]  # a class at run time
            continue
        try:
            schema.fields[attribute.name].clean(attribute.default)
        except Problem as problem:
            where = f"the default of {schema.name}.{attribute.name}"
            raise BadDefinition(f"{where} {problem.message}", hint=problem.hint) from None


@dataclass_transform(
    frozen_default=True,
    kw_only_default=True,
    # As above.
    field_specifiers=(
        text, choice, integer, decimal, money, flag, day, instant, key, link, attached, tags, extra, document,
    ),
)  # fmt: skip
def fieldset(cls: type[_T]) -> type[_T]:
    """Declare a class of fields that several models inherit, and which is no model itself."""
    made: type[_T] = attrs.define(cls, frozen=True, kw_only=True, slots=True)
    return made


@fieldset
class Record:
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
    created_at: datetime = instant(default=NOT_YET, index=True, doc="When it was added; kept if given.")
    updated_at: datetime = instant(default=NOT_YET, managed=True, doc="When it was last written.")
    created_by: str = text(default="", max=120, managed=True, doc="The key of the actor who added it.")
    updated_by: str = text(default="", max=120, managed=True, doc="The key of the actor who wrote it last.")
    deleted_at: datetime | None = instant(default=None, managed=True, doc="When it was deleted.")
    extra: Mapping[str, Any] = extra(default=NO_EXTRA, doc="Values of the fields that end users added.")

    def __attrs_post_init__(self) -> None:
        schema = schema_of(type(self))
        problems: list[Problem] = []
        for name, default, clean in schema.checks:
            given = getattr(self, name)
            if given is default:
                continue
            try:
                made = schema.fields[name].clean(None) if given is None else clean(given)
            except Problem as problem:
                problems.append(problem.at(name))
            else:
                if made is not given:
                    object.__setattr__(self, name, made)
        if problems:
            raise BadRecord(schema.name, problems)
