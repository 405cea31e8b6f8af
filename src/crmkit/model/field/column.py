"""Columns: what a store knows of a field."""

from __future__ import annotations

from typing import Any

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
        default: the canonical value that stands in rows which were written without it, as a package brought it along;
            `None` if that may be missing, or if no row is ever written without it.
        by: the package that brought it along, if one did.
    """

    name: str
    kind: Kind
    nullable: bool = False
    max: int = 0
    scale: int = 0
    words: tuple[str, ...] = ()
    default: Any = None
    by: str = ""
