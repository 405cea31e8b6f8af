"""The core: what the language becomes once it is bound to a model, and the only form that stores read.

Names have become columns and relations, values are canonical, money has become two columns, a path to one record has
become an `Exists`. In normal form there is no `Not`: negation stands at the leaves, so that no store's own idea of a
missing value can matter. Each leaf says what it does with one.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import attrs

from crmkit.expr.node import Op
from crmkit.model.schema import Relation

__all__ = [
    "And",
    "Compare",
    "Constant",
    "Core",
    "Count",
    "Exists",
    "Has",
    "In",
    "Missing",
    "Not",
    "Or",
    "Prefix",
    "Substring",
]


@attrs.frozen
class Constant:
    """True, or false, of every row."""

    value: bool


@attrs.frozen
class Compare:
    """The column's value is present and compares so with a canonical value.

    Text compares by code point, false is less than true. With a `key`, the subject is that entry of an `EXTRA` column,
    and the comparison is `EQ` or `NE`.
    """

    column: str
    op: Op
    value: Any
    key: str = ""


@attrs.frozen
class In:
    """The column's value is present and is, or if `negated` is not, among these; `values` may be empty."""

    column: str
    values: tuple[Any, ...]
    negated: bool = False
    key: str = ""


@attrs.frozen
class Missing:
    """The column's value is missing, or if `negated` is present."""

    column: str
    negated: bool = False
    key: str = ""


@attrs.frozen
class Prefix:
    """The column's text is present and begins, or if `negated` does not begin, with exactly this text."""

    column: str
    text: str
    negated: bool = False


@attrs.frozen
class Substring:
    """The column's text is present and holds, or if `negated` does not hold, exactly this text."""

    column: str
    text: str
    negated: bool = False


@attrs.frozen
class Has:
    """The tag is, or if `negated` is not, among the column's tags."""

    column: str
    tag: str
    negated: bool = False


@attrs.frozen
class Exists:
    """At least one, or if `negated` not one, row of the relation's target belongs to this row and satisfies `where`."""

    relation: Relation
    where: Core
    negated: bool = False


@attrs.frozen
class Count:
    """The number of rows of the relation's target that belong to this row and satisfy `where` compares so."""

    relation: Relation
    where: Core
    op: Op
    number: int


@attrs.frozen
class And:
    """Every one holds."""

    items: tuple[Core, ...]


@attrs.frozen
class Or:
    """At least one holds."""

    items: tuple[Core, ...]


@attrs.frozen
class Not:
    """It does not hold; never part of normal form."""

    item: Core


Core: TypeAlias = Constant | Compare | In | Missing | Prefix | Substring | Has | Exists | Count | And | Or | Not
