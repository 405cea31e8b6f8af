"""Wires as functions, for the values that stores spell themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crmkit.model.codec import Wires
    from crmkit.model.kind import Kind

__all__ = ["converters"]


def converters(wires: Wires) -> tuple[Mapping[Kind, Callable[[Any], Any]], Mapping[Kind, Callable[[Any], Any]]]:
    """Return the wires' templates as functions: those that encode one value, and those that decode one, by kind.

    >>> from crmkit.model.codec import Wire
    >>> from crmkit.model.kind import Kind
    >>> encode, decode = converters({Kind.INT: Wire("str({v})", "int({v})")})
    >>> encode[Kind.INT](7), decode[Kind.INT]("7")
    ('7', 7)
    """
    return (
        {kind: _converter(wire.encode, wire.names) for kind, wire in wires.items()},
        {kind: _converter(wire.decode, wire.names) for kind, wire in wires.items()},
    )


def _converter(template: str, names: Mapping[str, Any]) -> Callable[[Any], Any]:
    made: Callable[[Any], Any] = eval(f"lambda v: {template.replace('{v}', 'v')}", dict(names))  # noqa: S307 - the stores' own templates, never data
    return made
