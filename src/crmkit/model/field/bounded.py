"""Bounds in words, for the reference."""

from __future__ import annotations

__all__ = ["span"]


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
