"""The mapping that holds added fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, ClassVar, Final, cast

import attrs

from crmkit.errors import Problem, near
from crmkit.model.field.declaration import declare
from crmkit.model.field.field import Field
from crmkit.model.field.refusal import several
from crmkit.model.kind import Kind

__all__ = ["NO_EXTRA", "Extra", "ExtraField", "extra"]


class Extra(dict[str, Any]):
    """The values of added fields: a dict that cannot be changed, so that a record stays a value."""

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> Any:
        raise TypeError("extra cannot be changed in place; update the record with a new mapping.")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = _refuse
    # Overloaded in dict, which no single signature matches.
    setdefault: Any = _refuse
    update: Any = _refuse

    def __reduce__(self) -> tuple[type[Extra], tuple[dict[str, Any]]]:
        return Extra, (dict(self),)


NO_EXTRA: Final = Extra()
"""The value of an extra field that holds nothing."""
_HELD: Final = (str, int, type(None))
_SHOWN: Final = 60


@attrs.frozen(kw_only=True)
class ExtraField(Field):
    """The mapping for fields that end users add.

    Attributes:
        entries: the added fields, by name.
    """

    holds = Mapping[str, Any]
    kind = Kind.EXTRA
    word = "a mapping"
    ask = 'Name one of its entries, as in f.extra["shoe_size"].'
    opaque = True
    never_missing = True
    closed = True
    hashable = False
    names: ClassVar[Mapping[str, Any]] = {"Extra": Extra}

    entries: Mapping[str, Field] = attrs.field(factory=dict[str, Field])

    def accept(self, value: Any) -> Extra:
        """Return a mapping that cannot be changed; what is declared is checked when it is written."""
        if type(value) is Extra:
            return value
        if not isinstance(value, Mapping):
            raise Problem("wrong_type", f"expects a mapping, not {type(value).__name__}.")
        given = cast("Mapping[str, Any]", value)
        if found := [*self._wrong(given)]:
            raise several(found)
        return Extra(given) if given else NO_EXTRA

    def _wrong(self, given: Mapping[Any, Any]) -> Iterator[Problem]:
        """Yield what JSON and the stores could not give back as it was."""
        for name, value in given.items():
            if not isinstance(name, str):
                message = f"has a key of type {type(name).__name__}; its keys are text."
                yield Problem("wrong_type", message, field=self.name)
            elif not isinstance(value, _HELD):
                message = f"expects text, true or false, a whole number or None, not {type(value).__name__}."
                yield Problem("wrong_type", message, field=f"{self.name}.{name[:_SHOWN]}")

    def example(self, rng: Random) -> Extra:
        """Return a mapping in which some of the added fields have a value."""
        return Extra({name: field.example(rng) for name, field in self.entries.items() if rng.randint(0, 1)})

    def smallest(self, serial: int) -> Extra:
        """Return a mapping in which just the required fields have a value."""
        return Extra({name: field.smallest(serial) for name, field in self.entries.items() if field.required})

    def join_source(self, *values: str) -> str:
        """Return the mapping, made unchangeable where the store did not."""
        return f"(e if type(e := {values[0]}) is Extra else Extra(e))"

    def has_part(self, name: str) -> bool:
        """Return true: any name may be that of an added field."""
        return True

    def part(self, name: str) -> Field:
        """Return an added field."""
        field = self.entries.get(name)
        if field is None:
            hint = near(name, self.entries) or "Declare it in connect(..., extra={...})."
            raise Problem("unknown_extra", f"the model declares no extra field {name!r}.", hint=hint)
        return field

    def encode(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Return the entries as JSON has them."""
        known = self.entries
        return {name: known[name].to_json(each) if name in known else each for name, each in value.items()}

    def decode(self, data: Any) -> Any:
        """Return the entries that JSON stands for."""
        if not isinstance(data, Mapping):
            return data
        made: dict[Any, Any] = {}
        found: list[Problem] = []
        for name, value in cast("Mapping[str, Any]", data).items():
            try:
                made[name] = self.entries[name].from_json(value) if name in self.entries else value
            except Problem as problem:
                found.append(problem.at(f"{self.name}.{name}"))
        if found := [*found, *self._wrong(made)]:
            raise several(found)
        return made

    def schema(self) -> dict[str, Any]:
        """Return the schema of an object with the added fields."""
        return {"type": "object", "properties": {name: field.json_schema() for name, field in self.entries.items()}}


def extra(*, default: Mapping[str, Any] = NO_EXTRA, doc: str = "", replaces: str = "") -> Mapping[str, Any]:
    """Declare the mapping for fields that a product's end users add."""
    return declare(ExtraField(doc=doc), default=default, replaces=replaces)
