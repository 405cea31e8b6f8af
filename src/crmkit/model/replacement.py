"""Replacements: a field that takes the place of an inherited one must accept and hold whatever that one does."""

from __future__ import annotations

from inspect import get_annotations
from typing import TYPE_CHECKING, Any, Final

import attrs

from crmkit.errors import BadDefinition, near
from crmkit.model.field.declaration import REQUIRED, declared_field, named_field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from crmkit.model.schema import Schema

__all__ = ["inherited", "replacing", "shadowing"]

_FREE: Final = frozenset({"name", "doc", "required", "replaces"})
"""Settings that nobody else depends on, and `required`, which is judged as what it is for."""


def _at_most(own: Any, held: Any) -> bool:
    return own is None or (held is not None and own <= held)


def _at_least(own: Any, held: Any) -> bool:
    return own is None or (held is not None and own >= held)


_WIDER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "min": _at_most,
    "max": _at_least,
    "choices": lambda own, held: set(own) >= set(held),
    "search": lambda own, held: own or not held,
    "index": lambda own, held: own or not held,
}
"""How a setting may differ; all others must be the same."""


def inherited(cls: type[Any]) -> dict[str, tuple[type[Any], attrs.Attribute[Any]]]:
    """Return the fields that a class inherits, by name, each with the class that declares it last."""
    return {
        attribute.name: (base, attribute)
        for base in reversed(cls.__mro__[1:])
        if "__attrs_attrs__" in vars(base)
        for attribute in attrs.fields(base)
        if not attribute.inherited and declared_field(attribute) is not None
    }


def replacing(
    schema: Schema, attribute: attrs.Attribute[Any], known: Mapping[str, tuple[type[Any], attrs.Attribute[Any]]]
) -> Iterator[BadDefinition]:
    """Yield what is wrong with one of a model's own declarations where it meets a field that the model inherits.

    Args:
        schema: the model.
        attribute: the declaration.
        known: what the model inherits.
    """
    name = attribute.name
    by = schema.owners.get(name, "")
    place, who = f"{schema.name}.{name}", by or schema.cls.__name__
    field = named_field(attribute, name)
    if name not in known:
        if field.replaces:
            hint = near(field.replaces, known)
            yield BadDefinition(
                f"{place}: it replaces {field.replaces!r}, and nothing of its name is there.", hint=hint
            )
        return
    base, other = known[name]
    held = named_field(other, name)
    if field.replaces != name:
        prefix = by.replace("-", "_") or "x"
        yield BadDefinition(
            f"{place}: {who} declares it as {field.word}, and {base.__name__} has it already as {held.word}.",
            hint=f'Rename it, to {prefix}_{name} for example; or adopt the one that is there: replaces="{name}".',
        )
    elif narrower := list(_narrower(attribute, other)):
        yield BadDefinition(
            f"{place}: {who} replaces {held.word} of {base.__name__} by {field.word}, but {'; '.join(narrower)}.",
            hint="Code that knows the one that is there must go on working. Refuse values by a rule, or rename it.",
        )


def shadowing(cls: type[Any]) -> Iterator[BadDefinition]:
    """Yield where a class, before it is made, gives the name of a field that it inherits to something else."""
    lines = cls.__mro__
    for name, (base, _) in inherited(cls).items():
        for each in lines[: lines.index(base)]:
            if name in vars(each) and declared_field(vars(each)[name]) is None and name not in get_annotations(each):
                fact = f"{cls.__name__}.{name}: {base.__name__} has a field of this name, which is not to be hidden."
                yield BadDefinition(fact, hint=f"Name it differently in {each.__name__}.")


def _narrower(attribute: attrs.Attribute[Any], other: attrs.Attribute[Any]) -> Iterator[str]:
    """Yield in what a field falls short of the one whose place it takes."""
    field, held = named_field(attribute, ""), named_field(other, "")
    if type(field) is not type(held):
        yield "the two are of different kinds"
        return
    if field.nullable is not held.nullable:
        yield f"that one {'may' if held.nullable else 'cannot'} be missing"
    elif attribute.default is REQUIRED and other.default is not REQUIRED:
        yield "that one has a default"
    for name in (each.name for each in attrs.fields(type(held)) if each.name not in _FREE):
        own, wanted = getattr(field, name), getattr(held, name)
        if own != wanted and not (name in _WIDER and _WIDER[name](own, wanted)):
            yield f"its {name} is {own!r} instead of {wanted!r}"
