"""Rules: what a mapping says. Each checks itself when it is made, from a document or in Python.

A part that is not acceptable raises `Problem`; parts that do not go together raise `BadMapping`.
"""

from __future__ import annotations

import codecs
import datetime as dt
import re
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum, unique
from pathlib import Path
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

import attrs
from attrs.validators import instance_of, optional

from crmkit.entities import ExternalId
from crmkit.errors import BadDefinition, BadMapping, Problem, near
from crmkit.form.document import is_list
from crmkit.form.hook import an_object, flag, integer, listed, table, text, word
from crmkit.form.problem import Problems
from crmkit.lifecycle import Pipeline
from crmkit.model.schema import schema_of
from crmkit.values import clean_name, key_of
from crmkit.values.zone import zone_of

__all__ = ["MOST", "FieldRule", "FileKind", "FileRule", "MappingRule", "OnUpdate", "Spellings", "key_of"]

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


# -- values: each function takes what a document holds, or what it made of that before ---------------------------------

_TEXT: Final = text(at_most=_LONGEST)
_NAME: Final = text(at_most=_LONGEST, at_least=1)
_TEXTS: Final = listed(_TEXT, at_most=MOST)
_SOURCE: Final = schema_of(ExternalId).fields["source"].accept
"""What is stored is judged by the field that holds it."""
_WORD: Final = word([each.value for each in OnUpdate], OnUpdate)
_PART: Final = integer(at_least=-_MOST_PARTS, at_most=_MOST_PARTS)


def _bad(message: str, hint: str = "", field: str = "") -> Problem:
    return Problem("bad_mapping", message, hint=hint, field=field)


def _text(given: Any) -> str:
    return str(_TEXT(given, str))


def _name(given: Any) -> str:
    return str(_NAME(given, str))


def _source(given: Any) -> str:
    return clean_name(_SOURCE(_text(given)), at_most=_LONGEST)


def _texts(given: Any) -> tuple[str, ...]:
    return tuple(_TEXTS(given, str)) if is_list(given) else (_text(given),)


def _keys(given: Any) -> frozenset[str]:
    made = isinstance(given, frozenset)
    return cast("frozenset[str]", given) if made else frozenset(map(key_of, _texts(given)))


def _skip(given: Any) -> dict[str, frozenset[str]]:
    return dict(table(lambda texts, _: _keys(texts), at_most=MOST)(given, dict))


def _zone(given: Any) -> ZoneInfo | None:
    if given is None or isinstance(given, ZoneInfo):
        return given
    try:
        return zone_of(_text(given))
    except BadDefinition:
        raise _bad(f"{given!r} is not a time zone.", 'Write a name such as "Europe/Berlin" or "UTC".') from None


def _path(given: Any) -> str:
    path = _name(given)
    if Path(path).is_absolute() or ".." in Path(path).parts:
        # A mapping may come from somebody who must not read, or write rejects to, other places of this machine.
        raise _bad("leads out of the folder.", "Give the folder with plan(..., folder=...).")
    return path


def _encoding(given: Any) -> str:
    encoding = _text(given)
    if not encoding:
        return ""
    name = ""
    with suppress(LookupError, ValueError):  # some codecs exist only to refuse everything
        found = codecs.lookup(encoding).name
        "".encode(found)
        codecs.getincrementaldecoder(found)
        name = found
    if not name or name.replace("_", "-") in _NOT_TEXT:
        raise _bad(f"{encoding!r} is not a text encoding.", 'Write encoding = "cp1252", for example.')
    return "utf-8-sig" if name == "utf-8" else name


def _delimiter(given: Any) -> str:
    delimiter = _text(given)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise _bad("must be one character.", r'Write ",", ";" or "\t".')
    return delimiter


def _const(given: Any) -> str | None:
    if isinstance(given, bool):
        return str(given).lower()
    if given is not None and not isinstance(given, str | int):
        raise _bad("must be text, a whole number, or true or false.")
    return None if given is None else _text(str(given))


def _join(given: Any) -> str:
    return _text(given) or " "


def _formats(given: Any) -> tuple[str, ...]:
    formats = _texts(given)
    if len(formats) > _MOST_FORMATS:  # each is compared with every other
        raise _bad(f"has {len(formats)} entries, {_MOST_FORMATS} at most.")
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
            raise _bad(f"{each!r} {why}", 'Write "%d/%m/%Y", for example.')
    return formats


def _number(given: Any, _: object = None) -> str:
    pattern = _text(given)
    marks = [mark for mark in pattern if not mark.isdigit()]
    if pattern.strip("0123456789.,' ") or len(marks) > _MARKS or len(set(marks)) < len(marks):
        raise _bad(f"{pattern!r} is not a number format.", 'Write "1.234,56" or "1234.56".')
    return pattern


def _numbers(given: Any) -> dict[str, str]:
    return {"": _number(given)} if isinstance(given, str) else dict(table(_number, at_most=MOST)(given, dict))


def _part(given: Any) -> int | None:
    if given == 0:
        raise _bad("counts the parts that split makes: 1 is the first, -1 the last.")
    return None if given is None else int(_PART(given, int))


def _distinct(given: Any) -> bool:
    return flag(given, bool)


def _on_update(given: Any) -> OnUpdate:
    made: OnUpdate = given if isinstance(given, OnUpdate) else _WORD(given, OnUpdate)
    return made


def _spellings(given: Any) -> Spellings | None:
    if given is None or isinstance(given, Spellings):
        return given
    made = Spellings()
    if isinstance(given, str):
        made.name = _name(given)
        return made
    wrong: list[Problem] = []
    for ours, theirs in table(lambda texts, _: _texts(texts), at_most=MOST)(given, dict).items():
        for spelling in (ours, *theirs):
            meant = made.setdefault(key_of(spelling), ours)
            if meant != ours:
                wrong.append(_bad(f"{spelling!r} already means {meant!r}.", field=f".{ours}"))
    if wrong:
        raise Problems(wrong)
    return made


def _maps(given: Any) -> dict[str, Spellings]:
    return dict(table(lambda each, _: _spellings(an_object(each)), at_most=MOST)(given, dict))


def _a_rule(instance: object, attribute: attrs.Attribute[Any], value: FieldRule | None) -> None:
    optional(instance_of(FieldRule))(instance, attribute, value)


def _rules(instance: object, attribute: attrs.Attribute[Any], value: Mapping[str, FieldRule]) -> None:
    for rule in value.values():
        instance_of(FieldRule)(instance, attribute, rule)


# -- rules -------------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class FieldRule:
    """Where the value of one field comes from, and how its text is read.

    Attributes:
        column, columns, money: the columns whose text is joined with `join`; exactly one of these and `const` is given.
        const: the same text in every row.
        spellings: the value that each text in the file stands for; `None` if there is no map.
        formats: date formats, as `strptime` knows them; none means ISO 8601.
        numbers: the number format by currency; under a blank key, the one for everything else.
        split, part: the text that separates several values, and which of them is meant, counted from 1 or from -1.
        link, by: the model linked to, and its field that holds the text; blank for the external id.
        currency: of money: where the currency comes from.
        on_update: what a rerun does.
    """

    column: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    columns: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    money: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    const: str | None = attrs.field(default=None, converter=_const)
    join: str = attrs.field(default=" ", converter=_join)
    spellings: Spellings | None = attrs.field(default=None, converter=_spellings)
    formats: tuple[str, ...] = attrs.field(default=(), converter=_formats)
    numbers: Mapping[str, str] = attrs.field(factory=dict[str, str], converter=_numbers)
    split: str = attrs.field(default="", converter=_text)
    part: int | None = attrs.field(default=None, converter=_part)
    link: str = attrs.field(default="", converter=_text)
    by: str = attrs.field(default="", converter=_text)
    currency: FieldRule | None = attrs.field(default=None, validator=_a_rule)
    on_update: OnUpdate = attrs.field(default=OnUpdate.OVERWRITE, converter=_on_update)

    def __attrs_post_init__(self) -> None:
        """Refuse parts that do not go together."""
        wrong: list[Problem] = []
        if sum(map(bool, (self.column, self.columns, self.money, self.const is not None))) != 1:
            hint = 'Write "Column", or { column = "Column", … }.'
            wrong.append(_bad("needs exactly one of column, columns, const or money.", hint))
        if bool(self.money) != (self.currency is not None):
            hint = 'Write { money = "Amount", currency = { const = "EUR" } }.'
            wrong.append(_bad("money and currency belong together.", hint))
        if self.part and not self.split:
            wrong.append(_bad("counts the parts that split makes, and there is no split.", field="part"))
        if wrong:
            raise BadMapping(wrong)

    @property
    def read(self) -> tuple[str, ...]:
        """The columns whose text is joined; empty for a constant. The first one names the field in messages."""
        return self.column or self.columns or self.money

    @property
    def words(self) -> tuple[str, ...]:
        """What the map and the constant give, each once."""
        spelled = () if self.spellings is None else self.spellings.values()
        return tuple(dict.fromkeys([*spelled, *(() if self.const is None else (self.const,))]))

    @property
    def used(self) -> tuple[str, ...]:
        """Every column that the rule needs."""
        return (*self.read, *(self.currency.read if self.currency else ()))


@attrs.frozen(kw_only=True)
class FileRule:
    """What becomes of one file.

    Attributes:
        path: the file, relative to the folder of the import.
        into, history_of, join: the model; which of the three is given says what the rows are.
        id, record: the columns that hold the old key of the record; empty if rows have none.
        encoding: how to read it; blank for what its byte order mark says, or else UTF-8.
        delimiter: what separates two cells.
        ignore: columns that are left out on purpose.
        skip: rows are passed over whose column, by its name, holds one of these texts.
        distinct: whether rows without a key that say the same are one record.
        fields: the rules by field; those of added fields under names such as `extra.shoe_size`.
        entered: the rules that say when a stage was entered, by stage.
        place: where the rule stands in the mapping.
    """

    path: str = attrs.field(converter=_path)
    into: str = attrs.field(default="", converter=_text)
    history_of: str = attrs.field(default="", converter=_text)
    join: str = attrs.field(default="", converter=_text)
    id: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    record: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    encoding: str = attrs.field(default="", converter=_encoding)
    delimiter: str = attrs.field(default=",", converter=_delimiter)
    ignore: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    skip: Mapping[str, frozenset[str]] = attrs.field(factory=dict[str, frozenset[str]], converter=_skip)
    distinct: bool = attrs.field(default=False, converter=_distinct, repr=False)  # says nothing of what a row means
    fields: Mapping[str, FieldRule] = attrs.field(factory=dict[str, FieldRule], validator=_rules)
    entered: Mapping[str, FieldRule] = attrs.field(factory=dict[str, FieldRule], validator=_rules)
    place: str = "file"

    def __attrs_post_init__(self) -> None:
        """Refuse parts that do not go together."""
        if sum(bool(getattr(self, kind.value)) for kind in FileKind) != 1:
            words = " or ".join(kind.value for kind in FileKind)
            raise BadMapping([_bad(f"needs exactly one of {words}.", 'Write into = "customer", for example.')])
        wrong: list[Problem] = []
        key, other = ("id", "record") if self.into else ("record", "id")
        if getattr(self, other):
            wrong.append(_bad(f"does not go with {self.kind.value}.", f'Write {key} = "Column".', other))
        if self.distinct and self.key:
            wrong.append(_bad("does not go with a key, by which rows are told apart.", "Leave one out.", "distinct"))
        if not self.into and not self.record:
            wrong.append(_bad("is missing.", "Name the column that holds the old key of the record.", key))
        if wrong:
            raise BadMapping(wrong)

    @property
    def kind(self) -> FileKind:
        """Whether rows are records, moves of records, or further columns of records."""
        return next(kind for kind in FileKind if getattr(self, kind.value))

    @property
    def entity(self) -> str:
        """The model."""
        return self.into or self.history_of or self.join

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that hold the old key of the record."""
        return self.id or self.record

    @property
    def rules(self) -> dict[str, FieldRule]:
        """Every field's rule, by its place in the mapping."""
        fields = {f"{self.place}.fields.{name}": rule for name, rule in self.fields.items()}
        return fields | {f"{self.place}.entered.{stage}": rule for stage, rule in self.entered.items()}

    @property
    def used(self) -> tuple[str, ...]:
        """Every column that the rule reads, once."""
        read = (column for rule in self.rules.values() for column in rule.used)
        return tuple(dict.fromkeys([*self.key, *self.skip, *read]))


@attrs.frozen(kw_only=True)
class MappingRule:
    """A whole mapping; the maps that its fields name are put in their place.

    Attributes:
        source: the system that the files come from; it names the crosswalk of external ids.
        zone: the zone of times without one; `None` if the mapping names none.
        blank: texts that mean the same as an empty cell, in the form of `key_of`.
        maps: spellings that several fields use, by name.
        pipelines: the pipelines that the mapping defines.
        files: the files, in order.
        folder: where the mapping itself lies, if it is a file.
    """

    source: str = attrs.field(converter=_source)
    zone: ZoneInfo | None = attrs.field(default=None, converter=_zone)
    blank: frozenset[str] = attrs.field(default=frozenset(), converter=_keys)
    maps: Mapping[str, Spellings] = attrs.field(factory=dict[str, Spellings], converter=_maps)
    pipelines: tuple[Pipeline, ...] = ()
    files: tuple[FileRule, ...]
    folder: Path | None = None

    def __attrs_post_init__(self) -> None:
        """Look up the maps that fields name."""
        wrong: list[Problem] = []
        object.__setattr__(self, "files", tuple(self._resolved(each, wrong) for each in self.files))
        if wrong:
            raise BadMapping(wrong)

    def _resolved(self, file: FileRule, wrong: list[Problem]) -> FileRule:
        rules = iter([self._mapped(place, rule, wrong) for place, rule in file.rules.items()])
        parts = {part: dict(zip(getattr(file, part), rules, strict=False)) for part in ("fields", "entered")}
        return attrs.evolve(file, fields=parts["fields"], entered=parts["entered"])

    def _mapped(self, place: str, rule: FieldRule, wrong: list[Problem]) -> FieldRule:
        spellings, currency = rule.spellings, rule.currency
        if spellings is not None and spellings.name:
            if spellings.name not in self.maps:
                hint = near(spellings.name, self.maps) or "Write [maps.…]."
                wrong.append(_bad(f"there is no map {spellings.name!r}.", hint, f"{place}.map"))
            spellings = self.maps.get(spellings.name)
        if currency is not None:
            currency = self._mapped(f"{place}.currency", currency, wrong)
        return attrs.evolve(rule, spellings=spellings, currency=currency)
