"""Declarations: a field becomes an attribute of a model, typed by its kind and its default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from crmkit.model.field.field import KEY, Field

if TYPE_CHECKING:
    # Type checkers bring it along; at run time nothing asks for the default.
    from typing import Never

    from typing_extensions import TypeVar as TypeVarWithDefault

    Missing = TypeVarWithDefault("Missing", bound=None, default=Never)
else:
    Missing = TypeVar("Missing")

__all__ = ["REQUIRED", "Missing", "declare"]

REQUIRED: Final[Any] = attrs.NOTHING
"""The default of a field that must be given."""
_Default = TypeVar("_Default")


def declare(field: Field, *, default: _Default = REQUIRED) -> _Default:
    """Declare an attribute of a model; what `text`, `money` and the others do for their own kinds.

    Args:
        field: the kind of field and its settings.
        default: the value when none is given; `None` makes the field optional.
    """
    # A mapping has no hash; equality still compares it.
    hashed = None if field.hashable else False
    made: Any = attrs.field(
        default=default, hash=hashed, metadata={KEY: attrs.evolve(field, required=default is not None)}
    )
    declared: _Default = made
    return declared
