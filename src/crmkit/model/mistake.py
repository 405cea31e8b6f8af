"""Mistakes: everything that is wrong with the declaration of one model."""

from __future__ import annotations

import inspect
import keyword
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.errors import BadDefinition, Problem
from crmkit.model.annotation import expected, fits, shown
from crmkit.model.field.declaration import declared_field
from crmkit.model.field.field import NOT_UNIQUE, Field
from crmkit.model.kind import Kind
from crmkit.model.replacement import inherited, replacing, shadowing

if TYPE_CHECKING:
    from crmkit.model.schema import Schema

__all__ = ["mistakes_of", "refuse", "unmakeable"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")


def refuse(cls: type[Any], mistakes: Iterable[BadDefinition]) -> None:
    """Raise all of a class's mistakes as one error, if there are any."""
    found = list(mistakes)
    if len(found) == 1:
        raise BadDefinition(found[0].message, hint=found[0].hint)
    if found:
        raise BadDefinition(f"{cls.__name__} is declared wrongly: {'; '.join(map(str, found))}")


def unmakeable(cls: type[Any]) -> Iterator[BadDefinition]:
    """Yield the names of a class's own that cannot be those of an argument, or would hide an inherited field."""
    yield from shadowing(cls)
    for name in dict.fromkeys([*vars(cls), *inspect.get_annotations(cls)]):
        if name in vars(cls) and declared_field(vars(cls)[name]) is None:
            continue
        argument = name.lstrip("_")
        if argument == "self" or keyword.iskeyword(argument) or not argument.isidentifier():
            message = f"{cls.__name__}.{name}: Python keeps this name for itself."
            yield BadDefinition(message, hint="Rename the field.")


def mistakes_of(schema: Schema, unknown: Mapping[str, str]) -> Iterator[BadDefinition]:
    """Yield what is wrong with a model.

    Args:
        schema: the model.
        unknown: names that its annotations use and nobody knows, by attribute.
    """
    for word in dict.fromkeys((schema.name, schema.plural)):
        if not _NAME.fullmatch(word):
            yield BadDefinition(f"{word!r} cannot name a model.", hint="Use lower case, in ASCII, at most 41 long.")
    known = inherited(schema.cls)
    reserved = {"tenant", *(name for name, (_, each) in known.items() if _is_kept(each))}
    for attribute in attrs.fields(schema.cls):
        place = f"{schema.name}.{attribute.name}"
        field = schema.fields.get(attribute.name)
        if not attribute.inherited and attribute.name in reserved:
            yield BadDefinition(f"{place}: crmkit keeps this name for a field of its own.", hint="Rename the field.")
        elif field is None:
            yield BadDefinition(f"{place} is not declared.", hint="Use text(), integer(), link() or another of them.")
        else:
            yield from _field(place, field, attribute, unknown.get(attribute.name, ""))
            if not attribute.inherited:
                yield from replacing(schema, attribute, known)
    counted = Counter(column.name for column in schema.columns)
    for name in sorted(name for name, times in counted.items() if times > 1 and name not in reserved):
        yield BadDefinition(f"{schema.name}: two columns would be called {name!r}.", hint="Rename a field.")
    yield from _lost(schema)
    yield from _groups(schema)
    yield from _about(schema)


def _lost(schema: Schema) -> Iterator[BadDefinition]:
    """Yield the bases whose fields nobody made, so that the model would do without them."""
    for base in schema.cls.__mro__[1:]:
        names = [name for name, value in vars(base).items() if declared_field(value) and name not in schema.fields]
        if names:
            record = any("__attrs_attrs__" in vars(each) for each in base.__mro__)
            yield BadDefinition(
                f"{schema.name}: its base {base.__name__} declares {', '.join(names)}, but is not decorated.",
                hint=f"{'Decorate it' if record else 'Derive it from Record, and decorate it'} with @fieldset.",
            )


def _is_kept(inherited: attrs.Attribute[Any]) -> bool:
    """Return whether a field must not be declared again: crmkit itself sets it."""
    field = declared_field(inherited)
    return field is not None and (field.managed or inherited.name in {"created_at", "extra"})


def _field(place: str, field: Field, attribute: attrs.Attribute[Any], unknown: str) -> Iterator[BadDefinition]:
    if not _NAME.fullmatch(field.name):
        yield BadDefinition(f"{place}: a field's name is lower case, in ASCII, at most 41 long.")
    for mistake in (*field.mistakes(), *field.misfits()):
        yield BadDefinition(f"{place}: {mistake}")
    if unknown or isinstance(attribute.type, str):
        unknown = unknown or str(attribute.type)
        yield BadDefinition(
            f"{place}: its annotation names {unknown!r}, which is not known where the model is declared.",
            hint="Import it when the program runs, not for type checkers alone.",
        )
    elif not fits(field, attribute.type):
        yield BadDefinition(
            f"{place} {'has no annotation' if attribute.type is None else f'is annotated as {shown(attribute.type)}'}.",
            hint=f"It holds {field.word}: write {expected(field)}.",
        )
    if attribute.default is not attrs.NOTHING and not isinstance(attribute.default, attrs.Factory):  # type: ignore[arg-type]  # a class at run time
        try:
            field.clean(attribute.default)
        except Problem as problem:
            yield BadDefinition(f"the default of {place} {problem.message}", hint=problem.hint)


def _groups(schema: Schema) -> Iterator[BadDefinition]:
    for group in (*schema.uniques, *schema.indexes):
        if isinstance(group, str):
            yield BadDefinition(f"{schema.name}: the group {group!r} is one text.", hint=f"Write (({group!r},),).")
            continue
        for name in group:
            try:
                field = schema.field(name)
                if group in schema.uniques and field.spread:
                    yield BadDefinition(f"{schema.name}.{name}: {NOT_UNIQUE}")
            except BadDefinition as mistake:
                yield mistake


def _about(schema: Schema) -> Iterator[BadDefinition]:
    if isinstance(schema.about, str):
        yield BadDefinition(f"{schema.name}: about is one text.", hint=f"Write about=({schema.about!r},).")
        return
    for name in schema.about or ():
        try:
            field = schema.field(name)
        except BadDefinition as mistake:
            yield mistake
            continue
        beside = schema.fields.get("entity")
        if not field.link_target and (field.kind is not Kind.UUID or beside is None or beside.kind is not Kind.TEXT):
            yield BadDefinition(
                f"{schema.name}.{name} does not name what a record is about.",
                hint="Name links, or an id beside which a text field called entity names the model.",
            )
