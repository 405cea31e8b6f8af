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
that end them, instants are in UTC and whole milliseconds. Whatever a document holds, reading it raises
`BadExpression` or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from crmkit.errors import BadExpression, Problem
from crmkit.expr.document import Cursor, dump, load
from crmkit.expr.limits import LIMITS, Limits, Meter
from crmkit.expr.nodes import (
    Always,
    And,
    Compare,
    Contains,
    Counts,
    Expr,
    Has,
    Me,
    Missing,
    Not,
    OneOf,
    Op,
    Or,
    Quantifier,
    Reaches,
    Ref,
    StartsWith,
)
from crmkit.expr.wire_value import read_value, write_value
from crmkit.values import clean_integer, clean_text

__all__ = ["VERSION", "from_dict", "from_json", "to_dict", "to_json"]

VERSION: Final = 1
"""The version of the form that this module writes, and the only one it reads."""

_MAX_PATH: Final = 16
_MAX_NAME: Final = 100

_NODES: Final[Mapping[str, tuple[type[Expr], tuple[str, ...]]]] = {
    "always": (Always, ("holds",)),
    "compare": (Compare, ("field", "op", "value")),
    "one_of": (OneOf, ("field", "values")),
    "missing": (Missing, ("field",)),
    "starts_with": (StartsWith, ("field", "text")),
    "contains": (Contains, ("field", "text")),
    "has": (Has, ("field", "tag")),
    "reaches": (Reaches, ("field", "quantifier", "where")),
    "counts": (Counts, ("field", "where", "op", "number")),
    "and": (And, ("items",)),
    "or": (Or, ("items",)),
    "not": (Not, ("item",)),
}
_NAMES: Final[Mapping[type, str]] = {cls: name for name, (cls, _) in _NODES.items()}
_ATTRIBUTE: Final = {"field": "ref", "holds": "value"}
"""Where a key of the document and an attribute of the node differ."""
_OPS: Final = {op.value: op for op in Op}
_QUANTIFIERS: Final = {quantifier.value: quantifier for quantifier in Quantifier}


# -- writing -----------------------------------------------------------------------------------------------------------


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
    return {"version": VERSION, "where": _Writer(limits).node(expr, "$.where", 1)}


class _Writer:
    def __init__(self, limits: Limits) -> None:
        self._meter = Meter(limits)

    def node(self, expr: object, path: str, depth: int) -> dict[str, Any]:
        name = _NAMES.get(type(expr))
        if name is None:
            raise BadExpression(f"{path} is {type(expr).__name__}, which is no expression.", hint="Build it with f.")
        self._meter.visit(path, depth)
        made: dict[str, Any] = {"node": name}
        for key in _NODES[name][1]:
            value = getattr(expr, _ATTRIBUTE.get(key, key))
            made[key] = self._part(key, value, f"{path}.{key}", depth)
        return made

    def _part(self, key: str, value: Any, path: str, depth: int) -> Any:
        match key:
            case "where" | "item":
                return self.node(value, path, depth + 1)
            case "items":
                parts = self._list(value, path, at_least=1)
                return [self.node(part, f"{path}[{index}]", depth + 1) for index, part in enumerate(parts)]
            case "field":
                return self._field(value, path)
            case "op" | "quantifier":
                return value.value
            case "holds":
                return bool(value)
            case "number":
                return _checked(path, clean_integer, value)
            case "values" if not isinstance(value, Me):
                return [write_value(one, f"{path}[{index}]") for index, one in enumerate(self._list(value, path))]
            case _:
                return write_value(value, path, items=self._meter.limits.items)

    def _list(self, value: Any, path: str, *, at_least: int = 0) -> tuple[Any, ...]:
        most = self._meter.limits.items
        if not at_least <= len(value) <= most:
            wanted = f"{most} at most" if len(value) > most else f"{at_least} or more"
            raise BadExpression(f"{path} has {len(value)} entries, {wanted}.")
        return tuple(value)

    @staticmethod
    def _field(ref: Ref, path: str) -> list[str]:
        if not 1 <= len(ref.path) <= _MAX_PATH:
            raise BadExpression(
                f"{path} has {len(ref.path)} names, where 1 to {_MAX_PATH} belong.", hint="Write f.name."
            )
        return [_checked(path, clean_text, name, at_least=1, at_most=_MAX_NAME) for name in ref.path]


def _checked(path: str, check: Any, value: object, **bounds: int) -> Any:
    try:
        return check(value, **bounds)
    except Problem as problem:
        raise BadExpression(f"{path} {problem.message}", hint=problem.hint) from None


# -- reading -----------------------------------------------------------------------------------------------------------


def from_json(text: str, *, limits: Limits = LIMITS) -> Expr:
    """Return the expression that a stored form spells.

    It is not bound to a model yet, so it may still name a field that does not exist.

    Args:
        text: what `to_json` returned, or what somebody claims it did.
        limits: how large it may be.

    Raises:
        BadExpression: the text is malformed, too large or of another version; the message names the place.

    >>> from_json('{"version":1,"where":{"field":["tags"],"node":"has","tag":"vip"}}')
    Has(ref=Ref(path=('tags',)), tag='vip')
    >>> from_json('{"version":1,"where":{"field":["tags"],"node":"hass","tag":"vip"}}')
    Traceback (most recent call last):
    ...
    crmkit.errors.BadExpression: $.where.node is the text 'hass', which is not known here. Did you mean 'has'?
    """
    return from_cursor(load(text, at_most=limits.size), limits=limits)


def from_dict(data: object, *, limits: Limits = LIMITS) -> Expr:
    """Return the expression that plain dicts and lists spell; see `from_json`.

    Raises:
        BadExpression: the data are malformed, too large or of another version; the message names the place.
    """
    return from_cursor(Cursor(data), limits=limits)


def from_cursor(cursor: Cursor, *, limits: Limits = LIMITS) -> Expr:
    """Return the expression that stands at a place of a larger document.

    Raises:
        CrmError: of the cursor's class: it is malformed, too large or of another version.
    """
    cursor.version(VERSION)
    return _Reader(limits).node(cursor.members(("version", "where"))["where"], 1)


class _Reader:
    def __init__(self, limits: Limits) -> None:
        self._meter = Meter(limits)

    def node(self, cursor: Cursor, depth: int) -> Expr:
        cls, keys = _NODES[cursor.member("node").word(_NODES)]
        try:
            self._meter.visit(cursor.path, depth)
        except BadExpression as error:
            raise cursor.error(error.message, hint=error.hint) from None
        members = cursor.members(("node", *keys))
        return cls(**{_ATTRIBUTE.get(key, key): self._part(key, members[key], depth) for key in keys})

    def _part(self, key: str, cursor: Cursor, depth: int) -> Any:
        items = self._meter.limits.items
        match key:
            case "where" | "item":
                return self.node(cursor, depth + 1)
            case "items":
                return tuple(self.node(part, depth + 1) for part in cursor.elements(at_most=items, at_least=1))
            case "field":
                names = cursor.elements(at_most=_MAX_PATH, at_least=1)
                return Ref(tuple(name.text(at_most=_MAX_NAME, at_least=1) for name in names))
            case "op":
                return _OPS[cursor.word(_OPS)]
            case "quantifier":
                return _QUANTIFIERS[cursor.word(_QUANTIFIERS)]
            case "holds":
                return cursor.flag()
            case "number":
                return cursor.integer()
            case "values":
                return self._values(cursor, items)
            case _:
                return read_value(cursor, items=items)

    @staticmethod
    def _values(cursor: Cursor, items: int) -> tuple[Any, ...] | Me:
        if isinstance(cursor.data, Mapping):
            value = read_value(cursor)
            if not isinstance(value, Me):
                raise cursor.refuse("is one value, where a list belongs.")
            return value
        return tuple(read_value(one) for one in cursor.elements(at_most=items))
