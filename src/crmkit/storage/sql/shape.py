"""Shapes: what of a plan decides the text of its SQL, and apart from that the values, which become parameters.

Plans of one shape share one compiled statement. `Shape` and `Predicates` visit a plan in the same order: the first
collects the values, the second makes a parameter where each of them belongs.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any, Final, assert_never

from crmkit.errors import Unsupported
from crmkit.expr.core import And, Compare, Constant, Core, Count, Exists, Has, In, Missing, Not, Or, Prefix, Substring
from crmkit.expr.node import Op
from crmkit.model.kind import Kind
from crmkit.storage.sql.wire import json_text

if TYPE_CHECKING:
    from crmkit.model.catalog import Catalog
    from crmkit.model.schema import Relation, Schema
    from crmkit.storage.spi.plan import Hop

__all__ = ["Shape", "list_size", "text_after"]

_LONGEST_LIST: Final = 32
"""Lists of more values are given as one parameter, as JSON text; shorter ones as that many parameters."""


class Shape:
    """Collects, in the order of a visit, the marks and the values of one plan.

    Attributes:
        marks: what decides the text of the SQL.
        values: the values of the parameters, as the driver spells them.
    """

    __slots__ = ("_catalog", "_encode", "marks", "values")

    def __init__(self, catalog: Catalog, encode: Mapping[Kind, Callable[[Any], Any]]) -> None:
        self._catalog = catalog
        self._encode = encode
        self.marks: list[Hashable] = []
        self.values: list[Any] = []

    def visit(self, schema: Schema, node: Core) -> None:  # noqa: C901 - one branch for each kind of node
        """Take in an expression over the rows of a model."""
        match node:
            case Compare():
                self._compare(schema, node)
            case And() | Or():
                self.marks += (And if isinstance(node, And) else Or, len(node.items))
                for item in node.items:
                    self.visit(schema, item)
            case Missing():
                self.marks += (Missing, node.column, node.negated, bool(node.key))
                if node.key:
                    self.values.append(node.key)
            case In():
                self._in(schema, node)
            case Exists():
                self.marks += (Exists, node.negated)
                self._reach(node.relation, node.where)
            case Count():
                self.marks += (Count, node.op)
                self._reach(node.relation, node.where)
                self.values.append(node.number)
            case Has():
                self.marks += (Has, node.column, node.negated)
                self.values.append(node.tag)
            case Prefix():
                self._prefix(node)
            case Substring():
                self.marks += (Substring, node.column, node.negated)
                self.values.append(node.text)
            case Constant():
                self.marks += (Constant, node.value)
            case Not():
                raise Unsupported("stores read expressions in normal form, which has no Not.")
            case _:
                assert_never(node)

    def hop(self, hop: Hop) -> Schema:
        """Take in a step along a relation, and return the schema where it leads."""
        return self._reach(hop.relation, hop.where)

    def _reach(self, relation: Relation, where: Core) -> Schema:
        target = self._catalog[relation.target]
        self.marks.append(relation)
        if relation.fixed is not None:
            self.values.append(relation.fixed[1])
        self.visit(target, where)
        return target

    def _compare(self, schema: Schema, node: Compare) -> None:
        if node.key:
            self.marks += (Compare, node.column, node.op, "key")
            self.values += (node.key, json_text(_entry_values(node)))
            return
        self.marks += (Compare, node.column, node.op)
        encode = self._encode.get(schema.by_column[node.column].kind)
        self.values.append(node.value if encode is None else encode(node.value))

    def _in(self, schema: Schema, node: In) -> None:
        if node.key:
            self.marks += (In, node.column, node.negated, "key")
            self.values += (node.key, json_text(node.values))
            return
        encode = self._encode.get(schema.by_column[node.column].kind)
        values = list(node.values) if encode is None else [encode(value) for value in node.values]
        size = list_size(node)
        self.marks += (In, node.column, node.negated, size)
        if size is None:
            self.values.append(json_text(values))
        else:
            self.values += values
            self.values += values[-1:] * (size - len(values))

    def _prefix(self, node: Prefix) -> None:
        after = text_after(node.text)
        self.marks += (Prefix, node.column, node.negated, after is None)
        self.values.append(node.text)
        if after is not None:
            self.values.append(after)


def _entry_values(node: Compare) -> list[Any]:
    """Return the list that the entry of an `EXTRA` column must be in, or if the comparison is `NE` must not be in."""
    if node.op not in {Op.EQ, Op.NE}:
        raise Unsupported(f"an entry of {node.column} can be compared by == and != only.")
    return [node.value]


def list_size(node: In) -> int | None:
    """Return how many parameters hold the values, the last one repeated; `None` if one holds them all.

    Powers of two keep the number of shapes small.

    >>> [list_size(In("name", ("x",) * count)) for count in (0, 1, 3, 32, 33)]
    [0, 1, 4, 32, None]
    """
    count = len(node.values)
    if count > _LONGEST_LIST:
        return None
    return 1 << (count - 1).bit_length() if count else 0


def text_after(prefix: str) -> str | None:
    """Return the first text, by code point, that sorts after all which begin with this one; `None` if there is none.

    >>> text_after("ab"), text_after("a\U0010ffff"), text_after("")
    ('ac', 'b', None)
    """
    for end in range(len(prefix), 0, -1):
        last = ord(prefix[end - 1])
        if last < 0x10FFFF:  # noqa: PLR2004 - the last code point
            # The surrogates from U+D800 to U+DFFF are no characters and cannot be stored.
            return prefix[: end - 1] + chr(0xE000 if last == 0xD7FF else last + 1)  # noqa: PLR2004 - as said
    return None
