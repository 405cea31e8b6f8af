"""What pydantic asks of a model's class: how a record is read, checked, written and described.

It is plain data in the form of `pydantic_core.core_schema`, so that nothing of pydantic is loaded here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from crmkit.errors import BadRecord, Problem
from crmkit.model.field.refusal import listed
from crmkit.model.form import object_schema, required_of, to_dict
from crmkit.model.schema import schema_of

__all__ = ["core_schema", "described"]


def core_schema(cls: type[Any]) -> dict[str, Any]:
    """Return how pydantic reads, checks and writes the records of a model."""
    schema = schema_of(cls)
    required = required_of(schema)
    fields = {
        name: {"type": "typed-dict-field", "schema": _checked(field.from_json), "required": name in required}
        for name, field in schema.fields.items()
    }

    def read(value: Any, handler: Callable[[Any], dict[str, Any]]) -> Any:
        if isinstance(value, cls):
            return value
        try:
            return cls(**handler(value))
        except BadRecord as error:
            raise ValueError(str(error)) from None

    return {
        "type": "function-wrap",
        "function": {"type": "no-info", "function": read},
        "schema": {"type": "typed-dict", "fields": fields, "extra_behavior": "forbid"},
        "serialization": {"type": "function-plain", "function": _write, "info_arg": True},
        "ref": f"{cls.__module__}.{cls.__qualname__}:{id(cls)}",
    }


def described(cls: type[Any]) -> dict[str, Any]:
    """Return the JSON schema of a model's records, for pydantic's and so for OpenAPI's documents."""
    return object_schema(schema_of(cls))


def _checked(read: Callable[[Any], Any]) -> dict[str, Any]:
    def checked(value: Any) -> Any:
        try:
            return read(value)
        except Problem as problem:
            lines = [f"{each.message} {each.hint}".rstrip() for each in listed(problem)]
            raise ValueError("; ".join(lines)) from None

    return {"type": "function-plain", "function": {"type": "no-info", "function": checked}}


def _write(record: Any, info: Any) -> Any:
    """Return a record as JSON has it, less what the caller leaves out; as it is where Python is asked for."""
    if info.mode != "json":
        return record
    data = to_dict(record)
    if info.include is not None:
        data = {name: value for name, value in data.items() if name in info.include}
    if info.exclude is not None:
        # As pydantic has it: a set of names, or a mapping that says of each name whether all of it is meant.
        said: Mapping[Any, Any] = info.exclude if hasattr(info.exclude, "get") else dict.fromkeys(info.exclude, True)
        data = {name: value for name, value in data.items() if said.get(name) not in {True, ...}}
    return {name: value for name, value in data.items() if value is not None} if info.exclude_none else data
