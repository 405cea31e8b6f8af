"""Annotations: resolved when a model is declared, so that every tool can read them, and compared with its fields."""

from __future__ import annotations

import inspect
import re
import sys
from types import FrameType, NoneType, SimpleNamespace, UnionType
from typing import TYPE_CHECKING, Any, NewType, Union, get_args, get_origin, get_type_hints

import attrs

if TYPE_CHECKING:
    from crmkit.model.field import Field

__all__ = ["expected", "fits", "resolve", "shown"]


def resolve(cls: type[Any], here: FrameType | None) -> dict[str, str]:
    """Put types in place of the names in a class's own annotations.

    Args:
        cls: the class, made by attrs.
        here: the decorator's frame; what is local to its caller counts, too.

    Returns:
        The names that could not be resolved, by the attribute they stand at.
    """
    caller = here.f_back if here is not None else None
    known = caller.f_globals if caller is not None else vars(sys.modules[cls.__module__])
    scope = _scope(caller)
    own = inspect.get_annotations(cls)
    types: dict[object, Any] = {}  # a model has many fields and few types
    unknown: dict[str, str] = {}
    for name, annotation in list(own.items()):
        written: object = annotation if isinstance(annotation, str) else id(annotation)
        try:
            if written not in types:
                hints = get_type_hints(SimpleNamespace(__annotations__={"it": annotation}), known, scope)
                types[written] = hints["it"]
            own[name] = types[written]
        except NameError as error:
            unknown[name] = str(error.name)
    cls.__annotations__ = own
    for attribute in attrs.fields(cls):
        if attribute.name in own:
            # As attrs.resolve_types does, which gives up all types for a single name that is not known.
            object.__setattr__(attribute, "type", own[attribute.name])
    return unknown


def _scope(caller: FrameType | None) -> dict[str, Any]:
    """Return what code at a frame can name besides globals: its locals, and those of the functions around it."""
    names: dict[str, Any] = {}
    here = caller
    while caller is not None and here is not None and here.f_globals is caller.f_globals:
        if here.f_locals is not here.f_globals:
            names = {**here.f_locals, **names}
        here = here.f_back
    return names


def fits(field: Field, annotation: Any) -> bool:
    """Return whether an annotation says what a field holds, and whether that may be missing."""
    kinds = {_plain(each) for each in _members(_plain(annotation))}
    return (NoneType in kinds) is field.nullable and [field.annotated(kind) for kind in kinds - {NoneType}] == [True]


def expected(field: Field) -> str:
    """Return the annotation that fits a field, as one writes it."""
    return f"{shown(field.holds)}{' | None' if field.nullable else ''}"


def shown(annotation: Any) -> str:
    """Return an annotation as one writes it.

    >>> shown(tuple[str, ...] | None)
    'tuple[str, ...] | None'
    """
    return re.sub(r"\b(\w+\.)+", "", inspect.formatannotation(annotation))


def _members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)


def _plain(annotation: Any) -> Any:
    """Return what an alias or a new type stands for."""
    while True:
        if isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif hasattr(annotation, "__value__"):
            annotation = annotation.__value__
        else:
            return annotation
