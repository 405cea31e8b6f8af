"""Declarations: a field becomes an attribute of a model, typed by its kind and its default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import attrs

from crmkit.errors import BadDefinition
from crmkit.model.field.field import Field

if TYPE_CHECKING:
    # Type checkers bring it along; at run time nothing asks for the default.
    from typing import Never

    from typing_extensions import TypeVar as TypeVarWithDefault

    Missing = TypeVarWithDefault("Missing", bound=None, default=Never)
else:
    Missing = TypeVar("Missing")

__all__ = ["REQUIRED", "Missing", "declare", "declared_field", "named_field"]

REQUIRED: Final[Any] = attrs.NOTHING
"""The default of a field that must be given."""
_KEY: Final = "crmkit"
"""Where a declaration, which is an attribute of attrs, carries its field."""
_Default = TypeVar("_Default")


def declare(field: Field, *, default: _Default = REQUIRED, replaces: str = "") -> _Default:
    """Declare an attribute of a model; what `text`, `money` and the others do for their own kinds.

    Args:
        field: the kind of field and its settings.
        default: the value when none is given; `None` makes the field optional.
        replaces: the inherited field of this name whose place it takes; it must accept and hold what that one does.

    Raises:
        BadDefinition: it is not a field.
    """
    if not isinstance(field, Field):
        given = field.__name__ if isinstance(field, type) else f"an object of type {type(field).__name__}"
        hint = f"Write declare({given if isinstance(field, type) and issubclass(field, Field) else 'TextField'}(...))."
        raise BadDefinition(f"declare takes a field, not {given}.", hint=hint)
    # A mapping has no hash; equality still compares it.
    hashed = None if field.hashable else False
    made: Any = attrs.field(
        default=default,
        hash=hashed,
        metadata={_KEY: attrs.evolve(field, required=default is not None, replaces=replaces)},
    )
    declared: _Default = made
    return declared


def declared_field(declared: Any) -> Field | None:
    """Return the field that a declaration stands for, still without a name; `None` if it is not a declaration."""
    metadata = getattr(declared, "metadata", None)
    field = cast("Mapping[str, Any]", metadata).get(_KEY) if isinstance(metadata, Mapping) else None
    return field if isinstance(field, Field) else None


def named_field(declared: Any, name: str) -> Field:
    """Return the field that a declaration such as `integer(min=1)` stands for, under a name.

    Raises:
        BadDefinition: it is not a declaration.
    """
    field = declared_field(declared)
    if field is None:
        raise BadDefinition(
            f"the added field {name!r} must be a declaration, not {type(declared).__name__}.",
            hint="Write integer(default=None).",
        )
    return attrs.evolve(field, name=name)
