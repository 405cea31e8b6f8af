"""JSON documents kept as text."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import attrs

from crmkit.errors import Problem
from crmkit.model.field.declaration import REQUIRED, Missing, declare
from crmkit.model.field.field import Field
from crmkit.model.field.text import characters
from crmkit.model.kind import Kind
from crmkit.values import clean_text

__all__ = ["DocumentField", "document"]


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
            json.loads(text)
        except ValueError:
            raise Problem("not_json", "is not a JSON document.") from None
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
