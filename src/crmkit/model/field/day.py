"""Calendar dates."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from random import Random
from typing import Any, ClassVar, Final

from crmkit.errors import Problem
from crmkit.model.field.declaration import REQUIRED, Missing, declare
from crmkit.model.field.field import Field
from crmkit.model.field.refusal import typed
from crmkit.model.field.spelling import Spelling
from crmkit.model.kind import Kind

__all__ = ["DayField", "day"]

_ISO: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class DayField(Field):
    """A calendar date, which has no time and no zone."""

    holds = dt.date
    kind = Kind.DATE
    word = "date"
    temporal = True
    names: ClassVar[Mapping[str, Any]] = {"date": dt.date}

    def accept(self, value: Any) -> dt.date:
        """Return a date that is not a datetime."""
        if type(value) is dt.date:
            return value
        if isinstance(value, dt.datetime):
            hint = "Take its date() in the zone that is meant."
            raise Problem("wrong_type", "expects a date, not a datetime.", hint=hint)
        typed(value, dt.date, "a date", "Write date.fromisoformat(text).")
        return dt.date(value.year, value.month, value.day)

    def sure_source(self, value: str) -> str:
        """Hold of dates."""
        return f"type({value}) is date"

    def example(self, rng: Random) -> dt.date:
        """Return a date of our days, or the first or last there is."""
        return rng.choice((dt.date(2026, 2, 28), dt.date(2024, 2, 29), dt.date.min, dt.date.max))

    def smallest(self, serial: int) -> dt.date:
        """Return the first day of 2026, or one after it."""
        return dt.date(2026, 1, 1) + dt.timedelta(days=serial if self.unique else 0)

    def reader(self, spelling: Spelling) -> Callable[[str], Any]:
        """Return what reads a date, or the date of a time as it is written."""

        @lru_cache(maxsize=20_000)
        def read(text: str) -> dt.date:
            return spelling.moment(text)[0].date()

        return read

    def encode(self, value: dt.date) -> str:
        """Return the date in ISO 8601."""
        return value.isoformat()

    def decode(self, data: Any) -> dt.date:
        """Return the date that ISO 8601 names."""
        refused = Problem("invalid_date", "is not a date written like 2026-02-28.")
        if not _ISO.fullmatch(typed(data, str, "a date as text")):
            raise refused
        try:
            return dt.date.fromisoformat(data)
        except ValueError:
            raise refused from None

    def schema(self) -> dict[str, Any]:
        """Return the schema of a date."""
        return {"type": "string", "format": "date"}


def day(
    *, default: dt.date | Missing = REQUIRED, index: bool = False, doc: str = "", replaces: str = ""
) -> dt.date | Missing:
    """Declare a calendar date, which has no time and no zone."""
    return declare(DayField(index=index, doc=doc), default=default, replaces=replaces)
