"""Records as JSON: plain dicts and text that lose nothing, read back with every mistake named, and their schema."""

from __future__ import annotations

import inspect
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NoReturn, TypeVar, cast

import attrs

from crmkit.errors import BadRecord, Problem, near
from crmkit.form.document import is_list
from crmkit.model.schema import Schema, schema_of

__all__ = ["from_dict", "from_json", "json_schema", "to_dict", "to_json"]

T = TypeVar("T")
_LONGEST_NAME: Final = 60
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def to_dict(record: Any) -> dict[str, Any]:
    """Return a record as plain data: dicts, lists, text, whole numbers, booleans and `None`.

    Decimals and amounts are text, so that no reader rounds them; instants are in UTC, to the millisecond.

    Raises:
        BadDefinition: it is not a record.

    >>> from crmkit import Opportunity, Money
    >>> to_dict(Opportunity(name="Line 4", amount=Money("12000", "EUR")))["amount"]
    {'amount': '12000.00', 'currency': 'EUR'}
    """
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
            problems.append(problem)
    missing = [name for name in _required(schema) if name not in given]
    problems += [Problem("required", "is required.", field=name) for name in missing]
    if problems:
        raise BadRecord(schema.name, problems)
    return model(**values)


def to_json(record: Any) -> str:
    """Return a record as JSON text; see `to_dict`."""
    return json.dumps(to_dict(record), ensure_ascii=False, allow_nan=False)


def from_json(model: type[T], text: str | bytes) -> T:
    """Return the record that a JSON text stands for; see `from_dict`.

    Raises:
        BadRecord: the text is not JSON, or `from_dict` refuses what it holds.
    """
    try:
        data = json.loads(text, object_pairs_hook=_object, parse_constant=_refused)
    except (ValueError, RecursionError, TypeError) as error:
        message = "is nested too deep." if isinstance(error, RecursionError) else "is not JSON."
        raise BadRecord(schema_of(model).name, [Problem("not_json", message)]) from None
    except Problem as problem:
        raise BadRecord(schema_of(model).name, [problem]) from None
    twice = [Problem("duplicate_key", "is given twice.", field=place) for place in _repeated(data)]
    if twice:
        raise BadRecord(schema_of(model).name, twice)
    return from_dict(model, data)


def json_schema(model: type[Any]) -> dict[str, Any]:
    """Return the JSON schema, of draft 2020-12, that `to_dict` keeps and `from_dict` reads.

    Raises:
        BadDefinition: the class is not a model.

    >>> from crmkit import Customer
    >>> json_schema(Customer)["properties"]["country"]["anyOf"][1]
    {'type': 'null'}
    """
    return {"$schema": _DIALECT, **_object_schema(schema_of(model))}


def _object_schema(schema: Schema) -> dict[str, Any]:
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
        "required": _required(schema),
        "additionalProperties": False,
    }


def _required(schema: Schema) -> list[str]:
    return [each.name for each in attrs.fields(schema.cls) if each.default is attrs.NOTHING]


# -- reading JSON text -------------------------------------------------------------------------------------------------


class _Object(dict[str, Any]):
    """An object of a JSON text, which remembers the names that came again."""

    repeated: tuple[str, ...] = ()


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    made = _Object(pairs)
    if len(made) < len(pairs):
        made.repeated = tuple(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
    return made


def _repeated(data: Any) -> Iterator[str]:
    """Yield the path of every name that an object gives more than once."""
    waiting: list[tuple[str, Any]] = [("", data)]
    for place, value in waiting:  # it grows on the way: recursion would end where the text is nested deep
        if isinstance(value, _Object):
            yield from (_path(place, f".{name}") for name in value.repeated)
            waiting += [(_path(place, f".{name}"), inner) for name, inner in value.items()]
        elif is_list(value):
            waiting += [(_path(place, f"[{index}]"), inner) for index, inner in enumerate(value)]


def _path(place: str, step: str) -> str:
    return f"{place}{step}".removeprefix(".")[:_LONGEST_NAME]


def _refused(word: str) -> NoReturn:
    raise Problem("not_json", f"holds {word}, which is not JSON.")


# -- pydantic ----------------------------------------------------------------------------------------------------------


def core_schema(cls: type[Any]) -> dict[str, Any]:
    """Return what pydantic asks of a model's class: how it reads, checks and writes a record.

    It is plain data in the form of `pydantic_core.core_schema`, so that nothing of pydantic is loaded here.
    """
    schema = schema_of(cls)
    required = _required(schema)
    fields = {
        name: {"type": "typed-dict-field", "schema": _plain(field.from_json), "required": name in required}
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
        "serialization": {"type": "function-plain", "function": to_dict, "when_used": "json"},
        "ref": f"{cls.__module__}.{cls.__qualname__}:{id(cls)}",
    }


def _plain(read: Callable[[Any], Any]) -> dict[str, Any]:
    def checked(value: Any) -> Any:
        try:
            return read(value)
        except Problem as problem:
            raise ValueError(f"{problem.message} {problem.hint}".rstrip()) from None

    return {"type": "function-plain", "function": {"type": "no-info", "function": checked}}


def object_schema(cls: type[Any]) -> dict[str, Any]:
    """Return the JSON schema of a model's class as a part of another document."""
    return _object_schema(schema_of(cls))
