"""Columns: what a store knows of a field."""

from __future__ import annotations

import attrs

from crmkit.model.kind import Kind

__all__ = ["Column"]


@attrs.frozen
class Column:
    """One column of a table, or one key of a document: all that a store needs to know of a field.

    Attributes:
        name: the column's name.
        kind: what it holds.
        nullable: whether a value may be missing.
        max: the longest text, in code points; 0 for other kinds.
        scale: the decimal places of a `DECIMAL`; 0 for other kinds.
        words: the only texts it ever holds, if they are few.
    """

    name: str
    kind: Kind
    nullable: bool = False
    max: int = 0
    scale: int = 0
    words: tuple[str, ...] = ()
