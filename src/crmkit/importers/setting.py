"""Settings: what single entries of a mapping may say.

Each function takes what a document holds, or what it made of that before, and raises `Problem` for what is not
acceptable.
"""

from __future__ import annotations

import codecs
import datetime as dt
import re
from contextlib import suppress
from enum import Enum, unique
from pathlib import Path
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from crmkit.entities import ExternalId
from crmkit.errors import BadDefinition, Problem
from crmkit.form.document import is_list
from crmkit.form.hook import an_object, flag, integer, listed, table, text, word
from crmkit.form.problem import Problems
from crmkit.model.schema import schema_of
from crmkit.values import clean_name, key_of
from crmkit.values.zone import zone_of

__all__ = ["MOST", "FileKind", "OnUpdate", "Spellings"]

MOST: Final = 100_000
"""How many entries a table or a list of a mapping may have."""
_LONGEST: Final = 20_000
_MOST_PARTS: Final = 1_000
_MARKS: Final = 2  # one for thousands, one for decimals
_YEAR: Final = re.compile(r"%[YyGcx]")
_MOST_FORMATS: Final = 20
_NOT_TEXT: Final = frozenset({"undefined", "idna", "punycode", "unicode-escape", "raw-unicode-escape"})
"""Encodings of names, of source code and of nothing: slower than their text grows, or making halves of pairs."""


@unique
class OnUpdate(Enum):
    """What a rerun does to a field of a record that is there already."""

    OVERWRITE = "overwrite"
    """The file's value takes the place of ours; an empty cell leaves ours alone."""
    FILL = "fill"
    """The file's value is taken only where we have none."""
    NEVER = "never"
    """Only a new record gets the value."""


@unique
class FileKind(Enum):
    """What the rows of a file are."""

    RECORDS = "into"
    HISTORY = "history_of"
    JOIN = "join"


class Spellings(dict[str, str]):
    """Our text by every spelling of the file, in the form of `key_of`; with a `name`, those that the mapping has."""

    name: str = ""


_TEXT: Final = text(at_most=_LONGEST)
_NAME: Final = text(at_most=_LONGEST, at_least=1)
_TEXTS: Final = listed(_TEXT, at_most=MOST)
_SOURCE: Final = schema_of(ExternalId).fields["source"].accept
"""What is stored is judged by the field that holds it."""
_WORD: Final = word([each.value for each in OnUpdate], OnUpdate)
_PART: Final = integer(at_least=-_MOST_PARTS, at_most=_MOST_PARTS)


def bad(message: str, hint: str = "", field: str = "") -> Problem:
    return Problem("bad_mapping", message, hint=hint, field=field)


def as_text(given: Any) -> str:
    return str(_TEXT(given, str))


def as_name(given: Any) -> str:
    return str(_NAME(given, str))


def as_source(given: Any) -> str:
    return clean_name(_SOURCE(as_text(given)), at_most=_LONGEST)


def as_texts(given: Any) -> tuple[str, ...]:
    return tuple(_TEXTS(given, str)) if is_list(given) else (as_text(given),)


def as_keys(given: Any) -> frozenset[str]:
    made = isinstance(given, frozenset)
    return cast("frozenset[str]", given) if made else frozenset(map(key_of, as_texts(given)))


def as_skip(given: Any) -> dict[str, frozenset[str]]:
    return dict(table(lambda texts, _: as_keys(texts), at_most=MOST)(given, dict))


def as_zone(given: Any) -> ZoneInfo | None:
    if given is None or isinstance(given, ZoneInfo):
        return given
    try:
        return zone_of(as_text(given))
    except BadDefinition:
        raise bad(f"{given!r} is not a time zone.", 'Write a name such as "Europe/Berlin" or "UTC".') from None


def as_path(given: Any) -> str:
    path = as_name(given)
    if Path(path).is_absolute() or ".." in Path(path).parts:
        # A mapping may come from somebody who must not read, or write rejects to, other places of this machine.
        raise bad("leads out of the folder.", "Give the folder with plan(..., folder=...).")
    return path


def as_encoding(given: Any) -> str:
    encoding = as_text(given)
    if not encoding:
        return ""
    name = ""
    with suppress(LookupError, ValueError):  # some codecs exist only to refuse everything
        found = codecs.lookup(encoding).name
        "".encode(found)
        codecs.getincrementaldecoder(found)
        name = found
    if not name or name.replace("_", "-") in _NOT_TEXT:
        raise bad(f"{encoding!r} is not a text encoding.", 'Write encoding = "cp1252", for example.')
    return "utf-8-sig" if name == "utf-8" else name


def as_delimiter(given: Any) -> str:
    delimiter = as_text(given)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise bad("must be one character.", r'Write ",", ";" or "\t".')
    return delimiter


def as_const(given: Any) -> str | None:
    if isinstance(given, bool):
        return str(given).lower()
    if given is not None and not isinstance(given, str | int):
        raise bad("must be text, a whole number, or true or false.")
    return None if given is None else as_text(str(given))


def as_join(given: Any) -> str:
    return as_text(given) or " "


def as_formats(given: Any) -> tuple[str, ...]:
    formats = as_texts(given)
    if len(formats) > _MOST_FORMATS:  # each is compared with every other
        raise bad(f"has {len(formats)} entries, {_MOST_FORMATS} at most.")
    for each in formats:
        dated = _YEAR.search(each.replace("%%", ""))
        try:
            # Only to see whether Python can read the format; it warns of a day without a year.
            dt.datetime.strptime("", each if dated else f"{each} %Y")  # noqa: DTZ007
            why = ""
        except re.error:
            why = "names a directive twice."
        except ValueError as error:
            why = "" if str(error).startswith("time data") else "holds an unknown directive."
        if "%" not in each:
            why = "is not a date format."
        elif not why and not dated:
            why = "names no year."
        if why:
            raise bad(f"{each!r} {why}", 'Write "%d/%m/%Y", for example.')
    return formats


def _as_number(given: Any, _: object = None) -> str:
    pattern = as_text(given)
    marks = [mark for mark in pattern if not mark.isdigit()]
    if pattern.strip("0123456789.,' ") or len(marks) > _MARKS or len(set(marks)) < len(marks):
        raise bad(f"{pattern!r} is not a number format.", 'Write "1.234,56" or "1234.56".')
    return pattern


def as_numbers(given: Any) -> dict[str, str]:
    return {"": _as_number(given)} if isinstance(given, str) else dict(table(_as_number, at_most=MOST)(given, dict))


def as_part(given: Any) -> int | None:
    if given == 0:
        raise bad("must not be 0: the first part is 1, and the last one is -1.")
    return None if given is None else int(_PART(given, int))


def as_distinct(given: Any) -> bool:
    return flag(given, bool)


def as_on_update(given: Any) -> OnUpdate:
    made: OnUpdate = given if isinstance(given, OnUpdate) else _WORD(given, OnUpdate)
    return made


def as_spellings(given: Any) -> Spellings | None:
    if given is None or isinstance(given, Spellings):
        return given
    made = Spellings()
    if isinstance(given, str):
        made.name = as_name(given)
        return made
    wrong: list[Problem] = []
    for ours, theirs in table(lambda texts, _: as_texts(texts), at_most=MOST)(given, dict).items():
        for spelling in (ours, *theirs):
            meant = made.setdefault(key_of(spelling), ours)
            if meant != ours:
                wrong.append(bad(f"{spelling!r} already means {meant!r}.", field=f".{ours}"))
    if wrong:
        raise Problems(wrong)
    return made


def as_maps(given: Any) -> dict[str, Spellings]:
    return dict(table(lambda each, _: as_spellings(an_object(each)), at_most=MOST)(given, dict))
