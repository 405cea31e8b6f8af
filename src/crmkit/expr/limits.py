"""How large an expression from outside may be."""

from __future__ import annotations

from typing import Final

import attrs

from crmkit.errors import BadExpression, Problem

__all__ = [
    "LIMITS",
    "MAX_DIGITS",
    "MAX_NESTED",
    "MAX_RELATIONS",
    "Limits",
    "Meter",
    "clean_number",
    "clean_source",
    "is_short",
]

MAX_NESTED: Final = 64
"""How deep the nodes of an expression may be nested when it is bound, however it was made."""
MAX_RELATIONS: Final = 8
"""How many relations an expression may follow one after another: each is a query within a query of the store."""
MAX_DIGITS: Final = 600
"""How many digits a whole number in an expression may have; every Python spells as many, whatever its own limit is."""
_LONG: Final = 10**MAX_DIGITS


@attrs.frozen
class Limits:
    """Bounds of an expression that is read from text, or written to it.

    Attributes:
        size: the longest text, in bytes of UTF-8.
        depth: how deep nodes may be nested.
        nodes: how many nodes there may be.
        items: how long a list of values or of joined expressions may be.
    """

    size: int = 64 * 1024
    depth: int = 32
    nodes: int = 2000
    items: int = 1000


LIMITS: Final = Limits()
"""What is accepted unless a caller says otherwise."""


class Meter:
    """Counts the nodes of one expression as they are visited."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._nodes = 0

    def visit(self, depth: int) -> None:
        """Count one node.

        Raises:
            Problem: it lies too deep, or is one too many.
        """
        self._nodes += 1
        if depth > self.limits.depth:
            raise Problem("too_deep", f"is nested more than {self.limits.depth} deep.", hint="Flatten the expression.")
        if self._nodes > self.limits.nodes:
            raise Problem(
                "too_many_nodes",
                f"is node {self._nodes}, {self.limits.nodes} at most.",
                hint="Join equal tests with one_of(...).",
            )


def is_short(number: int) -> bool:
    """Return whether a whole number has as few digits as the text and the JSON of an expression may hold.

    Columns hold fewer: what fits none compares as true or false of every record.
    """
    return -_LONG < number < _LONG


def clean_number(number: int) -> int:
    """Return a whole number that is to be compared with, if it is not too long to be written.

    Raises:
        Problem: it is.
    """
    if not is_short(number):
        raise Problem("too_long", f"has more than {MAX_DIGITS} digits.")
    return number


def clean_source(text: object, limits: Limits) -> str:
    """Return what is to be read, if it is text and not too long.

    Raises:
        BadExpression: it is not.
    """
    if not isinstance(text, str):
        raise BadExpression(f"an expression is text, not {type(text).__name__}.")
    size = len(text.encode(errors="surrogatepass"))
    if size > limits.size:
        raise BadExpression(f"the expression has {size} bytes, {limits.size} at most.")
    return text
