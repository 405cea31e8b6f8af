"""Extensions: the fields that packages add to a model, and the class that holds those of all of them together."""

from __future__ import annotations

import copyreg
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Generic, ParamSpec, TypeVar, cast, dataclass_transform, overload

import attrs

from crmkit.errors import BadDefinition, near
from crmkit.model.annotation import resolve
from crmkit.model.declare import (
    choice,
    day,
    decimal,
    declare,
    document,
    entity,
    flag,
    instant,
    integer,
    key,
    link,
    money,
    tags,
    text,
    translated,
)
from crmkit.model.field.declaration import REQUIRED, named_field
from crmkit.model.field.extra import ExtraField
from crmkit.model.mistake import refuse, unmakeable
from crmkit.model.schema import schema_of

if TYPE_CHECKING:
    from crmkit.model.catalog import Catalog
    from crmkit.model.field import Field
    from crmkit.model.schema import Schema

__all__ = ["Extension", "Fields", "composed", "compositions", "extend"]

P = ParamSpec("P")
F = TypeVar("F")
R = TypeVar("R")
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,40}")
_HOST: Final = "x_"
"""How names begin that neither crmkit nor a package ever takes."""


@dataclass_transform(
    frozen_default=True,
    kw_only_default=True,
    # Spelt out, as type checkers cannot follow a name here.
    field_specifiers=(
        text, choice, integer, decimal, money, flag, day, instant, key, link, tags, document, translated, declare,
    ),
)  # fmt: skip
class Fields:
    """The fields that a package adds to a model, declared as a model's own are, so that type checkers know them.

    >>> class Loyalty(Fields):
    ...     points: int = integer(default=0, min=0)
    >>> Loyalty(points=5)
    Loyalty(points=5)
    """

    def __init_subclass__(cls) -> None:
        refuse(cls, unmakeable(cls))
        attrs.define(cls, frozen=True, kw_only=True, slots=False)
        resolve(cls, inspect.currentframe())


@attrs.frozen
class Extension(Generic[P, F]):
    """What one package adds to one model, made by `extend`; it does nothing until `connect(extensions=[...])`.

    Attributes:
        model: the model that it extends.
        by: the package's name.
        indexes: groups of fields to index together.
        rules: what records of the model are held to; they are the host's as soon as it connects, and not pickled.
    """

    model: type[Any]
    by: str
    indexes: tuple[tuple[str, ...], ...]
    attributes: tuple[attrs.Attribute[Any], ...] = attrs.field(hash=False, repr=False)
    _form: Callable[P, F] = attrs.field(eq=False, repr=False)
    rules: tuple[Any, ...] = attrs.field(default=(), eq=False, repr=False)

    def of(self, record: Any) -> F:
        """Return the package's own fields of a record; of one that was made without them, their defaults.

        Raises:
            BadDefinition: the record is of another model, or comes from a CRM that was connected without the package.
        """
        schema = schema_of(record.__class__)
        self._check(schema)
        if self not in schema.extensions and record.version:
            raise BadDefinition(
                f"this {schema.name} comes from a CRM that was connected without {self.by}.",
                hint="Name the extension in connect(..., extensions=[...]).",
            )
        held = {each.name: getattr(record, each.name, each.default) for each in self.attributes}
        return cast("Callable[..., F]", self._form)(**held)

    def evolve(self, record: R, /, *args: P.args, **changes: P.kwargs) -> R:  # noqa: ARG002 - fields have names
        """Return a copy of a record with other values in the package's own fields; `update` or `add` writes it.

        Raises:
            BadRecord: a value is refused.
            BadDefinition: the record is of another model, or a field is not the package's.
        """
        schema = schema_of(type(record))
        self._check(schema)
        own = [each.name for each in self.attributes]
        for name in changes:
            if name not in own:
                raise BadDefinition(f"{self.by} has no field {name!r}.", hint=near(name, own))
        held: Any = record
        if self not in schema.extensions:
            held = schema_of(composed(schema.root, (*schema.extensions, self))).taken(record)
        changed: R = attrs.evolve(held, **changes)
        return changed

    def _check(self, schema: Schema) -> None:
        if not issubclass(schema.cls, self.model):
            raise BadDefinition(f"{self.by} extends {self.model.__name__}, not {schema.cls.__name__}.")

    def __reduce__(self) -> tuple[Any, ...]:
        given: Any = self._form
        if given.__module__ == __name__:  # made of a mapping, so nobody else can find it by its name
            given = {each.name: (named_field(each, ""), each.default) for each in self.attributes}
        return _restored, (self.model, self.by, given, self.indexes)


@overload
def extend(
    model: type[Any],
    *,
    by: str,
    fields: Callable[P, F],
    indexes: Iterable[tuple[str, ...]] = (),
    rules: Iterable[Any] = (),
) -> Extension[P, F]: ...
@overload
def extend(
    model: type[Any],
    *,
    by: str,
    fields: Mapping[str, Any],
    indexes: Iterable[tuple[str, ...]] = (),
    rules: Iterable[Any] = (),
) -> Extension[..., Any]: ...
def extend(
    model: type[Any],
    *,
    by: str,
    fields: Any,
    indexes: Iterable[tuple[str, ...]] = (),
    rules: Iterable[Any] = (),
) -> Extension[..., Any]:
    """Return what a package adds to a model of somebody else's.

    Rows are also written where the package is not installed. So each field has a default, or may be missing, and a
    unique one may be missing.

    Args:
        model: the model, such as `Customer`.
        by: the package's name, which errors tell.
        fields: a class derived from `Fields`, or declarations by name.
        indexes: groups of fields to index together, the model's own among them if need be.
        rules: what records of the model are held to, each made by `rule`; they may speak of all fields.

    Raises:
        BadDefinition: the name is malformed, or a field is not acceptable, or is there already.

    >>> from crmkit import Customer, connect, system
    >>> class Loyalty(Fields):
    ...     points: int = integer(default=0, min=0)
    >>> loyalty = extend(Customer, by="acme-loyalty", fields=Loyalty)
    >>> with connect("memory://", extensions=[loyalty]) as crm, crm.session(system("example")) as s:
    ...     acme = s.customers.add(loyalty.evolve(Customer(name="Acme"), points=5))
    >>> loyalty.of(acme).points
    5
    """
    if not isinstance(by, str) or not _NAME.fullmatch(by):
        raise BadDefinition(f"{by!r} cannot name a package.", hint='Write by="acme-loyalty", in lower-case ASCII.')
    form = fields if isinstance(fields, type) and issubclass(fields, Fields) else _form_of(by, fields)
    root = schema_of(model).root
    attributes = tuple(attrs.fields(cast("Any", form)))
    made: Extension[..., Any] = Extension(root, by, tuple(indexes), attributes, form, tuple(rules))
    composed(root, (made,))
    return made


def _form_of(by: str, fields: Any) -> type[Fields]:
    if not isinstance(fields, Mapping):
        raise BadDefinition(
            f"the fields of {by} must be a class of Fields or a mapping, not {_named(fields)}.",
            hint='Write {"points": integer(default=0)}, for example.',
        )
    given = cast("Mapping[str, Any]", fields)
    declared = {name: named_field(each, name) for name, each in given.items()}
    annotations = {name: field.holds | None if field.nullable else field.holds for name, field in declared.items()}
    name = "".join(map(str.title, re.split("[-_]", by)))
    return type(name, (Fields,), {**given, "__annotations__": annotations, "__module__": __name__})


def _named(given: object) -> str:
    return given.__name__ if isinstance(given, type) else type(given).__name__


def _restored(model: type[Any], by: str, given: Any, indexes: tuple[tuple[str, ...], ...]) -> Extension[..., Any]:
    if isinstance(given, dict):
        pairs = cast("dict[str, tuple[Field, Any]]", given)
        given = {
            name: declare(field, default=default, replaces=field.replaces) for name, (field, default) in pairs.items()
        }
    return extend(model, by=by, fields=given, indexes=indexes)


# -- composing ---------------------------------------------------------------------------------------------------------


class Composed(type):
    """The type of the classes that hold fields of packages: they are pickled as what they are made of."""


def _reduced(cls: Composed) -> str | tuple[Any, ...]:
    schema = schema_of(cls)
    # One that derives from such a class stands in a module like any other.
    return (composed, (schema.root, schema.extensions)) if schema.extensions else cls.__qualname__


copyreg.pickle(Composed, _reduced)
_LOCK: Final = Lock()


def compositions(catalog: Catalog, extensions: Iterable[Extension[..., Any]]) -> list[type[Any]]:
    """Return the classes that hold what packages add to models of a catalog.

    Raises:
        BadDefinition: a model is not in the catalog, an extension is given twice, or two of them clash.
    """
    grouped: dict[str, dict[str, Extension[..., Any]]] = {}
    for extension in extensions:
        name = catalog.of(extension.model).name
        if extension.by in grouped.setdefault(name, {}):
            raise BadDefinition(f"two extensions of {name} are by {extension.by}.", hint="Name each of them once.")
        grouped[name][extension.by] = extension
    return [composed(catalog[name].cls, each.values()) for name, each in grouped.items()]


def composed(root: type[Any], extensions: Iterable[Extension[..., Any]]) -> type[Any]:
    """Return the class that extends a model by what packages add to it: one for all who ask, in whatever order.

    Raises:
        BadDefinition: they clash, with each other or with the model.
    """
    ordered = tuple(sorted(extensions, key=lambda each: each.by))
    with _LOCK:  # or two threads that ask at once would get two
        return _made(root, ordered)  # type: ignore[arg-type]  # mypy knows of no hash of classes


@lru_cache(maxsize=256)
def _made(root: type[Any], extensions: tuple[Extension[..., Any], ...]) -> type[Any]:
    refuse(root, _clashes(schema_of(root), extensions))
    attributes = [each for extension in extensions for each in extension.attributes]
    fields = {each.name: named_field(each, each.name) for each in attributes}
    namespace: dict[str, Any] = {
        "__module__": root.__module__,
        "__qualname__": root.__qualname__,
        "__doc__": root.__doc__,
        "__annotations__": {each.name: each.type for each in attributes},
        "__extensions__": extensions,
        **{
            each.name: declare(fields[each.name], default=each.default, replaces=fields[each.name].replaces)
            for each in attributes
        },
    }
    indexes = tuple(group for extension in extensions for group in extension.indexes)
    return entity(extends=root, indexes=indexes)(Composed(root.__name__, (root,), namespace))


def _clashes(schema: Schema, extensions: Iterable[Extension[..., Any]]) -> Iterator[BadDefinition]:
    holders = dict.fromkeys((column.name for column in schema.columns), schema.cls.__name__)
    for extension in extensions:
        for attribute in extension.attributes:
            field = named_field(attribute, attribute.name)
            place = f"{schema.name}.{field.name}"
            yield from _unfit(place, extension.by, field, attribute.default, schema.fields.get(field.name))
            taken = {holders[column.name] for column in field.columns if column.name in holders} - {extension.by}
            if field.name in schema.fields:
                taken.discard(schema.cls.__name__)  # it replaces that one, or is refused for it
            elif hasattr(schema.cls, field.name):
                taken.add(schema.cls.__name__)
            for other in sorted(taken):
                yield BadDefinition(
                    f"{place}: {extension.by} declares it, and what it needs is taken by {other}.",
                    hint="One of the two must rename its own; until then, connect with one of them.",
                )
            holders |= dict.fromkeys((column.name for column in field.columns), extension.by)


def _unfit(place: str, by: str, field: Field, default: Any, held: Field | None) -> Iterator[BadDefinition]:
    """Yield why a field cannot be a package's."""
    if field.name.startswith(_HOST):
        hint = f"Name it {by.replace('-', '_')}_{field.name.removeprefix(_HOST)}, for example."
        yield BadDefinition(f"{place}: {by} declares it, and {_HOST} begins names of the host's own.", hint=hint)
    if isinstance(field, ExtraField):
        yield BadDefinition(
            f"{place}: {by} declares a mapping for added fields, which the model has already.", hint="Leave it out."
        )
    if default is REQUIRED:
        hint = "Give it a default; None lets it be missing."
        yield BadDefinition(f"{place}: {by} requires it, but rows are written without the package, too.", hint=hint)
    if field.unique and not field.nullable:
        hint = "Write default=None."
        yield BadDefinition(f"{place}: {by} wants it unique, so all but one row must be able to lack it.", hint=hint)
    if held is not None and field.replaces and field.words != held.words:
        hint = "Add a field of your own instead."
        yield BadDefinition(f"{place}: {by} stores words in it that are refused without the package.", hint=hint)
