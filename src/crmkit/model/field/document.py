"""JSON documents kept as text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any, Final, NoReturn

import attrs

from crmkit.errors import Problem
from crmkit.form.document import is_list
from crmkit.model.field.declaration import REQUIRED, Missing, declare
from crmkit.model.field.field import Field
from crmkit.model.field.refusal import several
from crmkit.model.field.text import characters
from crmkit.model.kind import Kind
from crmkit.values import clean_text

__all__ = ["DocumentField", "document", "parsed"]

_LONGEST_NAME: Final = 60


@attrs.frozen(kw_only=True)
class DocumentField(Field):
    """A JSON document kept as text, into which no expression looks.

    Attributes:
        max: the longest text accepted, in code points.
    """

    holds = str
    kind = Kind.JSON
    word = "a JSON document"
    opaque = True

    max: int = 1_000_000

    def accept(self, value: Any) -> str:
        """Return text that is JSON."""
        text = clean_text(value, at_most=self.max)
        try:
            parsed(text)
        except Problem as problem:
            message = f"gives {problem.field!r} twice." if problem.field else problem.message
            raise Problem(problem.code, message) from None
        return text

    def example(self, rng: Random) -> str:
        """Return a small document."""
        return rng.choice(("{}", "[1]", '"a"'))

    def smallest(self, serial: int) -> str:
        """Return an empty document."""
        return "{}"

    def schema(self) -> dict[str, Any]:
        """Return the schema of text that is JSON: kept as text, not a blank of it is lost."""
        return {"type": "string", "contentMediaType": "application/json", "maxLength": self.max}

    @property
    def bounds(self) -> str:
        """Its length."""
        return characters(0, self.max)


def document(
    *, default: str | Missing = REQUIRED, max: int = 1_000_000, doc: str = "", replaces: str = ""
) -> str | Missing:
    """Declare a JSON document kept as text, into which no expression looks."""
    return declare(DocumentField(max=max, doc=doc), default=default, replaces=replaces)


# -- strict JSON -------------------------------------------------------------------------------------------------------


def parsed(text: str | bytes) -> Any:
    """Return the data of a JSON text, as RFC 8259 has it: without NaN, and with each key once.

    Raises:
        Problem: it is something else; it lists each key that is given twice, with its path.
    """
    try:
        data = json.loads(text, object_pairs_hook=_object, parse_constant=_refused)
    except RecursionError:
        raise Problem("not_json", "is nested too deep.") from None
    except (ValueError, TypeError):
        raise Problem("not_json", "is not JSON.") from None
    twice = [Problem("duplicate_key", "is given twice.", field=place) for place in _repeated(data)]
    if twice:
        raise several(twice)
    return data


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
