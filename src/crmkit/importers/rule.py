"""Rules: what a mapping says. Each checks itself when it is made, from a document or in Python.

A part that is not acceptable raises `Problem`; parts that do not go together raise `BadMapping`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import attrs
from attrs.validators import instance_of, optional

from crmkit.errors import BadMapping, Problem, near
from crmkit.importers import setting
from crmkit.importers.setting import FileKind, OnUpdate, Spellings
from crmkit.lifecycle import Pipeline

__all__ = ["FieldRule", "FileRule", "MappingRule"]


def _a_rule(instance: object, attribute: attrs.Attribute[Any], value: FieldRule | None) -> None:
    optional(instance_of(FieldRule))(instance, attribute, value)


def _rules(instance: object, attribute: attrs.Attribute[Any], value: Mapping[str, FieldRule]) -> None:
    for rule in value.values():
        instance_of(FieldRule)(instance, attribute, rule)


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

    column: tuple[str, ...] = attrs.field(default=(), converter=setting.as_texts)
    columns: tuple[str, ...] = attrs.field(default=(), converter=setting.as_texts)
    money: tuple[str, ...] = attrs.field(default=(), converter=setting.as_texts)
    const: str | None = attrs.field(default=None, converter=setting.as_const)
    join: str = attrs.field(default=" ", converter=setting.as_join)
    spellings: Spellings | None = attrs.field(default=None, converter=setting.as_spellings)
    formats: tuple[str, ...] = attrs.field(default=(), converter=setting.as_formats)
    numbers: Mapping[str, str] = attrs.field(factory=dict[str, str], converter=setting.as_numbers)
    split: str = attrs.field(default="", converter=setting.as_text)
    part: int | None = attrs.field(default=None, converter=setting.as_part)
    link: str = attrs.field(default="", converter=setting.as_text)
    by: str = attrs.field(default="", converter=setting.as_text)
    currency: FieldRule | None = attrs.field(default=None, validator=_a_rule)
    on_update: OnUpdate = attrs.field(default=OnUpdate.OVERWRITE, converter=setting.as_on_update)

    def __attrs_post_init__(self) -> None:
        """Refuse parts that do not go together."""
        wrong: list[Problem] = []
        if sum(map(bool, (self.column, self.columns, self.money, self.const is not None))) != 1:
            hint = 'Write "Column", or { column = "Column", … }.'
            wrong.append(setting.bad("needs exactly one of column, columns, const or money.", hint))
        if bool(self.money) != (self.currency is not None):
            hint = 'Write { money = "Amount", currency = { const = "EUR" } }.'
            wrong.append(setting.bad("money and currency belong together.", hint))
        if self.part and not self.split:
            hint = 'Write split = ";", for example.'
            wrong.append(setting.bad("needs split, which says where the text is taken apart.", hint, "part"))
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

    path: str = attrs.field(converter=setting.as_path)
    into: str = attrs.field(default="", converter=setting.as_text)
    history_of: str = attrs.field(default="", converter=setting.as_text)
    join: str = attrs.field(default="", converter=setting.as_text)
    id: tuple[str, ...] = attrs.field(default=(), converter=setting.as_texts)
    record: tuple[str, ...] = attrs.field(default=(), converter=setting.as_texts)
    encoding: str = attrs.field(default="", converter=setting.as_encoding)
    delimiter: str = attrs.field(default=",", converter=setting.as_delimiter)
    ignore: tuple[str, ...] = attrs.field(default=(), converter=setting.as_texts)
    skip: Mapping[str, frozenset[str]] = attrs.field(factory=dict[str, frozenset[str]], converter=setting.as_skip)
    # Not shown: what a rule shows tells what a row means, and this does not.
    distinct: bool = attrs.field(default=False, converter=setting.as_distinct, repr=False)
    fields: Mapping[str, FieldRule] = attrs.field(factory=dict[str, FieldRule], validator=_rules)
    entered: Mapping[str, FieldRule] = attrs.field(factory=dict[str, FieldRule], validator=_rules)
    place: str = "file"

    def __attrs_post_init__(self) -> None:
        """Refuse parts that do not go together."""
        if sum(bool(getattr(self, kind.value)) for kind in FileKind) != 1:
            words = " or ".join(kind.value for kind in FileKind)
            raise BadMapping([setting.bad(f"needs exactly one of {words}.", 'Write into = "customer", for example.')])
        wrong: list[Problem] = []
        key, other = ("id", "record") if self.into else ("record", "id")
        if getattr(self, other):
            wrong.append(setting.bad(f"does not go with {self.kind.value}.", f'Write {key} = "Column".', other))
        if self.distinct and self.key:
            wrong.append(
                setting.bad("does not go with a key, by which rows are told apart.", "Leave one out.", "distinct")
            )
        if not self.into and not self.record:
            wrong.append(setting.bad("is missing.", "Name the column that holds the old key of the record.", key))
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

    source: str = attrs.field(converter=setting.as_source)
    zone: ZoneInfo | None = attrs.field(default=None, converter=setting.as_zone)
    blank: frozenset[str] = attrs.field(default=frozenset(), converter=setting.as_keys)
    maps: Mapping[str, Spellings] = attrs.field(factory=dict[str, Spellings], converter=setting.as_maps)
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
                wrong.append(setting.bad(f"there is no map {spellings.name!r}.", hint, f"{place}.map"))
            spellings = self.maps.get(spellings.name)
        if currency is not None:
            currency = self._mapped(f"{place}.currency", currency, wrong)
        return attrs.evolve(rule, spellings=spellings, currency=currency)
