"""Points in time."""

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
from crmkit.values import IN_TEXT, NOT_YET, UTC, clean_instant

__all__ = ["InstantField", "instant"]

# A date without a time is let through, to be refused for its missing zone.
_ISO: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]+(Z|[+-][0-9:.]+)?)?")


class InstantField(Field):
    """A point in time, in UTC to the millisecond."""

    holds = dt.datetime
    kind = Kind.INSTANT
    word = "instant"
    temporal = True
    zoned = True
    names: ClassVar[Mapping[str, Any]] = {"datetime": dt.datetime, "UTC": UTC}

    def accept(self, value: Any) -> dt.datetime:
        """Return an aware datetime in UTC."""
        return clean_instant(value)

    def sure_source(self, value: str) -> str:
        """Hold of instants in UTC, to the millisecond."""
        exact = f"not {value}.fold and not {value}.microsecond % 1000"
        return f"type({value}) is datetime and {value}.tzinfo is UTC and {exact}"

    def cleaner(self) -> Callable[[Any], dt.datetime]:
        """Return `clean_instant` itself if that is all there is to it."""
        return clean_instant if type(self).accept is InstantField.accept else self.accept

    def example(self, rng: Random) -> dt.datetime:
        """Return an instant of our days, or the first one there is."""
        return rng.choice((dt.datetime(2026, 3, 29, 1, 0, 0, 1000, UTC), dt.datetime(1970, 1, 1, tzinfo=UTC), NOT_YET))

    def smallest(self, serial: int) -> dt.datetime:
        """Return the beginning of 2026, or a second after it."""
        return dt.datetime(2026, 1, 1, tzinfo=UTC) + dt.timedelta(seconds=serial if self.unique else 0)

    def reader(self, spelling: Spelling) -> Callable[[str], Any]:
        """Return what reads an instant; a time without an offset is one of the spelling's zone."""
        zone = spelling.zone

        @lru_cache(maxsize=20_000)
        def read(text: str) -> dt.datetime:
            moment, timed = spelling.moment(text)
            if moment.tzinfo is None and zone is not None:
                moment = moment.replace(tzinfo=zone)
                # A bare day begins when its zone says, also where the clocks skip midnight or strike it twice.
                if timed and moment.utcoffset() != moment.replace(fold=1).utcoffset():
                    raise _unclear(moment, zone)
            return clean_instant(moment, IN_TEXT)

        return read

    def encode(self, value: dt.datetime) -> str:
        """Return the instant in ISO 8601, with milliseconds and a Z."""
        return value.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"

    def decode(self, data: Any) -> dt.datetime:
        """Return the instant that ISO 8601 names."""
        refused = Problem("invalid_date", "is not a date and time written like 2026-02-28T09:30:00Z.")
        if not _ISO.fullmatch(typed(data, str, "an instant as text")):
            raise refused
        try:
            return clean_instant(dt.datetime.fromisoformat(data), IN_TEXT)
        except ValueError:
            raise refused from None

    def schema(self) -> dict[str, Any]:
        """Return the schema of a date and time."""
        return {"type": "string", "format": "date-time"}


def _unclear(moment: dt.datetime, zone: dt.tzinfo) -> Problem:
    """Return the problem of a local time that the clocks skip or show twice."""
    try:
        shown = moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == moment.replace(tzinfo=None)
    except OverflowError:
        return Problem("out_of_range", "is outside the years 1 to 9999 in UTC.")
    hint = "Add the offset to the time in the file, and to the format if there is one (%z)."
    if shown:
        return Problem("ambiguous_time", f"comes twice in {zone}, as the clocks go back.", hint=hint)
    return Problem("no_such_time", f"never comes in {zone}, as the clocks go forward.", hint=hint)


def instant(
    *,
    default: dt.datetime | Missing = REQUIRED,
    index: bool = False,
    managed: bool = False,
    doc: str = "",
    replaces: str = "",
) -> dt.datetime | Missing:
    """Declare a point in time: an aware datetime, kept in UTC to the millisecond."""
    return declare(InstantField(index=index, managed=managed, doc=doc), default=default, replaces=replaces)
