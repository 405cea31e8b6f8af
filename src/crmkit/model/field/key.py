"""UUIDs."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, ClassVar
from uuid import UUID

from crmkit.errors import Problem
from crmkit.model.field.declaration import REQUIRED, Missing, declare
from crmkit.model.field.field import Field
from crmkit.model.field.refusal import typed
from crmkit.model.kind import Kind

__all__ = ["KeyField", "key"]


class KeyField(Field):
    """A UUID."""

    holds = UUID
    kind = Kind.UUID
    word = "UUID"
    closed = True
    names: ClassVar[Mapping[str, Any]] = {"UUID": UUID}

    def accept(self, value: Any) -> Any:
        """Return a UUID."""
        if isinstance(value, UUID):
            return value
        hint = "Give the record's id." if isinstance(getattr(value, "id", None), UUID) else "Write UUID(text)."
        return typed(value, UUID, self._expected, hint)

    def sure_source(self, value: str) -> str:
        """Hold of UUIDs."""
        return f"type({value}) is UUID"

    @property
    def _expected(self) -> str:
        return "a UUID"

    def example(self, rng: Random) -> UUID:
        """Return any UUID that a record may have."""
        return UUID(int=rng.getrandbits(128) or 1)

    def encode(self, value: UUID) -> str:
        """Return the UUID as text."""
        return str(value)

    def decode(self, data: Any) -> UUID:
        """Return the UUID that text spells."""
        try:
            return UUID(typed(data, str, f"{self._expected} as text"))
        except ValueError:
            raise Problem("not_a_uuid", "is not a UUID.") from None

    def schema(self) -> dict[str, Any]:
        """Return the schema of a UUID."""
        return {"type": "string", "format": "uuid"}


def key(
    *,
    default: UUID | Missing = REQUIRED,
    unique: bool = False,
    managed: bool = False,
    doc: str = "",
    replaces: str = "",
) -> UUID | Missing:
    """Declare a UUID that is not a link."""
    return declare(KeyField(unique=unique, managed=managed, doc=doc), default=default, replaces=replaces)
