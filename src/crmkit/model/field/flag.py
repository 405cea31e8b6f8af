"""True or false."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final

from crmkit.errors import Problem
from crmkit.model.field.declaration import REQUIRED, Missing, declare
from crmkit.model.field.field import Field
from crmkit.model.field.refusal import typed
from crmkit.model.field.spelling import Spelling
from crmkit.model.kind import Kind
from crmkit.values import key_of

__all__ = ["FlagField", "flag"]

_YES: Final = frozenset({"true", "yes", "y", "1", "on"})
_NO: Final = frozenset({"false", "no", "n", "0", "off"})


class FlagField(Field):
    """True or false."""

    holds = bool
    kind = Kind.BOOL
    word = "true or false"
    ordered = False
    addable = True

    def accept(self, value: Any) -> Any:
        """Return a bool."""
        return typed(value, bool, "True or False")

    def sure_source(self, value: str) -> str:
        """Hold of the two."""
        return f"{value} is True or {value} is False"

    def example(self, rng: Random) -> bool:
        """Return one of the two."""
        return rng.choice((False, True))

    def smallest(self, serial: int) -> bool:
        """Return false."""
        return False

    @property
    def words(self) -> tuple[str, ...]:
        """What spellings translate to."""
        return ("true", "false")

    def reader(self, spelling: Spelling) -> Callable[[str], Any]:
        """Return what reads yes and no in their common spellings."""

        def read(text: str) -> bool:
            word = key_of(text)
            if word not in _YES | _NO:
                raise Problem("unknown_choice", "says neither yes nor no.", hint="Give it a map with true and false.")
            return word in _YES

        return read

    def schema(self) -> dict[str, Any]:
        """Return the schema of a boolean."""
        return {"type": "boolean"}


def flag(
    *, default: bool | Missing = REQUIRED, index: bool = False, doc: str = "", replaces: str = ""
) -> bool | Missing:
    """Declare a field that is true or false."""
    return declare(FlagField(index=index, doc=doc), default=default, replaces=replaces)
