"""The stored form of expressions: versioned, canonical JSON with limits.

```text
document   {"version": 1, "where": NODE}
NODE       {"node": "always", "holds": true}
           {"node": "compare", "field": ["customer", "country"], "op": "==", "value": VALUE}
           {"node": "one_of", "field": [...], "values": [VALUE, ...] or {"me": "team_ids"}}
           {"node": "missing", "field": [...]}
           {"node": "starts_with" | "contains", "field": [...], "text": VALUE}
           {"node": "has", "field": [...], "tag": VALUE}
           {"node": "reaches", "field": [...], "quantifier": "any" | "all" | "none", "where": NODE}
           {"node": "counts", "field": [...], "where": NODE, "op": ">", "number": 3}
           {"node": "and" | "or", "items": [NODE, ...]}
           {"node": "not", "item": NODE}
VALUE      text, a whole number, true, false, a list of these or of:
           {"decimal": "1.5"}   {"money": "12.50", "currency": "EUR"}   {"uuid": "..."}
           {"date": "2026-01-31"}   {"instant": "2026-01-31T09:00:00.000Z"}
           {"me": "id"}   {"now": -3600000000}   {"today": -30}
```

`now` counts microseconds, `today` counts days. One expression has one text: keys are sorted, decimals lose the zeros
that end them, instants are in UTC and whole milliseconds. Reading a document raises `BadExpression` or nothing, and the
error lists all mistakes with their paths.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from crmkit.errors import BadExpression, Problem
from crmkit.expr.form.json_value import read_number, read_value, write_value
from crmkit.expr.limits import LIMITS, Limits, Meter
from crmkit.expr.node import Expr, Me, Node, Op, Quantifier, Ref, closed
from crmkit.expr.table import ROWS, Sort
from crmkit.form.document import dump, is_list, is_object, load
from crmkit.form.form import Form, Format, Spelled
from crmkit.form.hook import flag, listed, tagged, text, versioned, word

__all__ = ["DOCUMENT", "VERSION", "from_dict", "from_json", "to_dict", "to_json"]

VERSION: Final = 1
"""The version of the form that this module writes, and the only one it reads."""

_MAX_PATH: Final = 16
_MAX_NAME: Final = 100
_MOST: Final = 2**31
"""Lists are measured before they are read; see `_measure`."""


# -- nodes -------------------------------------------------------------------------------------------------------------


def _read_node(data: Any, wanted: object) -> Any:
    return _any_node(data, wanted)


def _write_node(node: Node) -> Any:
    return _FORMS[type(node)].write(node)


def _read_values(data: Any, wanted: object) -> tuple[Any, ...] | Me:
    if not is_object(data):
        values: tuple[Any, ...] = listed(read_value, at_most=_MOST)(data, wanted)
        return values
    value = read_value(data, wanted)
    if not isinstance(value, Me):
        raise Problem("wrong_type", "is one value, where a list belongs.")
    return value


def _read_value_or_list(data: Any, wanted: object) -> Any:
    return listed(read_value, at_most=_MOST)(data, wanted) if is_list(data) else read_value(data, wanted)


def _write_values(values: Any) -> Any:
    return list(map(write_value, values)) if is_list(values) else write_value(values)


_read_names: Final = listed(text(at_most=_MAX_NAME, at_least=1), at_most=_MAX_PATH, at_least=1)
_SORTS: Final[dict[Sort, Form]] = {
    "ref": Form(lambda data, wanted: Ref(_read_names(data, wanted)), lambda ref: list(ref.path)),
    "value": Form(_read_value_or_list, _write_values),
    "values": Form(_read_values, _write_values),
    "node": Form(_read_node, _write_node),
    "nodes": Form(listed(_read_node, at_most=_MOST, at_least=1), lambda items: list(map(_write_node, items))),
    "op": Form(word([op.value for op in Op], Op), lambda op: op.value),
    "quantifier": Form(word([each.value for each in Quantifier], Quantifier), lambda quantifier: quantifier.value),
    "number": Form(read_number, write_value),
    "flag": Form(flag, bool),
}
"""How an attribute of each sort is spelled."""

_FORMAT: Final = Format()
_FORMS: Final[dict[type[Any], Form]] = {}
for _row in ROWS:
    _spelled = {
        part.attribute: Spelled(_SORTS[part.sort].hook, _SORTS[part.sort].write, part.key) for part in _row.parts
    }
    _FORMS[_row.cls] = _FORMAT.describe(_row.cls, _spelled, lead={"node": _row.name})
_any_node: Final = tagged("node", {row.name: _FORMS[row.cls].hook for row in ROWS})


# -- documents ---------------------------------------------------------------------------------------------------------


@attrs.frozen
class _Document:
    where: Node


_STORED: Final = _FORMAT.describe(_Document, {"where": Spelled(_read_node, _write_node)}, lead={"version": VERSION})
_DEEPER: Final = {part.key: part.sort for row in ROWS for part in row.parts if part.sort in {"node", "nodes"}}


def _form(limits: Limits) -> Form:
    def read(data: Any, wanted: object) -> Node:
        _measure(data["where"] if is_object(data) and "where" in data else None, limits)
        document: _Document = _STORED.hook(data, wanted)
        return document.where

    return Form(versioned(read, VERSION), lambda expr: _STORED.write(_Document(expr)))


def _measure(data: object, limits: Limits) -> None:
    """Refuse what is too large before anything of it is read."""
    meter = Meter(limits)

    def visit(data: object, path: str, depth: int) -> None:
        try:
            meter.visit(depth)
        except Problem as problem:
            raise problem.at(path) from None
        for key, held in data.items() if is_object(data) else ():
            parts = held if is_list(held) else ()
            if len(parts) > limits.items:
                raise Problem("too_long", f"has {len(parts)} entries, {limits.items} at most.", field=f"{path}.{key}")
            if _DEEPER.get(key) == "node":
                visit(held, f"{path}.{key}", depth + 1)
            elif _DEEPER.get(key) == "nodes":
                for index, part in enumerate(parts):
                    visit(part, f"{path}.{key}[{index}]", depth + 1)

    visit(data, ".where", 1)


DOCUMENT: Final = _form(LIMITS)
"""An expression within a larger document, such as a pipeline."""


def to_json(expr: Expr, *, limits: Limits = LIMITS) -> str:
    """Return the stored form of an expression as canonical JSON text.

    Args:
        expr: as a user builds it, with `f`.
        limits: how large it may be.

    Raises:
        BadExpression: it is too large, or holds a value that is not part of the language.

    >>> from crmkit.expr.build import f
    >>> to_json(f.tags.has("vip"))
    '{"version":1,"where":{"field":["tags"],"node":"has","tag":"vip"}}'
    """
    return dump(to_dict(expr, limits=limits), at_most=limits.size)


def to_dict(expr: Expr, *, limits: Limits = LIMITS) -> dict[str, Any]:
    """Return the stored form of an expression as plain dicts and lists, ready for any JSON writer.

    Raises:
        BadExpression: it is too large, or holds a value that is not part of the language.
    """
    written: dict[str, Any] = _form(limits).written(closed(expr), BadExpression)
    return written


def from_json(text: str, *, limits: Limits = LIMITS) -> Expr:
    """Return the expression that a stored form spells.

    It is not bound to a model yet, so it may still name a field that does not exist.

    Args:
        text: what `to_json` returned, or what somebody claims it did.
        limits: how large it may be.

    Raises:
        BadExpression: the text is malformed, too large or of another version; `problems` holds every mistake and its
            path.

    >>> from_json('{"version":1,"where":{"field":["tags"],"node":"has","tag":"vip"}}')
    Has(ref=Ref(path=('tags',)), tag='vip')
    >>> from_json('{"version":1,"where":{"field":["tags"],"node":"hass","tag":"vip"}}')
    Traceback (most recent call last):
    ...
    crmkit.errors.BadExpression: $.where.node is the text 'hass', which is not known here. Did you mean 'has'?
    """
    return from_dict(load(text, at_most=limits.size), limits=limits)


def from_dict(data: object, *, limits: Limits = LIMITS) -> Expr:
    """Return the expression that plain dicts and lists spell; see `from_json`.

    Raises:
        BadExpression: the data are malformed, too large or of another version; `problems` holds every mistake and its
            path.
    """
    node: Expr = _form(limits).read(data, BadExpression)
    return node
