"""Bounds: in words for the reference, and whether they leave any value."""

from __future__ import annotations

__all__ = ["crossed", "span"]


def span(least: int | None, most: int | None, unit: str = "") -> str:
    """Return a least and a greatest value, or a shortest and a longest, in words; blank if there is neither.

    >>> span(1, 200, " characters")
    '1 to 200 characters'
    """
    if most is None:
        return "" if least is None else f"{least} or more"
    if least is None:
        return f"up to {most:,}{unit}"
    return f"{least}{unit}" if least == most else f"{least} to {most}{unit}"


def crossed(least: int | None, most: int | None) -> list[str]:
    """Return the mistake of bounds between which there is no value, if it is made.

    >>> crossed(5, 2)
    ['its min is 5, its max is 2: no value is within.']
    """
    if least is None or most is None or least <= most:
        return []
    return [f"its min is {least}, its max is {most}: no value is within."]
