"""Sections: one file's rules bound to its model and to its columns, ready to read rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from operator import attrgetter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from crmkit.errors import Problem
from crmkit.importers.conversion import converter, instant_reader, money_reader
from crmkit.values import clean_text, key_of

if TYPE_CHECKING:
    from uuid import UUID
    from zoneinfo import ZoneInfo

    from crmkit.importers.import_report import Effect
    from crmkit.importers.rule import FieldRule, FileRule, MappingRule
    from crmkit.importers.table import Table
    from crmkit.model.field import Field
    from crmkit.model.schema import Schema

__all__ = ["Link", "Parsed", "Section", "defaults_of"]

_KEY_LENGTH: Final = 200
_NOTE_LENGTH: Final = 4_000
_STAGED: Final = frozenset({"stage", "pipeline"})
"""Fields of a staged record that the history sets, not the row itself."""


@attrs.frozen
class Link:
    """A link that a row names, still to be resolved.

    Attributes:
        field: the field that gets the id.
        entity, by, text: whom it means.
        column: the column, for messages.
    """

    field: str
    entity: str
    by: str
    text: str
    column: str


@attrs.define
class Parsed:
    """What one row says.

    Attributes:
        record: its number in the file.
        cells: its text.
        key: the old key of the record.
        digest: of every cell that the mapping reads.
        values: clean values by field; fields whose cell is empty are left out.
        extra: values of added fields.
        links: links to resolve, by field.
        entered: when a stage was entered, by stage, as columns of the row say.
        staged: the text of `stage` and `pipeline`, where the mapping reads them.
        problems: column, code, message and value of everything that is wrong.
        id: the record, once it is known.
        effect: of a row that belongs to a record of another file: what became of it, if the record was accepted.
    """

    record: int
    cells: list[str]
    key: str
    digest: bytes
    values: dict[str, Any]
    extra: dict[str, Any]
    links: dict[str, Link]
    entered: dict[str, dt.datetime]
    problems: list[tuple[str, str, str, str]]
    staged: dict[str, str]
    id: UUID | None = None
    effect: Effect = "merged"

    def refuse(self, column: str, problem: Problem, value: str = "") -> None:
        """Take note of a problem."""
        message = f"{problem.message} {problem.hint}".rstrip()
        self.problems.append((column, problem.code, message, value))


CellReader: TypeAlias = Callable[[Sequence[str], Parsed], None]
"""Reads a cell of a row into what the row says."""
_VALUES, _EXTRA, _LINKS, _ENTERED, _STAGE = map(attrgetter, ("values", "extra", "links", "entered", "staged"))


class Section:
    """One file's rules, bound.

    Args:
        number: its place among the sections, from 0.
        rule: what the mapping says.
        mapping: the whole mapping.
        table: the file.
        schema: the model of the records.

    Attributes:
        repeats: whether rows that say the same are several records.
    """

    def __init__(self, number: int, rule: FileRule, mapping: MappingRule, table: Table, schema: Schema) -> None:
        self.number = number
        self.rule = rule
        self.table = table
        self.schema = schema
        self.width = len(table.header)
        self.repeats = not rule.key and not rule.distinct
        self._blank = mapping.blank
        self._zone: ZoneInfo | None = mapping.zone
        self._key = [table.place(column) for column in rule.key]
        self._skip = [(table.place(column), texts) for column, texts in rule.skip.items()]
        self._read = self._key + [
            table.place(column)
            for column in dict.fromkeys(column for each in rule.rules.values() for column in each.used)
        ]
        twin = sum((each.path, each.entity) == (rule.path, rule.entity) for each in mapping.files[:number])
        self._name = blake2b(repr((rule.path, rule.entity, twin)).encode(), digest_size=16).digest()
        # All that decides what a row's text means, so that no row counts as unchanged once its meaning has changed.
        # Sets come in another order in each process, and the place changes with every file above.
        skip = sorted((column, sorted(texts)) for column, texts in rule.skip.items())
        meaning = (attrs.evolve(rule, ignore=(), skip={}, place=""), skip, str(mapping.zone), sorted(mapping.blank))
        self._salt = blake2b(repr(meaning).encode(), digest_size=16).digest()
        self._steps = [self._step(name, each) for name, each in rule.fields.items()]
        self._steps += [
            self._cell(stage, each, _ENTERED, instant_reader(each.formats, self._zone))
            for stage, each in rule.entered.items()
        ]
        self.defaults = defaults_of(schema)
        self.policies = {name: each.on_update for name, each in rule.fields.items()}

    # -- rows ----------------------------------------------------------------------------------------------------------

    def passes_over(self, cells: Sequence[str]) -> bool:
        """Return whether a row is blank, or one that the mapping skips."""
        if not any(cell and not cell.isspace() for cell in cells):
            return True
        return any(place < len(cells) and key_of(cells[place]) in texts for place, texts in self._skip)

    def read(self, record: int, cells: list[str]) -> Parsed:
        """Return what a row of the right width says."""
        text = "\x1f".join([cells[place].strip() for place in self._read]).encode("utf-8", "replace")
        key = " ".join([cells[place].strip() for place in self._key])
        digest = blake2b(text, digest_size=16, key=self._salt).digest()
        parsed = Parsed(record, cells, key, digest, {}, {}, {}, {}, [], {})
        if self._key and (not key or key_of(key) in self._blank):
            parsed.refuse(self.key_column, Problem("required", "is blank, and it is the key of the row."), key)
        elif not self._key:
            # Of the text alone, so that a mapping which reads the same columns otherwise still knows its rows.
            parsed.key = blake2b(text, digest_size=16, key=self._name).hexdigest()
        else:
            try:
                clean_text(key, at_most=_KEY_LENGTH)
            except Problem as problem:
                parsed.refuse(self.key_column, problem, key)
        for step in self._steps:
            step(cells, parsed)
        return parsed

    @property
    def key_column(self) -> str:
        """The column that names the key in messages."""
        return self.rule.key[0] if self.rule.key else ""

    def column(self, name: str) -> str:
        """Return the column that names a field in messages; blank if the mapping reads none for it."""
        rule = self.rule.fields.get(name)
        return _column(rule) if rule is not None else ""

    # -- steps: one for each field ------------------------------------------------------------------------------------

    def _text(self, rule: FieldRule) -> Callable[[Sequence[str]], str]:
        """Return what finds the text of a rule in a row: blank if the cell is, or means the same."""
        blank = self._blank
        if rule.const is not None:
            const = rule.const
            return lambda _: const
        places = [self.table.place(column) for column in rule.read]
        if len(places) == 1 and not rule.part:
            place = places[0]

            def one(cells: Sequence[str]) -> str:
                text = cells[place].strip()
                return "" if blank and text and key_of(text) in blank else text

            return one

        def several(cells: Sequence[str]) -> str:
            texts = [cells[place].strip() for place in places]
            text = rule.join.join(each for each in texts if each and key_of(each) not in blank)
            if rule.part:
                parts = [part.strip() for part in text.split(rule.split)]
                index = rule.part - 1 if rule.part > 0 else rule.part
                text = parts[index] if -len(parts) <= index < len(parts) else ""
            return text

        return several

    def _step(self, name: str, rule: FieldRule) -> CellReader:
        added = name.removeprefix("extra.")
        if added != name:
            return self._cell(added, rule, _EXTRA, converter(rule, self.schema.extra[added], None))
        if self.rule.history_of:
            return self._history_step(name, rule)
        if self.schema.staged and name in _STAGED:
            return self._cell(name, rule, _STAGE, _corrector(rule))
        field = self.schema.fields[name]
        blank = f"is blank, and every {self.schema.name} needs its {name}." if _is_needed(self.schema, name) else ""
        if field.link_target:
            return self._cell(name, rule, _LINKS, _link_reader(name, rule), blank)
        if "currency" in field.parts:
            return self._money_step(name, field, rule, blank)
        return self._cell(name, rule, _VALUES, converter(rule, field, self._zone), blank)

    def _history_step(self, name: str, rule: FieldRule) -> CellReader:
        match name:
            case "by":
                return self._cell(name, rule, _LINKS, _link_reader(name, rule))
            case "stage":
                return self._cell(name, rule, _STAGE, _corrector(rule), "is blank; a move leads to a stage.")
            case "at":
                read = instant_reader(rule.formats, self._zone)
                return self._cell(name, rule, _VALUES, read, "is blank; a move has a time.")
            case _:
                return self._cell(name, rule, _VALUES, partial(clean_text, at_most=_NOTE_LENGTH))

    def _cell(
        self,
        name: str,
        rule: FieldRule,
        among: Callable[[Parsed], dict[str, Any]],
        convert: Callable[[str], Any],
        blank: str = "",
    ) -> CellReader:
        """Return the step that reads one text and keeps its value under a name.

        Args:
            name: the name.
            rule: where the text is.
            among: where the value is kept.
            convert: makes the value.
            blank: what is wrong with a row in which the text is blank; if blank, nothing is.
        """
        read_text = self._text(rule)
        column = _column(rule)

        def step(cells: Sequence[str], parsed: Parsed) -> None:
            text = read_text(cells)
            if text:
                try:
                    among(parsed)[name] = convert(text)
                except Problem as problem:
                    parsed.refuse(column, problem, text)
            elif blank:
                parsed.refuse(column, Problem("required", blank))

        return step

    def _money_step(self, name: str, field: Field, rule: FieldRule, blank: str) -> CellReader:
        read_text = self._text(rule)
        currency = rule.currency or rule
        read_currency = self._text(currency)
        convert = money_reader(rule, field)
        column, beside = _column(rule), _column(currency) or _column(rule)

        def step(cells: Sequence[str], parsed: Parsed) -> None:
            text = read_text(cells)
            if not text:
                if blank:
                    parsed.refuse(column, Problem("required", blank))
                return
            code = read_currency(cells)
            try:
                parsed.values[name] = convert(text, code)
            except Problem as problem:
                if problem.code == "unknown_currency":
                    parsed.refuse(beside, problem, code or text)
                else:
                    parsed.refuse(column, problem, text)

        return step


def _link_reader(name: str, rule: FieldRule) -> Callable[[str], Link]:
    read = _corrector(rule)
    return lambda text: Link(name, rule.link, rule.by, read(text), _column(rule))


def _corrector(rule: FieldRule) -> Callable[[str], str]:
    # Unlike a choice, a link or a stage that the map does not know may still be right; which there are only rows show.
    spellings: Mapping[str, str] = rule.spellings or {}
    return lambda text: spellings.get(key_of(text), text)


def _column(rule: FieldRule) -> str:
    return rule.read[0] if rule.read else ""


def defaults_of(schema: Schema) -> Any:
    """Return a stand-in for a record that holds nothing but defaults, of which a codec makes real ones.

    Values are checked one by one as they are read; checking whole records once more would take as long again. A field
    that every record needs is missing here, as the row gives it.
    """
    defaults = {each.name: each.default for each in attrs.fields(schema.cls)}
    return SimpleNamespace(**{name: None if value is attrs.NOTHING else value for name, value in defaults.items()})


def _is_needed(schema: Schema, name: str) -> bool:
    default = next(each.default for each in attrs.fields(schema.cls) if each.name == name)
    return default is attrs.NOTHING
