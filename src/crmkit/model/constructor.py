"""Constructors: what makes a record of keywords, generated once per model, as it lies on every hot path.

A value that is plainly clean is told at a glance, by a condition that its field writes into the constructor. All others
go the long way, where they are brought into form or refused, all of them at once.
"""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.errors import BadRecord, Problem
from crmkit.model.field.refusal import FAILURES, listed, unreadable
from crmkit.model.schema import Schema, schema_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmkit.model.field import Field

__all__ = ["constructor"]


def constructor(schema: Schema) -> Callable[..., None]:
    """Return the `__init__` of a model."""
    cls = schema.cls
    # Fields may bear any other name, so what is not an argument starts with an underscore.
    names: dict[str, Any] = {
        "_cls": cls, "_opened": schema.opened, "_set": object.__setattr__, "_schema": schema,
        "_check": _check, "_schema_of": schema_of,
    }  # fmt: skip
    arguments: list[str] = []
    body: list[str] = []
    for attribute in attrs.fields(cls):
        name, default = attribute.name, attribute.default
        names[f"_default_{name}"] = default
        arguments.append(name if default is attrs.NOTHING else f"{name}=_default_{name}")
        body += [
            f"    if {_doubt(schema.fields[name], default, names)}:",
            f"        _doubtful.append({name!r})",
            f"    self.{name} = {name}",
        ]
    lines = [
        f"def __init__(self, *, {', '.join(arguments)}):",
        "    if self.__class__ is not _cls:",
        "        _schema_of(type(self))",
        "    _set(self, '__class__', _opened)",
        "    _doubtful = []",
        *body,
        "    self.__class__ = _cls",
        "    if _doubtful:",
        "        _check(_schema, self, _doubtful)",
        *(["    _schema.check(self)"] if schema.checks else []),
    ]
    code = compile("\n".join(lines), f"<crmkit constructor of {schema.name}>", "exec")
    exec(code, names)  # noqa: S102 - built from declared names and the kinds' own conditions, never from data
    made: Callable[..., None] = names["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.__module__ = cls.__module__
    made.__annotations__ = {each.name: each.type for each in attrs.fields(cls)} | {"return": None}
    return made


def _doubt(field: Field, default: object, names: dict[str, Any]) -> str:
    """Return the condition that a field's argument needs a closer look."""
    doubts = [f"{field.name} is not _default_{field.name}"] if _is_clean(field, default) else []
    if sure := field.sure_source("_value"):
        condition = ast.parse(sure, mode="eval")
        for node in ast.walk(condition):
            if isinstance(node, ast.Name) and node.id == "_value":
                node.id = field.name
            elif isinstance(node, ast.Name):
                names[f"_{node.id}"] = field.names[node.id] if node.id in field.names else vars(builtins)[node.id]
                node.id = f"_{node.id}"
        doubts.append(f"not ({ast.unparse(condition)})")
    return " and ".join(doubts) or "True"


def _is_clean(field: Field, default: object) -> bool:
    try:
        return default is not attrs.NOTHING and field.clean(default) is default
    except Problem:
        return False


def _check(schema: Schema, record: Any, names: list[str]) -> None:
    problems: list[Problem] = []
    for name in names:
        field, given = schema.fields[name], getattr(record, name)
        try:
            clean = field.clean(None) if given is None else schema.cleaners[name](given)
        except Problem as problem:
            problems += listed(problem, name)
        except FAILURES as error:
            problems.append(unreadable(field, error))
        else:
            if clean is not given:
                object.__setattr__(record, name, clean)
    if problems:
        raise BadRecord(schema.name, problems)
