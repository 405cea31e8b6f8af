"""JSON documents kept as text."""

from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import Any, Final, NoReturn

import attrs

from crmkit.errors import Problem
from crmkit.model.field.declaration import REQUIRED, Missing, declare
from crmkit.model.field.field import Field
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
            message = f"has {problem.field!r} twice in one object." if problem.field else problem.message
            raise Problem(problem.code, message) from None
        return text

    def example(self, rng: Random) -> str:
        """Return a small document."""
        return rng.choice(("{}", "[1]", '"a"'))

    def schema(self) -> dict[str, Any]:
        """Return the schema of text that is JSON: kept as text, not a blank of it is lost."""
        return {"type": "string", "contentMediaType": "application/json", "maxLength": self.max}

    @property
    def bounds(self) -> str:
        """Its length."""
        return characters(0, self.max)


def document(*, default: str | Missing = REQUIRED, max: int = 1_000_000, doc: str = "") -> str | Missing:
    """Declare a JSON document kept as text, into which no expression looks."""
    return declare(DocumentField(max=max, doc=doc), default=default)


# -- strict JSON -------------------------------------------------------------------------------------------------------


def parsed(text: str | bytes) -> Any:
    """Return the data of a JSON text, as RFC 8259 has it: without NaN, and with each key once.

    Raises:
        Problem: it is something else; placed at a key that occurs twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refused)
    except RecursionError:
        raise Problem("not_json", "is nested too deep.") from None
    except (ValueError, TypeError):
        raise Problem("not_json", "is not JSON.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise Problem("duplicate_key", "occurs twice.", field=twice[:_LONGEST_NAME])
    return made


def _refused(word: str) -> NoReturn:
    raise Problem("not_json", f"holds {word}, which is not JSON.")
