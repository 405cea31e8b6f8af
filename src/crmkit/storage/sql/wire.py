"""How values are spelled in SQL databases that have few types of their own.

Text forms sort as their values do: UUIDs are 32 lower-case hexadecimal digits, dates and UTC instants are ISO 8601 text
of fixed width.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from crmkit.model.codec import Wire, Wires
from crmkit.model.field import NO_EXTRA, Extra
from crmkit.model.kind import Kind
from crmkit.values.identifier import uuid_of_hex

__all__ = ["TEXT_WIRES", "json_text"]

json_text: Final[Callable[[object], str]] = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Returns a value as compact JSON."""


@lru_cache(maxsize=1024)  # the rows of one batch mostly bear one time stamp and few sets of tags
def _instant_text(value: dt.datetime) -> str:
    return value.isoformat("T", "milliseconds")


@lru_cache(maxsize=1024)
def _tags_text(value: tuple[str, ...]) -> str:
    return json_text(value)


@lru_cache(maxsize=1024)  # most records bear few sets of tags, or none
def _tags_of(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def _extra_of(text: str) -> Extra:
    return Extra(json.loads(text)) if text != "{}" else NO_EXTRA


TEXT_WIRES: Final[Wires] = {
    Kind.BOOL: Wire("(1 if {v} else 0)", "({v} == 1)"),
    Kind.DATE: Wire("{v}.isoformat()", "date_of({v})", {"date_of": dt.date.fromisoformat}),
    Kind.INSTANT: Wire(
        "instant_text({v})",
        "instant_of({v})",
        {"instant_text": _instant_text, "instant_of": dt.datetime.fromisoformat},
    ),
    Kind.UUID: Wire("'%032x' % {v}.int", "uuid_of_hex({v})", {"uuid_of_hex": uuid_of_hex}),
    Kind.TAGS: Wire("tags_text({v})", "tags_of({v})", {"tags_text": _tags_text, "tags_of": _tags_of}, repeats=True),
    Kind.EXTRA: Wire(
        "(extra_text({v}) if {v} else '{}')",
        "extra_of({v})",
        {"extra_text": json_text, "extra_of": _extra_of},
        repeats=True,
    ),
}
"""The wires of a database in which all but numbers is text. Kinds not named are taken and given as they are."""
