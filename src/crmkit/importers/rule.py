"""Rules: what a mapping says, read and checked, in the form that the importer works with."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, unique
from typing import Any, Final
from zoneinfo import ZoneInfo

import attrs

from crmkit.values import key_of

__all__ = ["ENCODING", "FieldRule", "FileKind", "FileRule", "MappingRule", "OnUpdate", "key_of"]

ENCODING: Final = ""
"""The encoding of a file whose mapping names none: what its byte order mark says, or else UTF-8."""


@unique
class OnUpdate(Enum):
    """What a rerun does to a field of a record that is there already."""

    OVERWRITE = "overwrite"
    """The file's value takes the place of ours; an empty cell leaves ours alone."""
    FILL = "fill"
    """The file's value is taken only where we have none."""
    NEVER = "never"
    """Only a new record gets the value."""


@attrs.frozen
class FieldRule:
    """Where the value of one field comes from, and how its text is read.

    Attributes:
        place: where the rule stands in the mapping.
        columns: the columns whose text is joined with `join`; empty for a constant.
        const: the same text in every row.
        spellings: our text by every spelling of the file, compared by `key_of`; `None` if there is no map.
        formats: date formats, as `strptime` knows them; none means ISO 8601.
        numbers: the number format by currency; under a blank key, the one for everything else.
        split, part: the text that separates several values, and which of them is meant, counted from 1 or from -1.
        link, by: the model linked to, and its field that holds the text; blank for the external id.
        currency: of money: where the currency comes from.
        on_update: what a rerun does.
    """

    place: str
    columns: tuple[str, ...] = ()
    const: str | None = None
    join: str = " "
    spellings: Mapping[str, str] | None = None
    formats: tuple[str, ...] = ()
    numbers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    split: str = ""
    part: int = 0
    link: str = ""
    by: str = ""
    currency: FieldRule | None = None
    on_update: OnUpdate = OnUpdate.OVERWRITE

    @property
    def used(self) -> tuple[str, ...]:
        """Every column that the rule reads; the first one names the field in messages."""
        return (*self.columns, *(self.currency.columns if self.currency else ()))


@unique
class FileKind(Enum):
    """What the rows of a file are."""

    RECORDS = "into"
    HISTORY = "history_of"
    JOIN = "join"


@attrs.frozen
class FileRule:
    """What becomes of one file.

    Attributes:
        place: where the rule stands in the mapping.
        path: the file, relative to the folder of the import.
        kind: whether rows are records, moves of records, or further columns of records.
        entity: the model.
        key: the columns that hold the old key of the record; empty if rows have none.
        encoding, delimiter: how to read it.
        ignored: columns that are left out on purpose.
        skip: rows are passed over whose column, by its name, holds one of these texts.
        fields: the rules by field.
        extra: the rules of added fields.
        entered: the rules that say when a stage was entered, by stage.
    """

    place: str
    path: str
    kind: FileKind
    entity: str
    key: tuple[str, ...]
    encoding: str = ENCODING
    delimiter: str = ","
    ignored: tuple[str, ...] = ()
    skip: Mapping[str, frozenset[str]] = attrs.field(factory=dict[str, frozenset[str]])
    fields: Mapping[str, FieldRule] = attrs.field(factory=dict[str, FieldRule])
    extra: Mapping[str, FieldRule] = attrs.field(factory=dict[str, FieldRule])
    entered: Mapping[str, FieldRule] = attrs.field(factory=dict[str, FieldRule])

    @property
    def rules(self) -> tuple[FieldRule, ...]:
        """Every field's rule."""
        return (*self.fields.values(), *self.extra.values(), *self.entered.values())

    @property
    def used(self) -> tuple[str, ...]:
        """Every column that the rule reads, once."""
        return tuple(dict.fromkeys([*self.key, *self.skip, *(column for rule in self.rules for column in rule.used)]))


@attrs.frozen
class MappingRule:
    """A whole mapping.

    Attributes:
        source: the system that the files come from; it names the crosswalk of external ids.
        zone: the zone of times without one; `None` if the mapping names none.
        blank: texts that mean the same as an empty cell, in the form of `key_of`.
        files: the files, in order.
        folder: where the mapping itself lies, if it is a file.
    """

    source: str
    zone: ZoneInfo | None
    blank: frozenset[str]
    files: tuple[FileRule, ...]
    folder: Any = None
