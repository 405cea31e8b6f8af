"""The table of nodes: how each one is written, and what its parts are.

A new node is a class in `crmkit.expr.node`, a row here, and a case in each reader that truly differs: `bind` and
`evaluate`. Its JSON, its text, the filling in of placeholders and whether one record decides it follow from the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import attrs

from crmkit.expr.node import (
    Always,
    And,
    Compare,
    Contains,
    Counts,
    Has,
    Missing,
    Node,
    Not,
    OneOf,
    Or,
    Reaches,
    StartsWith,
)

__all__ = ["ROWS", "ROW_OF", "Part", "Row", "Sort"]

Sort: TypeAlias = Literal["ref", "value", "values", "node", "nodes", "op", "quantifier", "number", "flag"]
"""What an attribute of a node holds; a value may be a placeholder such as `me.id`."""

_KEYS: Final[Mapping[Sort, str]] = {"ref": "field", "flag": "holds"}


@attrs.frozen
class Part:
    """An attribute of a node.

    Attributes:
        attribute: its name.
        sort: what it holds.
    """

    attribute: str
    sort: Sort

    @property
    def key(self) -> str:
        """Its name in JSON."""
        return _KEYS.get(self.sort, self.attribute)


@attrs.frozen
class Row:
    """How one class of nodes is written.

    Attributes:
        cls: the class.
        name: its name in JSON.
        text: its text form, with the attributes in braces; what joins the parts, of a node that has several.
        parts: its attributes, in order.
        methods: the methods of `f` that make it.
        relates: whether it follows a relation.
    """

    cls: type[Node]
    name: str
    text: str
    parts: tuple[Part, ...]
    methods: tuple[str, ...] = ()
    relates: bool = False

    @property
    def is_call(self) -> bool:
        """Whether the text needs no parentheses beside `&`, `|` and `~`, which bind tighter than comparisons."""
        return " " not in self.text


def _row(cls: type[Node], name: str, text: str, /, *methods: str, relates: bool = False, **parts: Sort) -> Row:
    return Row(cls, name, text, tuple(Part(*part) for part in parts.items()), methods, relates)


ROWS: Final[tuple[Row, ...]] = (
    _row(Always, "always", "", value="flag"),
    _row(Compare, "compare", "{ref} {op} {value}", ref="ref", op="op", value="value"),
    _row(OneOf, "one_of", "{ref}.one_of({values})", "one_of", ref="ref", values="values"),
    _row(Missing, "missing", "{ref}.missing()", "missing", ref="ref"),
    _row(StartsWith, "starts_with", "{ref}.starts_with({text})", "starts_with", ref="ref", text="value"),
    _row(Contains, "contains", "{ref}.contains({text})", "contains", ref="ref", text="value"),
    _row(Has, "has", "{ref}.has({tag})", "has", ref="ref", tag="value"),
    _row(
        Reaches, "reaches", "{ref}.{quantifier}({where})", "any", "all", "none",
        relates=True, ref="ref", quantifier="quantifier", where="node",
    ),
    _row(
        Counts, "counts", "{ref}.count({where}) {op} {number}", "count",
        relates=True, ref="ref", where="node", op="op", number="number",
    ),
    _row(And, "and", " & ", items="nodes"),
    _row(Or, "or", " | ", items="nodes"),
    _row(Not, "not", "~{item}", item="node"),
)  # fmt: skip
"""Every node there is."""

ROW_OF: Final[Mapping[type[Any], Row]] = {row.cls: row for row in ROWS}
"""The row of each class."""
