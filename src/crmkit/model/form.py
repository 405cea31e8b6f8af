"""Records as JSON: plain dicts and text that lose nothing, read back with every mistake named, and their schema."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any, Final, Protocol, TypeVar, cast, runtime_checkable

import attrs

from crmkit.errors import BadRecord, Problem, near
from crmkit.model.field.document import parsed
from crmkit.model.field.refusal import listed
from crmkit.model.schema import Schema, schema_of

__all__ = ["from_dict", "from_json", "json_schema", "object_schema", "required_of", "to_dict", "to_json"]

T = TypeVar("T")
_LONGEST_NAME: Final = 60
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


@runtime_checkable
class _Holder(Protocol):
    """What holds records, and what was included with them."""

    def __dict_form__(self, *, include: bool) -> dict[str, Any]: ...


def to_dict(record: Any, *, include: bool = False) -> dict[str, Any]:
    """Return a record as plain data: dicts, lists, text, whole numbers, booleans and `None`.

    Decimals and amounts are text, so that no reader rounds them; instants are in UTC, to the millisecond. A page
    becomes its `records` and what is `next`.

    Args:
        record: the record, or a page of them.
        include: whether to nest what a page holds beside its records, under the names of the relations.

    Raises:
        BadDefinition: it is not a record.

    >>> from crmkit import Opportunity, Money
    >>> to_dict(Opportunity(name="Line 4", amount=Money("12000", "EUR")))["amount"]
    {'amount': '12000.00', 'currency': 'EUR'}
    """
    if isinstance(record, _Holder):
        return record.__dict_form__(include=include)
    fields = schema_of(record.__class__).fields
    return {name: field.to_json(getattr(record, name)) for name, field in fields.items()}


def from_dict(model: type[T], data: Any) -> T:
    """Return the record that plain data stand for; `to_dict` is its inverse.

    Args:
        model: the record's class.
        data: a mapping from field to value; what has a default may be left out.

    Raises:
        BadDefinition: the class is not a model.
        BadRecord: a field is unknown, is missing, or refuses its value; it lists them all.

    >>> from crmkit import Customer
    >>> from_dict(Customer, {"name": "Acme", "tags": ["vip"]}).tags
    ('vip',)
    >>> from_dict(Customer, {"nam": "Acme", "employees": "few"})
    Traceback (most recent call last):
    ...
    crmkit.errors.BadRecord: customer refused: nam: is not a field of this model. Did you mean 'name'?; \
employees: expects a whole number, not str.; name: is required.
    """
    schema = schema_of(model)
    if not isinstance(data, Mapping):
        kind = type(data).__name__
        raise BadRecord(schema.name, [Problem("wrong_type", f"expects an object, not {kind}.")])
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    given = cast("Mapping[str, Any]", data)
    for name, value in given.items():
        field = schema.fields.get(name)
        if field is None:
            hint = near(name, schema.fields)
            place = str(name)[:_LONGEST_NAME]
            problems.append(Problem("unknown_field", "is not a field of this model.", hint=hint, field=place))
            continue
        try:
            values[name] = field.from_json(value)
        except Problem as problem:
            problems += listed(problem)
    missing = [name for name in required_of(schema) if name not in given]
    problems += [Problem("required", "is required.", field=name) for name in missing]
    if problems:
        raise BadRecord(schema.name, problems)
    return model(**values)


def to_json(record: Any, *, include: bool = False) -> str:
    """Return a record as JSON text; see `to_dict`."""
    return json.dumps(to_dict(record, include=include), ensure_ascii=False, allow_nan=False)


def from_json(model: type[T], text: str | bytes) -> T:
    """Return the record that a JSON text stands for; see `from_dict`.

    Raises:
        BadRecord: the text is not JSON, or `from_dict` refuses what it holds.
    """
    try:
        data = parsed(text)
    except Problem as problem:
        raise BadRecord(schema_of(model).name, listed(problem)) from None
    return from_dict(model, data)


def json_schema(model: type[Any]) -> dict[str, Any]:
    """Return the JSON schema, of draft 2020-12, that `to_dict` keeps and `from_dict` reads.

    Raises:
        BadDefinition: the class is not a model.

    >>> from crmkit import Customer
    >>> json_schema(Customer)["properties"]["country"]["anyOf"][1]
    {'type': 'null'}
    """
    return {"$schema": _DIALECT, **object_schema(schema_of(model))}


def object_schema(schema: Schema) -> dict[str, Any]:
    """Return the JSON schema of a model's records as a part of another document."""
    defaults = {each.name: each.default for each in attrs.fields(schema.cls)}
    properties: dict[str, Any] = {}
    for name, field in schema.fields.items():
        described = field.json_schema()
        if field.managed:
            described["readOnly"] = True
        elif defaults[name] is not attrs.NOTHING:
            described["default"] = field.to_json(defaults[name])
        properties[name] = described
    return {
        "title": schema.cls.__name__,
        "description": inspect.cleandoc(schema.cls.__doc__ or "").partition("\n\n")[0],
        "type": "object",
        "properties": properties,
        "required": required_of(schema),
        "additionalProperties": False,
    }


def required_of(schema: Schema) -> list[str]:
    """Return the names of the fields that have no default."""
    return [each.name for each in attrs.fields(schema.cls) if each.default is attrs.NOTHING]
