"""Spelling: how text says numbers and times."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

import attrs

from crmkit.errors import Problem, near
from crmkit.values import key_of

__all__ = ["PLAIN", "Spelling", "number", "translator"]

_GROUPS: Final = frozenset({" ", "'"})
"""Marks that separate thousands even if they are the only one of a number format, as in 1 234."""
_LONGEST_WORD: Final = 60
_LONGEST_NUMBER: Final = 100
_PLAIN: Final = re.compile(r"[+-]?\d+(\.\d+)?")
_SPACES: Final = re.compile(r"[\s\u202f\u2009]+")
_CLOCK: Final = re.compile(r"%[HIcXsf]")
"""What a date format holds that reads a time of day."""


@attrs.frozen
class Spelling:
    """How the text of one field is written.

    Attributes:
        numbers: an example such as `"1.234,56"`; blank for digits and a point.
        dates: formats as `strptime` has them; ISO 8601 if there are none.
        zone: the zone of a time without an offset; without one such a time names no instant.
        split: what separates tags; blank if the text is one tag.
    """

    numbers: str = ""
    dates: tuple[str, ...] = ()
    zone: dt.tzinfo | None = None
    split: str = ","

    def moment(self, text: str) -> tuple[dt.datetime, bool]:
        """Return what a text says, and whether it names a time of day.

        Raises:
            Problem: it is not a date.
        """
        if not self.dates:
            try:
                return dt.datetime.fromisoformat(text), ":" in text or "T" in text or " " in text
            except ValueError:
                raise Problem("invalid_date", "is not an ISO 8601 date.") from None
        for each in self.dates:
            try:
                moment = dt.datetime.strptime(text, each)  # noqa: DTZ007 - the zone is the caller's affair
            except ValueError:
                continue
            return moment, _CLOCK.search(each) is not None
        raise Problem("invalid_date", f"is not a valid date written like {' or '.join(self.dates)}.")


PLAIN: Final = Spelling()
"""Digits with a point, ISO 8601 with an offset, tags with commas between."""


def translator(spellings: Mapping[str, str], code: str) -> Callable[[str], str]:
    """Return what finds our text for a spelling, or raises a problem with this code."""
    words = dict.fromkeys(spellings.values())

    def translate(text: str) -> str:
        ours = spellings.get(key_of(text))
        if ours is None:
            hint = near(text, words) if len(text) <= _LONGEST_WORD else ""
            raise Problem(code, "is not a known value.", hint=hint)
        return ours

    return translate


def number(text: str, pattern: str = "") -> Decimal:
    """Return the number that a text spells, written like the pattern; like 1234.56 if that is blank.

    Raises:
        Problem: it spells none.

    >>> number("(1.234,50)", "1.234,56")
    Decimal('-1234.50')
    """
    text = text.removesuffix("%").strip() if len(text) <= _LONGEST_NUMBER else "x"
    sign = ""
    if text.startswith("(") and text.endswith(")"):
        text, sign = text[1:-1].strip(), "-"
    elif text.endswith("-"):
        text, sign = text[:-1].strip(), "-"
    elif text[:1] in {"-", "+"}:
        text, sign = text[1:].strip(), text[0]
    marks = [mark for mark in pattern if not mark.isdigit()] if pattern else ["."]
    point = marks[-1] if marks and (len(marks) > 1 or marks[-1] not in _GROUPS) else ""
    mark = marks[0] if marks and marks[0] != point else ""
    if mark:
        text = _ungroup(text, mark, point)
    if point and point != ".":
        text = "x" if "." in text else text.replace(point, ".")
    if not _PLAIN.fullmatch(sign + text) or not text.isascii():
        shown = f'"{pattern}"' if pattern else '"1234.56"'
        raise Problem("invalid_number", f"is not a number written like {shown}.")
    return Decimal(sign + text)


def _ungroup(text: str, mark: str, point: str) -> str:
    whole, found, rest = text.partition(point) if point else (text, "", "")
    if mark == " ":
        whole = _SPACES.sub(" ", whole)
    elif mark == "'":
        whole = whole.replace("\u2019", "'")
    parts = whole.split(mark)
    if len(parts) > 1 and (not 1 <= len(parts[0]) <= 3 or any(len(part) != 3 for part in parts[1:])):  # noqa: PLR2004 - thousands
        return "x"
    return "".join(parts) + found + rest
